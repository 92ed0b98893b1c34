"""`GET /api/v1/recommendations`."""

import inspect
from typing import Any
from urllib.parse import urlencode

import pytest
from http_fakes import Answer, World, a_user

from core.ports.inference import Circumstances
from core.ports.personas import Feedback, NewPersona
from gateways.http import wishes
from gateways.http.wishes import liked_in, stated_in, tags_wished
from inference.recommender.schema import AT, TAGS
from protocol.travel import GeoPoint, MonthClimate, Place
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue

ME = "user-1"


def a_place(name: str, *tags: str, **fields: Any) -> Place:
    given: dict[str, Any] = {
        "id": name,
        "kind": "destination",
        "names": {"en": name.title(), "de": f"{name.title()}burg"},
        "country": "PT",
        "at": GeoPoint(latitude=38.7, longitude=-9.1),
        "time_zone": "Europe/Lisbon",
        "iata": name[:3].upper(),
        "climate": (MonthClimate(mean=20, rain=40),) * 12,
        "price_level": 3,
        "tags": tags,
    }
    return Place(**(given | fields))


PLACES = (
    a_place("aveiro", "coast"),
    a_place("benidorm", "coast", "warm_coast"),
    a_place("chamonix", "mountains", "small_town"),
    a_place("davos", "mountains", "highland"),
    a_place("evora", kind="city"),
    a_place("funchal", kind="airport", iata="FNC", at=GeoPoint(latitude=32.7, longitude=-16.8)),
)


def a_world(**preferences: Any) -> World:
    world = World(catalogue=MemoryCatalogue(Entry(place=place) for place in PLACES))
    world.users.users[ME] = a_user(1, preferences=preferences)
    return world


async def recommended(world: World, **query: object) -> list[dict[str, Any]]:
    answer: Answer = await world.call(
        "GET", f"/api/v1/recommendations?{urlencode(query)}", token=world.token()
    )
    assert answer.status == 200, answer.json
    return list(answer.json["recommendations"])


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["placeId"] for one in found]


async def test_a_recommendation_has_a_score_a_reason_and_a_card() -> None:
    first, *others = await recommended(a_world(), limit=2)
    assert len(others) == 1
    assert set(first) == {"placeId", "name", "score", "because", "card"}
    assert 0 < others[0]["score"] <= first["score"] < 1
    assert first["because"] in {"tags.coast", "tags.warm_coast"}
    assert first["card"]["kind"] == "place"
    assert first["card"]["id"] == first["placeId"]
    assert first["card"]["title"] == first["name"] == "Benidorm"


async def test_a_place_of_that_very_name_is_meant_and_no_other_that_has_it_too() -> None:
    towns = (a_place("romeo", "coast"), a_place("san romeo", "coast"), a_place("évora", "coast"))
    world = World(catalogue=MemoryCatalogue(Entry(place=place) for place in towns))
    assert ids(await recommended(world, q="Romeo")) == ["romeo"]
    assert ids(await recommended(world, q="romeoburg")) == ["romeo"]
    assert set(ids(await recommended(world, q="rome"))) == {"romeo", "san romeo"}
    assert ids(await recommended(world, q="evora")) == ["évora"]


async def test_without_a_word_all_destinations_may_be_meant() -> None:
    assert set(ids(await recommended(a_world()))) == {"aveiro", "benidorm", "chamonix", "davos"}


async def test_what_a_place_should_be_like_is_what_it_is() -> None:
    assert set(ids(await recommended(a_world(), q="Somewhere in the MOUNTAINS"))) == {
        "chamonix",
        "davos",
    }
    assert ids(await recommended(a_world(), q="a quiet village in the mountains")) == ["chamonix"]
    assert ids(await recommended(a_world(), q="desert with a beach")) == []


async def test_a_name_finds_places_but_no_airport() -> None:
    assert ids(await recommended(a_world(), q="evora")) == ["evora"]
    assert ids(await recommended(a_world(), q="funchal")) == []


async def test_what_the_profile_says_comes_first() -> None:
    hiking = await recommended(a_world(interests=["hiking"], dislikes=["beach"]))
    assert set(ids(hiking)[:2]) == {"chamonix", "davos"}
    assert hiking[0]["because"] in {"tags.mountains", "tags.highland"}


async def test_distance_is_from_the_home_airport() -> None:
    far = await recommended(a_world(homeAirport="FNC"))
    assert far
    assert all(900 < one["card"]["km"] < 1_000 for one in far)
    assert all("km" not in one["card"] for one in await recommended(a_world()))


async def test_thumbs_given_to_ones_own_personas_count() -> None:
    world = a_world()
    await world.personas.create(1, NewPersona(id="p", owner_id=ME, name="P", style="local"))
    ranked = world.recommender.rank_sync(PLACES[:4], [], Circumstances())
    for one in ranked:
        is_mountain = one.index > 1
        for message in range(3):
            feedback = Feedback(
                user_id=ME,
                persona_id="p",
                message_id=f"m{message}",
                item_id=PLACES[one.index].id,
                value=1 if is_mountain else -1,
                at=1_795_521_600_000,
                features=one.features,
                tower=world.recommender.tower,
            )
            await world.feedbacks.set(1, feedback)
    assert set(ids(await recommended(world))[:2]) == {"chamonix", "davos"}
    # Nobody else's.
    other = world.users.users["user-2"]
    token = world.credentials.grant(other).access_token
    answer = await world.call("GET", "/api/v1/recommendations", token=token)
    assert set(ids(answer.json["recommendations"])[:2]) == {"aveiro", "benidorm"}


async def test_what_is_neither_a_kind_nor_a_name_is_looked_up_by_what_it_means() -> None:
    world = a_world()
    world.meanings.nearby["opera and waltzes"] = ["gone", "davos", "aveiro"]
    assert set(ids(await recommended(world, q="opera and waltzes"))) == {"davos", "aveiro"}
    assert ids(await recommended(world, q="zzzz")) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "month=13", "q=" + "x" * 201, "w=1"])
async def test_wrong_queries_are_named(query: str) -> None:
    world = a_world()
    answer = await world.call("GET", f"/api/v1/recommendations?{query}", token=world.token())
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


async def test_nobody_is_recommended_anything_without_a_login() -> None:
    assert (await a_world().call("GET", "/api/v1/recommendations")).status == 401


# Words.


def test_words_are_found_in_many_languages() -> None:
    for text in ("Strand", "playa", "plage", "شاطئ", "the BEACH!"):
        assert tags_wished(text) == [("coast", "warm_coast")], text
    assert tags_wished("Städte") == [("metropolis", "big_city", "capital")]
    assert tags_wished("montaña randonnée") == [("mountains", "highland")]
    assert tags_wished("opera") == []


def test_every_word_means_a_feature_that_exists() -> None:
    assert {tag for tags in wishes._WORDS for tag in tags} <= set(TAGS)
    words = " ".join(inspect.getsource(wishes).split())
    assert set(liked_in(words)) <= set(AT)
    assert set(stated_in({"interests": [words], "budget": "low"})) <= set(AT)


def test_what_is_both_liked_and_not_says_nothing() -> None:
    assert stated_in({"interests": ["beach"], "dislikes": ["strand"]}) == {}
    assert stated_in({"budget": "luxury"}) == {"price.level": 1.0}
    assert stated_in({"budget": "medium", "interests": ["opera"]}) == {}
