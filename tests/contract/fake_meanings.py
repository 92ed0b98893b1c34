"""Places by what words mean, without a model: what is like what was said beforehand."""

from collections.abc import Sequence

import trio


class FakeMeanings:
    """The `PlacesByMeaning` port. `nearby`: ids by text, the most alike first; nothing else is like anything.
    `asked`: the texts, in order."""

    def __init__(self) -> None:
        self.nearby: dict[str, list[str]] = {}
        self.asked: list[str] = []

    async def nearest(
        self, text: str, *, limit: int = 20, is_beyond_tags: bool = False
    ) -> Sequence[tuple[str, float]]:
        self.asked.append(text)
        await trio.lowlevel.checkpoint()
        ids = self.nearby.get(text, [])[:limit]
        return [(one, 1 / (2 + at)) for at, one in enumerate(ids)]
