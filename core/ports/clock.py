"""Time and chance, the way actors may have them."""

from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for deadlines."""

    def now_ms(self) -> int:
        """Wall clock: milliseconds since the Unix epoch, UTC. May jump."""

    def monotonic(self) -> float:
        """Seconds that only grow; comparable with `trio.current_time()`."""


class BusinessClock(Protocol):
    """The time by which offers, deadlines and everything booked live: wall time in live mode; in sandbox
    mode the suppliers', which run ahead of it."""

    def business_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC; never ahead of the suppliers'. Leaps when theirs does,
        and goes back only as the wall clock does."""


class Chance(Protocol):
    """Randomness; seeded in tests and simulation. `random.Random` and `SystemRandom` fit."""

    def random(self) -> float: ...

    def getrandbits(self, k: int, /) -> int: ...


class Ids(Protocol):
    """New ids."""

    def uuid7(self) -> str:
        """A UUIDv7 (RFC 9562 §5.7), lower case; later ones of one process sort after earlier ones
        as long as the wall clock does not jump back."""

    def secret(self) -> str:
        """At least 256 random bits, URL-safe; never logged."""
