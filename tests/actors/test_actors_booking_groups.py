"""A group that no supplier books at once, from the quote to the tickets."""

from dataclasses import replace as replaced
from typing import Any

import msgspec
import pytest
import trio
from actors_world import ROOM_ID, TENANT, key, user, user_id
from booking_actors_world import FLIGHT, BookingsWorld, creates, flight, stay
from msgspec.structs import replace
from test_actors_booking import approve_all, notices
from trio.testing import MockClock

from core.errors import Rejected
from protocol.booking import DecideBooking, DeclineBooking, GetBooking, TravellerSpec
from protocol.travel import FlightDetails, FlightQuery, Offer, Query


def for_party(query: Query, **changes: Any) -> Offer:
    """The same flight, at a hundred for each adult."""
    assert isinstance(query, FlightQuery)
    found = flight(query.party.adults, **changes)
    return replace(found, id=key(0xF000 + query.party.adults), query=query)


async def quote_for(world: BookingsWorld, adults: int, **more: Any) -> Any:
    return await world.quoted(flight(2), *more.pop("others", ()), adults=adults, **more)


@pytest.mark.parametrize("supplier", ["duffel", "amadeus"])
async def test_eleven_fly_on_two_orders_or_not_at_all(
    supplier: str, autojump_clock: MockClock
) -> None:
    world = BookingsWorld()
    world.trips.sold = lambda query: for_party(query, supplier=supplier)
    world.hotels.capabilities = replaced(world.hotels.capabilities, most_travellers=81)
    async with world.running():
        await world.room_of(1, 2)
        quote = await quote_for(world, 11, room_id=ROOM_ID, others=(stay(11),))
        items = [(one.part_id, one.travellers, one.total.amount) for one in quote.items]
        assert items == [("f", 6, 60_000), ("f2", 5, 50_000), ("h1", None, 20_000)]
        assert quote.total.amount == 130_000
        travellers = [
            TravellerSpec(id=f"t{n}", payer_id=user_id(1 + n % 2), type="adult") for n in range(11)
        ]
        made = await world.at_desk(1, creates(quote.quote_id, (1, 2), travellers=travellers))
        booking = made.booking
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
        seen = await world.at_booking(2, GetBooking(booking_id=booking.booking_id))
    core = {"duffel": world.flights, "amadeus": world.seats}[supplier]
    assert [(order.travellers, order.status) for order in core.orders.values()] == [
        (6, "ticketed"),
        (5, "ticketed"),
    ]
    flights = [one for one in seen.itinerary if one.kind == "flight"]
    assert len({one.locator for one in flights}) == 2
    assert [len(one.tickets) for one in flights] == [6, 5]
    assert [one.amount.amount for one in seen.participants] == [65_000, 65_000]
    assert notices(world)[-1].cards[0]["title"] == "BER → LIS + Hotel Tejo"


async def test_the_trip_goes_on_without_who_says_no_and_is_searched_for_the_others(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.suppliers.sold = lambda query: for_party(query).source
    async with world.running():
        booking = await world.opened(flight(3), payers=(1, 2, 3))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.at_booking(3, DeclineBooking(booking_id=booking.booking_id))
        await world.until(booking.booking_id, "RESPLIT")
        await trio.sleep(5)
        seen = await world.at_booking(1, GetBooking(booking_id=booking.booking_id))
        [drop] = [option for option in seen.question.options if option.id == "drop"]
        assert drop.text == f"Go on without {user(3).name}, priced anew for fewer travellers."
        decides = DecideBooking(
            booking_id=booking.booking_id, question_id=seen.question.id, option_id="drop"
        )
        await world.at_booking(1, decides)
        await world.until(booking.booking_id, "COMPLETED")
        seen = await world.at_booking(3, GetBooking(booking_id=booking.booking_id))
        await trio.sleep(5)
        told = []
        for number in (2, 3):
            items = await world.inboxes.read(TENANT, user_id(number), after=0, limit=99)
            told.append(msgspec.msgpack.decode(items[-1].body))
    assert [(one["status"], "itinerary" in one) for one in told] == [
        ("booked", True),
        ("booked", False),
    ]
    assert seen.itinerary is None
    [query] = world.suppliers.searched
    assert query.party.adults == 2
    [order] = world.flights.orders.values()
    assert (order.travellers, order.total.amount) == (2, 20_000)
    assert [one.id for one in seen.travellers] == ["t1", "t2"]
    assert [one.amount.amount for one in seen.participants] == [10_000, 10_000, 0]


async def test_each_part_is_searched_for_by_itself_and_must_be_the_same_flight(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.trips.sold = for_party
    async with world.running():
        await quote_for(world, 19)
        assert sorted(query.party.adults for query in world.trips.asked) == [6, 6, 7]
        other = flight(2).source.details
        assert isinstance(other, FlightDetails)
        [way] = other.itineraries
        later = replace(
            other,
            itineraries=(replace(way, segments=(replace(way.segments[0], number="102"),)),),
        )
        world.trips.sold = lambda query: for_party(
            query, **({"details": later} if query.party.adults == 5 else {})
        )
        with pytest.raises(Rejected, match="cannot be had for these travellers"):
            await quote_for(world, 11)


async def test_all_parts_are_of_the_fare_that_was_shown_where_there_is_one(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    shown = flight(2)
    flexible = replace(shown.source.details, is_refundable=True, checked_bags=1)
    async with world.running():
        cheap, dear = (
            replace(for_party(shown.query, details=details), id=key(0xE000 + n))
            for n, details in enumerate((shown.source.details, flexible))
        )
        world.trips.found = [cheap, dear]
        offer = replace(shown, source=replace(shown.source, details=flexible))
        quote = await world.quoted(offer, adults=11)
        assert [one.details.get("isRefundable") for one in quote.items] == [True, True]
        world.trips.found = [cheap]
        again = replace(offer, id=key(0xE00F))
        quote = await world.quoted(again, adults=11)
        assert [one.details.get("isRefundable") for one in quote.items] == [None, None]


@pytest.mark.parametrize(("left", "is_enough"), [(9, True), (8, False)])
async def test_a_flight_with_too_few_seats_left_is_not_quoted_in_parts(
    left: int, is_enough: bool, autojump_clock: MockClock
) -> None:
    """Nine may be more: no supplier counts further."""
    world = BookingsWorld()
    details = replace(flight(2).source.details, seats=left)
    world.trips.sold = lambda query: for_party(query, details=details)
    async with world.running():
        if is_enough:
            assert len((await quote_for(world, 10)).items) == 2
        else:
            with pytest.raises(Rejected) as refusal:
                await quote_for(world, 10)
            assert refusal.value.params == {"count": 8}


async def test_who_needs_several_orders_is_told_why_there_are_none(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.trips.sold = lambda query: for_party(query, can_hold=False)
    async with world.running():
        with pytest.raises(Rejected, match="too few adults"):
            await quote_for(world, 1, children_ages=[5] * 9)
        quote = await quote_for(world, 10)
        seats = [TravellerSpec(id=f"t{n}", payer_id=user_id(1), type="adult") for n in range(10)]
        with pytest.raises(Rejected, match="several orders"):
            await world.at_desk(1, creates(quote.quote_id, (1,), travellers=seats))
        wrong = creates(quote.quote_id, (1,), 2, travellers=seats[1:])
        with pytest.raises(Rejected, match="not those for whom"):
            await world.at_desk(1, wrong)
        assert await world.offers.get(TENANT, FLIGHT) is not None


async def test_a_supplier_that_books_fewer_at_once_has_smaller_parts(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.flights.capabilities = replaced(world.flights.capabilities, most_travellers=4)
    world.trips.sold = for_party
    async with world.running():
        quote = await quote_for(world, 9)
        assert [one.travellers for one in quote.items] == [3, 3, 3]
