"""What the sandbox sells to: every destination of the catalogue that can be flown to."""

from datetime import date

import pytest

from commands.sandbox_cities import of_catalogue, sold_cities
from gateways.sandbox.cities import CITIES, City
from gateways.sandbox.world import World
from storage.catalogue_file import PLACES, entries


@pytest.fixture(scope="module")
def sold() -> tuple[City, ...]:
    return sold_cities()


def test_every_destination_that_has_an_airport_is_sold(sold: tuple[City, ...]):
    places = [entry.place for entry in entries(PLACES.read_bytes())]
    airports = {place.iata for place in places if place.kind == "airport"}
    wanted = {
        place.iata
        for place in places
        if place.kind == "destination" and place.iata and set(place.airports) & airports
    }
    reached = {code for city in sold for code in (city.code, *(a.code for a in city.airports))}
    assert len(wanted) > 400
    assert wanted <= reached


def test_no_code_means_two_things(sold: tuple[City, ...]):
    cities = [city.code for city in sold]
    airports = [airport.code for city in sold for airport in city.airports]
    assert len(set(cities)) == len(cities)
    assert len(set(airports)) == len(airports)
    assert all(airport.city_code == city.code for city in sold for airport in city.airports)


def test_the_table_stays_as_it_is_and_comes_first(sold: tuple[City, ...]):
    assert sold[: len(CITIES)] == CITIES
    assert not of_catalogue([], CITIES)


def test_names_are_as_suppliers_write_them(sold: tuple[City, ...]):
    for city in sold:
        for name in (city.name, city.country_name, *(a.name for a in city.airports)):
            assert name
            assert name.isascii()
        assert 1 <= city.level <= 5
        assert 1 <= city.size <= 5


def test_a_destination_of_the_catalogue_has_flights_and_rooms(sold: tuple[City, ...]):
    world = World("test", sold)
    added = [city for city in sold if city not in CITIES]
    flown = 0
    for city in added[::20]:
        assert world.hotels(city)
        flown += bool(world.journeys("LIS", city.code, date(2027, 5, 14)))
    assert flown > len(added[::20]) / 2
