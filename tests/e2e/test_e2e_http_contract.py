"""What every HTTP answer keeps to: errors, ids, the alias, idempotency, and the pages about the server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from http_client import Caller, call, newcomer, refusal, wrong_fields
from raw_client import Person, RawClient, uuid7
from server_process import ServerProcess

BUILT: Final = {
    ("post", "/api/v1/auth/register"),
    ("post", "/api/v1/auth/login"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/ticket"),
    ("get", "/api/v1/users/me"),
    ("patch", "/api/v1/users/me"),
    ("get", "/api/v1/users/{id}"),
    ("get", "/api/v1/users"),
    ("get", "/api/v1/chat/rooms"),
    ("post", "/api/v1/chat/rooms"),
    ("get", "/api/v1/chat/rooms/{id}/members"),
    ("get", "/api/v1/inbox"),
    ("get", "/api/v1/personas"),
    ("post", "/api/v1/personas"),
    ("get", "/api/v1/info"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}
RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "runbook.md"


@pytest.fixture
def http(protocol_server: ServerProcess) -> str:
    return protocol_server.http


@pytest.fixture
def by_ada(http: str, people: dict[str, Person]) -> Caller:
    return Caller(http, people["ada"])


@pytest.fixture
def by_bob(http: str, people: dict[str, Person]) -> Caller:
    return Caller(http, people["bob"])


def a_room(title: str = "Lisbon") -> dict[str, Any]:
    return {"kind": "group", "title": title}


# Errors.


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[]", {}),
        (b'"text"', {}),
        (b"\xff\xfe", {}),
        (b'{"kind": "group", "title": "half \\ud800"}', {}),
        (b"[" * 30_000, {}),
        (b'{"kind": NaN}', {}),
        (b'{"kind": "group"}', {"Content_Type": "text/plain"}),
        (b"kind=group", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"x" * 65_537, {}),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    by_ada: Caller, body: bytes, headers: dict[str, str]
) -> None:
    wrong_fields(by_ada.post("chat/rooms", body, **headers))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v2/info"),
        ("DELETE", "/api/v1/users/me"),
        ("PUT", "/healthz"),
        ("GET", "/api/v1/auth/login"),
        ("GET", "/../etc/passwd"),
    ],
)
def test_an_unknown_address_or_method_is_not_found(http: str, method: str, path: str) -> None:
    answer = call(http, method, path)

    refusal(answer, 404, "not_found")
    assert answer.headers["X-Request-Id"]


def test_a_webhook_of_nobody_is_not_found(http: str) -> None:
    refusal(call(http, "POST", "/webhooks/nobody", {}), 404, "not_found")


def test_every_answer_has_a_request_id_the_callers_own_if_it_is_proper(http: str) -> None:
    answers = [
        call(http, "GET", "/api/v1/info"),
        call(http, "GET", "/api/v1/users/me"),
        call(http, "GET", "/nowhere"),
        call(http, "POST", "/api/v1/auth/login", b"{"),
    ]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert all(ids)
    assert len(set(ids)) == len(ids)

    own = call(http, "GET", "/healthz", X_Request_Id="my-request.1")
    assert own.headers["X-Request-Id"] == "my-request.1"
    for improper in ("with space", "x" * 65, "a;b"):
        answer = call(http, "GET", "/healthz", X_Request_Id=improper)
        assert answer.headers["X-Request-Id"] != improper


def test_answers_are_not_to_be_stored_framed_or_guessed_at(by_ada: Caller) -> None:
    for answer in (by_ada.get("users/me"), by_ada.get("users/nobody")):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


# The alias.


def test_api_is_the_newest_versions_other_name(http: str, people: dict[str, Person]) -> None:
    token = people["ada"].token

    for path in ("info", "users/me", "chat/rooms?limit=3", "inbox", "personas", "users/none"):
        versioned, alias = (
            call(http, "GET", f"{root}/{path}", token=token) for root in ("/api/v1", "/api")
        )
        assert (alias.status_code, alias.json()) == (versioned.status_code, versioned.json())
    assert call(http, "POST", "/api/auth/register", newcomer()).status_code == 201


# Idempotency-Key.


def test_a_repeated_call_gets_the_first_answer_and_has_one_effect(by_ada: Caller) -> None:
    key = uuid7()

    first, second = (by_ada.post("chat/rooms", a_room(), Idempotency_Key=key) for _ in range(2))

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    rooms = [item["id"] for item in by_ada.get("chat/rooms").json()["items"]]
    assert rooms.count(first.json()["room"]["id"]) == 1


def test_a_replayed_change_does_not_undo_a_later_one(by_bob: Caller) -> None:
    key = "change-1"
    by_bob.patch("users/me", {"currency": "EUR"}, Idempotency_Key=key)
    by_bob.patch("users/me", {"currency": "USD"})

    replayed = by_bob.patch("users/me", {"currency": "EUR"}, Idempotency_Key=key)

    assert replayed.json()["currency"] == "EUR"
    assert by_bob.get("users/me").json()["currency"] == "USD"


def test_the_same_key_with_another_body_is_a_conflict(by_ada: Caller) -> None:
    key = uuid7()
    by_ada.post("chat/rooms", a_room("Lisbon"), Idempotency_Key=key)

    answer = by_ada.post("chat/rooms", a_room("Porto"), Idempotency_Key=key)

    refusal(answer, 409, "conflict")


def test_a_key_is_its_users_and_its_routes_own(by_ada: Caller, by_bob: Caller) -> None:
    key = uuid7()

    hers, his = (who.post("chat/rooms", a_room(), Idempotency_Key=key) for who in (by_ada, by_bob))
    profile = by_ada.patch("users/me", {}, Idempotency_Key=key)

    assert hers.json()["room"]["id"] != his.json()["room"]["id"]
    assert "Idempotency-Replayed" not in his.headers
    assert profile.status_code == 200


def test_a_refused_call_leaves_its_key_free(by_ada: Caller) -> None:
    key = uuid7()
    wrong_fields(by_ada.post("chat/rooms", {"kind": "party"}, Idempotency_Key=key))

    assert by_ada.post("chat/rooms", a_room(), Idempotency_Key=key).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "with space"])
def test_what_is_no_key_is_named(by_ada: Caller, key: str) -> None:
    answer = by_ada.post("chat/rooms", a_room(), Idempotency_Key=key)

    assert wrong_fields(answer) == ["Idempotency-Key"]


async def test_concurrent_calls_with_one_key_have_one_effect(by_ada: Caller) -> None:
    key, title, answers = uuid7(), f"once {uuid7()}", []

    async def make() -> None:
        answers.append(
            await trio.to_thread.run_sync(
                lambda: by_ada.post("chat/rooms", a_room(title), Idempotency_Key=key)
            )
        )

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(make)

    made = [answer for answer in answers if answer.status_code == 201]
    assert made
    assert len({answer.json()["room"]["id"] for answer in made}) == 1
    for answer in answers:
        if answer not in made:
            refusal(answer, 409, "conflict")
    items = by_ada.get("chat/rooms", limit=100).json()["items"]
    assert [item["title"] for item in items].count(title) == 1


async def test_a_key_over_http_is_a_client_id_over_the_socket(
    by_ada: Caller, ada: RawClient
) -> None:
    key = uuid7()
    over_http = by_ada.post("chat/rooms", a_room(), Idempotency_Key=key).json()["room"]

    over_socket = await ada.ask("room.create", clientId=key, **a_room())

    assert over_socket["room"]["id"] == over_http["id"]


# What the server says of itself.


def test_info_leads_to_the_socket(protocol_server: ServerProcess) -> None:
    info = call(protocol_server.http, "GET", "/api/v1/info").json()

    assert set(info) == {"name", "version", "protocol", "ws"}
    assert (info["protocol"], info["ws"]) == (1, protocol_server.ws)


def test_a_stranger_among_hosts_is_not_repeated(http: str) -> None:
    info = call(http, "GET", "/api/v1/info", Host="evil.example/path?").json()

    assert "evil" not in info["ws"]


def test_a_server_that_serves_is_alive_and_ready(http: str) -> None:
    assert call(http, "GET", "/healthz").status_code == 200
    ready = call(http, "GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True


def test_metrics_are_prometheus_lines(http: str) -> None:
    answer = call(http, "GET", "/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]* -?[0-9.e+-]+(nan|inf)?\Z")
    lines = answer.text.splitlines()
    assert len(lines) > 20
    assert [each for each in lines if not line.match(each)] == []
    assert any(each.startswith("outbox_lag_seconds ") for each in lines)


def test_what_the_runbook_says_to_watch_is_in_the_metrics(http: str) -> None:
    served = {line.split()[0] for line in call(http, "GET", "/metrics").text.splitlines()}
    _, _, table = RUNBOOK.read_text("utf-8").partition("| figure |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    watched = [name for row in rows for name in re.findall("`([a-z_]+)`", row.split("|")[1])]

    assert len(watched) >= 6
    assert [name for name in watched if name not in served] == []


def test_metrics_are_for_this_machine_or_for_operators(
    http: str, people: dict[str, Person]
) -> None:
    from_afar = {"X_Forwarded_For": "203.0.113.9"}

    refusal(call(http, "GET", "/metrics", **from_afar), 401, "unauthenticated")
    as_user = call(http, "GET", "/metrics", token=people["ada"].token, **from_afar)
    refusal(as_user, 403, "forbidden")


# The OpenAPI page.


@pytest.fixture(scope="module")
def page(protocol_server: ServerProcess) -> dict[str, Any]:
    answer = call(protocol_server.http, "GET", "/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = json.loads(answer.content)
    return document


def operations(page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_page_has_every_call_of_the_contract(page: dict[str, Any]) -> None:
    assert page["openapi"].startswith("3.1")
    assert set(page["info"]) >= {"title", "version"}
    assert {(method, path) for method, path, _ in operations(page)} >= BUILT


def test_the_page_is_whole(page: dict[str, Any]) -> None:
    references = re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(page))
    assert references
    assert set(references) <= set(page["components"]["schemas"])
    names = [operation["operationId"] for _, _, operation in operations(page)]
    assert len(set(names)) == len(names)
    for _, path, operation in operations(page):
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        assert all(
            response["description"] and response["content"]
            for response in operation["responses"].values()
        )


def test_the_page_names_the_errors_of_each_call(page: dict[str, Any]) -> None:
    for method, path, operation in operations(page):
        statuses = set(operation["responses"])
        assert {"400", "500"} <= statuses
        if "bearer" in json.dumps(operation.get("security", [])):
            assert {"401", "403"} <= statuses, (method, path)
        if path.startswith("/api/v1/") and path != "/api/v1/info":
            assert "429" in statuses, (method, path)
