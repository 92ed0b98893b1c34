"""Characters as goods over HTTP: offered by professionals, taken and reviewed by travellers, judged by operators."""

from typing import Any

import pytest
from http_fakes import FakeClock, World

from core.errors import Unavailable
from core.identity import Role

MARKET = "/api/v1/marketplace"
PERSONAS = "/api/v1/personas"
ADMIN = "/api/v1/admin/marketplace"
NOW = FakeClock().now_ms()
CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {"name": "Rosa", "first_mes": "Ciao!", "tags": ["food"], "extensions": {"x": 1}},
}
OFFER = {"summary": "Eats in Bologna.", "tags": [" Bologna ", "IT", "it"]}


async def call(world: World, role: Role, method: str, path: str, body: Any = None) -> Any:
    options = {} if body is None else {"json": body}
    return await world.call(method, path, token=world.token(role), **options)


async def on_offer(world: World, **changes: Any) -> str:
    """A professional's character; its id."""
    made = await call(world, Role.PROFESSIONAL, "POST", f"{PERSONAS}/import", CARD)
    persona_id = made.json["persona"]["id"]
    path = f"{PERSONAS}/{persona_id}/listing"
    published = await call(world, Role.PROFESSIONAL, "POST", path, OFFER | changes)
    assert published.status == 200, published.raw
    return str(persona_id)


async def take(world: World, listing_id: str, role: Role = Role.USER) -> Any:
    answer = await call(world, role, "POST", f"{MARKET}/{listing_id}/import", {})
    assert answer.status == 201, answer.raw
    return answer.json["persona"]


async def found(world: World, **query: str) -> list[str]:
    answer = await world.call("GET", MARKET, token=world.token(), query_string=query)
    assert answer.status == 200, answer.raw
    return [item["id"] for item in answer.json["items"]]


async def test_what_a_professional_offers_is_found_and_read_by_all() -> None:
    world = World()
    listing_id = await on_offer(world)
    item = {
        "id": listing_id,
        "name": "Rosa",
        "style": "foodie",
        "summary": "Eats in Bologna.",
        "tags": ["bologna", "it"],
        "professional": {"id": "user-2", "handle": "handle2", "name": "Name 2"},
        "rating": None,
        "reviews": 0,
        "imports": 0,
        "publishedAt": NOW,
    }
    listed = await call(world, Role.USER, "GET", MARKET)
    assert (listed.status, listed.json) == (200, {"items": [item], "nextCursor": None})
    read = await call(world, Role.USER, "GET", f"{MARKET}/{listing_id}")
    assert read.json == {"listing": item | {"about": "", "greeting": "Ciao!"}}
    assert await found(world, q="eats bologna", tags="IT, bologna") == [listing_id]
    assert await found(world, tags="lisbon") == []
    assert await found(world, minRating="1") == []


@pytest.mark.parametrize(
    ("stars", "sentence"),
    [
        ("6", "The number must be at most 5."),
        ("0.5", "The number must be at least 1."),
        ("nan", "The number must be at least 1."),
        ("many", "This must be a number."),
    ],
)
async def test_a_rating_that_nothing_can_have_is_told_what_it_may_be(
    stars: str, sentence: str
) -> None:
    world = World()
    query = {"minRating": stars}
    answer = await world.call("GET", MARKET, token=world.token(), query_string=query)
    assert answer.json["errors"] == [{"field": "minRating", "message": sentence}]


async def test_who_takes_one_has_a_persona_of_their_own_with_the_whole_card() -> None:
    world = World()
    listing_id = await on_offer(world)
    persona = await take(world, listing_id)
    assert persona["id"] != listing_id
    assert (persona["name"], persona["greeting"], persona["isPaid"]) == ("Rosa", "Ciao!", False)
    assert persona["uses"] == ["name", "first_mes"]
    card = await call(world, Role.USER, "GET", f"{PERSONAS}/{persona['id']}/card")
    assert card.json == CARD
    change = {"name": "Mine", "about": "Sold out."}
    await call(world, Role.USER, "PATCH", f"{PERSONAS}/{persona['id']}", change)
    read = await call(world, Role.USER, "GET", f"{MARKET}/{listing_id}")
    assert (read.json["listing"]["name"], read.json["listing"]["imports"]) == ("Rosa", 1)
    assert (await call(world, Role.USER, "GET", f"{PERSONAS}/{listing_id}")).status == 404
    await call(world, Role.PROFESSIONAL, "DELETE", f"{PERSONAS}/{listing_id}")
    kept = await call(world, Role.USER, "GET", f"{PERSONAS}/{persona['id']}")
    assert kept.json["persona"]["name"] == "Mine"


async def test_a_repeated_key_takes_one_and_five_are_enough() -> None:
    world = World()
    listing_id = await on_offer(world)
    path, headers = f"{MARKET}/{listing_id}/import", {"Idempotency-Key": "once"}
    for _ in range(2):
        world.idempotency.begun.clear()  # its first answer was lost
        again = await world.call("POST", path, token=world.token(), json={}, headers=headers)
        assert again.status == 201
    for _ in range(4):
        await take(world, listing_id)
    sixth = await call(world, Role.USER, "POST", path, {})
    assert (sixth.status, sixth.json["code"]) == (409, "persona_limit")
    own = await call(world, Role.PROFESSIONAL, "GET", f"{PERSONAS}/{listing_id}/listing")
    assert own.json["listing"]["imports"] == 1


async def test_a_key_whose_call_failed_takes_what_it_is_used_for_next() -> None:
    world = World()
    first, second = await on_offer(world), await on_offer(world)
    change = {"name": "Gio"}
    await call(world, Role.PROFESSIONAL, "PATCH", f"{PERSONAS}/{second}", change)
    await call(world, Role.PROFESSIONAL, "POST", f"{PERSONAS}/{second}/listing", OFFER)
    took, headers = world.listings.took, {"Idempotency-Key": "once"}

    async def away(*args: Any, **fields: Any) -> None:
        raise Unavailable

    names = []
    for listing_id, store in ((first, away), (second, took)):
        world.listings.took = store  # type: ignore[method-assign]
        path = f"{MARKET}/{listing_id}/import"
        answer = await world.call("POST", path, token=world.token(), json={}, headers=headers)
        names.append(answer.json["persona"]["name"] if answer.status == 201 else answer.status)
    assert names == [504, "Gio"]


async def test_only_professionals_offer_and_only_what_is_theirs() -> None:
    world = World()
    made = await call(world, Role.USER, "POST", f"{PERSONAS}/import", CARD)
    path = f"{PERSONAS}/{made.json['persona']['id']}/listing"
    assert (await call(world, Role.USER, "POST", path, OFFER)).status == 403
    for method, body in (("POST", OFFER), ("GET", None), ("DELETE", None)):
        assert (await call(world, Role.PROFESSIONAL, method, path, body)).status == 404
    assert (await call(world, Role.USER, "GET", path)).status == 404
    assert await found(world) == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"summary": " \n"}, ["summary"]),
        ({"summary": "é" * 251}, ["summary"]),
        ({"tags": ["a,b"]}, ["tags"]),
        ({"tags": ["\u202e"]}, ["tags"]),
        ({"tags": ["a\nb"], "summary": ""}, ["summary", "tags"]),
        ({"tags": ["x" * 41]}, ["tags[0]"]),
        ({"tags": list("abcdefghijk")}, ["tags"]),
        ({"price": 5}, ["price"]),
    ],
)
async def test_a_wrong_offer_is_named_and_changes_nothing(
    change: dict[str, Any], fields: list[str]
) -> None:
    world = World()
    listing_id = await on_offer(world)
    path = f"{PERSONAS}/{listing_id}/listing"
    answer = await call(world, Role.PROFESSIONAL, "POST", path, OFFER | change)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == fields
    own = await call(world, Role.PROFESSIONAL, "GET", path)
    assert own.json["listing"]["tags"] == ["bologna", "it"]


async def test_its_owner_sees_that_it_was_changed_since_and_publishes_it_anew() -> None:
    world = World()
    listing_id = await on_offer(world)
    one, path = f"{PERSONAS}/{listing_id}", f"{PERSONAS}/{listing_id}/listing"
    await call(world, Role.PROFESSIONAL, "PATCH", one, {"name": "Nonna"})
    own = (await call(world, Role.PROFESSIONAL, "GET", path)).json["listing"]
    assert (own["name"], own["version"], own["isOffered"]) == ("Rosa", 1, True)
    again = await call(world, Role.PROFESSIONAL, "POST", path, {"summary": "Cooks."})
    assert (again.json["listing"]["name"], again.json["listing"]["version"]) == ("Nonna", 2)
    assert (await call(world, Role.PROFESSIONAL, "DELETE", path)).status == 200
    assert await found(world) == []
    own = (await call(world, Role.PROFESSIONAL, "GET", path)).json["listing"]
    assert (own["summary"], own["isOffered"]) == ("Cooks.", False)
    for rest in ("", "/reviews"):
        answer = await call(world, Role.USER, "GET", f"{MARKET}/{listing_id}{rest}")
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert (await call(world, Role.USER, "POST", f"{MARKET}/{listing_id}/import", {})).status == 404


async def test_who_took_it_says_how_it_is_and_nobody_learns_who() -> None:
    world = World()
    listing_id = await on_offer(world)
    path = f"{MARKET}/{listing_id}/reviews"
    review = {"stars": 4, "text": "Good.\u202e\r\nReally. "}
    for role in (Role.USER, Role.PROFESSIONAL):
        early = await call(world, role, "POST", path, review)
        assert (early.status, early.json["code"]) == (403, "forbidden")
    await take(world, listing_id)
    written = await call(world, Role.USER, "POST", path, review)
    said = {
        "id": written.json["review"]["id"],
        "stars": 4,
        "text": "Good.\nReally.",
        "writtenAt": NOW,
        "isOwn": True,
    }
    assert (written.status, written.json) == (200, {"review": said})
    read = await call(world, Role.PROFESSIONAL, "GET", path)
    assert read.json == {"items": [said | {"isOwn": False}], "nextCursor": None}
    assert b"user-1" not in read.raw
    assert await found(world, minRating="4") == [listing_id]
    assert (await call(world, Role.USER, "DELETE", path)).status == 200
    assert (await call(world, Role.USER, "GET", path)).json["items"] == []


async def test_a_review_of_what_was_never_offered_cannot_be_taken_back() -> None:
    world = World()
    listing_id = await on_offer(world)
    await take(world, listing_id)
    gone = await call(world, Role.USER, "DELETE", f"{MARKET}/{listing_id[:-1]}x/reviews")
    assert (gone.status, gone.json["code"]) == (404, "not_found")
    withdrawn = f"{PERSONAS}/{listing_id}/listing"
    assert (await call(world, Role.PROFESSIONAL, "DELETE", withdrawn)).status == 200
    for _ in range(2):
        assert (
            await call(world, Role.USER, "DELETE", f"{MARKET}/{listing_id}/reviews")
        ).status == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [({"stars": 0}, "stars"), ({"stars": 6}, "stars"), ({"text": "é" * 501}, "text")],
)
async def test_a_wrong_review_is_named(change: dict[str, Any], field: str) -> None:
    world = World()
    listing_id = await on_offer(world)
    await take(world, listing_id)
    answer = await call(
        world, Role.USER, "POST", f"{MARKET}/{listing_id}/reviews", {"stars": 5} | change
    )
    assert [error["field"] for error in answer.json["errors"]] == [field]


async def test_an_operator_takes_it_off_the_market_and_its_owner_reads_why() -> None:
    world = World()
    listing_id = await on_offer(world)
    own = f"{PERSONAS}/{listing_id}/listing"
    empty = await call(world, Role.ADMIN, "POST", f"{ADMIN}/{listing_id}/suspend", {"note": " "})
    assert empty.status == 400
    note = {"note": "Says what is not true."}
    done = await call(world, Role.ADMIN, "POST", f"{ADMIN}/{listing_id}/suspend", note)
    assert done.json["listing"]["suspendedFor"] == note["note"]
    assert await found(world) == []
    read = await call(world, Role.PROFESSIONAL, "GET", own)
    assert read.json["listing"]["suspendedFor"] == note["note"]
    again = await call(world, Role.PROFESSIONAL, "POST", own, OFFER)
    assert (again.status, again.json["code"]) == (409, "conflict")
    await call(world, Role.ADMIN, "POST", f"{ADMIN}/{listing_id}/restore", {})
    assert await found(world) == [listing_id]
    unknown = await call(world, Role.ADMIN, "POST", f"{ADMIN}/none/restore", {})
    assert unknown.status == 404


async def test_an_operator_strikes_a_review() -> None:
    world = World()
    listing_id = await on_offer(world)
    await take(world, listing_id)
    path = f"{MARKET}/{listing_id}/reviews"
    review = await call(world, Role.USER, "POST", path, {"stars": 1, "text": "Buy mine."})
    review_id = review.json["review"]["id"]
    struck = f"{ADMIN}/{listing_id}/reviews/{review_id}"
    unknown = (
        f"{ADMIN}/{await on_offer(world)}/reviews/{review_id}",
        f"{ADMIN}/{listing_id}/reviews/{listing_id}",
        f"{ADMIN}/{listing_id}/reviews/x",
        f"{ADMIN}/x/reviews/{review_id}",
    )
    for path in unknown:
        gone = await call(world, Role.ADMIN, "DELETE", path)
        assert (gone.status, gone.json["error"]) == (404, "There is no such review.")
    assert (await call(world, Role.ADMIN, "DELETE", struck)).status == 200
    assert (await call(world, Role.ADMIN, "DELETE", struck)).status == 404
    read = await call(world, Role.USER, "GET", f"{MARKET}/{listing_id}")
    assert (read.json["listing"]["reviews"], read.json["listing"]["rating"]) == (0, None)


async def test_pages_meet_and_a_cursor_of_no_page_is_wrong() -> None:
    world = World()
    made = [await on_offer(world) for _ in range(3)]
    first = await world.call("GET", MARKET, token=world.token(), query_string={"limit": "2"})
    cursor = first.json["nextCursor"]
    query = {"limit": "2", "cursor": cursor}
    rest = await world.call("GET", MARKET, token=world.token(), query_string=query)
    ids = [item["id"] for page in (first, rest) for item in page.json["items"]]
    assert (ids, rest.json["nextCursor"]) == (made[::-1], None)
    for wrong in ("x", made[0], f"{cursor}\n", f"99999-{made[0]}"):
        query = {"cursor": wrong}
        answer = await world.call("GET", MARKET, token=world.token(), query_string=query)
        assert [error["field"] for error in answer.json["errors"]] == ["cursor"]
