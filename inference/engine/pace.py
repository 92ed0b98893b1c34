"""How fast replies come, as measured, and how long a newcomer would wait for a slot."""

from collections import deque
from typing import Final

NEWER: Final = 0.2
"""The weight of the newest measurement."""


RATE_OVER: Final = 5
"""Whole seconds that a rate looks back on."""


class Rate:
    """How many a second, over the last whole seconds. Added to by one thread."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=RATE_OVER + 1)

    def add(self, count: int, now: float) -> None:
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))

    def per_second(self, now: float) -> float:
        this = int(now)
        counts = [count for second, count in list(self._seconds) if 0 < this - second <= RATE_OVER]
        return sum(counts) / RATE_OVER


class Pace:
    """Moving means, in seconds and tokens. Written by the engine's thread, read by any."""

    def __init__(
        self, *, step: float = 0.003, prefill: float = 0.010, reply_tokens: float = 30.0
    ) -> None:
        self.step = step
        """From one step's end to the next one's, what was read between them included."""
        self.prefill = prefill
        """Of a whole prompt."""
        self.reply_tokens = reply_tokens

    def stepped(self, seconds: float) -> None:
        self.step += NEWER * (seconds - self.step)

    def prefilled(self, seconds: float) -> None:
        self.prefill += NEWER * (seconds - self.prefill)

    def replied(self, tokens: int) -> None:
        self.reply_tokens += NEWER * (tokens - self.reply_tokens)

    def wait(self, *, ahead: int, busy: int, slots: int) -> float:
        """Seconds until prefill begins, with `ahead` requests before and `busy` of the slots taken.

        Prompts are read one after the other, and slots become free one by one: `slots` of them in the
        time of a reply. (To count whole generations of replies instead sheds 10 % at 45 replies/s where
        this sheds 4 %; docs/adr/0012-the-engine.md.)
        """
        to_be_freed = max(0, ahead + 1 + busy - slots)
        return ahead * self.prefill + to_be_freed / slots * self.reply_tokens * self.step
