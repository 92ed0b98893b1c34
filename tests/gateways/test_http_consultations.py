"""Consultations over HTTP: times that professionals open, and who books and cancels them."""

from typing import Any

import pytest
from http_fakes import FakeClock, World

from core.identity import Role

TIMES = "/api/v1/consultations/times"
PATH = "/api/v1/consultations"
NOW = FakeClock().now_ms()
HOUR = 3_600_000
ADVISER = {"id": "user-2", "handle": "handle2", "name": "Name 2"}
TRAVELLER = {"id": "user-1", "handle": "handle1", "name": "Name 1"}


async def call(world: World, role: Role, method: str, path: str, body: Any = None) -> Any:
    options = {} if body is None else {"json": body}
    return await world.call(method, path, token=world.token(role), **options)


async def opened(world: World, hour: int = 2, **changes: Any) -> Any:
    body = {"startsAt": NOW + hour * HOUR, "minutes": 30, "tags": ["Portugal", "DE"]} | changes
    answer = await call(world, Role.PROFESSIONAL, "POST", TIMES, body)
    assert answer.status == 201, answer.raw
    return answer.json["time"]


async def booked(world: World, time: Any) -> Any:
    body = {"timeId": time["id"], "about": "Visa?\u202e "}
    answer = await call(world, Role.USER, "POST", PATH, body)
    assert answer.status == 201, answer.raw
    return answer.json["consultation"]


async def found(world: World, path: str = TIMES, role: Role = Role.USER, **query: str) -> list[str]:
    answer = await world.call("GET", path, token=world.token(role), query_string=query)
    assert answer.status == 200, answer.raw
    return [item["id"] for item in answer.json["items"]]


async def test_a_time_is_found_and_booked_and_both_see_it() -> None:
    world = World()
    time = await opened(world)
    assert time == {
        "id": time["id"],
        "startsAt": NOW + 2 * HOUR,
        "endsAt": NOW + 2 * HOUR + 30 * 60_000,
        "tags": ["portugal", "de"],
        "professional": ADVISER,
    }
    listed = await call(world, Role.USER, "GET", TIMES)
    assert listed.json == {"items": [time], "nextCursor": None}
    assert await found(world, tags="DE", professionalId="user-2") == [time["id"]]
    assert await found(world, tags="fr") == []
    made = await booked(world, time)
    assert made == time | {
        "state": "booked",
        "meterSeconds": 0,
        "traveller": TRAVELLER,
        "about": "Visa?",
        "cancelledBy": None,
        "note": "",
    }
    for role in (Role.USER, Role.PROFESSIONAL):
        read = await call(world, role, "GET", f"{PATH}/{time['id']}")
        assert read.json == {"consultation": made}
        assert await found(world, PATH, role) == [time["id"]]
    assert await found(world) == []


async def test_to_others_it_is_not_there() -> None:
    world = World()
    time = await opened(world)
    for role in (Role.USER, Role.PROFESSIONAL):
        open_still = await call(world, role, "GET", f"{PATH}/{time['id']}")
        assert (open_still.status, open_still.json["code"]) == (404, "not_found")
    await booked(world, time)
    for method, rest, body in (("GET", "", None), ("POST", "/cancel", {})):
        answer = await call(world, Role.ADMIN, method, f"{PATH}/{time['id']}{rest}", body)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert await found(world, PATH, Role.ADMIN) == []
    late = await call(world, Role.ADMIN, "POST", PATH, {"timeId": time["id"]})
    assert (late.status, late.json["code"]) == (409, "conflict")
    assert b"user-1" not in late.raw


async def test_either_side_cancels_and_says_why() -> None:
    world = World()
    time = await opened(world)
    await booked(world, time)
    path = f"{PATH}/{time['id']}/cancel"
    done = await call(world, Role.USER, "POST", path, {"note": " Ill. "})
    consultation = done.json["consultation"]
    assert (consultation["state"], consultation["cancelledBy"]) == ("cancelled", "user-1")
    read = await call(world, Role.PROFESSIONAL, "GET", f"{PATH}/{time['id']}")
    assert read.json["consultation"]["note"] == "Ill."
    [again] = await found(world)
    await call(world, Role.USER, "POST", PATH, {"timeId": again})
    path = f"{PATH}/{again}/cancel"
    assert (await call(world, Role.PROFESSIONAL, "POST", path)).status == 200
    assert await found(world) == []


async def test_a_repeated_key_opens_one_time_even_if_its_answer_was_lost() -> None:
    world = World()
    body, headers = {"startsAt": NOW + HOUR, "minutes": 60}, {"Idempotency-Key": "once"}
    answers = []
    for _ in range(2):
        world.idempotency.begun.clear()
        token = world.token(Role.PROFESSIONAL)
        answer = await world.call("POST", TIMES, token=token, json=body, headers=headers)
        answers.append(answer.json)
    assert answers[0] == answers[1]
    assert len(await found(world)) == 1


async def test_on_holiday_open_times_are_closed() -> None:
    world = World()
    first, last = await opened(world, 2), await opened(world, 30)
    span = {"from": str(NOW), "to": str(NOW + 24 * HOUR)}
    token = world.token(Role.PROFESSIONAL)
    closed = await world.call("DELETE", TIMES, token=token, query_string=span)
    assert closed.json == {"closed": 1}
    assert await found(world) == [last["id"]]
    assert (await call(world, Role.USER, "POST", PATH, {"timeId": first["id"]})).status == 404
    wrong = {"from": "5", "to": "5"}
    answer = await world.call("DELETE", TIMES, token=token, query_string=wrong)
    assert [error["field"] for error in answer.json["errors"]] == ["to"]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"startsAt": NOW}, "startsAt"),
        ({"startsAt": NOW, "tags": ["a,b"]}, "startsAt tags"),
        ({"startsAt": NOW + 181 * 24 * HOUR}, "startsAt"),
        ({"startsAt": 2**63}, "startsAt"),
        ({"minutes": 9}, "minutes"),
        ({"minutes": 241}, "minutes"),
        ({"tags": ["a,b"]}, "tags"),
        ({"price": 5}, "price"),
    ],
)
async def test_a_wrong_time_is_named(change: dict[str, Any], fields: str) -> None:
    world = World()
    body = {"startsAt": NOW + HOUR, "minutes": 30} | change
    answer = await call(world, Role.PROFESSIONAL, "POST", TIMES, body)
    assert [error["field"] for error in answer.json["errors"]] == fields.split()
    assert await found(world) == []


async def test_texts_have_their_bounds_and_hold_no_card() -> None:
    world = World()
    time = await opened(world)
    for about in ("é" * 501, "My card: 4111 1111 1111 1111"):
        body = {"timeId": time["id"], "about": about}
        answer = await call(world, Role.USER, "POST", PATH, body)
        assert [error["field"] for error in answer.json["errors"]] == ["about"]
    await booked(world, time)
    path = f"{PATH}/{time['id']}/cancel"
    answer = await call(world, Role.USER, "POST", path, {"note": "é" * 501})
    assert [error["field"] for error in answer.json["errors"]] == ["note"]


async def test_pages_meet() -> None:
    world = World()
    times = [await opened(world, hour) for hour in (1, 2, 3)]
    for time in times:
        await booked(world, time)
    more = [await opened(world, hour) for hour in (4, 5, 6)]
    for path, expected in ((PATH, times), (TIMES, more)):
        first = await world.call("GET", path, token=world.token(), query_string={"limit": "2"})
        query = {"limit": "2", "cursor": first.json["nextCursor"]}
        rest = await world.call("GET", path, token=world.token(), query_string=query)
        ids = [item["id"] for page in (first, rest) for item in page.json["items"]]
        assert (ids, rest.json["nextCursor"]) == ([time["id"] for time in expected], None)
    over = str(NOW + 2 * HOUR)
    assert await found(world, PATH, **{"from": over}) == [time["id"] for time in times[1:]]
