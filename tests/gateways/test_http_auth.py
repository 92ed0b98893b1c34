"""Becoming somebody over HTTP, and what the logs say of it: nothing secret."""

import io
from collections.abc import Iterator

import msgspec
import pytest
import structlog
from http_fakes import PASSWORD, World

from core.telemetry import configure_logging

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
ADA = {"email": "ada@example.test", "password": PASSWORD, "name": "Ada"}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging("debug", stream)
    yield stream
    structlog.reset_defaults()


async def test_registering_gives_a_login() -> None:
    answer = await World().call("POST", REGISTER, json=ADA | {"handle": "ada", "locale": "pt_br"})
    assert answer.status == 201
    assert set(answer.json) == {"user", "accessToken", "refreshToken", "expiresIn"}
    assert answer.json["expiresIn"] == 900
    user = answer.json["user"]
    assert (user["handle"], user["locale"], user["role"]) == ("ada", "pt-BR", "user")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_without_a_locale_the_browsers_language_counts() -> None:
    headers = {"Accept-Language": "fr-CH, de;q=0.5"}
    answer = await World().call("POST", REGISTER, json=ADA, headers=headers)
    assert answer.json["user"]["locale"] == "fr"


async def test_a_taken_address_is_a_conflict() -> None:
    world = World()
    await world.call("POST", REGISTER, json=ADA)
    answer = await world.call("POST", REGISTER, json=ADA)
    assert (answer.status, answer.json["code"]) == (409, "conflict")


async def test_every_wrong_field_is_named_at_once() -> None:
    body = {"email": "nobody", "password": "short", "name": "", "handle": "Ä", "role": "admin"}
    answer = await World().call("POST", REGISTER, json=body)
    assert answer.status == 400
    fields = {error["field"] for error in answer.json["errors"]}
    assert fields == {"email", "password", "name", "handle", "role"}


@pytest.mark.parametrize("name", ["  ", "\u200b", "a\nb", "a\u202eb"])
async def test_a_name_that_would_deceive_the_eye_is_refused(name: str) -> None:
    answer = await World().call("POST", REGISTER, json=ADA | {"name": name})
    assert [error["field"] for error in answer.json["errors"]] == ["name"]


@pytest.mark.parametrize("name", ["Zoë", "علی\u200cرضا", "Ada 👩\u200d🚀"])
async def test_a_name_may_be_of_any_script(name: str) -> None:
    answer = await World().call("POST", REGISTER, json=ADA | {"name": name})
    assert (answer.status, answer.json["user"]["name"]) == (201, name)


@pytest.mark.parametrize("email", ["a@b", "a b@c.test", "a@b..test", "a@b.test\n", "@b.test"])
async def test_what_is_no_address_is_refused(email: str) -> None:
    answer = await World().call("POST", REGISTER, json=ADA | {"email": email})
    assert [error["field"] for error in answer.json["errors"]] == ["email"]


@pytest.mark.parametrize("who", [{"handle": "handle1"}, {"email": "mail1@example.test"}])
async def test_one_logs_in_by_handle_or_address(who: dict[str, str]) -> None:
    answer = await World().call("POST", LOGIN, json=who | {"password": PASSWORD, "otp": "123456"})
    assert (answer.status, answer.json["user"]["id"]) == (200, "user-1")


@pytest.mark.parametrize("who", [{}, {"handle": "handle1", "email": "mail1@example.test"}])
async def test_logging_in_takes_one_of_handle_and_address(who: dict[str, str]) -> None:
    answer = await World().call("POST", LOGIN, json=who | {"password": PASSWORD})
    assert answer.status == 400


async def test_a_wrong_password_and_an_unknown_user_look_alike() -> None:
    world = World()
    wrong = await world.call("POST", LOGIN, json={"handle": "handle1", "password": "wrong"})
    unknown = await world.call("POST", LOGIN, json={"handle": "nobody", "password": "wrong"})
    assert wrong.status == unknown.status == 401
    assert wrong.raw == unknown.raw
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_refresh_token_is_good_for_one_use() -> None:
    world = World()
    first = (await world.call("POST", REGISTER, json=ADA)).json["refreshToken"]
    body = {"refreshToken": first}
    again = [await world.call("POST", "/api/v1/auth/refresh", json=body) for _ in range(2)]
    assert [answer.status for answer in again] == [200, 401]


async def test_a_ticket_needs_a_login() -> None:
    world = World()
    assert (await world.call("POST", "/api/v1/auth/ticket")).status == 401
    answer = await world.call("POST", "/api/v1/auth/ticket", token=world.token())
    assert answer.status == 200
    assert set(answer.json) == {"ticket", "expiresIn"}


async def test_after_a_logout_the_access_token_opens_nothing() -> None:
    world = World()
    token = world.token()
    assert (await world.call("POST", "/api/v1/auth/logout", token=token)).status == 200
    assert (await world.call("GET", "/api/v1/users/me", token=token)).status == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nonsense",
        "Bearer too.old.signed",
        "Bearer ticket-1",
        "Bearer ",
        "Basic YTpi",
        "Bearer " + "x" * 5_000,
    ],
)
async def test_a_token_that_is_none_is_a_401(header: str) -> None:
    answer = await World().call("GET", "/api/v1/users/me", headers={"Authorization": header})
    assert answer.status == 401
    assert "WWW-Authenticate" in answer.headers


async def test_the_public_keys_are_public() -> None:
    answer = await World().call("GET", "/.well-known/jwks.json")
    assert answer.json["keys"][0]["kid"] == "1"
    assert answer.headers["Cache-Control"] == "max-age=300"


async def test_no_secret_is_in_any_line_of_the_log(lines: io.StringIO) -> None:
    world = World()
    canary = "canary-7f3a-secret"
    world.credentials.crash = RuntimeError(f"the database said: {canary}")
    crashed = await world.call("POST", REGISTER, json=ADA | {"password": canary})
    world.credentials.crash = None
    granted = await world.call("POST", REGISTER, json=ADA | {"password": canary})
    secrets = [canary, granted.json["accessToken"], granted.json["refreshToken"]]
    token = granted.json["accessToken"]
    await world.call("POST", LOGIN, json={"handle": "handle1", "password": canary, "otp": canary})
    await world.call("POST", LOGIN, json={"handle": "handle1", "password": PASSWORD, canary: 1})
    await world.call("POST", LOGIN, data=canary, headers={"Content-Type": "application/json"})
    refresh = {"refreshToken": secrets[2]}
    secrets.append(
        (await world.call("POST", "/api/v1/auth/refresh", json=refresh)).json["accessToken"]
    )
    await world.call("POST", "/api/v1/auth/refresh", json=refresh)
    secrets.append((await world.call("POST", "/api/v1/auth/ticket", token=token)).json["ticket"])
    await world.call("POST", "/api/v1/auth/logout", token=token)
    await world.call("GET", f"/api/v1/users/me?password={canary}", token=f"a.{canary}.b")
    text = lines.getvalue()
    assert text.count('"event": "request"') >= 9
    assert [secret for secret in [*secrets, PASSWORD] if secret in text] == []
    assert crashed.json["error"] in text


async def test_every_line_of_a_request_carries_its_id_and_a_crash_its_reference(
    lines: io.StringIO,
) -> None:
    world = World()
    world.credentials.crash = RuntimeError("boom")
    answer = await world.call("POST", REGISTER, json=ADA, headers={"X-Request-Id": "abc-1"})
    assert answer.status == 500
    assert answer.headers["X-Request-Id"] == "abc-1"
    logged = [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]
    assert {line["request_id"] for line in logged} == {"abc-1"}
    crash = next(line for line in logged if line["event"] == "http crash")
    assert answer.json == {"error": crash["reference"]}
    assert "boom" in crash["exception"]
