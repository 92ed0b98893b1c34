"""Profiles over HTTP (docs/protocol-v1.md §9): one's own, and what others see of it."""

import secrets
from typing import Any, Final

import pytest
from http_client import Caller, newcomer, refusal, wrong_fields
from raw_client import Person, RawClient, Stage, register
from server_process import ServerProcess

PUBLIC: Final = {"id", "handle", "name", "role", "locale", "createdAt"}
EVERY_PREFERENCE: Final[dict[str, Any]] = {
    "pace": "relaxed",
    "budget": "luxury",
    "interests": ["fado", "surf"],
    "dislikes": ["queues"],
    "dietary": ["vegan", "gluten_free"],
    "accessibility": ["step_free", "quiet"],
    "homeAirport": "LIS",
    "seat": "window",
    "cabin": "premium_economy",
    "languages": ["pt-BR", "de"],
    "partySize": 3,
}


@pytest.fixture(scope="module")
def eva(protocol_server: ServerProcess) -> Person:
    return register(protocol_server.http, "Eva")


@pytest.fixture
def me(protocol_server: ServerProcess, eva: Person) -> Caller:
    return Caller(protocol_server.http, eva)


def test_one_sees_more_of_oneself_than_others_do(me: Caller, people: dict[str, Person]) -> None:
    own = me.get("users/me").json()
    seen = Caller(me.http, people["ada"]).get(f"users/{own['id']}").json()

    assert set(seen) == PUBLIC
    assert {name: own[name] for name in PUBLIC} == seen
    assert {"email", "preferences", "timeZone", "currency"} <= set(own)


def test_a_user_is_found_by_handle_whatever_its_case(me: Caller, people: dict[str, Person]) -> None:
    found = me.get("users", handle=people["bob"].handle.upper())

    assert found.status_code == 200
    assert found.json() == me.get(f"users/{people['bob'].id}").json()


@pytest.mark.parametrize(
    "unknown", ["00000000-0000-7000-8000-000000000000", "nobody", "%20", "a%2Fb", "x" * 500]
)
def test_an_unknown_user_is_not_found_whatever_the_form_of_the_id(me: Caller, unknown: str) -> None:
    refusal(me.get(f"users/{unknown}"), 404, "not_found")


def test_a_search_by_handle_needs_one_and_takes_nothing_else(me: Caller) -> None:
    refusal(me.get("users", handle="nobody-of-that-name"), 404, "not_found")
    assert wrong_fields(me.get("users")) == ["handle"]
    assert wrong_fields(me.get("users", handle="ada", email="ada@caravan.test")) == ["email"]


def test_every_field_of_a_profile_can_be_changed(me: Caller) -> None:
    change = {
        "name": "Ève",
        "handle": f"eve.{secrets.token_hex(4)}",
        "locale": "fr",
        "timeZone": "America/Sao_Paulo",
        "currency": "BRL",
        "preferences": EVERY_PREFERENCE,
    }

    answer = me.patch("users/me", change)

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in change} == change
    assert me.get("users/me").json() == answer.json()
    assert me.get("users", handle=change["handle"]).json()["name"] == "Ève"


def test_what_a_change_does_not_name_stays(me: Caller) -> None:
    before = me.get("users/me").json()

    assert me.patch("users/me", {}).json() == before
    assert me.patch("users/me", {"name": "Eva B."}).json() == {**before, "name": "Eva B."}


def test_preferences_are_replaced_as_a_whole(me: Caller) -> None:
    me.patch("users/me", {"preferences": EVERY_PREFERENCE})

    answer = me.patch("users/me", {"preferences": {"pace": "packed"}})

    assert answer.json()["preferences"] == {"pace": "packed"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", None),
        ("handle", "no spaces"),
        ("locale", "xx-nowhere"),
        ("timeZone", "Lisbon"),
        ("timeZone", "../etc/passwd"),
        ("currency", "eur"),
        ("currency", "XBTC"),
        ("preferences", []),
        ("preferences.pace", "hurried"),
        ("preferences.budget", 3),
        ("preferences.interests", "fado"),
        ("preferences.interests", ["x" * 41]),
        ("preferences.interests", ["x"] * 21),
        ("preferences.dislikes", [""]),
        ("preferences.dietary", ["stones"]),
        ("preferences.accessibility", ["lift"]),
        ("preferences.homeAirport", "lis"),
        ("preferences.homeAirport", "LISB"),
        ("preferences.seat", "wing"),
        ("preferences.cabin", "hold"),
        ("preferences.languages", ["klingon"]),
        ("preferences.languages", ["en"] * 11),
        ("preferences.partySize", 0),
        ("preferences.partySize", "3"),
        ("preferences.shoeSize", 43),
        ("role", "admin"),
        ("email", "other@caravan.test"),
        ("id", "00000000-0000-7000-8000-000000000000"),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(me: Caller, field: str, value: object) -> None:
    before = me.get("users/me").json()
    outer, _, inner = field.partition(".")
    change = {outer: {inner: value} if inner else value, "name": "Mallory"}
    if outer == "name":
        change = {"name": value, "currency": "USD"}

    (named,) = wrong_fields(me.patch("users/me", change))

    assert named.startswith(field)
    assert me.get("users/me").json() == before


def test_a_taken_handle_changes_nothing(me: Caller, people: dict[str, Person]) -> None:
    before = me.get("users/me").json()

    answer = me.patch("users/me", {"name": "Bob", "handle": people["bob"].handle.upper()})

    refusal(answer, 409, "conflict")
    assert me.get("users/me").json() == before


def test_texts_are_in_the_users_language_else_the_requests(
    me: Caller, people: dict[str, Person]
) -> None:
    texts = {}
    for locale in ("en", "de", "es", "fr", "ar"):
        me.patch("users/me", {"locale": locale})
        texts[locale] = refusal(me.get("users/nobody"), 404, "not_found")
    assert len(set(texts.values())) == 5

    nobody = Caller(me.http)
    german = nobody.post("auth/login", newcomer(), accept_language="de-AT, en;q=0.5")
    assert "Feld" in german.json()["errors"][0]["message"]


async def test_a_new_name_is_in_the_next_welcome(
    me: Caller, eva: Person, stage: Stage, ada: RawClient
) -> None:
    me.patch("users/me", {"name": "Evita"})

    welcomed = await stage.enter(eva)
    room = await stage.room(ada, welcomed)
    await welcomed.say(room, "olá")

    mine = me.get("users/me").json()
    shown = ("id", "handle", "name", "role", "locale", "createdAt")
    assert welcomed.welcome["user"] == {name: mine[name] for name in shown}
    assert mine["name"] == "Evita"
    heard = await ada.event("chat.message", roomId=room["id"])
    assert heard["sender"]["name"] == "Evita"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "users/me"),
        ("PATCH", "users/me"),
        ("GET", "users/x"),
        ("GET", "users?handle=x"),
        ("POST", "auth/ticket"),
        ("POST", "auth/logout"),
        ("GET", "chat/rooms"),
        ("POST", "chat/rooms"),
        ("GET", "chat/rooms/x"),
        ("GET", "chat/rooms/x/members"),
        ("GET", "inbox"),
    ],
)
def test_without_a_login_there_is_nothing_to_see(
    protocol_server: ServerProcess, method: str, path: str
) -> None:
    answer = Caller(protocol_server.http)._call(method, path, {} if method != "GET" else None)

    refusal(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
