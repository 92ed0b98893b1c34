"""How often one may call, and what a repeated call gets."""

from typing import Any

import pytest
import trio
from http_fakes import PASSWORD, FakeIdempotencyKeys, World
from structlog.testing import capture_logs
from trio.testing import MockClock

from core.callers import address_key, proxies_of
from core.errors import Rejected, Unavailable
from core.identity import Principal, Role
from core.ports.repositories import Claim, StoredAnswer
from gateways.http.gate import PART
from gateways.http.idempotency import answer_once, fingerprint
from gateways.http.limits import PER_HOUR, PUBLIC_PER_HOUR, is_loopback
from gateways.http.routes import Reply

ME = "/api/v1/users/me"
ROOMS = "/api/v1/chat/rooms"
LOGIN = "/api/v1/auth/login"


@pytest.mark.parametrize("role", list(Role))
async def test_the_allowance_follows_the_role(role: Role) -> None:
    world = World(limited=True)
    answer = await world.call("GET", ME, token=world.token(role))
    assert answer.headers["RateLimit-Limit"] == str(PER_HOUR[role])
    assert answer.headers["RateLimit-Remaining"] == str(PER_HOUR[role] - 1)
    assert answer.headers["RateLimit-Reset"] == "61"


async def test_past_the_limit_a_call_is_refused_and_told_when_to_come_back() -> None:
    world = World(limited=True)
    token = world.token()
    world.rate_limits.taken["http/user/1/user-1"] = PER_HOUR[Role.USER]
    answer = await world.call("GET", ME, token=token)
    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "13"
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert "13" in answer.json["error"]


async def test_bodies_that_are_due_together_are_cut_off_one_by_one(
    autojump_clock: MockClock,
) -> None:
    world, ended = World(body_within=2.0), []

    async def trickle() -> None:
        headers = {"Content-Type": "application/json", "Content-Length": "500"}
        request = world.app.test_client().request(LOGIN, method="POST", headers=headers)
        async with request as connection:
            await connection.send(b"{")
            answer = await connection.as_response()
            assert (answer.status_code, answer.headers["Connection"]) == (400, "close")
            ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(trickle)
    assert ended == [pytest.approx(2.0 + (n + 1) * PART.slowest) for n in range(5)]


async def test_guessing_tokens_counts_against_the_address() -> None:
    world = World(limited=True)
    statuses = [
        (await world.call("GET", ME, token=f"guess.{number}.x")).status
        for number in range(PUBLIC_PER_HOUR + 1)
    ]
    assert statuses == [401] * PUBLIC_PER_HOUR + [429]
    assert (await world.call("GET", ME, token="gu.e.ss", client="203.0.113.8")).status == 401


async def test_our_own_trouble_counts_against_nobody() -> None:
    """While the database is away nobody can be recognised: that must not use up an address."""
    world = World(limited=True)

    async def away(token: str) -> Principal:
        raise Unavailable

    world.credentials.authenticate = away  # type: ignore[method-assign]
    answer = await world.call("GET", ME, token=world.token())
    assert (answer.status, world.rate_limits.taken) == (504, {})


async def test_watching_and_finding_the_server_is_not_limited() -> None:
    world = World(limited=True)
    for path in ("/healthz", "/readyz", "/api/v1/info", "/.well-known/jwks.json", "/openapi.json"):
        assert "RateLimit-Limit" not in (await world.call("GET", path)).headers
    assert world.rate_limits.taken == {}


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("handle", ["handle1", "HANDLE1"]),
        ("email", ["mail1@example.test", "Mail1@example.test", "maİl1@example.test"]),
    ],
)
async def test_an_account_takes_five_attempts_whatever_the_case_and_the_address(
    kind: str, spellings: list[str]
) -> None:
    """PostgreSQL finds the same account by all of these spellings."""
    world = World(limited=True)
    statuses = []
    for number in range(6):
        body = {kind: spellings[number % len(spellings)], "password": "wrong"}
        answer = await world.call("POST", LOGIN, json=body, client=f"203.0.113.{number}")
        statuses.append(answer.status)
    assert statuses == [401] * 5 + [429]
    body = {"handle": "handle2", "password": PASSWORD}
    assert (await world.call("POST", LOGIN, json=body)).status == 200


async def test_an_address_takes_thirty_attempts_on_all_accounts() -> None:
    world = World(limited=True)
    for number in range(30):
        await world.call("POST", LOGIN, json={"handle": f"nobody{number}", "password": "x"})
    answer = await world.call("POST", LOGIN, json={"handle": "handle1", "password": PASSWORD})
    assert answer.status == 429


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.3"])
async def test_behind_a_proxy_each_caller_has_its_own_attempts(proxy: str) -> None:
    world = World(limited=True, proxies=proxies_of("127.0.0.1,10.0.0.0/24"))

    async def tried(forwarded: str, client: str = proxy) -> int:
        headers = {"X-Forwarded-For": forwarded}
        body = {"handle": f"nobody{len(world.rate_limits.taken)}", "password": "x"}
        return int(
            (await world.call("POST", LOGIN, json=body, client=client, headers=headers)).status
        )

    statuses = [await tried(f"192.0.2.{n}, 198.51.100.1, 10.0.0.9") for n in range(31)]
    assert statuses == [401] * 30 + [429]
    assert await tried("198.51.100.1, 198.51.100.2") == 401
    assert await tried("198.51.100.1", client="203.0.113.8") == 401  # a stranger is not believed
    assert world.rate_limits.taken["login/address/203.0.113.8"] == 1


@pytest.mark.parametrize(
    "header", ["Forwarded", "forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"]
)
async def test_a_proxy_that_does_not_say_for_whom_it_speaks_is_complained_of_once(
    header: str,
) -> None:
    world = World(proxies=proxies_of("127.0.0.1,10.0.0.0/24"))

    async def call(client: str, **headers: str) -> list[Any]:
        with capture_logs() as logs:
            for _ in range(2):
                await world.call("GET", "/api/v1/info", client=client, headers=headers)
        return [entry for entry in logs if entry["log_level"] == "warning"]

    word = {header: "for=198.51.100.1"}
    assert not await call("203.0.113.8", **word)  # a stranger is believed nothing anyway
    assert not await call("10.0.0.3", Origin="https://caravan.example")
    assert not await call("10.0.0.3", **word, **{"X-Forwarded-For": "198.51.100.1"})
    [warning] = await call("10.0.0.3", **word)
    assert (warning["proxy"], warning["header"].lower()) == ("10.0.0.3", header.lower())
    assert "X-Forwarded-For" in warning["hint"]
    assert not await call("10.0.0.3", **word)


async def test_with_the_limits_off_nothing_is_counted_or_told() -> None:
    world = World()
    for _ in range(8):
        answer = await world.call("POST", LOGIN, json={"handle": "handle1", "password": "wrong"})
    assert answer.status == 401
    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("<local>", "unknown"),
    ],
)
def test_an_address_counts_for_its_customer(address: str, key: str) -> None:
    assert address_key(address) == key


async def create(world: World, token: str, key: str, **body: Any) -> Any:
    headers = {"Idempotency-Key": key}
    return await world.call(
        "POST", ROOMS, token=token, json={"kind": "group"} | body, headers=headers
    )


async def test_a_repeated_call_gets_the_first_answer_and_has_one_effect() -> None:
    world = World()
    token = world.token()
    first, again = [await create(world, token, "k1") for _ in range(2)]
    assert (again.status, again.raw) == (first.status, first.raw) == (201, first.raw)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.actors.asked) == 1


async def test_a_key_with_another_body_is_a_conflict() -> None:
    world = World()
    token = world.token()
    await create(world, token, "k1")
    assert (await create(world, token, "k1", title="Other")).status == 409


async def test_a_key_belongs_to_its_user() -> None:
    world = World()
    await create(world, world.token(), "k1")
    other = await create(world, world.token(Role.PROFESSIONAL), "k1")
    assert "Idempotency-Replayed" not in other.headers


async def test_the_key_of_a_failed_call_may_be_used_again() -> None:
    world = World()
    token = world.token()
    good = world.actors.answer
    for failure in (Rejected("conflict", "This handle is taken."), ValueError("boom")):
        world.actors.answer = lambda _address, _message, failure=failure: failure
        assert (await create(world, token, "k1")).status in (409, 500)
    world.actors.answer = good
    assert (await create(world, token, "k1", title="Other")).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut"])
async def test_a_key_that_is_none_is_a_400(key: str) -> None:
    world = World()
    answer = await create(world, world.token(), key)
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


async def test_what_login_answers_is_never_kept() -> None:
    world = World()
    body = {"handle": "handle1", "password": PASSWORD}
    headers = {"Idempotency-Key": "k1"}
    answers = [await world.call("POST", LOGIN, json=body, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert world.idempotency.begun == {}


async def test_a_call_whose_client_left_frees_its_key() -> None:
    store = FakeIdempotencyKeys()
    with trio.CancelScope() as scope:

        async def never() -> Reply:
            scope.cancel()
            await trio.sleep_forever()
            raise AssertionError

        await answer_once(store, "scope", "k1", b"hash", never)
    assert scope.cancelled_caught
    assert store.begun == {}


async def test_an_answer_goes_out_though_it_could_not_be_kept() -> None:
    class Away(FakeIdempotencyKeys):
        async def finish(self, claim: Claim, answer: StoredAnswer) -> None:
            raise Unavailable

    async def done() -> Reply:
        return Reply(status=201, body=b"{}")

    assert (await answer_once(Away(), "scope", "k1", b"hash", done)).status == 201


def test_a_fingerprint_tells_where_its_parts_end() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_this_machine_is_known_by_each_of_its_addresses():
    """The last one is how a socket for both protocols calls 127.0.0.1."""
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "", "nobody")))
