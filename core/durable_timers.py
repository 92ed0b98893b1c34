"""Wakes actors when their durable timers are due: one service per node, for the shards it owns."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
import trio

from core.envelope import Lane
from core.errors import Rejected
from core.ports.clock import Chance, Clock
from core.ports.durable_timers import ClaimedTimer, Outlook, TimerDue, TimerSource
from core.ports.leases import Leases
from core.reference import Ref
from protocol.addresses import Address

BATCH: Final = 64
MAX_IN_FLIGHT: Final = 256
ASK_WITHIN: Final = 10.0
CLAIM_FOR: Final = 15.0
"""Longer than an ask: who claims after us comes when our envelope is worth nothing any more."""
POLL_EVERY: Final = 5.0
REST_FOR: Final = 0.05
BACKOFF_FIRST: Final = 1.0
BACKOFF_MOST: Final = 300.0
_DOUBLINGS: Final = 16

log: Final = structlog.get_logger("core.durable_timers")


class DurableTimerService:
    """Claims what is due, asks the actor, and removes the row once the actor has answered.

    Owns: the asks in flight, those of one actor one after another. Borrows: the source, the leases, the
    references, the clock (business time: every `due_at` is).
    Lets crash: nothing of an actor's; a source that fails is asked again with backoff.
    An answer or a refusal for good ends a timer; a refusal for now, a crash or silence puts it off.
    However far time leaps, an actor is told of what became due in the order of `due_at`; between actors
    there is no order, and one that was put off comes when that is over.
    """

    def __init__(
        self,
        source: TimerSource,
        *,
        leases: Leases,
        ref: Callable[[Address], Ref[Any]],
        clock: Clock,
        chance: Chance,
        poll_every: float = POLL_EVERY,
    ) -> None:
        self._source, self._leases, self._ref = source, leases, ref
        self._clock, self._chance, self._poll_every = clock, chance, poll_every
        self._nudged = trio.Event()
        self._wakes_at: int | None = None
        self._outlook = Outlook()
        self._lines: dict[Address, deque[tuple[ClaimedTimer, float]]] = {}
        self._in_hand: set[int] = set()
        self._in_flight = self._fired = self._refused = self._failed = self._source_failed = 0

    async def run(self) -> None:
        """Until cancelled; then what is in flight is claimed until its claim is over."""
        backoff = BACKOFF_FIRST
        self._lines, self._in_hand, self._in_flight = {}, set(), 0
        async with trio.open_nursery() as nursery:
            while True:
                # Every nudge from here on is for what this look may have missed.
                self._nudged, self._wakes_at = trio.Event(), None
                try:
                    wait, backoff = await self._look(nursery), BACKOFF_FIRST
                # A database that is away, or refuses: the rows are still there afterwards.
                except Exception as error:
                    self._source_failed += 1
                    log.warning("timers.unread", error=type(error).__name__, again_in=backoff)
                    await trio.sleep(backoff)
                    wait, backoff = 0.0, min(backoff * 2, self._poll_every)
                with trio.move_on_after(wait):
                    await self._nudged.wait()

    def nudge(self, due_at: int) -> None:
        """A timer was set on this node, to this time."""
        if self._wakes_at is None or due_at < self._wakes_at:
            self._nudged.set()

    def statistics(self) -> Mapping[str, int | float]:
        """Of this node's shards, as last counted (at most 1,000): `armed`, `due`, `stuck` (8
        attempts and more), `late_ms` (how long the oldest of them has been due). Since the start:
        `fired`, `refused` for good, `failed` attempts, `source_failed`. Now: `in_flight`."""
        oldest = self._outlook.oldest_due_at
        return {
            "armed": self._outlook.armed,
            "due": self._outlook.due,
            "stuck": self._outlook.stuck,
            "late_ms": 0 if oldest is None else max(0, self._clock.now_ms() - oldest),
            "fired": self._fired,
            "refused": self._refused,
            "failed": self._failed,
            "source_failed": self._source_failed,
            "in_flight": self._in_flight,
        }

    async def _look(self, nursery: trio.Nursery) -> float:
        """Claim what is due and begin its delivery; the seconds until there may be more."""
        most = min(BATCH, MAX_IN_FLIGHT - self._in_flight)
        shards = self._leases.owned_shards()
        if not shards:
            self._outlook = Outlook()
        if most <= 0 or not shards:
            return self._poll_every
        # The deadline counts from before the claim: a late reply must not outlive it.
        now, deadline = self._clock.now_ms(), trio.current_time() + ASK_WITHIN
        claimed, self._outlook = await self._source.claim(
            shards, now=now, until=now + _ms(CLAIM_FOR), most=most
        )
        for timer in sorted(claimed, key=lambda one: (one.timer.due_at, one.generation)):
            # When time leaps, a claim of ours is over before we are through with what we claimed.
            if timer.generation not in self._in_hand:
                self._line_up(nursery, timer, deadline)
        if len(claimed) == most:
            return 0.0
        return self._until_next()

    def _until_next(self) -> float:
        now = self._clock.now_ms()
        poll_at = now + _ms(self._poll_every)
        next_at = self._outlook.next_at
        self._wakes_at = poll_at if next_at is None else min(poll_at, next_at)
        # What is due and was not claimed is held by somebody else for a moment.
        return max(REST_FOR, (self._wakes_at - now) / 1_000)

    def _line_up(self, nursery: trio.Nursery, claimed: ClaimedTimer, deadline: float) -> None:
        """Behind what this actor is being told already."""
        self._in_flight += 1
        self._in_hand.add(claimed.generation)
        address = claimed.timer.address
        line = self._lines.setdefault(address, deque())
        line.append((claimed, deadline))
        if len(line) == 1:
            nursery.start_soon(self._serve, address)

    async def _serve(self, address: Address) -> None:
        """One after another, until nobody waits there."""
        line = self._lines[address]
        while line:
            claimed, deadline = line[0]
            try:
                await self._deliver(claimed, deadline)
            finally:
                self._in_hand.discard(claimed.generation)
            line.popleft()
        del self._lines[address]

    async def _deliver(self, claimed: ClaimedTimer, deadline: float) -> None:
        try:
            if trio.current_time() >= deadline:  # another of its timers took all the time
                # Not to now again and again: those behind a silent one would take others' places.
                wait = self._backoff(claimed.attempts - 1) if claimed.attempts > 1 else 0.0
                await self._source.put_off(claimed, until=self._clock.now_ms() + _ms(wait))
            elif await self._ask(claimed, deadline):
                await self._source.finish(claimed)
            else:
                until = self._clock.now_ms() + _ms(self._backoff(claimed.attempts))
                await self._source.put_off(claimed, until=until)
        # The claim runs out by itself, and the timer comes again.
        except Exception as error:
            self._source_failed += 1
            log.warning("timers.unsettled", error=type(error).__name__)
        finally:
            self._in_flight -= 1
            # There is room again; or all are through, and what was counted is out of date.
            if self._in_flight in (MAX_IN_FLIGHT - 1, 0):
                self._nudged.set()

    async def _ask(self, claimed: ClaimedTimer, deadline: float) -> bool:
        """Whether the actor is through with it."""
        timer = claimed.timer
        due = TimerDue(name=timer.name, due_at=timer.due_at, payload=timer.payload)
        try:
            await self._ref(timer.address).ask(
                due, timeout=deadline - trio.current_time(), lane=Lane.CONTROL
            )
        # An unknown kind (another version's) is no reason to lose a timer, nor is anything else.
        except Exception as error:
            is_over = isinstance(error, Rejected) and not error.temporary
            self._refused += is_over
            self._failed += not is_over
            log.warning(
                "timers.refused" if is_over else "timers.failed",
                actor_kind=timer.address.kind,
                key=timer.address.key,
                timer=timer.name,
                attempts=claimed.attempts,
                error=error.code if isinstance(error, Rejected) else type(error).__name__,
            )
            return is_over
        self._fired += 1
        return True

    def _backoff(self, attempts: int) -> float:
        """Seconds, with jitter: what failed together does not come back together."""
        most = min(BACKOFF_MOST, BACKOFF_FIRST * (1 << min(attempts - 1, _DOUBLINGS)))
        return most * (0.5 + self._chance.random() / 2)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
