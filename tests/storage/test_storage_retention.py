"""Fourteen months of two rooms, and what is kept of them."""

import asyncpg
import pytest
import trio

from core.ports.message_log import Append, EventKind, LogRow
from core.ports.repositories import NewRoom
from protocol.chat import MessagePosted, Sender
from protocol.codec import encode
from storage.months import Month
from storage.postgres import log_writer, retention
from storage.postgres.housekeeping import housekeeping
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import PostgresSearch, SearchIndex

DAY = 86_400_000
BEGIN = Month(2025, 9)
ADA = "01999999-0000-7000-8000-00000000000a"
LONG = "01999999-0000-7000-8000-0000000000a0"
SHORT = "01999999-0000-7000-8000-0000000000a3"
SHELLS = "01999999-0000-7000-8000-0000000000a4"
QUIET, TALK = "01999999-0000-7000-8000-0000000000a1", "01999999-0000-7000-8000-0000000000a2"


class ManualClock:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000


class Years:
    """A world whose clock is moved from month to month."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(BEGIN.start)
        self.rooms, self.search = PostgresRooms(database), PostgresSearch(database)
        self.log = PostgresMessageLog(database, self.clock)
        self.forgotten: list[tuple[str, int]] = []

    async def make(self, room_id: str) -> None:
        new = NewRoom(
            id=room_id, tenant_id=1, kind="group", title="", history="all", creator_id=ADA,
            client_id=room_id, direct_key=None, epoch="e", created_at=self.clock.now_ms(),
            invited=(), created=b"created",
        )  # fmt: skip
        await self.rooms.create(new)

    async def say(self, room_id: str, seq: int, at: int) -> None:
        await self.database.call(_insert, room_id, _message(room_id, seq, at))

    async def index(self) -> None:
        await SearchIndex(self.database).receive(
            await PostgresOutbox(self.database).whole_logs(None)
        )

    async def keep_house(self) -> dict[str, int]:
        removed = await housekeeping(
            self.database, self.clock, forgotten=lambda *one: self.forgotten.append(one)
        )
        return {what: count for what, count in removed.items() if count}

    async def left_of(self, room_id: str) -> int:
        """Its row, members, a pointer, a persona's seat and a plan."""
        return await self.database.call(_count, LEFT, room_id)

    async def seqs(self, room_id: str) -> list[int]:
        return [row.seq for row in await self.log.read(1, room_id, after=0, limit=9_999)]

    async def found(self) -> list[tuple[str, int]]:
        hits = await self.search.find(
            1, ADA, query="word", room_id=None, from_user=None, before=None, limit=99
        )
        return sorted((hit.room_id, hit.seq) for hit in hits)


RESTS = f"""
INSERT INTO read_pointer VALUES ('{{room}}', '{ADA}', 1, 1);
INSERT INTO room_persona VALUES ('{{room}}', '{ADA}', '{ADA}', 1, 1, 'Nova');
INSERT INTO plan VALUES ('{{room}}', 1, 0, 1)"""
SHELL = f"""
INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at, is_forgotten)
VALUES ('{SHORT}', 1, 'gone~', 'gone', 'gone~', 'user', 'en', 1, true)"""
LEFT = """
SELECT (SELECT count(*) FROM room WHERE id = $1) + (SELECT count(*) FROM membership WHERE room_id = $1)
     + (SELECT count(*) FROM read_pointer WHERE room_id = $1)
     + (SELECT count(*) FROM room_persona WHERE room_id = $1) + (SELECT count(*) FROM plan WHERE room_id = $1)"""


async def test_after_fourteen_months_the_oldest_months_are_gone_and_no_head_fell(
    database: Database,
) -> None:
    years = Years(database)
    await years.make(QUIET)
    await years.make(TALK)
    await years.say(QUIET, 2, BEGIN.start + 5 * DAY)
    for number in range(14):
        years.clock.at_ms = BEGIN.plus(number).start + 14 * DAY
        await years.log._make_leaves()
        await years.say(TALK, 2 + number, years.clock.at_ms)
        if number < 13:
            await years.keep_house()
            assert years.forgotten == []
    await years.index()

    # The middle of the fourteenth month: of the first, no day is within twelve months.
    assert await years.keep_house() == {"months": 1, "search_documents": 2}
    assert dict(years.forgotten) == {QUIET: 3, TALK: 3}
    assert await years.seqs(QUIET) == []
    assert await years.seqs(TALK) == list(range(3, 16))
    assert await years.found() == [(TALK, seq) for seq in range(3, 16)]
    quiet, talk = await years.rooms.load(1, QUIET), await years.rooms.load(1, TALK)
    assert quiet is not None
    assert talk is not None
    assert (quiet.head, quiet.first) == (2, 3)
    assert (talk.head, talk.first) == (15, 3)
    assert await years.log.head(1, QUIET) == 2
    assert await years.keep_house() == {}


async def test_a_room_with_a_shorter_time_of_its_own_forgets_in_bites(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.postgres.housekeeping.BITE", 4)
    monkeypatch.setattr(retention, "ROOMS_LOOKED_AT", 1)
    years = Years(database)
    await years.log._make_leaves()
    for room_id in (QUIET, TALK):
        await years.make(room_id)
        for seq in range(2, 32):
            await years.say(room_id, seq, BEGIN.start + seq * DAY)
    await years.index()
    await database.call(_execute, _settings(TALK, b'{"receipts":true,"retentionDays":7}'))
    await database.call(_execute, _settings(QUIET, b'{"receipts":true,"retentionDays":null}'))
    await years.make(LONG)
    await database.call(_execute, _settings(LONG, b'{"retentionDays":99}'))
    years.clock.at_ms = BEGIN.start + 31 * DAY

    assert await years.keep_house() == {"messages": 23}
    assert years.forgotten == [(TALK, 5), (TALK, 9), (TALK, 13), (TALK, 17), (TALK, 21), (TALK, 24)]
    assert await years.seqs(TALK) == list(range(24, 32))
    assert await years.seqs(QUIET) == list(range(1, 32))
    assert [seq for room_id, seq in await years.found() if room_id == TALK] == list(range(24, 32))

    years.clock.at_ms += 99 * DAY
    await years.keep_house()
    talk = await years.rooms.load(1, TALK)
    assert talk is not None
    assert (talk.head, talk.first) == (31, 32)
    assert await years.keep_house() == {}


async def test_a_room_that_everybody_has_left_goes_with_its_last_message(
    database: Database,
) -> None:
    """Of the three that are left, one was spoken in since; one has a time of its own. Of the others' people one is
    forgotten."""
    years = Years(database)
    await database.call(_execute, SHELL)
    for room_id in (QUIET, TALK, LONG, SHORT, SHELLS):
        await years.make(room_id)
        await database.call(_execute, RESTS.format(room=room_id))
    await years.log._make_leaves()
    left = f"DELETE FROM membership WHERE room_id IN ('{QUIET}', '{LONG}', '{SHORT}')"
    await database.call(_execute, left)
    await database.call(
        _execute, f"UPDATE membership SET user_id = '{SHORT}' WHERE room_id = '{SHELLS}'"
    )
    await database.call(_execute, _settings(SHORT, b'{"retentionDays":7}'))
    await years.say(LONG, 2, BEGIN.plus(1).start)

    years.clock.at_ms = BEGIN.start + 7 * DAY
    await years.keep_house()
    assert await years.left_of(SHORT) == 4
    years.clock.at_ms += 1
    await years.keep_house()
    assert await years.left_of(SHORT) == 0
    years.clock.at_ms = BEGIN.plus(12).start
    await years.keep_house()
    assert await years.left_of(QUIET) == 4
    assert await years.left_of(SHELLS) == 5
    years.clock.at_ms = BEGIN.plus(13).start
    await years.keep_house()
    assert await years.left_of(QUIET) == 0
    assert await years.left_of(SHELLS) == 0
    assert await years.left_of(LONG) == 4
    years.clock.at_ms = BEGIN.plus(14).start
    await years.keep_house()
    assert await years.left_of(LONG) == 0
    assert await years.left_of(TALK) == 5


async def test_a_month_in_use_waits_for_the_next_time_and_nobody_for_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOCK_WITHIN", "50ms")
    years = Years(database)
    await years.make(TALK)
    await years.log._make_leaves()
    years.clock.at_ms = BEGIN.plus(12).start
    await years.keep_house()  # the month before
    years.clock.at_ms = BEGIN.plus(13).start
    async with database.own_connection() as reader:
        await reader.call(_execute, "BEGIN")
        await reader.call(_execute, "SELECT count(*) FROM message")
        assert await years.keep_house() == {}
        room = await years.rooms.load(1, TALK)
        assert room is not None
        assert (room.head, room.first) == (1, 2)  # unreadable already, dropped later
        await reader.call(_execute, "COMMIT")
    assert await years.keep_house() == {"months": 1}
    assert await years.seqs(TALK) == []


async def test_what_fails_again_and_again_keeps_nothing_else_from_being_removed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    years = Years(database)
    await years.make(TALK)
    await years.say(TALK, 2, BEGIN.start)
    await years.index()
    years.clock.at_ms = BEGIN.plus(14).start
    monkeypatch.setattr(
        retention, "_OLD_LEAVES", "SELECT pg_cancel_backend(pg_backend_pid()), $1::text"
    )
    assert await years.keep_house() == {"search_documents": 1}


async def test_several_nodes_may_keep_house_at_once(database: Database) -> None:
    years = Years(database)
    await years.make(TALK)
    for seq in range(2, 40):
        await years.say(TALK, seq, BEGIN.start + seq)
    years.clock.at_ms = BEGIN.plus(14).start
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(years.keep_house)
    await years.keep_house()
    assert await years.seqs(TALK) == []
    assert await years.log.head(1, TALK) == 39


def _message(room_id: str, seq: int, at: int) -> LogRow:
    message_id = f"01999999-0000-7000-8000-{seq:012x}"
    event = MessagePosted(
        room_id=room_id, epoch="e", seq=seq, sent_at=at, message_id=message_id,
        sender=Sender(id=ADA, kind="user", name="Ada"), content="a word",
    )  # fmt: skip
    return LogRow(
        seq=seq, sent_at=at, kind=EventKind.MESSAGE, sender_id=ADA, body=encode(event),
        message_id=message_id,
    )  # fmt: skip


async def _insert(connection: Connection, room_id: str, row: LogRow) -> None:
    await connection.execute(
        """INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, body, message_id)
           VALUES ($1, $2, $3, 1, 1, $4, $5, $6)""",
        row.seq, row.sent_at, room_id, ADA, row.body, row.message_id,
    )  # fmt: skip


def _settings(room_id: str, settings: bytes) -> str:
    return f"UPDATE room SET settings = '\\x{settings.hex()}' WHERE id = '{room_id}'"


async def _count(connection: Connection, sql: str, room_id: str) -> int:
    return int(await connection.fetchval(sql, room_id))


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def test_a_missing_table_that_is_no_leaf_fails_an_append_once(database: Database) -> None:
    years = Years(database)
    await years.make(TALK)
    await database.call(_execute, "DROP TABLE outbox")
    append = Append(
        tenant_id=1, room_id=TALK, fence=0, rows=(_message(TALK, 2, years.clock.at_ms),)
    )
    with pytest.raises(asyncpg.UndefinedTableError, match="outbox"):
        await database.call(log_writer.store, [append])
