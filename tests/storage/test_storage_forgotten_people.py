"""What comes late for somebody who is forgotten: nothing of it is put down, whatever was first."""

from collections.abc import Sequence
from functools import partial

import pytest
import trio
from msgspec import Raw
from msgspec.structs import replace
from test_storage_personal_data import (
    ADA,
    AT,
    BOB,
    CONSULTATION,
    ROOM,
    begin,
    execute,
    fetch,
    until_waiting,
)

from core.clock import SystemClock
from core.errors import Rejected
from core.ports.consultations import Consultation
from core.ports.repositories import UserPatch
from protocol.codec import encode
from protocol.frames import Money
from protocol.room import MemberView, RoomInvited, RoomView, Settings
from protocol.travel import HotelDetails, HotelQuery, Offer, Party, SupplierOffer
from storage.postgres.consultations import PostgresConsultations
from storage.postgres.erasure import erase, shut_out
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.offers import PostgresOffers
from storage.postgres.pool import Database
from storage.postgres.users import PostgresUsers

BOBS = ROOM[:-1] + "1"
"""A persona and a listing."""

PERSON = {
    "listing_import": "user_id",
    "persona": "owner_id",
    "persona_choice": "user_id",
    "persona_feedback": "user_id",
    "persona_memory": "about",
    "persona_taste": "user_id",
    "plan_calendar": "user_id",
    "traveller": "given_by",
    "trip_quote": "user_id",
}
LATE = {
    "listing_import": f"INSERT INTO listing_import VALUES ('{BOBS}', '{ADA}', {AT}, 1)",
    "persona": f"""
        INSERT INTO persona (id, owner_id, created_at, tenant_id, slot, name, style, about, greeting)
        VALUES ('{ADA}', '{ADA}', {AT}, 1, 4, 'Ada', 's', 'Ada', 'Ada')""",
    "persona_choice": f"INSERT INTO persona_choice VALUES ('{ADA}', '{ROOM}', '{BOBS}', {AT}, 1)",
    "persona_feedback": f"""
        INSERT INTO persona_feedback
        VALUES ('{ADA}', '{BOBS}', '{ROOM}', {AT}, 1, 1, 'rating', '', '', 'wise', '{{}}')""",
    "persona_memory": f"""
        INSERT INTO persona_memory (id, persona_id, about, created_at, tenant_id, in_groups, kind, slot, text)
        VALUES ('{ADA}', '{BOBS}', '{ADA}', {AT}, 1, true, 'fact', 'diet', 'vegan')""",
    "persona_taste": f"INSERT INTO persona_taste VALUES ('{BOBS}', '{ADA}', 1, '{{}}')",
    "plan_calendar": f"INSERT INTO plan_calendar VALUES ('{ROOM}', '{ADA}', {AT}, 1, 'x')",
    "traveller": f"INSERT INTO traveller VALUES ('{BOB}', '{ADA}', 1, '1', 'x', 'x')",
    "trip_quote": f"""
        INSERT INTO trip_quote VALUES
        ('{ROOM}', '{ADA}', '{ROOM}', {AT}, {AT}, {AT}, 1, 1, false, 'EUR', '{{}}', 'x')""",
}


@pytest.mark.parametrize("table", LATE)
async def test_what_comes_after_the_erasure_is_left_out(database: Database, table: str) -> None:
    await begin(database)
    assert await erase(database, 1, ADA) == 1
    await database.call(execute, LATE[table])
    assert await of_hers(database, table) == 0


@pytest.mark.parametrize("table", LATE)
async def test_what_comes_with_the_erasure_goes_with_it(database: Database, table: str) -> None:
    """It is put down already, and not yet committed, as the erasure looks for it."""
    await begin(database)
    await database.call(execute, f"DELETE FROM {table} WHERE {PERSON[table]} = $1", ADA)
    is_erased = trio.Event()

    async def erase_her() -> None:
        await erase(database, 1, ADA)
        is_erased.set()

    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, LATE[table])
        nursery.start_soon(erase_her)
        await until_waiting(database, 1, or_else=is_erased)
        await slow.call(execute, "COMMIT")
    assert await of_hers(database, table) == 0


@pytest.mark.parametrize("table", ["message", "search_document", "inbox_item"])
async def test_nobody_waits_while_it_is_looked_for_what_somebody_said(
    database: Database, table: str
) -> None:
    """A year of messages is read: a transaction with a number of its own would keep all news from everybody
    meanwhile, and a lock on her account whoever has news for her."""
    await begin(database)
    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        nursery.start_soon(erase, database, 1, ADA)
        await until_waiting(database, 1)
        assert await database.call(fetch, NUMBERED) == []
        await slow.call(execute, "ROLLBACK")
    assert await database.call(fetch, "SELECT FROM account WHERE is_forgotten") == [()]


async def test_nobody_waits_while_it_is_looked_for_whose_rooms_are_left(database: Database) -> None:
    await begin(database)
    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, "LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
        nursery.start_soon(partial(shut_out, login_id=ROOM, at=AT), database, 1, ADA)
        await until_waiting(database, 1)
        assert await database.call(fetch, NUMBERED) == []
        await slow.call(execute, "ROLLBACK")


NUMBERED = """
SELECT pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND a.backend_xid IS NOT NULL"""


async def test_offers_that_come_late_are_nobodys(database: Database) -> None:
    await begin(database)
    offers = PostgresOffers(database, SystemClock())
    assert await erase(database, 1, ADA) == 1
    for whose in (ADA, BOB):
        await offers.add(1, whose, [replace(OFFER, id=whose)])
    rows = await database.call(fetch, "SELECT user_id FROM offer ORDER BY id")
    assert [row["user_id"] for row in rows] == [None, BOB]


async def test_a_profile_that_is_changed_late_stays_a_shells(database: Database) -> None:
    await begin(database)
    users = PostgresUsers(database)
    assert await erase(database, 1, ADA) == 1
    with pytest.raises(Rejected) as refused:
        await users.patch(1, ADA, UserPatch(name="Ada"))
    assert refused.value.code == "not_found"
    assert (await users.patch(1, BOB, UserPatch(name="Bob"))).name == "Bob"


async def test_an_appointment_that_is_wanted_late_is_not_booked(database: Database) -> None:
    await begin(database)
    await database.call(execute, "UPDATE account SET role = 'professional' WHERE id = $1", BOB)
    await database.call(execute, CONSULTATION, BOBS, BOB, None, "open", "")
    later = (
        f"UPDATE consultation SET starts_at = {AT + 9}, ends_at = {AT + 10} WHERE state = 'open'"
    )
    await database.call(execute, later)
    assert await erase(database, 1, ADA) == 1
    with pytest.raises(Rejected) as refused:
        await PostgresConsultations(database).book(1, BOBS, ADA, about="where to eat", now=AT)
    assert refused.value.code == "not_found"


async def test_a_time_that_is_opened_late_is_none(database: Database) -> None:
    await begin(database)
    assert await erase(database, 1, ADA) == 1
    late = Consultation(id=BOBS, professional_id=ADA, starts_at=AT + 9, ends_at=AT + 10)
    with pytest.raises(Rejected) as refused:
        await PostgresConsultations(database).open(1, late, now=AT)
    assert refused.value.code == "not_found"


async def test_the_invitations_of_others_do_not_name_whoever_is_erased(database: Database) -> None:
    await begin(database)
    inboxes, kept = PostgresInboxes(database), {}
    for number, ids in enumerate(([ADA, BOB], [BOB])):
        body = partial(invitation, ids)
        kind = {"source": f"room:{number}", "kind": "room.invited", "at": AT}
        assert await inboxes.append(1, BOB, **kind, body=body)
        kept[number + 1] = body(number + 1)
    await database.call(execute, UNREADABLE)
    assert await erase(database, 1, ADA) == 1
    first, second, _ = await inboxes.read(1, BOB, after=0, limit=9)
    assert first.body == kept[1].replace(b"\xa3Ada", b"\xa0")
    assert second.body == kept[2]


def invitation(ids: Sequence[str], seq: int) -> bytes:
    """To a room of these, who are called Ada and Bob."""
    names = {ADA: "Ada", BOB: "Bob"}
    room = RoomView(
        id=ROOM, kind="group", title="Lisbon", settings=Settings(),
        members=[MemberView(id=one, name=names[one], role="member", state="joined") for one in ids],
        member_count=len(ids), personas=[], epoch="e", head=1, first=1, read=0, created_at=AT,
    )  # fmt: skip
    return encode(RoomInvited(room=room, inbox=seq))


UNREADABLE = f"""
INSERT INTO inbox_item (tenant_id, user_id, seq, source, kind, body, created_at)
VALUES (1, '{BOB}', 3, 'junk', 'room.invited', convert_to('Ada {ADA}', 'UTF8'), {AT})"""


async def of_hers(database: Database, table: str) -> int:
    [row] = await database.call(
        fetch, f"SELECT count(*) FROM {table} WHERE {PERSON[table]} = $1", ADA
    )
    return int(row["count"])


OFFER = Offer(
    id=ROOM,
    query=HotelQuery(
        city="NCE", check_in="2027-05-14", check_out="2027-05-17", party=Party(adults=1)
    ),
    source=SupplierOffer(
        supplier="amadeus",
        token=Raw(b"{}"),
        total=Money(amount=1, currency="EUR"),
        fetched_at=AT,
        expires_at=AT,
        can_hold=False,
        details=HotelDetails(
            hotel_id="h",
            name="Palace",
            check_in="2027-05-14",
            check_out="2027-05-17",
            free_until=AT,
        ),
    ),
)
