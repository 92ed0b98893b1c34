"""What comes late for somebody who is forgotten: nothing of it is put down, whatever was first."""

from collections.abc import Sequence
from dataclasses import replace as with_
from functools import partial
from pathlib import Path

import pytest
import trio
from msgspec import Raw
from msgspec.structs import replace
from test_storage_personal_data import (
    ADA,
    AT,
    BOB,
    BOOKING,
    CONSULTATION,
    ROOM,
    a_room,
    begin,
    execute,
    fetch,
    until_waiting,
)

from commands.erased_again import ERASED, erase_again, erased_ids, note_erased
from core.announcement import announcement
from core.clock import SystemClock
from core.errors import Rejected
from core.ports.consultations import Consultation
from core.ports.message_log import EventKind, LogRow
from core.ports.repositories import UserPatch
from protocol.booking import BookingUpdated, ParticipantView, Question, QuestionOption
from protocol.chat import SYSTEM, MessagePosted, Sender, SenderKind
from protocol.codec import decode_event, encode
from protocol.frames import Money
from protocol.room import MemberView, PersonaView, RoomChanged, RoomInvited, RoomView, Settings
from protocol.travel import HotelDetails, HotelQuery, Offer, Party, SupplierOffer
from storage.months import Month
from storage.postgres.booking_leaves import ensure_leaves
from storage.postgres.consultations import PostgresConsultations
from storage.postgres.erasure import erase, shut_out
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.offers import PostgresOffers
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import SearchIndex
from storage.postgres.users import PostgresUsers

WHO = """
SELECT handle, is_forgotten, (SELECT count(*) FROM login WHERE user_id = account.id)
  FROM account WHERE id = $1"""

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


async def test_who_is_brought_back_by_a_backup_is_erased_again_once_no_booking_goes_on(
    database: Database, tmp_path: Path
) -> None:
    await begin(database)
    of_bob = await database.call(fetch, WHO, BOB)
    month = Month.of_uuid7(ROOM)
    assert month is not None
    await database.call(ensure_leaves, month)
    await database.call(execute, BOOKING, False)
    await erase_again(database, tmp_path)  # nobody was erased here
    (tmp_path / ERASED).write_text(ROOM[:20])  # a line that was cut short
    for user_id in (ADA, ADA, ROOM):
        note_erased(tmp_path, user_id)
    assert erased_ids(tmp_path) == [ADA, ROOM]
    of_ada = await database.call(fetch, WHO, ADA)
    await erase_again(database, tmp_path)
    assert await database.call(fetch, WHO, ADA) == of_ada
    await database.call(execute, "UPDATE booking SET is_terminal = true")
    for _ in range(2):
        await erase_again(database, tmp_path)
    assert await database.call(fetch, WHO, ADA) == [("gone~00000000000a", True, 0)]
    assert await database.call(fetch, WHO, BOB) == of_bob


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
        kind = {"source": f"room:{number}", "kind": "room.invited", "at": AT, "fence": 0}
        assert await inboxes.append(1, BOB, **kind, body=body)
        kept[number + 1] = body(number + 1)
    await database.call(execute, UNREADABLE)
    assert await erase(database, 1, ADA) == 1
    first, second, _ = await inboxes.read(1, BOB, after=0, limit=9)
    assert first.body == kept[1].replace(b"\xa3Ada", b"\xa0").replace(b"\xa4Adas", b"\xa0")
    assert second.body == kept[2]


async def test_nothing_names_the_personas_of_whoever_is_erased(database: Database) -> None:
    """One that she had made to go before as well; what others' personas are called stays."""
    await begin(database)
    log = [
        seated(2, by=ADA, persona=LUNA, name="Luna"),
        spoken(3, SYSTEM.id, SYSTEM.name, announcement("Luna", "Ada", "de")),
        seated(4, by=ADA, persona=LUNA, name="Stella"),
        spoken(5, LUNA, "Luna", "Ada will like Luna's beach."),
        spoken(6, ADAS, "Nova", "So she will."),
        seated(7, by=BOB, persona=BOBS, name="Rex"),
        spoken(8, BOBS, "Rex", "Luna, be still."),
        spoken(9, SYSTEM.id, SYSTEM.name, "Bob asks: Where to?"),
        spoken(10, SYSTEM.id, SYSTEM.name, "ada says no, Adam says yes."),
    ]
    await PostgresRooms(database).create(
        with_(a_room(), id=ELSEWHERE, client_id=ELSEWHERE, more=log)
    )
    index = SearchIndex(database)
    await index.receive(await PostgresOutbox(database).whole_logs(None))
    for _ in range(2):
        assert await erase(database, 1, ADA) == 1
    rows = await database.call(
        fetch, "SELECT seq, body FROM message WHERE room_id = $1 ORDER BY seq", ELSEWHERE
    )
    kept = {row["seq"]: decode_event(row["body"]) for row in rows}
    views = [one.persona for one in kept.values() if isinstance(one, RoomChanged)]
    assert [view.name for view in views if view] == ["", "", "Rex"]
    said = {
        seq: (one.sender.name, one.content)
        for seq, one in kept.items()
        if isinstance(one, MessagePosted)
    }
    assert said == {
        3: ("Caravan", announcement("", "", "de")),
        5: ("", "Ada will like Luna's beach."),
        6: ("", "So she will."),
        8: ("Rex", "Luna, be still."),
        9: ("Caravan", "Bob asks: Where to?"),
        10: ("Caravan", "… says no, Adam says yes."),
    }
    found = await database.call(
        fetch, "SELECT seq FROM search_document WHERE room_id = $1 ORDER BY seq", ELSEWHERE
    )
    assert [row["seq"] for row in found] == [5, 6, 8, 9]


async def test_what_others_were_told_of_a_booking_names_nobody_who_is_erased(
    database: Database,
) -> None:
    await begin(database)
    inboxes = PostgresInboxes(database)

    def body(seq: int) -> bytes:
        options = [QuestionOption(id="1", text="Without ada"), QuestionOption(id="2", text="No")]
        question = Question(id="q", kind="resplit", options=options, to=[BOB], expires_at=AT)
        total = Money(amount=1, currency="EUR")
        shares = [
            ParticipantView(user_id=one, amount=total, state="declined") for one in (ADA, BOB)
        ]
        return encode(
            BookingUpdated(
                booking_id=ROOM, version=1, status="collecting", step="", participants=shares,
                travellers=[], total=total, question=question, note="ada said no.", inbox=seq,
            )
        )  # fmt: skip

    assert await inboxes.append(
        1, BOB, source="b", kind="booking.update", at=AT, fence=0, body=body
    )
    assert await erase(database, 1, ADA) == 1
    [item] = await inboxes.read(1, BOB, after=0, limit=9)
    assert item.body == body(1).replace(b"ada", "…".encode())


ADAS, LUNA = ROOM[:-1] + "0", ROOM[:-1] + "c"
ELSEWHERE = ROOM[:-1] + "e"


def seated(seq: int, *, by: str, persona: str, name: str) -> LogRow:
    view = PersonaView(id=persona, name=name, owner_id=by)
    event = RoomChanged(
        room_id=ELSEWHERE, epoch="e", seq=seq, sent_at=AT, by=by, change="persona",
        persona_id=persona, persona=view, active=True,
    )  # fmt: skip
    return LogRow(seq=seq, sent_at=AT, kind=EventKind.ROOM, sender_id=by, body=encode(event))


def spoken(seq: int, by: str, name: str, content: str) -> LogRow:
    kind: SenderKind = "system" if by == SYSTEM.id else "persona"
    message_id = ROOM[:-2] + f"{seq:02x}"
    event = MessagePosted(
        room_id=ELSEWHERE, epoch="e", seq=seq, sent_at=AT, message_id=message_id, content=content,
        sender=Sender(id=by, kind=kind, name=name),
    )  # fmt: skip
    return LogRow(
        seq=seq,
        sent_at=AT,
        kind=EventKind.MESSAGE,
        sender_id=by,
        body=encode(event),
        message_id=message_id,
    )


def invitation(ids: Sequence[str], seq: int) -> bytes:
    """To a room of these, who are called Ada and Bob, and of a persona of each."""
    names = {ADA: "Ada", BOB: "Bob"}
    room = RoomView(
        id=ROOM, kind="group", title="Lisbon", settings=Settings(),
        members=[MemberView(id=one, name=names[one], role="member", state="joined") for one in ids],
        member_count=len(ids), epoch="e",
        personas=[PersonaView(id=one, name=f"{names[one]}s", owner_id=one) for one in ids],
        head=1, first=1, read=0, created_at=AT,
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
