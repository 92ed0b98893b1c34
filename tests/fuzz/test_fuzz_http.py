"""HTTP bodies and queries from clients that mean harm: never a 500, and no other answer than declared.
One request in ten has nothing wrong but, perhaps, its path and token, so that what is accepted is met too."""

import json
import random
from collections import Counter
from typing import Any, Final

import structlog
from http_fakes import World

from gateways.http.app import DECLARED
from gateways.http.openapi import document
from gateways.http.routes import Route

REQUESTS: Final = 2_000
SEED: Final = 3
DECLARATION: Final = document(DECLARED, "0.1.0")["paths"]
GOOD: Final[dict[str, dict[str, Any]]] = {
    "register": {"email": "a@x.test", "password": "a long password", "name": "Ada"},
    "login": {"handle": "handle1", "password": "a long password"},
    "refresh": {"refreshToken": "refresh-1"},
    "changeMe": {"name": "Ada", "locale": "de-AT", "preferences": {"pace": "relaxed"}},
    "createRoom": {
        "kind": "group",
        "clientId": "0198f0a0-1111-7222-8333-444455556666",
        "title": "Us",
        "members": ["user-2"],
    },
    "makePersona": {"name": "Juniper", "style": "local", "about": "Knows towns."},
    "changePersona": {"name": "Ben", "isFavourite": True},
    "changeMemory": {"text": "Likes the sea.", "inGroups": False},
    "publishPersona": {"summary": "Eats in Modena.", "tags": ["modena"]},
    "writeReview": {"stars": 5, "text": "Wise."},
    "openTime": {"startsAt": 1_790_000_000_000, "minutes": 30, "tags": ["visa"]},
    "bookConsultation": {"timeId": "0198f0a0-1111-7222-8333-444455556666", "about": "Visa."},
    "importCard": {"spec": "chara_card_v2", "data": {"name": "Ben", "tags": ["chef"]}},
}
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**63, 10**400, 1.5, "", " ", "x" * 5_000, "\0", "\ud800", "\u202e"),
    *([], [None] * 300, [[[[]]]], {}, {"a": {"b": []}}, {"": 1}, "../../etc", "%00", "{name}"),
)
RAW: Final = (
    *(b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}x", b"\xef\xbb\xbf{}", b"\xff\xfe", b"{'a':1}"),
    *(b"[" * 60_000, b'{"a":' * 10_000, b'{"name":NaN}', b'{"name":1e999}', b'{"name":"\xc3"}'),
    *(b'{"name":"a","name":7}', b" " * 65_536, b"x" * 70_000, b'{"name":"\\ud800"}'),
)
QUERIES: Final = (
    "",
    "limit=0",
    "limit=1e9",
    "cursor=%00",
    "cursor=%FF",
    "limit=1&limit=x",
    "q",
    "%",
)


def _body(rng: random.Random, route: Route, *, is_good: bool) -> bytes:
    if is_good:
        return json.dumps(GOOD.get(route.name, {})).encode()
    if rng.random() < 0.3:
        return rng.choice(RAW)
    body = dict(GOOD.get(route.name, {}))
    name = rng.choice((*body, "unknown"))
    if rng.random() < 0.2:
        body.pop(name, None)
    else:
        body[name] = rng.choice(VALUES)
    return json.dumps(body).encode()


async def _ask(world: World, rng: random.Random, token: str, seen: Counter[str]) -> None:
    route, is_good = rng.choice(DECLARED), rng.random() < 0.1
    path = route.path
    for name in ("{id}", "{memoryId}", "{reviewId}"):
        odd = ("user-1", "room-1", "%00", "x" * 300, "%FF", "..%2f")
        path = path.replace(name, rng.choice(odd))
    kinds = ("application/json", "text/plain", "", "x/\x7f")
    headers = {"Content-Type": kinds[0] if is_good else rng.choice(kinds)}
    if rng.random() < 0.2:
        headers["Idempotency-Key"] = rng.choice(("k", "", "x" * 300, "é"))
    data = b"" if route.method == "GET" else _body(rng, route, is_good=is_good)
    answer = await world.call(
        route.method,
        f"{path}?{QUERIES[0] if is_good else rng.choice(QUERIES)}",
        token=token if rng.random() < 0.9 else "no token",
        headers=headers,
        data=data,
    )
    declared = set(DECLARATION[route.path][route.method.lower()]["responses"])
    status = str(answer.status)
    assert status != "500", (route.name, path, headers, data[:500], answer.raw)
    assert status in declared | {"400", "404", "405"}, (route.name, path, data[:500], answer.raw)
    assert len(answer.raw) < 16_384
    seen[status] += 1


async def test_two_thousand_harmful_requests_get_declared_answers_and_no_500() -> None:
    rng, world, seen = random.Random(SEED), World(), Counter[str]()
    with structlog.testing.capture_logs() as logs:
        for number in range(REQUESTS):
            if number % 200 == 0:
                world = World()
            await _ask(world, rng, world.token(), seen)
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert seen.total() == REQUESTS
    assert min(seen["200"], seen["201"], seen["400"], seen["401"], seen["404"]) > 0, seen


async def test_a_path_has_one_spelling_and_nobody_is_sent_to_a_host_of_the_requests_choice() -> (
    None
):
    answer = await World().call("GET", "/api//v1/info", headers={"Host": "evil.test"})
    assert (answer.status, "Location" in answer.headers) == (404, False)
