"""A machine that has no room for anything that chat can do without."""

from core.headroom import Headroom, Work


class NoHeadroom(Headroom):
    """Withholds these kinds of work, or all."""

    def __init__(self, *works: Work) -> None:
        super().__init__()
        self._works = works or tuple(Work)

    def take(self, work: Work) -> bool:
        return work not in self._works
