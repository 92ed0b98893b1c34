"""Which messages a page of history shows, given what lies below and above its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ports.message_log import LogRow


@dataclass(frozen=True, slots=True)
class Window:
    """Messages up to `place` (newest first) and above it; at most so many of each, `limit` in all."""

    place: int
    below: int
    above: int
    limit: int

    def cut(
        self, lower: Sequence[LogRow], upper: Sequence[LogRow]
    ) -> tuple[list[LogRow], bool, bool]:
        """(messages ascending, more below, more above) from the nearest rows of each side, of which
        one more than `below` and `above` was looked for. A short side leaves its room to the other.
        """
        half = self.limit - self.limit // 2
        shown_above = min(len(upper), self.above)
        shown_below = min(len(lower), self.below, max(half, self.limit - shown_above))
        shown_above = min(shown_above, self.limit - shown_below)
        messages = [*reversed(lower[:shown_below]), *upper[:shown_above]]
        return messages, len(lower) > shown_below, len(upper) > shown_above


def window(
    *, up_to: int, before: int | None, after: int | None, around: int | None, limit: int
) -> Window:
    """`before` and `after` exclude their own place, `around` includes it; none: the newest."""
    if around is not None:
        return Window(around, limit, limit, limit)
    if after is not None:
        return Window(after, 0, limit, limit)
    return Window(up_to if before is None else before - 1, limit, 0, limit)
