"""What is said, told and taken back between the looking for somebody's traces and the taking out of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import msgspec
import trio
from test_storage_forgotten_people import ADAS, ELSEWHERE, invitation, spoken
from test_storage_personal_data import ADA, AT, BOB, a_room, begin, execute, fetch, until_waiting

from core.clock import SystemClock
from core.ports.message_log import EventKind, LogRow
from protocol.chat import SYSTEM, MessagePosted
from protocol.codec import decode_event
from storage.months import Month
from storage.postgres.erasure import erase
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.log_writer import ensure_leaves
from storage.postgres.pool import Database
from storage.postgres.rooms import PostgresRooms

SAY = f"""
INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, message_id, body)
VALUES ($1, $2, '{ELSEWHERE}', 1, {EventKind.MESSAGE.value}, $3, $4, $5)"""
NOTICE = "Ada asks: Where to?"


async def test_a_name_that_is_told_as_its_traces_are_read_goes_with_them(
    database: Database,
) -> None:
    now = SystemClock().now_ms()
    await begin(database)
    await a_room_with(database)
    await database.call(ensure_leaves, [Month.of(now)])
    body = partial(invitation, [ADA, BOB])
    async with erasing(database, ADA):
        for row in (
            spoken(5, SYSTEM.id, SYSTEM.name, "Bob and Ada have paid."),
            spoken(6, ADAS, "ada", "Here it is."),
        ):
            said = (row.seq, now, row.sender_id, row.message_id, row.body)
            await database.call(execute, SAY, *said)
        kind = {"source": "late", "kind": "room.invited", "at": now, "fence": 0}
        assert await PostgresInboxes(database).append(1, BOB, **kind, body=body)
    assert (await words(database))[3:] == [
        ("Caravan", "Bob and … have paid."),
        ("", "Here it is."),
    ]
    [item] = await PostgresInboxes(database).read(1, BOB, after=0, limit=9)
    assert b"Ada" not in item.body


async def test_what_is_taken_back_as_traces_are_read_does_not_come_back(database: Database) -> None:
    await begin(database)
    gone = spoken(3, SYSTEM.id, SYSTEM.name, "")
    await a_room_with(database)
    async with erasing(database, ADA):
        await database.call(
            execute, f"UPDATE message SET body = $1 WHERE room_id = '{ELSEWHERE}' AND seq = 3", gone.body
        )  # fmt: skip
    assert (await words(database))[1] == ("Caravan", "")


async def test_what_names_nobody_is_left_alone(database: Database) -> None:
    """Whoever changes it meanwhile is not waited for, nor waits."""
    await begin(database)
    await a_room_with(database)
    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        lock = f"SELECT FROM message WHERE room_id = '{ELSEWHERE}' AND seq = 4 FOR UPDATE"
        await slow.call(execute, lock)
        with trio.fail_after(10):
            assert await erase(database, 1, ADA) == 2


async def test_no_answer_that_is_kept_for_others_names_whoever_is_erased(
    database: Database,
) -> None:
    """Repeated with its key, a call is answered from there."""
    await begin(database)
    ada, bob = (
        {"id": id, "name": name, "handle": name} for id, name in ((ADA, "ada"), (BOB, "bob"))
    )
    gone = {"id": ADA, "name": "", "handle": ""}
    seat = {"id": ADAS, "ownerId": ADA, "name": "Luna"}
    texts = {"about": "sardines", "note": "ill", "cancelledBy": ADA}
    kept = [
        ({"room": {"id": "r", "members": [ada, bob], "personas": [seat]}},
         {"room": {"id": "r", "members": [gone, bob], "personas": [seat | {"name": ""}]}}),
        ({"professional": bob, "traveller": ada, **texts},
         {"professional": bob, "traveller": gone, **texts, "about": "", "note": ""}),
        ({"professional": ada, "traveller": bob, **texts, "cancelledBy": BOB},
         {"professional": gone, "traveller": bob, **texts, "cancelledBy": BOB}),
    ]  # fmt: skip
    answer = "INSERT INTO idempotency_key VALUES ($1, $2, '', 1, 201, $3)"
    for number, (before, _) in enumerate(kept):
        body = msgspec.json.encode(before)
        await database.call(execute, answer, f"1/{BOB}/POST /x", str(number), body)
    await database.call(execute, answer, f"1/{BOB}/POST /x", "junk", f"ada {ADA}".encode())
    assert await erase(database, 1, ADA) == 1
    rows = await database.call(fetch, "SELECT body FROM idempotency_key ORDER BY key")
    assert [msgspec.json.decode(row["body"]) for row in rows[:-1]] == [after for _, after in kept]
    assert rows[-1]["body"] == b""


async def test_of_two_who_are_erased_at_a_time_neither_is_named(database: Database) -> None:
    await begin(database)
    await a_room_with(database, spoken(4, SYSTEM.id, SYSTEM.name, "ada owes bob."))
    body = partial(invitation, [ADA, BOB])
    other = ELSEWHERE
    kind = {"source": "s", "kind": "room.invited", "at": AT, "fence": 0}
    assert await PostgresInboxes(database).append(1, other, **kind, body=body)
    async with erasing(database, ADA):
        assert await erase(database, 1, BOB) == 0
    assert (await words(database))[2] == ("Caravan", "… owes ….")
    [item] = await PostgresInboxes(database).read(1, other, after=0, limit=9)
    assert b"Ada" not in item.body
    assert b"Bob" not in item.body


@asynccontextmanager
async def erasing(database: Database, user_id: str) -> AsyncIterator[None]:
    """Their traces were read, and nothing is taken out until the end of the block."""
    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, "SELECT FROM account WHERE id = $1 FOR SHARE", user_id)
        nursery.start_soon(erase, database, 1, user_id)
        await until_waiting(database, 1)
        yield
        await slow.call(execute, "COMMIT")


async def a_room_with(database: Database, *more: LogRow) -> None:
    """Where Ada has said something, and the server."""
    log = [
        *(spoken(2, ADA, "ada", "sardines"), spoken(3, SYSTEM.id, SYSTEM.name, NOTICE)),
        *(more or [spoken(4, SYSTEM.id, SYSTEM.name, "Bob is here.")]),
    ]
    new = replace(a_room(), id=ELSEWHERE, client_id=ELSEWHERE, more=log)
    await PostgresRooms(database).create(new)


async def words(database: Database) -> list[tuple[str, str]]:
    """As whom what was said."""
    rows = await database.call(
        fetch, "SELECT body FROM message WHERE room_id = $1 AND seq > 1 ORDER BY seq", ELSEWHERE
    )
    events = [decode_event(row["body"]) for row in rows]
    return [(one.sender.name, one.content) for one in events if isinstance(one, MessagePosted)]
