"""What every `TripQuotes` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from booking_worlds import DAY, FLIGHTS, TENANT, World, quoted, world_on
from msgspec.structs import replace as changed

from protocol.travel import HotelQuery, Party

ROOMS = HotelQuery(
    city="NCE", check_in="2027-05-14", check_out="2027-05-17", party=Party(adults=2, rooms=1)
)


@pytest.fixture
async def world(booking_place: str | None) -> AsyncIterator[World]:
    async with world_on(booking_place) as world:
        yield world


async def test_a_quote_comes_back_as_it_was_to_the_byte(world: World) -> None:
    quote = world.quote(
        quoted(), replace(quoted(ROOMS, "amadeus", "h1"), previous=quoted().offer.total)
    )
    await world.quotes.add(quote)
    found = await world.quotes.get(TENANT, quote.id)
    assert replace(found, items=tuple(found.items)) == quote
    assert bytes(found.items[0].offer.token) == b'{"a" :  1.10}'
    assert await world.quotes.get(2, quote.id) is None
    assert await world.quotes.get(TENANT, world.ids.uuid7()) is None
    assert await world.quotes.get(TENANT, "no id") is None


async def test_what_a_supplier_quoted_on_a_route_is_over_when_it_is_forgotten(world: World) -> None:
    quote = world.quote(quoted(supplier="amadeus"), quoted(ROOMS, "duffel", "h1"))
    await world.quotes.add(quote)
    for supplier, query in (
        ("duffel", FLIGHTS),
        ("amadeus", changed(FLIGHTS, origin="NCE", destination="PAR")),
        ("amadeus", changed(FLIGHTS, destination="LIS")),
        ("amadeus", ROOMS),
        ("duffel", changed(ROOMS, city="PAR")),
    ):
        assert await world.quotes.forget_unbooked(TENANT, supplier, query) == 0
    assert await world.quotes.forget_unbooked(2, "amadeus", FLIGHTS) == 0
    assert (await world.quotes.get(TENANT, quote.id)).expires_at == quote.expires_at

    another_day = changed(FLIGHTS, depart_on="2028-01-01", party=Party(adults=1))
    assert await world.quotes.forget_unbooked(TENANT, "amadeus", another_day) == 1
    forgotten = await world.quotes.get(TENANT, quote.id)
    assert forgotten.expires_at <= quote.created_at
    assert replace(forgotten, expires_at=quote.expires_at, items=quote.items) == quote
    assert await world.quotes.forget_unbooked(TENANT, "duffel", ROOMS) == 0


async def test_a_quote_with_a_booking_is_not_forgotten_even_when_that_has_ended(
    world: World,
) -> None:
    quote = world.quote()
    await world.quotes.add(quote)
    booking_id = await world.opened(quote_id=quote.id)
    assert await world.quotes.forget_unbooked(TENANT, "duffel", FLIGHTS) == 0
    await world.bookings.commit(world.ended(booking_id, 2))
    assert await world.quotes.forget_unbooked(TENANT, "duffel", FLIGHTS) == 0
    assert (await world.quotes.get(TENANT, quote.id)).expires_at == quote.expires_at


async def test_quotes_are_kept_for_thirty_days(world: World) -> None:
    old = world.quote()
    await world.quotes.add(old)
    world.clock.at_ms += 30 * DAY - 1
    new = world.quote()
    await world.quotes.add(new)
    await world.sweep()
    assert await world.quotes.get(TENANT, old.id) is not None
    world.clock.at_ms += 1
    await world.sweep()
    assert await world.quotes.get(TENANT, old.id) is None
    assert await world.quotes.get(TENANT, new.id) is not None
