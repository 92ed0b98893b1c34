"""What a gate asks of a figure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must be: `least` or `most`."""

    figure: str
    least: float | None = None
    most: float | None = None

    def is_kept(self, figures: Mapping[str, float]) -> bool:
        value = figures[self.figure]
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def __str__(self) -> str:
        """As a share: ≤ 1.0%."""
        bound = self.least if self.most is None else self.most
        return f"{'≥' if self.most is None else '≤'} {bound:.1%}"
