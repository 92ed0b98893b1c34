"""Every route against every role, from the table that registers them."""

import pytest
from http_fakes import World

from core.identity import PERMISSIONS, Permission, Role
from gateways.http.app import DECLARED
from gateways.http.routes import ALIAS, API, Route

BODIES = {
    "createRoom": {"kind": "group"},
    "changeMe": {"name": "New"},
    "promoteModel": {"version": "1"},
    "openTime": {"startsAt": 1_795_525_200_000, "minutes": 30},
    "bookConsultation": {"timeId": "none"},
    "publishPersona": {"summary": "Knows Porto."},
    "writeReview": {"stars": 5},
    "suspendListing": {"note": "Untrue."},
}
QUERIES = {"findUser": {"handle": "handle1"}, "closeTimes": {"from": "1", "to": "2"}}
CASES = [(route, role) for route in DECLARED for role in (None, *Role)]


def path_of(route: Route) -> str:
    return route.path.replace("{id}", "user-1" if "users" in route.path else "room-1")


def expected(route: Route, role: Role | None) -> str:
    if route.access == "public":
        return "admitted"
    if role is None:
        return "unauthenticated"
    needed = Permission.READ_METRICS if route.access == "operator" else route.access
    if needed == "login" or needed in PERMISSIONS[role]:
        return "admitted"
    return "forbidden"


@pytest.mark.parametrize(
    ("route", "role"), CASES, ids=[f"{route.name}-{role}" for route, role in CASES]
)
async def test_a_route_is_open_to_its_roles_alone(route: Route, role: Role | None) -> None:
    world = World()
    answer = await world.call(
        route.method,
        path_of(route),
        token=world.token(role) if role else None,
        json=BODIES.get(route.name, {}) if route.method != "GET" else None,
        query_string=QUERIES.get(route.name),
    )
    outcome = {401: "unauthenticated", 403: "forbidden"}.get(answer.status, "admitted")
    assert outcome == expected(route, role)
    if outcome != "admitted":
        assert answer.json["code"] == outcome
        assert world.actors.asked == []


def test_only_these_routes_are_public() -> None:
    public = {route.name for route in DECLARED if route.access == "public"}
    assert public == {
        "register",
        "login",
        "refresh",
        "readInfo",
        "readKeys",
        "readHealth",
        "readReadiness",
        "receiveWebhook",
        "readCalendar",
    }


@pytest.mark.parametrize("route", DECLARED, ids=[route.name for route in DECLARED])
async def test_the_alias_is_the_same_call(route: Route) -> None:
    if route.path.startswith(API):
        world = World()
        path = path_of(route)
        first, second = [
            await world.call(route.method, spelling)
            for spelling in (path, ALIAS + path.removeprefix(API))
        ]
        assert (first.status, first.raw) == (second.status, second.raw)
