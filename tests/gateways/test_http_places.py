"""`GET /api/v1/places`."""

from typing import Any
from urllib.parse import urlencode

import pytest
from http_fakes import Answer, World, a_user

from protocol.travel import GeoPoint, MonthClimate, Place
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue

LISBON = Place(
    id="lisbon-pt",
    kind="destination",
    names={"en": "Lisbon", "de": "Lissabon"},
    country="PT",
    at=GeoPoint(latitude=38.725, longitude=-9.15),
    time_zone="Europe/Lisbon",
    iata="LIS",
    airports=("LIS",),
    currency="EUR",
    climate=tuple(MonthClimate(mean=12.5, rain=90) for _ in range(12)),
    price_level=3,
    population=517_802,
    tags=("capital", "coast"),
    about="Lisbon is the capital of Portugal.",
)


def a_place(place_id: str, kind: str, at: tuple[float, float], **fields: Any) -> Place:
    return Place(
        id=place_id,
        kind=kind,  # type: ignore[arg-type]
        names={"en": place_id.partition("-")[0].title()},
        country="PT",
        at=GeoPoint(latitude=at[0], longitude=at[1]),
        time_zone="Europe/Lisbon",
        **fields,
    )


PLACES = (
    LISBON,
    a_place("porto-pt", "destination", (41.15, -8.61), tags=("coast",)),
    a_place("almada-pt", "city", (38.68, -9.157), population=177_400),
    a_place("airport-lis", "airport", (38.781, -9.136), iata="LIS"),
)


async def find(world: World | None = None, **query: object) -> Answer:
    world = world or World(catalogue=MemoryCatalogue(Entry(place=place) for place in PLACES))
    answer: Answer = await world.call(
        "GET", f"/api/v1/places?{urlencode(query)}", token=world.token()
    )
    return answer


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.json
    return [card["id"] for card in answer.json["items"]]


async def test_a_place_is_a_card() -> None:
    answer = await find(q="lisbon", limit=1)
    assert answer.json == {
        "items": [
            {
                "kind": "place",
                "id": "lisbon-pt",
                "title": "Lisbon",
                "placeKind": "destination",
                "country": "PT",
                "at": {"latitude": 38.725, "longitude": -9.15},
                "timeZone": "Europe/Lisbon",
                "iata": "LIS",
                "airports": ["LIS"],
                "currency": "EUR",
                "climate": [{"mean": 12.5, "rain": 90.0}] * 12,
                "priceLevel": 3,
                "population": 517_802,
                "tags": ["capital", "coast"],
                "about": "Lisbon is the capital of Portugal.",
            }
        ],
        "partial": False,
        "suppliers": [],
    }


async def test_the_title_is_in_the_users_language() -> None:
    world = World(catalogue=MemoryCatalogue(Entry(place=place) for place in PLACES))
    world.users.users["user-1"] = a_user(1, locale="de-AT")
    answer = await find(world, q="lisbon", limit=1)
    assert answer.json["items"][0]["title"] == "Lissabon"


async def test_names_codes_tags_and_nearness_find_places() -> None:
    assert ids(await find(q="lissabno")) == ["lisbon-pt"]
    assert ids(await find(iata="LIS")) == ["lisbon-pt"]
    assert ids(await find(tags="coast")) == ["lisbon-pt", "porto-pt"]
    assert ids(await find(tags="coast,capital")) == ["lisbon-pt"]
    assert ids(await find()) == ["lisbon-pt", "porto-pt"]
    near = await find(near="38.68,-9.157", withinKm=20)
    assert ids(near) == ["almada-pt", "lisbon-pt", "airport-lis"]
    assert [card["km"] for card in near.json["items"]] == [0.0, 5.0, 11.4]


async def test_what_a_place_should_be_like_finds_places() -> None:
    def world() -> World:
        made = World(catalogue=MemoryCatalogue(Entry(place=place) for place in PLACES))
        made.meanings.nearby["surfing"] = ["gone-pt", "porto-pt", "lisbon-pt"]
        return made

    assert ids(await find(world(), like="surfing")) == ["porto-pt", "lisbon-pt"]
    assert ids(await find(world(), like="surfing", tags="capital")) == ["lisbon-pt"]
    assert ids(await find(world(), like="surfing", q="porto")) == ["porto-pt"]
    assert ids(await find(world(), like="surfing", near="38.68,-9.157")) == ["lisbon-pt"]
    assert ids(await find(world(), like="hm")) == []
    assert (await find(world(), like="x" * 201)).status == 400


async def test_all_that_is_asked_holds() -> None:
    assert ids(await find(q="lis", tags="capital")) == ["lisbon-pt"]
    assert ids(await find(q="lis", near="41.15,-8.61", withinKm=50)) == []
    assert ids(await find(q="porto", iata="LIS")) == []
    assert ids(await find(iata="LIS", near="41.15,-8.61")) == []
    north = await find(tags="coast", near="41.15,-8.61", withinKm=400)
    assert ids(north) == ["porto-pt", "lisbon-pt"]
    assert ids(await find(tags="coast", near="41.15,-8.61", withinKm=20)) == ["porto-pt"]
    assert ids(await find(near="38.68,-9.157", limit=1)) == ["almada-pt"]


async def test_what_would_change_or_find_nothing_is_refused_with_what_is_right() -> None:
    far = await find(withinKm=50)
    assert far.json["errors"] == [
        {"field": "withinKm", "message": "This means something only beside `near`."}
    ]
    tags = await find(tags="coast,beach", near="abc")
    assert [wrong["message"] for wrong in tags.json["errors"]] == [
        "This does not have the right form. An example: 38.72,-9.14."
    ]
    beach = await find(tags="coast,beach")
    assert beach.json["errors"][0]["message"].startswith("Choose one of these: big_city, capital, ")


async def test_what_there_is_not_is_an_empty_list() -> None:
    for name in ("atlantis", "null"):
        answer = await find(q=name)
        assert answer.json == {"items": [], "partial": False, "suppliers": []}


@pytest.mark.parametrize(
    "query",
    [
        {"q": "x" * 101},
        {"iata": "lis"},
        {"near": "91,0"},
        {"near": "0,180.1"},
        {"near": "38.7"},
        {"near": "nan,nan"},
        {"near": "1e1,2"},
        {"withinKm": "0"},
        {"withinKm": "20101"},
        {"tags": "Coast"},
        {"tags": "coast,"},
        {"tags": "coast,beach"},
        {"withinKm": "50"},
        {"limit": "101"},
        {"city": "lisbon"},
    ],
)
async def test_a_wrong_field_is_named(query: dict[str, str]) -> None:
    answer = await find(**query)
    assert answer.status == 400
    assert [wrong["field"] for wrong in answer.json["errors"]] == list(query)
