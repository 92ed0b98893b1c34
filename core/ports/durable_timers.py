"""Durable timers: rows that activate an actor when their time has come (docs/adr/0007).

A timer is delivered at least once, never before its time by the business clock of the node that
delivers it, until the actor has answered. An actor is told of what is due in the order of `due_at`,
what was put off excepted. It knows what it waits for, and by name and `due_at` whether it has dealt with
it already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from core.errors import Rejected
from protocol.addresses import Address
from protocol.frames import Value
from protocol.ids import Millis

MAX_TIMERS_PER_ACTOR: Final = 64
MAX_NAME_LENGTH: Final = 64
MAX_PAYLOAD_BYTES: Final = 1_024
MAX_PUT_OFF_MS: Final = 600_000
"""No claim and no backoff is longer: one that seems to be was written under a clock that was ahead,
and counts as over."""


class TimerDue(Value, frozen=True, kw_only=True):
    """What the actor is asked, on the control lane. `due_at` is the time that was set, not now."""

    name: str
    due_at: Millis
    payload: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Set the actor's timer of this name, whether there is one or not: the last set wins.

    `due_at`: business time in milliseconds (`BusinessClock`); a time that is past is due now. `payload`: MessagePack of
    the actor's own, at most 1 KiB. Raises `ValueError` beyond the bounds.
    """

    tenant_id: int
    address: Address
    name: str
    due_at: int
    payload: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_NAME_LENGTH:
            raise ValueError(f"a timer's name has 1 to {MAX_NAME_LENGTH} characters")
        if len(self.payload or b"") > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a timer carries at most {MAX_PAYLOAD_BYTES} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimer:
    """Have no timer of this name."""

    tenant_id: int
    address: Address
    name: str


TimerChange = SetTimer | CancelTimer


def too_many_timers() -> Rejected:
    """What an actor is told that would have more than 64."""
    return Rejected("conflict", "Too many reminders are set here already. Remove one first.")


class DurableTimers(Protocol):
    """What actors see of it.

    Who stores something of an actor's in a transaction of its own (a journal, a saga) takes the same
    changes as values and makes them part of that transaction.
    """

    async def apply(self, *changes: TimerChange) -> None:
        """All of them, in this order, or none. Idempotent but for this: a set of a timer that has
        fired sets it again.

        Once a cancel (or another set) is confirmed, no delivery of the old timer begins; one that
        had been claimed before may still reach the actor, at most ten seconds later.
        Raises `Rejected` when an actor would have more than 64 timers (two setters at the same
        moment may pass that by one each), and `Unavailable`: then, as after a cancellation, it may
        or may not have happened, and may still happen; repeat it, or check when the timer fires.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTimer:
    """A due timer that nobody else delivers for now. `generation` tells one set from another, for
    ever; `attempts` counts the claims of this generation, this one included."""

    timer: SetTimer
    generation: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What waits, as counted among the 1,000 timers that are the next to be looked at.

    `due`: past their time, claimed or put off as they may be; `stuck`: those that failed often.
    `oldest_due_at`: the first of the due. `next_at`: when the next may be claimed.
    """

    armed: int = 0
    due: int = 0
    stuck: int = 0
    oldest_due_at: int | None = None
    next_at: int | None = None


MAX_COUNTED: Final = 1_000
STUCK_FROM: Final = 8


class TimerSource(Protocol):
    """Where timers wait, for whoever delivers them. Every method may raise `Unavailable`; then it
    may or may not have happened."""

    async def claim(
        self, shards: Mapping[int, int], *, now: int, until: int, most: int
    ) -> tuple[Sequence[ClaimedTimer], Outlook]:
        """Take up to `most` timers of these shards that are due at `now`, the longest waiting first. Each comes
        with the number under which it is owned: one that has another by now is passed over.
        Whoever dies with them keeps the others waiting until `until`."""

    async def finish(self, claimed: ClaimedTimer) -> None:
        """The actor has it: remove this generation. One that was set meanwhile stays."""

    async def put_off(self, claimed: ClaimedTimer, *, until: int) -> None:
        """Not now, and never before its time. Does nothing when it was set, cancelled or claimed by another meanwhile."""
