"""What the courier of bookings carries at the same time, and what one after another."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.booking.courier import AT_ONCE, TOPIC, TRIES, BookingCourier
from actors.booking.journal import Told
from actors.booking.steps import Sentence
from core.delivery import Delivery
from core.errors import Resting, Unavailable
from core.ports.bookings import BookingEventRow, Bookings
from core.ports.outbox import OutboxEvent
from core.ports.repositories import Users
from protocol.addresses import Address
from protocol.booking import BookingView
from protocol.frames import Money
from protocol.user import TellBooking

TAKES = 1.0


class Rows:
    """Bookings whose every version was told to their organiser alone; with a card in `room_id`, if there is
    one."""

    def __init__(self, room_id: str | None = None) -> None:
        self._room_id = room_id

    async def events(
        self, tenant_id: int, booking_id: str, *, after: int, limit: int
    ) -> Sequence[BookingEventRow]:
        view = BookingView(
            booking_id=booking_id,
            version=after + 1,
            room_id=self._room_id,
            status="booking",
            step="",
            participants=[],
            travellers=[],
            total=Money(amount=1, currency="EUR"),
        )
        told = Told(
            organiser_id=f"of {booking_id}",
            view=view,
            note=Sentence(text="So."),
            notes={},
            actions={},
            options={},
            question=None,
            titles=[],
            has_card=self._room_id is not None,
        )
        return [BookingEventRow(version=after + 1, at=0, body=msgspec.json.encode(told))]


class SlowInboxes:
    """Each takes a second, but that of `gone`, which cannot be reached."""

    def __init__(self, gone: str = "") -> None:
        self.told: defaultdict[str, list[int]] = defaultdict(list)
        self.running = self.most = 0
        self._gone = gone

    async def deliver(
        self, tenant_id: int, address: Address, message: TellBooking, *, name: str
    ) -> None:
        if message.booking_id == self._gone:
            raise Unavailable
        self.running += 1
        self.most = max(self.most, self.running)
        await trio.sleep(TAKES)
        self.running -= 1
        self.told[message.booking_id].append(message.version)


class NoUsers:
    async def many(self, tenant_id: int, user_ids: Sequence[str]) -> dict[str, Any]:
        return {}


class BrokenRoom:
    """It crashed once more than a room may, and rests."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, message: Any, *, timeout: float) -> None:
        self.asked += 1
        raise Resting


def courier_to(inboxes: SlowInboxes) -> BookingCourier:
    refs = cast("Any", None)
    return BookingCourier(cast(Bookings, Rows()), cast(Users, None), refs, cast(Delivery, inboxes))


def told(booking: str, version: int) -> OutboxEvent:
    return OutboxEvent(
        position=version,
        tenant_id=1,
        topic=TOPIC,
        key=booking,
        first=version,
        last=version,
    )


async def test_bookings_do_not_wait_for_one_another(autojump_clock: MockClock) -> None:
    inboxes = SlowInboxes()
    events = [told(f"b{number}", version) for version in (1, 2) for number in range(AT_ONCE)]
    await courier_to(inboxes).receive(events)
    assert trio.current_time() == pytest.approx(2 * TAKES)
    assert all(versions == [1, 2] for versions in inboxes.told.values())


async def test_so_many_are_carried_at_once_and_no_more(autojump_clock: MockClock) -> None:
    inboxes = SlowInboxes()
    await courier_to(inboxes).receive([told(f"b{number}", 1) for number in range(3 * AT_ONCE)])
    assert inboxes.most == AT_ONCE
    assert len(inboxes.told) == 3 * AT_ONCE


async def test_who_cannot_be_reached_holds_up_nobody_and_the_batch_comes_again(
    autojump_clock: MockClock,
) -> None:
    inboxes = SlowInboxes(gone="b0")
    with pytest.raises(Unavailable):
        await courier_to(inboxes).receive([told(f"b{number}", 1) for number in range(3)])
    assert set(inboxes.told) == {"b1", "b2"}


async def test_a_card_for_a_room_that_rests_after_too_many_crashes_holds_up_nobody_for_long(
    autojump_clock: MockClock,
) -> None:
    room, inboxes = BrokenRoom(), SlowInboxes()
    courier = BookingCourier(
        cast(Bookings, Rows("r")),
        cast(Users, NoUsers()),
        cast("Any", lambda address: room),
        cast(Delivery, inboxes),
    )
    await courier.receive([told("b1", 1)])
    assert room.asked == TRIES
    assert inboxes.told == {"b1": [1]}
