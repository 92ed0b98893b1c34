"""What is told of somebody who asks, that no table is forgotten in it, and what is left of who is erased."""

import errno
import io
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
import trio
from postgres_for_tests import give_away

from actors.plan.board import Board, Item
from core.errors import Rejected
from core.ports.consultations import Cancelling, WantedTimes
from core.ports.leases import StaleFence
from core.ports.message_log import EventKind, LogRow
from core.ports.repositories import NewRoom
from protocol.chat import MessagePosted, Sender
from protocol.codec import encode
from protocol.room import RoomChanged
from protocol.travel import Traveller
from storage.credentials.forms import email_problem, handle_problem
from storage.credentials.master_key import MasterKeyError
from storage.credentials.traveller_seal import TravellerSeal
from storage.months import Month
from storage.postgres.booking_leaves import ensure_leaves
from storage.postgres.consultations import PostgresConsultations
from storage.postgres.erasure import OwnRoom, ShutOut, erase, shut_out
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.personal_data import EXPORTED, UnwritableError, export
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import SearchIndex
from storage.sharding import shard_of

AT = 1_790_000_000_000
KEY = bytes(range(32))
ADA, BOB = (f"01999999-0000-7000-8000-00000000000{digit}" for digit in "ab")
ROOM = "01999999-0000-7000-8000-0000000000aa"

NAMES = (
    *("user_id", "owner_id", "creator_id", "sender_id", "asker_id", "about", "author", "given_by"),
    *("cancelled_by", "decided_by", "key", "scope", "professional_id", "traveller_id"),
)
"""How columns are called that name a person."""

NOT_TOLD = {
    "booking_intent": "keys of calls to suppliers",
    "booking_key": "told with the booking",
    "booking_participant": "told with the booking",
    "booking_screening": "whose word it is: an operator's",
    "credential": "a secret",
    "durable_timer": "when an actor is to be woken",
    "idempotency_key": "for seven days, answers that were given already",
    "inbox_head": "told with the items",
    "outbox": "what is on its way, for seconds",
    "room_persona": "where a persona sits, which is told itself",
    "listing_review": "told with what was taken",
    "search_document": "words of messages, which are told themselves",
}


async def test_every_table_that_names_a_person_is_told_or_says_why_not(database: Database) -> None:
    tables = await database.call(
        fetch,
        """SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
              AND NOT c.relispartition AND a.attname = ANY($1)""",
        NAMES,
    )
    assert {row["relname"] for row in tables} - EXPORTED.keys() == NOT_TOLD.keys()


async def test_all_that_is_hers_is_told_and_nothing_of_others(database: Database) -> None:
    await begin(database)
    told = await told_of(database, ADA)
    assert {row["kind"] for row in told} == {
        "account", "login", "room", "membership", "message", "persona", "persona_memory", "traveller",
        "listing", "listing_import", "consultation",
    }  # fmt: skip
    assert {row["text"] for row in of_kind(told, "listing_import")} == {"wise"}
    consultations = of_kind(told, "consultation")
    assert {(row["state"], row["about"]) for row in consultations} == {
        ("booked", "where to eat"), ("open", None),
    }  # fmt: skip
    [account] = of_kind(told, "account")
    assert (account["email"], account["preferences"]) == ("ada@example.org", {"pace": "slow"})
    _, message = of_kind(told, "message")
    assert message["body"]["content"] == "sardines"
    [traveller] = of_kind(told, "traveller")
    assert traveller["sealed"]["givenName"] == "Ada"
    assert traveller["sealed"]["document"] == {"number": "X1"}
    assert "bob" not in json.dumps(told)
    assert {row["kind"] for row in await told_of(database, BOB)} == {
        "account", "membership", "persona", "persona_memory", "listing", "consultation",
    }  # fmt: skip
    with pytest.raises(MasterKeyError):
        await told_of(database, ADA, key=bytes(32))


async def test_what_stands_on_a_plan_of_her_and_what_she_was_shown_is_told(
    database: Database,
) -> None:
    """Whoever wrote it: the changes by which it came are kept for a while only. Others' votes are theirs."""
    await begin(database)
    items = {
        "poll": {"title": "Where?", "votes": {ADA: "sea", BOB: "hills"}},
        "bobs": {"title": "When?", "votes": {BOB: "soon"}},
        "dinner": {"title": "Dinner", "paidBy": BOB, "sharedBy": [{"userId": ADA, "weight": 1}]},
        "note": {"title": "Sea"},
    }
    board = Board.empty()
    for id, fields in items.items():
        board.order.append(id)
        board.items[id] = Item(kind="expense", fields=fields, changed=1, size=1)
    await database.call(execute, "INSERT INTO plan VALUES ($1, 1, 1, 1, $2)", ROOM, board.packed())
    for run_id, asker in ((ROOM, ADA), (BOB, BOB)):
        await database.call(execute, RUN, run_id, asker)
        await database.call(execute, SHOWN, run_id)
    told = await told_of(database, ADA)
    [plan] = of_kind(told, "plan")
    assert [(id, item["fields"]) for id, item in plan["snapshot"]] == [
        ("poll", {"title": "Where?", "votes": {ADA: "sea"}}),
        ("dinner", items["dinner"]),
    ]
    assert [row["run_id"] for row in of_kind(told, "persona_shown")] == [ROOM]


async def test_a_disk_that_is_full_is_not_taken_for_a_database_that_is_away(
    database: Database,
) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    await begin(database)
    with pytest.raises(UnwritableError, match="No space left on device"):
        await export(database, 1, ADA, Full(), seal=TravellerSeal(KEY))


async def test_whoever_is_erased_is_a_shell_of_ids_and_others_are_as_before(
    database: Database,
) -> None:
    await begin(database)
    of_bob = [row for row in await told_of(database, BOB) if row["kind"] != "consultation"]
    assert await shut_out(database, 1, ADA, login_id=ROOM, at=AT) == ShutOut(
        logins=[BOB],
        rooms=[OwnRoom(room_id=ROOM, kind="group", state="joined", messages=[ROOM])],
    )
    for _ in range(2):
        assert await erase(database, 1, ADA) == 1
    told = await told_of(database, ADA)
    assert {row["kind"] for row in told} == {
        "account", "room", "membership", "message", "consultation",
    }  # fmt: skip
    [account] = of_kind(told, "account")
    assert (account["handle"], account["name"]) == ("gone~00000000000a", "gone-00000000000a")
    _, message = of_kind(told, "message")
    assert (message["body"]["content"], message["body"]["sender"]["name"]) == ("", "")
    [consultation] = of_kind(told, "consultation")
    assert (consultation["state"], consultation["about"]) == ("booked", "")
    assert "ada" not in json.dumps(told).lower()
    left = await told_of(database, BOB)
    assert [row for row in left if row["kind"] != "consultation"] == of_bob
    assert await database.call(fetch, "SELECT imports, reviews, stars, score FROM listing") == [
        (0, 0, 0, 3_600)
    ]


async def test_nobody_can_stand_in_the_way_by_a_name_that_is_to_be_the_shells(
    database: Database,
) -> None:
    await begin(database)
    taken = "UPDATE account SET handle = $2, email = $2 || '@invalid' WHERE id = $1"
    await database.call(execute, taken, BOB, "gone-00000000000a")
    assert await erase(database, 1, ADA) == 1
    [account] = of_kind(await told_of(database, ADA), "account")
    assert handle_problem(account["handle"])
    assert email_problem(account["email"])


async def test_a_row_that_nobody_can_read_keeps_nobody_from_being_erased(
    database: Database,
) -> None:
    await begin(database)
    await database.call(execute, "UPDATE message SET body = $1 WHERE seq = 2", b"\xc1 sardines")
    assert await erase(database, 1, ADA) == 1
    [row] = await database.call(fetch, "SELECT body FROM message WHERE seq = 2")
    assert row["body"] == b""


async def test_nothing_is_put_down_for_whoever_was_erased_meanwhile(database: Database) -> None:
    await begin(database)
    inboxes = PostgresInboxes(database)
    put: list[object] = []

    async def put_down(number: int) -> None:
        put.append(
            await inboxes.append(
                1,
                ADA,
                source=f"source-{number}",
                kind="notification",
                at=AT,
                fence=0,
                body=lambda seq: b"x",
            )
        )

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(put_down, number)
        nursery.start_soon(erase, database, 1, ADA)
        for number in range(6, 12):
            nursery.start_soon(put_down, number)
    await put_down(12)
    assert len(put) == 13
    assert put[-1] is None
    assert await inboxes.head(1, ADA) == 0
    assert not await inboxes.read(1, ADA, after=0, limit=100)
    assert await inboxes.append(
        1, BOB, source="s", kind="notification", at=AT, fence=0, body=lambda seq: b"x"
    ) == (1, b"x", True)


@pytest.mark.parametrize("held", ["account WHERE id", "inbox_head WHERE user_id"])
async def test_what_waits_for_an_erasure_to_be_put_down_holds_no_shard(
    database: Database, held: str
) -> None:
    """Rooms of it could not find out what was stored, and no server could give it up, for minutes."""
    await begin(database)
    inboxes, item = PostgresInboxes(database), {"kind": "notification", "at": AT, "fence": 0}
    put_down = partial(inboxes.append, 1, ADA, body=lambda seq: b"x", **item)
    await put_down(source="first")
    with pytest.RaisesGroup(StaleFence):
        async with database.own_connection() as erasure, trio.open_nursery() as nursery:
            await erasure.call(execute, "BEGIN")
            await erasure.call(execute, f"SELECT FROM {held} = $1 FOR UPDATE", ADA)
            nursery.start_soon(partial(put_down, source="second"))
            await until_waiting(database, 1)
            with trio.fail_after(2):
                await database.call(give_away, shard_of(ADA))
            await erasure.call(execute, "ROLLBACK")
    assert await inboxes.head(1, ADA) == 1


async def test_words_that_were_being_indexed_as_they_were_erased_are_found_by_nobody(
    database: Database,
) -> None:
    """The index has read the message, and waits for somebody else's row, as the text goes."""
    await begin(database)
    index, is_erased = SearchIndex(database), trio.Event()

    async def erase_her() -> None:
        await erase(database, 1, ADA)
        is_erased.set()

    async with database.own_connection() as slow:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, DOCUMENT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(index.receive, await PostgresOutbox(database).whole_logs(None))
            await until_waiting(database, 1)
            nursery.start_soon(erase_her)
            await until_waiting(database, 2, or_else=is_erased)
            await slow.call(execute, "ROLLBACK")
    assert await database.call(fetch, "SELECT words FROM search_document") == []


async def test_nobody_gets_an_appointment_with_somebody_who_is_being_erased(
    database: Database,
) -> None:
    """Neither at a time that was open, nor at one that is given back meanwhile."""
    await begin(database)
    await database.call(execute, "UPDATE account SET role = 'professional' WHERE id = $1", ADA)
    await database.call(execute, CONSULTATION, ADA, ADA, BOB, "booked", "")
    consultations, now = PostgresConsultations(database), AT - 1
    assert await shut_out(database, 1, ADA, login_id=ROOM, at=AT) is not None
    with pytest.raises(Rejected) as refused:
        await consultations.book(1, BOB, BOB, about="", now=now)
    assert refused.value.code == "not_found"
    await consultations.cancel(
        1, ADA, Cancelling(user_id=BOB, note="", again=ROOM[:-1] + "9"), now=now
    )
    assert await consultations.find(1, WantedTimes(start=0), after=None, limit=9) == []


async def test_nobody_is_erased_while_a_booking_of_theirs_goes_on(database: Database) -> None:
    await begin(database)
    month = Month.of_uuid7(ROOM)
    assert month is not None
    await database.call(ensure_leaves, month)
    await database.call(execute, BOOKING, False)
    assert await shut_out(database, 1, ADA, login_id=ROOM, at=AT) is None
    assert len(of_kind(await told_of(database, ADA), "login")) == 1
    await database.call(execute, "UPDATE booking SET is_terminal = true")
    assert await shut_out(database, 1, ADA, login_id=ROOM, at=AT) is not None
    told = await told_of(database, ADA)
    await database.call(
        execute, "UPDATE booking SET is_terminal = false"
    )  # another, begun meanwhile
    assert await erase(database, 1, ADA) is None
    assert len(of_kind(await told_of(database, ADA), "traveller")) == 1
    assert await told_of(database, ADA) == told
    await database.call(execute, "UPDATE booking SET is_terminal = true")
    assert await erase(database, 1, ADA) == 1


async def begin(database: Database) -> None:
    """A room of Ada's with a message, which Bob is invited to; a persona, on offer, and a memory of each. Ada has
    reviewed Bob's and booked a consultation of his; one of hers is open."""
    for number, (user_id, name) in enumerate(((ADA, "ada"), (BOB, "bob"))):
        await database.call(execute, ACCOUNT, user_id, name)
        await database.call(execute, MEMORY, user_id, name, ROOM[:-1] + str(number))
    await database.call(execute, LOGIN)
    for number, owner in enumerate((ADA, BOB)):
        await database.call(execute, LISTING, owner, ROOM[:-1] + str(number))
    await database.call(execute, REVIEW, ADA, ROOM[:-1] + "1")
    await database.call(execute, CONSULTATION, ROOM, BOB, ADA, "booked", "where to eat")
    await database.call(execute, CONSULTATION, BOB, ADA, None, "open", "")
    await PostgresRooms(database).create(a_room())
    passport: dict[str, object] = {"number": "X1"}
    given = TravellerSeal(KEY).seal(1, ROOM, TRAVELLER, by=ADA, document=passport)
    await database.call(execute, GIVEN, ROOM, ADA, TRAVELLER.id, given.digest, given.sealed)


async def until_waiting(
    database: Database, how_many: int, *, or_else: trio.Event | None = None
) -> None:
    """Until so many wait for locks of others."""
    while or_else is None or not or_else.is_set():
        [row] = await database.call(fetch, "SELECT count(*) FROM pg_locks WHERE NOT granted")
        if row["count"] >= how_many:
            return


async def told_of(database: Database, user_id: str, *, key: bytes = KEY) -> list[dict[str, Any]]:
    out = io.BytesIO()
    counted = await export(database, 1, user_id, out, seal=TravellerSeal(key))
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(rows) == sum(counted.values())
    return rows


def of_kind(told: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [row for row in told if row["kind"] == kind]


def a_room() -> NewRoom:
    said = MessagePosted(
        room_id=ROOM, epoch="e", seq=2, sent_at=AT, message_id=ROOM, content="sardines",
        sender=Sender(id=ADA, kind="user", name="Ada"),
    )  # fmt: skip
    row = LogRow(
        seq=2, sent_at=AT, kind=EventKind.MESSAGE, sender_id=ADA, body=encode(said), message_id=ROOM
    )
    return NewRoom(
        id=ROOM, tenant_id=1, kind="group", title="Lisbon", history="all", creator_id=ADA,
        client_id=ROOM, direct_key=None, epoch="e", created_at=AT, invited=(BOB,),
        created=encode(RoomChanged(room_id=ROOM, epoch="e", seq=1, sent_at=AT, by=ADA, change="created")),
        more=[row],
    )  # fmt: skip


TRAVELLER = Traveller(
    id="1", kind="adult", given_name="Ada", family_name="Lovelace", born_on="1990-12-10",
    gender="female", email="ada@example.org",
)  # fmt: skip
ACCOUNT = f"""
INSERT INTO account (id, tenant_id, handle, name, email, role, locale, preferences, created_at)
VALUES ($1, 1, $2::text, $2, $2 || '@example.org', 'user', 'en', '{{"pace":"slow"}}', {AT})"""
DOCUMENT = f"INSERT INTO search_document VALUES ('{ROOM}', 2, {AT}, '{ROOM}', 1, '{BOB}', '')"
GIVEN = """
INSERT INTO traveller (tenant_id, booking_id, given_by, traveller_id, digest, sealed)
VALUES (1, $1, $2, $3, $4, $5)"""
LOGIN = f"INSERT INTO login VALUES ('{BOB}', 1, '{ADA}', {AT}, {AT})"
BOOKING = f"""
WITH made AS (
    INSERT INTO booking (booking_id, creator_id, quote_id, created_at, changed_at, revision, version,
                         amount, tenant_id, is_terminal, needs_operator, currency, state, status, step, snapshot)
    VALUES ('{ROOM}', '{ADA}', '{ROOM}', 1, 1, 1, 1, 1, 1, $1, false, 'EUR', 'X', 'booking', '', ''))
INSERT INTO booking_participant (booking_id, user_id, place, tenant_id, status)
VALUES ('{ROOM}', '{ADA}', 1, 1, 'booking')"""
LISTING = f"""
INSERT INTO listing (tenant_id, id, owner_id, published_at, version, is_offered, name, style, about, greeting,
                     summary, tags, words)
SELECT tenant_id, id, owner_id, {AT}, version, true, name, style, about, greeting, '', '{{}}', ''
  FROM persona WHERE owner_id = $1 AND id = $2"""
REVIEW = f"""
WITH taken AS (
    INSERT INTO listing_import (tenant_id, listing_id, user_id, imported_at) VALUES (1, $2, $1, {AT})),
     counted AS (UPDATE listing SET imports = 1, reviews = 1, stars = 5 WHERE id = $2)
INSERT INTO listing_review (id, tenant_id, listing_id, user_id, written_at, stars, text)
VALUES ($2, 1, $2, $1, {AT}, 5, 'wise')"""
CONSULTATION = f"""
INSERT INTO consultation (id, tenant_id, professional_id, traveller_id, state, about, starts_at, ends_at, tags)
VALUES ($1, 1, $2, $3, $4, $5, {AT}, {AT + 1}, '{{}}')"""
RUN = f"""
INSERT INTO persona_run (id, room_id, persona_id, asker_id, message_id, reply_to, started_at, cost, tenant_id,
                         outcome, intent, tools, segments)
VALUES ($1, $1, $1, $2, $1, $1, {AT}, 0, 1, 'done', '', '{{}}', '[]')"""
SHOWN = f"""
INSERT INTO persona_shown (run_id, shown_at, tenant_id, place, card_id, item_id, tower, features)
VALUES ($1, {AT}, 1, 1, 'c', 'i', 't', '{{0.5}}')"""
MEMORY = f"""
WITH made AS (
    INSERT INTO persona (id, owner_id, created_at, tenant_id, slot, name, style, about, greeting)
    VALUES ($3, $1, {AT}, 1, 0, $2::text, 's', $2, $2))
INSERT INTO persona_memory (id, persona_id, about, created_at, tenant_id, in_groups, kind, slot, text)
VALUES ($3, $3, $1, {AT}, 1, true, 'fact', 'diet', $2)"""


async def execute(connection: Connection, sql: str, *values: object) -> None:
    await connection.execute(sql, *values)


async def fetch(connection: Connection, sql: str, *values: object) -> Sequence[Any]:
    return await connection.fetch(sql, *values)
