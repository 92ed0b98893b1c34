"""How much work there may be that chat can do without: found out by how late the event loop is.

Whoever talks waits for one thread and for the processors. Reading by the best model, wording by the chat model
and searches at suppliers make personas' answers better, and there are answers without them. So all that personas
do has an allowance, in seconds of processor time per second. It shrinks while the loop is late, and grows while
the loop is not and somebody would need more: additive increase, multiplicative decrease, as TCP finds out what a
path carries (RFC 5681; that what nobody needs does not grow is RFC 7661). docs/adr/0022.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

import trio

from core.wakefulness import Wakefulness

LATE: Final = 0.0025
CALM: Final = 0.0015
"""Seconds that the loop is late on average. On two processors: 0.4 ms while sixty people talk, 1 to 2 ms while
personas give ten answers a second beside them, 5 to 10 ms where more is asked than the processors have."""

FALLS_TO: Final = 0.5
"""Of what was used, at least."""

RESTS: Final = 2
"""Adjustments after one that took something away: what was allowed before is still being done."""

GROWS_BY: Final = 0.01
FIRST: Final = 4.0
LEAST: Final = 0.5
"""Seconds per second, on any machine: ten answers a second, a search for every other one, take 0.4."""

FORGOTTEN_AFTER: Final = 60.0
"""Seconds after the loop was last late from which on it is as if it never had been."""

SAVED_FOR: Final = 0.4
"""Seconds of the allowance that may be saved up, and so come at once: six searches at least, which is twice as many
as one run makes side by side. As much may be owed."""

NEWER: Final = 0.25
"""The weight of the newest adjustment's use."""

ADJUSTED_EVERY: Final = 0.25
LOOKED_AT: Final = 25
"""Looks at the loop, of which there are up to a hundred a second."""

IDLE_AFTER: Final = 40
"""Adjustments in which nobody asked, after which nobody looks."""


class Work(Enum):
    """What there is an allowance for. `costs`: seconds of processor time, about, as docs/performance.md has
    them. `leaves`: the share of what can be saved up that is not for it, but for what matters more."""

    ANSWER = "answer", 0.008, 0.0
    SEARCH = "search", 0.030, 0.0
    READING = "reading", 0.003, 0.25
    WORDING = "wording", 0.008, 0.5
    MOOD = "mood", 0.003, 0.75

    def __init__(self, word: str, costs: float, leaves: float) -> None:
        self.word, self.costs, self.leaves = word, costs, leaves


class Allowance:
    """A token bucket whose rate is adjusted (pure; `now` in seconds)."""

    def __init__(self, now: float) -> None:
        self.rate = FIRST
        self.used = 0.0
        """Both in seconds per second."""
        self._saved, self._saved_at = FIRST * SAVED_FOR, now
        self._taken, self._was_short = 0.0, False
        self._rests, self._late_at = 0, now

    def spend(self, work: Work, now: float) -> None:
        """It is done in any case, and the less is left for others."""
        self._save(now)
        self._pay(work)

    def take(self, work: Work, now: float) -> bool:
        """Whether there is room for it; then it counts as done."""
        self._save(now)
        if self._saved - work.costs < work.leaves * self._most:
            self._was_short = True
            return False
        self._pay(work)
        return True

    def adjust(self, late: float, elapsed: float, now: float) -> None:
        """To how late the loop was on average, in seconds, over the `elapsed` ones since the last time."""
        self._save(now)
        self.used += NEWER * (self._taken / elapsed - self.used)
        was_short, self._taken, self._was_short = self._was_short, 0.0, False
        if self._rests:
            self._rests -= 1
        elif late > LATE:
            self.rate = max(LEAST, min(self.rate, self.used) * max(FALLS_TO, LATE / late))
            self._saved = min(self._saved, self._most)
            self._rests, self._late_at = RESTS, now
        elif late < CALM and was_short:
            self.rate += GROWS_BY

    @property
    def _most(self) -> float:
        return self.rate * SAVED_FOR

    def _save(self, now: float) -> None:
        if now - self._late_at > FORGOTTEN_AFTER:
            self.rate = max(self.rate, FIRST)
        self._saved = min(self._most, self._saved + (now - self._saved_at) * self.rate)
        self._saved_at = now

    def _pay(self, work: Work) -> None:
        self._taken += work.costs
        self._saved = max(-self._most, self._saved - work.costs)


class Headroom:
    """Who asks in vain does without, at once: nobody waits. While `run` does not run nothing is withheld.

    Owns: the allowance, and the looks at the loop, which it takes only while somebody asks.
    """

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._wakefulness = Wakefulness(clock)
        self._allowance: Allowance | None = None
        self._has_asked = trio.Event()
        self._given = dict.fromkeys(Work, 0)
        self._withheld = dict.fromkeys(Work, 0)

    def spend(self, work: Work) -> None:
        """It is done in any case; others have less for it."""
        self._has_asked.set()
        self._given[work] += 1
        if self._allowance is not None:
            self._allowance.spend(work, self._clock())

    def take(self, work: Work) -> bool:
        """Whether there is room for it now; then it counts as done."""
        self._has_asked.set()
        has_room = self._allowance is None or self._allowance.take(work, self._clock())
        counts = self._given if has_room else self._withheld
        counts[work] += 1
        return has_room

    async def run(self) -> None:
        """Until cancelled."""
        self._allowance = allowance = Allowance(self._clock())
        try:
            while True:
                await self._has_asked.wait()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._wakefulness.run)
                    await self._adjust_while_asked(allowance)
                    nursery.cancel_scope.cancel()
        finally:
            self._allowance = None

    async def _adjust_while_asked(self, allowance: Allowance) -> None:
        idle = 0
        while idle < IDLE_AFTER:
            self._has_asked = trio.Event()
            began = self._clock()
            await trio.sleep(ADJUSTED_EVERY)
            now = self._clock()
            allowance.adjust(self._wakefulness.mean(LOOKED_AT), now - began, now)
            idle = 0 if self._has_asked.is_set() else idle + 1

    def statistics(self) -> Mapping[str, int | float]:
        """`allowed` and `used`: seconds of processor time per second; `late`: of the loop, on average,
        in seconds; `given_…` and `withheld_…`: how often somebody asked, with success and in vain."""
        allowance = self._allowance
        return {
            "allowed": 0.0 if allowance is None else allowance.rate,
            "used": 0.0 if allowance is None else allowance.used,
            "late": self._wakefulness.mean(LOOKED_AT),
            **{f"given_{work.word}": count for work, count in self._given.items()},
            **{f"withheld_{work.word}": count for work, count in self._withheld.items()},
        }
