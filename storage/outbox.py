"""The `Outbox` port: one task per subscriber, each at its own place in what committed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
import trio

from core.ports.outbox import OutboxEvent, Subscriber

BATCH: Final = 500
MAX_LAG_COUNTED: Final = 10_000
POLL_EVERY: Final = 1.0
REST_FOR: Final = 0.25
"""Between two looks for more: under load each look then finds a batch, not a message."""
BACKOFF_FIRST: Final = 0.1
BACKOFF_MOST: Final = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """How far a subscriber has read: everything up to here, in the order (xid, position)."""

    xid: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events after a subscriber's place, and the place behind them.

    `waiting` counts what is undelivered (at most 10,000), `age` is its oldest's, in seconds.
    """

    events: Sequence[OutboxEvent]
    place: Place
    rebuilding: bool
    waiting: int
    age: float


class OutboxSource(Protocol):
    """Where events wait, and where each subscriber's place is kept. A name's shard is that of who delivers to
    it: a place is moved by its owner alone, all others hear `StaleFence`."""

    async def next_batch(self, name: str) -> Batch:
        """At most 500 events that nothing can come before any more. A name never seen before begins
        with a rebuild."""

    async def move(self, name: str, place: Place) -> None:
        """The subscriber has everything up to `place`. Forward only."""

    async def place_now(self) -> Place:
        """A place that everything final by now lies before."""

    async def whole_logs(self, after: str | None) -> Sequence[OutboxEvent]:
        """The next rooms by id, each with its whole log as one event at position 0."""

    async def ask_for_rebuild(self, name: str) -> None: ...

    async def end_rebuild(self, name: str, place: Place) -> None: ...


class OutboxDispatcher:
    """Feeds subscribers from a source.

    A subscriber that was never seen before, or was asked to rebuild, gets every room's log as one
    event (`first` is the room's first, position 0) and then what came meanwhile: consumed events are
    not kept.

    `may_deliver`: whether this is the node that serves. What another one takes reaches nobody who is
    connected, and no actor that is awake.
    """

    def __init__(
        self,
        source: OutboxSource,
        subscribers: Sequence[Subscriber],
        *,
        may_deliver: Callable[[], bool] = lambda: True,
        poll_every: float = POLL_EVERY,
        rest_for: float = REST_FOR,
        backoff_most: float = BACKOFF_MOST,
    ) -> None:
        self._source = source
        self._couriers = [
            _Courier(
                source,
                subscriber,
                may_deliver=may_deliver,
                poll_every=poll_every,
                rest_for=rest_for,
                backoff_most=backoff_most,
            )
            for subscriber in subscribers
        ]

    async def run(self) -> None:
        """Until cancelled. A subscriber's failure is its own: it is tried again with backoff."""
        async with trio.open_nursery() as nursery:
            for courier in self._couriers:
                nursery.start_soon(courier.run)

    def nudge(self) -> None:
        """Something was committed just now."""
        for courier in self._couriers:
            courier.nudge()

    async def rebuild(self, name: str) -> None:
        """Have a subscriber forget and derive everything again. Durable when this returns."""
        await self._source.ask_for_rebuild(name)
        self.nudge()

    def statistics(self) -> dict[str, int | float]:
        """Per subscriber `NAME_lag_events` (at most 10,000), `NAME_lag_seconds`, `NAME_delivered`,
        `NAME_failures`; the worst of all as `lag_events` and `lag_seconds`."""
        figures: dict[str, int | float] = {"lag_events": 0, "lag_seconds": 0.0}
        for courier in self._couriers:
            figures |= courier.statistics()
            figures["lag_events"] = max(figures["lag_events"], courier.lag_events)
            figures["lag_seconds"] = max(figures["lag_seconds"], courier.lag_seconds)
        return figures


class _Courier:
    """One subscriber's task."""

    def __init__(
        self,
        source: OutboxSource,
        subscriber: Subscriber,
        *,
        may_deliver: Callable[[], bool],
        poll_every: float,
        rest_for: float,
        backoff_most: float,
    ) -> None:
        self._source, self._subscriber = source, subscriber
        self._may_deliver = may_deliver
        self._poll_every, self._rest_for = poll_every, rest_for
        self._backoff_most = backoff_most
        self._nudged = trio.Event()
        self._delivered = self._failures = self.lag_events = 0
        self._oldest_at: float | None = None

    def nudge(self) -> None:
        self._nudged.set()

    async def run(self) -> None:
        backoff = BACKOFF_FIRST
        while True:
            try:
                if await self._deliver_all():
                    await trio.sleep(self._rest_for)
                backoff = BACKOFF_FIRST
                with trio.move_on_after(self._poll_every):
                    await self._nudged.wait()
            # Whatever a subscriber raises is its own affair: the batch comes again.
            except Exception as error:
                self._failures += 1
                log.warning(
                    "outbox.failed",
                    subscriber=self._subscriber.name,
                    error=type(error).__name__,
                    again_in=backoff,
                )
                await trio.sleep(backoff)
                backoff = min(backoff * 2, self._backoff_most)

    async def _deliver_all(self) -> bool:
        """What is there now; whether that was anything."""
        is_anything = False
        while True:
            # A nudge from here on is for what this batch may have missed.
            self._nudged = trio.Event()
            if not self._may_deliver():
                return is_anything
            batch = await self._source.next_batch(self._subscriber.name)
            self.lag_events = batch.waiting
            self._oldest_at = trio.current_time() - batch.age if batch.waiting else None
            if batch.rebuilding:
                await self._rebuild()
            elif batch.events:
                await self._receive(batch.events)
                await self._source.move(self._subscriber.name, batch.place)
                self.lag_events -= len(batch.events)
            if not batch.rebuilding and len(batch.events) < BATCH:
                return is_anything or bool(batch.events)
            is_anything = True

    async def _rebuild(self) -> None:
        """The place is taken before the logs are read: what is appended meanwhile comes twice."""
        log.info("outbox.rebuilding", subscriber=self._subscriber.name)
        place = await self._source.place_now()
        await self._subscriber.rebuild()
        after: str | None = None
        while rooms := await self._source.whole_logs(after):
            await self._receive(rooms)
            after = rooms[-1].key
        await self._source.end_rebuild(self._subscriber.name, place)
        log.info("outbox.rebuilt", subscriber=self._subscriber.name)

    async def _receive(self, events: Sequence[OutboxEvent]) -> None:
        await self._subscriber.receive(events)
        self._delivered += len(events)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest undelivered event has been waiting."""
        return 0.0 if self._oldest_at is None else trio.current_time() - self._oldest_at

    def statistics(self) -> dict[str, int | float]:
        name = self._subscriber.name
        return {
            f"{name}_lag_events": self.lag_events,
            f"{name}_lag_seconds": self.lag_seconds,
            f"{name}_delivered": self._delivered,
            f"{name}_failures": self._failures,
        }
