"""What the log's writer tells the outbox, and how little the search index makes of it."""

import trio

from core.ports.message_log import Append, EventKind, LogRow, Outcome
from core.ports.outbox import OutboxEvent
from storage.months import Month
from storage.postgres import log_writer
from storage.postgres.search import SearchIndex
from storage.postgres.shards import PostgresLeases

NOW = 1_795_500_000_000
ADA = "01999999-0000-7000-8000-00000000000a"


def room(number):
    return f"01999999-0000-7000-8000-{number:012x}"


def append(leases, number, *kinds):
    rows = tuple(
        LogRow(seq=seq, sent_at=NOW, kind=kind, sender_id=ADA, body=b"")
        for seq, kind in enumerate(kinds, 1)
    )
    fence = leases.fence(room(number))
    return Append(tenant_id=1, room_id=room(number), fence=fence, rows=rows)


async def test_talk_is_told_from_what_changes_a_room(database):
    leases = PostgresLeases(database, node="a")
    async with trio.open_nursery() as nursery:
        await nursery.start(leases.run)
        appends = [
            append(leases, 1, EventKind.MESSAGE, EventKind.EDITED),
            append(leases, 2, EventKind.MESSAGE, EventKind.ROOM),
        ]
        await database.call(log_writer.ensure_leaves, [Month.of(NOW)])
        assert await database.call(log_writer.store, appends) == [Outcome.STORED] * 2
        nursery.cancel_scope.cancel()
    told = await database.call(topics)
    assert told == {room(1): "room.said", room(2): "room.appended"}


async def test_a_batch_is_indexed_in_one_crossing_however_many_rooms_it_touches(database):
    index = SearchIndex(database)
    events = [
        OutboxEvent(position=n, tenant_id=1, topic="room.said", key=room(n), first=1, last=5)
        for n in range(1, 101)
    ]
    before = database.statistics()["calls"]
    await index.receive(events)
    assert database.statistics()["calls"] == before + 1


async def topics(connection):
    return {row["key"]: row["topic"] for row in await connection.fetch("SELECT * FROM outbox")}
