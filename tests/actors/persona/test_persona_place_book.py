"""Places by what was wished: in which order, and at what cost to the loop."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from dialogue_world import place
from persona_world import FakeMeanings
from trio.testing import MockClock

from actors.persona import place_book
from actors.persona.dialogue import Trip
from actors.persona.errands import Errand
from actors.persona.place_book import KEPT_FOR, PlaceBook, pleasantness
from actors.persona.regions import REGIONS, countries_of
from protocol.travel import GeoPoint, MonthClimate, Place
from protocol.understanding import PlaceMention
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue

PLACES = [
    place(
        f"Town {number}",
        at=GeoPoint(latitude=number * 7.0 % 60, longitude=0.0),
        climate=tuple(MonthClimate(mean=number * 5.0 % 34 - 4, rain=40.0) for _ in range(12)),
        population=number * 7_919 % 1_000,
    )
    for number in range(20)
]


def errand(month: int, *wishes: str) -> Errand:
    return Errand(tools=("places",), purpose="show", trip=Trip(wishes=wishes), month=month)  # type: ignore[arg-type]


def book() -> PlaceBook:
    return PlaceBook(MemoryCatalogue(Entry(place=one) for one in PLACES), FakeMeanings())


async def test_near_ones_come_first_and_the_pleasant_and_the_large_by_turns() -> None:
    home = PLACES[0].at
    found = await book().wished(errand(5), home)

    def far(one: Place) -> int:
        return int(home.km_to(one.at) // place_book.NEAR_KM)

    pleasant = sorted(PLACES, key=lambda one: (far(one), -pleasantness(one, (), 5), one.id))
    large = sorted(PLACES, key=lambda one: (far(one), -(one.population or 0), one.id))
    by_turns = [one.id for pair in zip(pleasant, large, strict=True) for one in pair]
    assert [one.id for one in found] == list(dict.fromkeys(by_turns))


async def test_cheaper_places_are_those_with_low_prices() -> None:
    levels = (1, 2, 3, None)
    towns = [place(f"Town {level}", price_level=level) for level in levels]
    here = PlaceBook(MemoryCatalogue(Entry(place=one) for one in towns), FakeMeanings())
    found = await here.wished(replace(errand(5), twists=("cheaper",)), None)
    assert {one.price_level for one in found} == {1, 2}


async def test_weather_is_weighed_once_for_each_month_as_long_as_the_list_is_kept(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed: list[int | None] = []

    def noted(*about: object) -> float:
        weighed.append(about[2])  # type: ignore[arg-type]
        return pleasantness(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(place_book, "pleasantness", noted)
    one = book()
    for month, wish in ((5, "dry"), (5, "city"), (6, "dry"), (5, "cold"), (6, "cold"), (5, "dry")):
        await one.wished(errand(month, wish), None)
    assert [weighed.count(month) for month in (5, 6)] == [2 * len(PLACES), 2 * len(PLACES)]
    await trio.sleep(KEPT_FOR + 1)
    await one.wished(errand(5, "dry"), None)
    assert weighed.count(5) == 3 * len(PLACES)


async def test_a_part_of_the_world_has_the_places_of_its_countries_alone() -> None:
    places = [place("Lima", country="PE"), place("Oslo", country="NO"), place("Rome", country="IT")]
    one = PlaceBook(MemoryCatalogue(Entry(place=each) for each in places), FakeMeanings())
    for name, found in (
        ("Europe", {"oslo-pt", "rome-pt"}),
        ("South America", {"lima-pt"}),
        ("Asia", set()),
    ):
        trip = Trip(destination=(PlaceMention(name=name),))
        wished = await one.wished(Errand(tools=("places",), purpose="show", trip=trip), None)
        assert {each.id for each in wished} == found


def test_every_part_of_the_world_is_one_that_a_reading_may_name() -> None:
    regions = Path(__file__).parents[3] / "inference" / "understanding" / "regions.tsv"
    known = {line.split("\t")[0] for line in regions.read_text("utf-8").splitlines()}
    assert set(REGIONS) <= known
    assert countries_of(PlaceMention(name="Europe", country="FR")) == frozenset()
