"""The `Outbox` port: one task per subscriber, each at its own place in the order of commits.

Positions are given when a row is inserted and transactions commit in another order. Rows are read
in the order (xid, position), and only those whose xid lies below every transaction that still
runs: nothing can appear before what was read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from core.ports.outbox import OutboxEvent, Subscriber
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import APPENDED

BATCH: Final = 500
POLL_EVERY: Final = 1.0
BACKOFF_FIRST: Final = 0.1
BACKOFF_MOST: Final = 30.0
MAX_LAG_COUNTED: Final = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """How far a subscriber has read: everything up to here, in the order (xid, position)."""

    xid: int
    position: int
    rebuilding: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Events after a place, and what waits: counted up to 10,000, the oldest's age in seconds."""

    events: Sequence[OutboxEvent]
    place: Place
    waiting: int
    age: float


class PostgresOutbox:
    """Feeds subscribers from the table `outbox`.

    Owns: nothing durable but positions. A subscriber that was never seen before, or was asked to
    rebuild, gets every room's log as one event (`first` = the room's first, position 0) and then
    what came meanwhile: consumed rows are not kept.
    """

    def __init__(
        self,
        database: Database,
        subscribers: Sequence[Subscriber],
        *,
        poll_every: float = POLL_EVERY,
        backoff_most: float = BACKOFF_MOST,
    ) -> None:
        self._database = database
        self._couriers = [
            _Courier(database, subscriber, poll_every, backoff_most) for subscriber in subscribers
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
        """Have a subscriber forget and derive everything again; durable, begun within a second."""
        await self._database.call(_ask_for_rebuild, name)
        self.nudge()

    def statistics(self) -> dict[str, int | float]:
        """Per subscriber `NAME_lag_events` (at most 10,000), `NAME_lag_seconds`, `NAME_delivered`,
        `NAME_failures`; over all of them the worst `lag_events` and `lag_seconds`."""
        figures: dict[str, int | float] = {"lag_events": 0, "lag_seconds": 0.0}
        for courier in self._couriers:
            figures |= courier.statistics()
            figures["lag_events"] = max(figures["lag_events"], courier.waiting)
            figures["lag_seconds"] = max(figures["lag_seconds"], courier.lag_seconds)
        return figures


class _Courier:
    """One subscriber's task."""

    def __init__(
        self, database: Database, subscriber: Subscriber, poll_every: float, backoff_most: float
    ) -> None:
        self._database, self._subscriber = database, subscriber
        self._poll_every, self._backoff_most = poll_every, backoff_most
        self._nudged = trio.Event()
        self._delivered = self._failures = 0
        self.waiting = 0
        self._oldest_at: float | None = None

    def nudge(self) -> None:
        self._nudged.set()

    async def run(self) -> None:
        backoff = BACKOFF_FIRST
        while True:
            try:
                await self._deliver_all()
                backoff = BACKOFF_FIRST
                await self._rest()
            except Exception as error:
                # Whatever a subscriber raises, the outbox goes on: the batch comes again.
                self._failures += 1
                log.warning(
                    "outbox.failed",
                    subscriber=self._subscriber.name,
                    error=type(error).__name__,
                    again_in=backoff,
                )
                await trio.sleep(backoff)
                backoff = min(backoff * 2, self._backoff_most)

    async def _rest(self) -> None:
        with trio.move_on_after(self._poll_every):
            await self._nudged.wait()

    async def _deliver_all(self) -> None:
        """Until nothing is left that may be read."""
        while True:
            self._nudged = trio.Event()
            batch = await self._database.call(_next_batch, self._subscriber.name)
            self.waiting = batch.waiting
            self._oldest_at = trio.current_time() - batch.age if batch.waiting else None
            if batch.place.rebuilding:
                await self._rebuild()
                continue
            if not batch.events:
                return
            await self._subscriber.receive(batch.events)
            self._delivered += len(batch.events)
            await self._database.call(_move, self._subscriber.name, batch)

    async def _rebuild(self) -> None:
        """The place is taken before the logs are read: what is appended meanwhile comes twice."""
        name = self._subscriber.name
        log.info("outbox.rebuilding", subscriber=name)
        place = await self._database.call(_place_now)
        await self._subscriber.rebuild()
        after: str | None = None
        while rooms := await self._database.call(_whole_logs, after):
            await self._subscriber.receive(rooms)
            self._delivered += len(rooms)
            after = rooms[-1].key
        await self._database.call(_end_rebuild, name, place)
        log.info("outbox.rebuilt", subscriber=name)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest undelivered event has been waiting."""
        return 0.0 if self._oldest_at is None else trio.current_time() - self._oldest_at

    def statistics(self) -> dict[str, int | float]:
        name = self._subscriber.name
        return {
            f"{name}_lag_events": self.waiting,
            f"{name}_lag_seconds": self.lag_seconds,
            f"{name}_delivered": self._delivered,
            f"{name}_failures": self._failures,
        }


async def _next_batch(connection: Connection, name: str) -> Batch:
    await connection.execute(
        """INSERT INTO outbox_position (subscriber, xid, position, rebuilding)
           VALUES ($1, '0', 0, true) ON CONFLICT DO NOTHING""",
        name,
    )
    row = await connection.fetchrow(
        """SELECT xid::text::int8 AS xid, position, rebuilding FROM outbox_position
           WHERE subscriber = $1""",
        name,
    )
    if row is None:
        raise RuntimeError(f"the outbox position of {name} was removed")
    place = Place(row["xid"], row["position"], row["rebuilding"])
    rows = await connection.fetch(
        """SELECT position, xid::text::int8 AS xid, tenant_id, topic, key, first, last
           FROM outbox
           WHERE (xid, position) > ($1::text::xid8, $2)
                 AND xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY xid, position LIMIT $3""",
        str(place.xid),
        place.position,
        BATCH,
    )
    [waiting] = await connection.fetch(
        """SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS age
           FROM (SELECT created_at FROM outbox WHERE (xid, position) > ($1::text::xid8, $2)
                 ORDER BY xid, position LIMIT $3) AS undelivered""",
        str(place.xid),
        place.position,
        MAX_LAG_COUNTED,
    )
    events = [
        OutboxEvent(
            position=row["position"],
            tenant_id=row["tenant_id"],
            topic=row["topic"],
            key=row["key"],
            first=row["first"],
            last=row["last"],
        )
        for row in rows
    ]
    end = Place(rows[-1]["xid"], rows[-1]["position"], place.rebuilding) if rows else place
    return Batch(events, end, waiting["waiting"], waiting["age"] or 0.0)


async def _move(connection: Connection, name: str, batch: Batch) -> None:
    """Forward only: another node may have delivered further. A rebuild asked for meanwhile stays
    asked for."""
    await connection.execute(
        """UPDATE outbox_position SET xid = $2::text::xid8, position = $3
           WHERE subscriber = $1 AND (xid, position) < ($2::text::xid8, $3)""",
        name,
        str(batch.place.xid),
        batch.place.position,
    )


async def _ask_for_rebuild(connection: Connection, name: str) -> None:
    await connection.execute(
        "UPDATE outbox_position SET rebuilding = true WHERE subscriber = $1", name
    )


async def _place_now(connection: Connection) -> Place:
    """Before every transaction that still runs, behind every one that was final by now."""
    xid = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8")
    return Place(xid, 0, rebuilding=False)


async def _whole_logs(connection: Connection, after: str | None) -> Sequence[OutboxEvent]:
    """The next rooms by id, each with its whole log as one event."""
    rows = await connection.fetch(
        """SELECT id, tenant_id, first, greatest(first - 1, (SELECT coalesce(max(seq), 0)
                                                  FROM message WHERE room_id = room.id)) AS last
           FROM room WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2""",
        after,
        BATCH,
    )
    return [
        OutboxEvent(
            position=0,
            tenant_id=row["tenant_id"],
            topic=APPENDED,
            key=row["id"],
            first=row["first"],
            last=row["last"],
        )
        for row in rows
    ]


async def _end_rebuild(connection: Connection, name: str, place: Place) -> None:
    await connection.execute(
        """UPDATE outbox_position SET xid = $2::text::xid8, position = $3, rebuilding = false
           WHERE subscriber = $1""",
        name,
        str(place.xid),
        place.position,
    )
