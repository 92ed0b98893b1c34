"""How fast a crowd is let through a door behind which others are at work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two who go through: `slowest` while few wait, so that they leave the loop to
    others, faster where all of them would take longer than `all_within`, but not faster than
    `fastest`."""

    fastest: float
    slowest: float
    all_within: float

    def every(self, waiting: int) -> float:
        """`waiting`: the next one and all behind it."""
        return max(self.fastest, min(self.slowest, self.all_within / max(1, waiting)))
