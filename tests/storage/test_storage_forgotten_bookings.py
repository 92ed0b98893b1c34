"""A booking that begins as one of its people is forgotten: it is in the way of that, or it does not begin."""

from dataclasses import replace

import pytest
import trio
from test_storage_personal_data import ADA, AT, BOB, ROOM, begin, execute, fetch, until_waiting

from core.errors import Rejected
from core.ports.bookings import JournalStep, NewBooking, ParticipantRow
from protocol.frames import Money
from storage.months import Month
from storage.postgres.booking_leaves import ensure_leaves
from storage.postgres.booking_writer import open_booking
from storage.postgres.bookings import PostgresBookings
from storage.postgres.erasure import erase
from storage.postgres.pool import Database

KEPT = "SELECT user_id FROM booking_participant ORDER BY user_id"


async def test_no_booking_begins_with_whoever_is_forgotten(database: Database) -> None:
    """But in the place of one that they had: it is the others' way on."""
    await begin(database)
    bookings = PostgresBookings(database)
    assert await erase(database, 1, ADA) == 1
    for organiser, other in ((ADA, BOB), (BOB, ADA)):
        with pytest.raises(Rejected) as refused:
            await bookings.open(*a_booking(organiser, other))
        assert refused.value.code == "not_found"
    assert await database.call(fetch, KEPT) == []
    new, step = a_booking(BOB, ADA)
    assert await bookings.open(replace(new, is_replacement=True), step) is None
    assert await database.call(fetch, KEPT) == [(ADA,), (BOB,)]


async def test_whoever_is_in_a_booking_that_just_begins_is_not_erased(database: Database) -> None:
    """It is put down already, and not yet committed, as the erasure looks for one."""
    await begin(database)
    month = Month.of_uuid7(ROOM)
    assert month is not None
    await database.call(ensure_leaves, month)
    erased: list[int | None] = []
    is_done = trio.Event()

    async def erase_her() -> None:
        erased.append(await erase(database, 1, ADA))
        is_done.set()

    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        assert await slow.call(open_booking, *a_booking(BOB, ADA)) is None
        nursery.start_soon(erase_her)
        await until_waiting(database, 1, or_else=is_done)
        await slow.call(execute, "COMMIT")
    assert erased == [None]
    assert await database.call(fetch, "SELECT FROM account WHERE is_forgotten") == []


def a_booking(organiser: str, other: str) -> tuple[NewBooking, JournalStep]:
    """Its first step; `other` is to pay."""
    total = Money(amount=1, currency="EUR")
    new = NewBooking(
        quote_id=ROOM, creator_id=organiser, client_id=ROOM, room_id=ROOM, total=total, created_at=AT
    )  # fmt: skip
    step = JournalStep(
        tenant_id=1, booking_id=ROOM, fence=0, revision=1, version=1, state="COLLECTING",
        status="collecting", step="", snapshot=b"", at=AT, is_terminal=False, needs_operator=False,
        participants=[ParticipantRow(user_id=other, amount=total, state="invited")],
    )  # fmt: skip
    return new, step
