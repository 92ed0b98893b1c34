"""The made-up world follows from its seed, and is plausible."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.sandbox.cities import CITIES, City
from gateways.sandbox.fares import DRIFT_EVERY_MS, drift, fares
from gateways.sandbox.geodesy import km_between
from gateways.sandbox.hotels import ROOMS, night_cents, rooms_free
from gateways.sandbox.world import World

WORLD = World("one")
NOW = round(datetime(2027, 3, 1, tzinfo=UTC).timestamp() * 1_000)
codes = st.sampled_from([each.code for each in CITIES])
days = st.dates(date(2027, 3, 2), date(2028, 2, 1))


@settings(max_examples=30)
@given(st.text(max_size=8), codes, codes, days)
def test_the_same_seed_is_the_same_world(seed: str, origin: str, to: str, day: date) -> None:
    one, other = World(seed), World(seed)
    assert one.journeys(origin, to, day) == other.journeys(origin, to, day)
    for journey in one.journeys(origin, to, day)[:2]:
        legs = [(flight, fares(flight)[0]) for flight in journey]
        assert one.price(legs, NOW) == other.price(legs, NOW)
    city = one.at_city(origin)
    assert city is not None
    assert one.hotels(city) == other.hotels(city)


def test_another_seed_is_another_world() -> None:
    day = date(2027, 5, 14)
    assert World("two").journeys("PAR", "NCE", day) != WORLD.journeys("PAR", "NCE", day)


@given(codes, codes, days)
def test_every_flight_is_found_again_by_what_a_client_posts(
    origin: str, to: str, day: date
) -> None:
    for journey in WORLD.journeys(origin, to, day):
        for flight in journey:
            each = flight.service
            found = WORLD.flight(
                each.carrier, each.number, each.origin.code, each.destination.code, flight.day
            )
            assert found == flight


@given(codes, codes, days)
def test_flights_are_as_long_as_the_way_is_far(origin: str, to: str, day: date) -> None:
    for journey in WORLD.journeys(origin, to, day):
        for flight in journey:
            start, end = flight.service.origin, flight.service.destination
            km = km_between(start.latitude, start.longitude, end.latitude, end.longitude)
            minutes = (flight.arrives_at - flight.departs_at) // 60_000
            assert minutes == flight.service.minutes
            assert 400 <= km / (minutes - 30) * 60 <= 950
        for first, second in pairwise(journey):
            assert first.service.destination == second.service.origin
            assert 60 <= (second.departs_at - first.arrives_at) // 60_000 <= 480


def test_local_times_are_those_of_the_airports() -> None:
    flight = WORLD.direct("PAR", "NYC", date(2027, 7, 1))[0]
    assert flight.departs.date() == date(2027, 7, 1)
    arrived = datetime.fromtimestamp(flight.arrives_at / 1_000, ZoneInfo("America/New_York"))
    assert flight.arrives == arrived.replace(tzinfo=None)


def test_one_gets_from_any_european_city_to_any_other() -> None:
    europe = [each.code for each in CITIES if each.region == "EUROP"][::3]
    day = date(2027, 5, 14)
    lost = [(a, b) for a in europe for b in europe if a != b and not WORLD.journeys(a, b, day)]
    assert lost == []


def test_infants_pay_little_children_less_and_a_stop_makes_it_cheaper() -> None:
    journey = WORLD.journeys("HAM", "BKK", date(2027, 5, 14))[0]
    assert len(journey) == 2
    legs = [(flight, fares(flight)[0]) for flight in journey]
    adult, child, infant = (
        WORLD.price(legs, NOW, age=age).total for age in ("adult", "child", "infant")
    )
    assert infant < child < adult
    assert WORLD.price(legs, NOW).base < sum(WORLD.price([leg], NOW).base for leg in legs)


@given(st.text(max_size=6), st.integers(0, 10_000))
def test_prices_drift_little_and_stand_still_between_the_hours(key: str, step: int) -> None:
    at = NOW + step * DRIFT_EVERY_MS
    factor = drift("one", key, at)
    assert 0.95 < factor < 1.05
    assert drift("one", key, at + DRIFT_EVERY_MS - 1) == factor


def test_prices_do_drift() -> None:
    factors = {drift("one", "YY1", NOW + n * DRIFT_EVERY_MS) for n in range(40)}
    assert len(factors) > 5


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.code)
def test_every_city_has_hotels_with_rooms_and_prices(city: City) -> None:
    hotels = WORLD.hotels(city)
    assert len(hotels) >= 8
    night = date(2027, 5, 14)
    for hotel in hotels:
        assert WORLD.hotel(hotel.id) == hotel
        assert 3_000 < night_cents("one", hotel, ROOMS[0], night, NOW) < 40_000
    assert any(rooms_free("one", each, ROOMS[0], night + timedelta(days=1)) for each in hotels)
