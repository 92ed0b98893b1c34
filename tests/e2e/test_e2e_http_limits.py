"""A server with its limits on: who asks too often is told so, and when to come back (§9)."""

from collections.abc import Iterator
from typing import Final

import httpx
import pytest
import trio
from http_client import Caller, call, figures, refusal
from raw_client import PASSWORD, Person, on_stage, register
from server_process import ServerProcess

from actors.persona.fixed_texts import notice

HEADERS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data_dir = tmp_path_factory.mktemp("limited") / "data"
    server = ServerProcess(data_dir, settings={"CARAVAN_RATE_LIMITS": "on"})
    trio.run(server.start)
    yield server
    assert trio.run(server.stop) == 0, server.last_words()


@pytest.fixture(scope="module")
def person(limited: ServerProcess) -> Person:
    return register(limited.http, "Ada")


def rate(answer: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (int(answer.headers[name]) for name in HEADERS)
    return limit, remaining, reset


def too_many(answer: httpx.Response) -> None:
    refusal(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1
    assert rate(answer)[1] == 0


async def test_whoever_asks_a_persona_more_than_twenty_times_a_minute_is_told_to_wait(
    limited: ServerProcess, person: Person
) -> None:
    async with on_stage(limited.http, limited.ws) as stage:
        ada = await stage.enter(person)
        room = await stage.room(ada)
        made = Caller(limited.http, person).post("personas", {"name": "Nova", "style": "local"})
        persona = made.json()["persona"]["id"]
        await ada.ask("room.persona", roomId=room["id"], personaId=persona, active=True)
        said = []
        for number in range(21):
            await ada.say(room, f"hello Nova {number}")
            with trio.fail_after(20):
                started = await ada.event("run.started", roomId=room["id"])
                said.append(await ada.event("chat.message", messageId=started["messageId"]))
        waits = notice("slow_down", "en")
        assert [message["content"] == waits for message in said] == [False] * 20 + [True]


def test_a_limited_call_says_how_many_are_left(limited: ServerProcess, person: Person) -> None:
    caller = Caller(limited.http, person)

    first, second, failed = (
        rate(caller.get(path)) for path in ("users/me", "inbox", "users/nobody")
    )

    assert first[0] == 1_000
    assert first[1] > second[1] > failed[1]
    assert 0 <= first[2] <= 3_600


def test_what_tells_of_the_server_is_not_limited(limited: ServerProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/api/v1/info", "/openapi.json"):
        answer = call(limited.http, "GET", path)
        assert answer.status_code == 200
        assert not [name for name in HEADERS if name in answer.headers]


def test_guessing_has_an_end(limited: ServerProcess, person: Person) -> None:
    """First the account's five tries in 15 minutes, then the address's hundred calls an hour."""
    nobody, before = Caller(limited.http), figures(limited.http)
    guess = {"handle": person.handle, "password": "a wrong guess"}

    tries = [nobody.post("auth/login", guess) for _ in range(5)]
    assert [answer.status_code for answer in tries] == [401] * 5
    assert rate(tries[0])[0] == 100
    too_many(nobody.post("auth/login", guess))
    right = {"handle": person.handle.upper(), "password": PASSWORD}
    too_many(nobody.post("auth/login", right))
    as_another = nobody.post("auth/login", right, X_Forwarded_For="198.51.100.1")
    too_many(as_another)

    statuses = []
    while not statuses or statuses[-1] != 429:
        answer = nobody.post("auth/refresh", {"refreshToken": "guess"})
        statuses.append(answer.status_code)
        assert len(statuses) < 110
    too_many(answer)
    assert set(statuses[:-1]) == {401}
    too_many(call(limited.http, "GET", "/api/v1/users/me", token="a.b.c"))
    assert Caller(limited.http, person).get("users/me").status_code == 200

    # Who watches the server sees it.
    seen = figures(limited.http)
    assert int(seen["credentials_failed"]) - int(before["credentials_failed"]) == 5
    assert int(seen["rate_limits_refused"]) - int(before["rate_limits_refused"]) >= 5
    assert int(seen["passwords_hashed"]) - int(before["passwords_hashed"]) == 5
