"""What an airline changes of a booked flight, from the supplier to those who fly, and another flight in its place."""

from dataclasses import replace as changed
from typing import Any

import pytest
import trio
from actors_world import TENANT, user, user_id
from booking_actors_world import LATER, SOONER, BookingsWorld, flight, later, leases_lost, ways
from msgspec.structs import replace
from test_actors_booking import approve_all, approves, ledger, notices
from trio.testing import MockClock

from actors.booking.journal import unpacked
from actors.booking.rebooker import OtherBookings, Rebooker
from actors.booking.steps import ReplacementOpened
from actors.booking.telling import BookingTellings
from core.ports.durable_timers import TimerDue
from protocol.booking import BOOKING, CancelBooking, GetBooking, ReplaceBooking, WakeBooking
from protocol.frames import Money
from protocol.suppliers import NotSent, Refused
from protocol.travel import FlightDetails

HOUR = 3_600.0


async def booked(world: BookingsWorld) -> Any:
    booking = await world.opened(flight(2))
    await world.name_all(booking)
    await approve_all(world, booking, 1, 2)
    await world.until(booking.booking_id, "COMPLETED")
    return booking


async def test_a_change_is_seen_without_a_webhook_told_in_all_languages_and_taken_over(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await booked(world)
        [order] = world.flights.orders.values()
        world.flights.move(order.id, ways(SOONER), "ch_1")
        await trio.sleep(90)  # the booking rests meanwhile, and its timer wakes it
        assert not world.system.is_active(BOOKING.at(booking.booking_id))
        world.business.offset += 7 * 3_600_000
        world.service.nudge(world.business.business_ms())
        asked = await world.asked(booking, "supplier_change")
        assert [option.id for option in asked.options] == ["accept", "refund"]
        await world.decide(booking, asked, "accept", 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
        seen = await world.at_booking(2, GetBooking(booking_id=booking.booking_id))
        assert order.change_id is None
        assert seen.itinerary[0].details["itineraries"][0]["segments"][0]["departs"] == SOONER
        await trio.sleep(10)
        said = [notice.content for notice in notices(world)]
        assert any("QF100" in text and "07:00 instead of 14 May, 08:00" in text for text in said)
        rows = await world.bookings.events(TENANT, booking.booking_id, after=0, limit=100)
        tellings = BookingTellings(world.bookings, world.users)
        for locale in ("en", "de", "es", "fr", "ar"):
            world.users.add(changed(user(1), locale=locale))
            for update in await tellings.worded(TENANT, user_id(1), rows):
                assert update is not None
                assert "{" not in f"{update.note} {update.step} {update.question}".replace("{'", "")


async def test_another_flight_is_booked_and_only_then_is_the_first_given_back(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.trips.found = [
        replace(later(2), id=flight(2).id, source=flight(2).source),
        later(2),
    ]
    async with world.running():
        booking = await booked(world)
        await world.moved(booking, LATER)
        asked = await world.asked(booking, "supplier_change")
        assert [option.id for option in asked.options] == ["accept", "rebook", "refund"]
        assert [share.amount.amount for share in asked.options[1].shares] == [10_000, 10_000]
        await world.decide(booking, asked, "rebook", 1, 2)
        other = await world.other_than(booking)
        seen = await world.at_booking(2, GetBooking(booking_id=other))
        assert (seen.status, seen.room_id) == ("collecting", booking.room_id)
        assert [one.amount.amount for one in seen.participants] == [10_000, 10_000]
        assert all(one.complete for one in seen.travellers)
        await world.at_booking(1, approves(other, 11))
        await trio.sleep(60)
        assert world.tables.rows[booking.booking_id].step.state == "COMPLETED"
        assert ledger(world, booking.booking_id)["supplier:duffel"] == -20_000
        await world.at_booking(2, approves(other, 12))
        await world.until(other, "COMPLETED", within=HOUR)
        await world.until(booking.booking_id, "CANCELLED", within=HOUR)
        live = [order for order in world.flights.orders.values() if order.is_live]
        [details] = [part.offer.details for part in saga_of(world, other).parts]
        assert isinstance(details, FlightDetails)
        assert details.itineraries[0].segments[0].number == "7"
        assert [order.ways for order in live] == [details.itineraries]
        assert saga_of(world, other).has_told
        assert ledger(world, booking.booking_id)["supplier:duffel"] == 0
        net = [payment.net for payment in world.provider.payments.values()]
        assert sorted(net) == [0, 0, 10_000, 10_000]


async def test_a_second_word_of_the_other_booking_and_one_of_a_strangers_change_nothing(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await booked(world)
        address = BOOKING.at(booking.booking_id)
        before = world.tables.rows[booking.booking_id].step.revision
        stranger = ReplaceBooking(by="b-other", is_booked=True)
        await world.system.ref(address).ask(stranger, timeout=60)
        assert world.tables.rows[booking.booking_id].step.revision == before
        world.flights.keeps = 5_000
        await world.at_booking(1, CancelBooking(booking_id=booking.booking_id))
        asked = await world.asked(booking, "refund")
        assert [share.amount.amount for share in asked.options[0].shares] == [7_500, 7_500]
        world.flights.keeps = 8_000
        await world.decide(booking, asked, "agree", 1)
        await trio.sleep(60)
        again = await world.asked(booking, "refund")
        assert [share.amount.amount for share in again.options[0].shares] == [6_000, 6_000]
        await world.system.ref(address).ask(WakeBooking(order_id="ord_nobody"), timeout=60)
        assert world.tables.rows[booking.booking_id].step.state == "COMPLETED"


def saga_of(world: BookingsWorld, booking_id: str) -> Any:
    return unpacked(world.tables.rows[booking_id].step.snapshot)


@pytest.mark.parametrize(
    "why",
    ["the same flight", "dearer currency", "leaves at once", "not held", "none", "has flown"],
)
async def test_what_cannot_take_its_place_is_not_offered(
    why: str, autojump_clock: MockClock
) -> None:
    world = BookingsWorld()
    other = later(2)
    changes: dict[str, Any] = {
        "the same flight": {"details": flight(2).source.details},
        "dearer currency": {"total": Money(amount=1, currency="USD")},
        "leaves at once": {"details": FlightDetails(itineraries=ways("2020-01-01T08:00:00", "7"))},
        "not held": {"can_hold": False},
    }
    if why in changes:
        other = replace(other, source=replace(other.source, **changes[why]))
    world.trips.found = [] if why == "none" else [other]
    async with world.running():
        booking = await booked(world)
        saga = saga_of(world, booking.booking_id)
        if why == "has flown":
            world.business.offset += 10 * 365 * 86_400_000
        rebooker = Rebooker(world.desk_ports(), world.travellers)
        assert await rebooker.find(saga, saga.parts[0]) is None
        nothing = await rebooker.open(saga, saga.parts[0], "k")
        assert isinstance(nothing, Refused)


async def test_another_flight_that_is_sold_meanwhile_is_asked_about_no_more(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.trips.found = [later(2)]
    async with world.running():
        booking = await booked(world)
        await world.moved(booking, LATER)
        asked = await world.asked(booking, "supplier_change")
        world.flights.sold_out.add(bytes(later(2).source.token))
        await world.decide(booking, asked, "rebook", 1, 2)
        again = await world.asked(booking, "supplier_change")
        assert [option.id for option in again.options] == ["accept", "refund"]
        assert len(world.tables.rows) == 1
        tellings = BookingTellings(world.bookings, world.users)
        seen = await tellings.inspect(TENANT, booking.booking_id)
        assert seen is not None
        assert seen["parts"][0]["change"]["kind"] == "times"


async def test_a_booking_that_is_not_there_is_told_nothing_for_good(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        told = await OtherBookings(world.system.ref)("nobody", "b2", True)
        assert isinstance(told, Refused)


@pytest.mark.parametrize("is_named", [True, False])
async def test_an_answer_that_was_under_way_when_the_airline_said_so_is_not_the_last_one(
    is_named: bool, autojump_clock: MockClock
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await booked(world)
        [order] = world.flights.orders.values()
        flights: Any = world.suppliers.inventories["duffel"]
        get, seen = flights.get, []

        async def slowly(order_id: str) -> Any:
            found = await get(order_id)
            seen.append(found)
            await trio.sleep(10)
            return found

        flights.get = slowly
        woken = WakeBooking(order_id=order.id)
        await world.system.ref(BOOKING.at(booking.booking_id)).ask(woken, timeout=60)
        await trio.sleep(5)
        assert len(seen) == 1
        if is_named:
            await world.moved(booking, SOONER)
        else:
            world.flights.move(order.id, ways(SOONER))
            unnamed = TimerDue(name="webhook:x", due_at=0)
            await world.system.ref(BOOKING.at(booking.booking_id)).ask(unnamed, timeout=60)
        asked = await world.asked(booking, "supplier_change")
    assert [option.id for option in asked.options] == ["accept", "refund"]
    assert len(seen) == 2


async def test_travellers_are_still_theirs_who_gave_them_in_the_booking_that_is_opened_instead(
    autojump_clock: MockClock,
) -> None:
    """Else they were left out with the account of who pays for one, though the organiser had named them."""
    world = BookingsWorld()
    world.trips.found = [later(2)]
    async with world.running():
        booking = await booked(world)
        await world.moved(booking, LATER)
        await world.asked(booking, "supplier_change")
        saga = saga_of(world, booking.booking_id)
        opened = await Rebooker(world.desk_ports(), world.travellers).open(saga, saga.parts[0], "k")
        assert isinstance(opened, ReplacementOpened)
        givers = await world.travellers.givers(TENANT, opened.booking_id)
        assert givers == dict.fromkeys([one.id for one in booking.travellers], user_id(1))


async def test_who_lost_the_booking_meanwhile_opens_no_other_in_its_place(
    autojump_clock: MockClock,
) -> None:
    """The successor may have heard by now that the flight is sold, and ask people again."""
    world = BookingsWorld()
    world.trips.found = [later(2)]
    async with world.running():
        booking = await booked(world)
        await world.moved(booking, LATER)
        await world.asked(booking, "supplier_change")
        saga, reprice = saga_of(world, booking.booking_id), world.suppliers.reprice

        async def taken_over(*args: Any, **more: Any) -> Any:
            priced = await reprice(*args, **more)
            await leases_lost(world.leases, booking.booking_id)
            return priced

        world.suppliers.reprice = taken_over  # type: ignore[method-assign]
        rebooker = Rebooker(world.desk_ports(), world.travellers)
        opened = await rebooker.open(saga, saga.parts[0], "k")
        assert isinstance(opened, NotSent)
        assert len(world.tables.rows) == 1
        world.suppliers.reprice = reprice  # type: ignore[method-assign]
        assert isinstance(await rebooker.open(saga, saga.parts[0], "k"), ReplacementOpened)
