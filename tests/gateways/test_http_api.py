"""Profiles, rooms, inbox, health, and what every answer has in common."""

from typing import Any

import msgspec
import pytest
import trio
from http_fakes import World, a_room, members_only

from core.errors import Overloaded, Rejected, Unavailable
from core.identity import Role
from core.ports.repositories import InboxItem, MemberRecord
from gateways.http import gate
from protocol.limits import MAX_NESTING
from protocol.room import ROOM, ViewRoom
from protocol.user import USER

ME = "/api/v1/users/me"
ROOMS = "/api/v1/chat/rooms"


async def test_one_sees_all_of_oneself_and_less_of_others() -> None:
    world = World()
    me = await world.call("GET", ME, token=world.token())
    other = await world.call("GET", "/api/v1/users/user-2", token=world.token())
    assert set(other.json) == {"id", "handle", "name", "role", "locale", "createdAt"}
    assert set(me.json) - set(other.json) == {"email", "timeZone", "currency", "preferences"}


async def test_a_profile_changes_in_normal_form() -> None:
    world = World()
    change = {
        "name": " Ada ",
        "handle": "ada",
        "locale": "de_at",
        "timeZone": "Europe/Lisbon",
        "currency": "CHF",
        "preferences": {"pace": "relaxed", "homeAirport": "LIS", "languages": ["pt_br"]},
    }
    answer = await world.call("PATCH", ME, token=world.token(), json=change)
    assert answer.status == 200
    assert answer.json["name"] == "Ada"
    assert answer.json["locale"] == "de-AT"
    assert answer.json["preferences"] == {
        "pace": "relaxed",
        "homeAirport": "LIS",
        "languages": ["pt-BR"],
    }


async def test_what_a_change_leaves_out_stays() -> None:
    world = World()
    before = world.users.users["user-1"]
    await world.call("PATCH", ME, token=world.token(), json={})
    assert world.users.users["user-1"] == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "admin"}, "role"),
        ({"handle": "_ab"}, "handle"),
        ({"handle": "adá"}, "handle"),
        ({"handle": "ada\n"}, "handle"),
        ({"locale": "xx-YY"}, "locale"),
        ({"locale": "qq@/ce"}, "locale"),
        ({"locale": "de@euro"}, "locale"),
        ({"locale": "de_DE.UTF-8"}, "locale"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"timeZone": "localtime"}, "timeZone"),
        ({"timeZone": "Factory"}, "timeZone"),
        ({"currency": "XXZ"}, "currency"),
        ({"name": None}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"preferences": {"pace": "fast"}}, "preferences.pace"),
        ({"preferences": {"shoe": 44}}, "preferences.shoe"),
        ({"preferences": {"interests": ["x"] * 21}}, "preferences.interests"),
        ({"preferences": {"interests": ["x", ""]}}, "preferences.interests[1]"),
        ({"preferences": {"languages": ["klingon!"]}}, "preferences.languages"),
        ({"preferences": {"languages": ["de", "x@/ce"]}}, "preferences.languages"),
        ({"preferences": {"homeAirport": "lis"}}, "preferences.homeAirport"),
    ],
)
async def test_a_wrong_field_is_named_and_changes_nothing(change: Any, field: str) -> None:
    world = World()
    before = world.users.users["user-1"]
    answer = await world.call("PATCH", ME, token=world.token(), json=change)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert world.users.users["user-1"] == before


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"", "application/json"),
        (b'"\xff"', "application/json"),
        (b"[" * 60_000, "application/json"),
        (b'{"name": NaN}', "application/json"),
        (b'{"name": "\\ud800"}', "application/json"),
        (b"{}", "text/plain"),
        (b"name=x", "application/x-www-form-urlencoded"),
        (b"x" * 65_537, "application/json"),
    ],
)
async def test_a_body_that_is_no_json_object_is_a_400(raw: bytes, media_type: str) -> None:
    world = World()
    headers = {"Content-Type": media_type}
    answer = await world.call("PATCH", ME, token=world.token(), data=raw, headers=headers)
    assert answer.status == 400
    assert set(answer.json["errors"][0]) == {"field", "message"}


@pytest.mark.parametrize(
    ("opening", "closing", "levels", "is_taken"),
    [
        ("[", "]", MAX_NESTING, True),
        ("[", "]", MAX_NESTING + 1, False),
        ("[", "]", 900, False),
        ('{"a":', "}", 900, False),
    ],
)
async def test_a_body_is_nested_as_deeply_as_a_frame_and_no_deeper(
    opening: str, closing: str, levels: int, is_taken: bool
) -> None:
    """Nobody need have logged in to send one."""
    deep = opening * levels + ("1" if closing == "}" else "") + closing * levels
    answer = await World().call(
        "POST",
        "/api/v1/auth/login",
        data=f'{{"password": {deep}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 400
    said = {one["field"]: one["message"] for one in answer.json["errors"]}
    assert ("nested" in said["password"]) is not is_taken


@pytest.mark.parametrize("user_id", ["nobody", "x" * 65, "a%00b", "..%2f..", "%F0%9F%98%80"])
async def test_an_unknown_id_is_a_404_whatever_its_form(user_id: str) -> None:
    world = World()
    answer = await world.call("GET", f"/api/v1/users/{user_id}", token=world.token())
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_a_user_is_found_by_handle_whatever_its_case() -> None:
    world = World()
    for handle in ("handle2", "@Handle2"):
        answer = await world.call(
            "GET", "/api/v1/users", token=world.token(), query_string={"handle": handle}
        )
        assert answer.json["id"] == "user-2"
    missing = await world.call("GET", "/api/v1/users", token=world.token())
    assert missing.json["errors"][0]["field"] == "handle"


async def test_rooms_come_in_pages_with_unread_and_last() -> None:
    world = World()
    last = msgspec.msgpack.encode({"type": "chat.message", "content": "olá", "seq": 3})
    world.rooms.summaries = [a_room(number, last_body=last) for number in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await world.call("GET", ROOMS, token=world.token(), query_string=query)
        seen += [room["id"] for room in page.json["items"]]
        assert page.json["items"][0]["last"]["content"] == "olá"
        assert page.json["items"][0]["unread"] == 2
        cursor = page.json["nextCursor"]
    assert [int(room_id[-12:]) for room_id in seen] == [4, 3, 2, 1, 0]
    assert cursor is None


async def test_the_last_message_of_a_room_has_its_present_text() -> None:
    world = World()
    last = msgspec.msgpack.encode({"type": "chat.message", "content": "helo", "seq": 3})
    edit = msgspec.msgpack.encode({"type": "chat.edited", "content": "hello", "sentAt": 5})
    world.rooms.summaries = [a_room(1, last_body=last, last_edit=edit)]
    page = await world.call("GET", ROOMS, token=world.token())
    assert page.json["items"][0]["last"]["content"] == "hello"
    assert page.json["items"][0]["last"]["edited"] == 5


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"page": "1"}])
async def test_a_wrong_query_is_a_400(query: dict[str, str]) -> None:
    world = World()
    answer = await world.call("GET", ROOMS, token=world.token(), query_string=query)
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == next(iter(query))


async def test_a_room_is_made_by_its_users_own_actor() -> None:
    world = World()
    body = {"kind": "group", "title": "Lisbon", "members": ["user-2"], "history": "all"}
    answer = await world.call("POST", ROOMS, token=world.token(), json=body)
    assert (answer.status, answer.json["room"]["id"]) == (201, "room-1")
    ((address, command, principal),) = world.actors.asked
    assert address == USER.at("user-1")
    assert (command.title, command.members, command.history) == ("Lisbon", ["user-2"], "all")
    assert principal is not None
    assert principal.user_id == "user-1"


async def test_one_idempotency_key_makes_one_client_id() -> None:
    world = World()
    uuid7 = "01900000-0000-7ABC-8000-000000000001"
    for key in ("order-1", "order-1", uuid7):
        world.idempotency.begun.clear()  # as if the first answer had never been stored
        headers = {"Idempotency-Key": key}
        await world.call(
            "POST", ROOMS, token=world.token(), json={"kind": "group"}, headers=headers
        )
    ids = [command.client_id for _, command, _ in world.actors.asked]
    assert ids[0] == ids[1] != ids[2] == uuid7.lower()
    assert all(client_id[14] == "7" and client_id[19] in "89ab" for client_id in ids)


async def test_a_room_shows_itself_and_its_members_to_members_alone() -> None:
    world = World()
    world.rooms.records = [
        MemberRecord(
            user_id=f"user-{number}",
            name="N",
            role="member",
            state="joined",
            from_seq=1,
            read_seq=0,
            muted_until=None,
        )
        for number in (2, 1)
    ]
    room = await world.call("GET", f"{ROOMS}/room-1", token=world.token())
    members = await world.call("GET", f"{ROOMS}/room-1/members", token=world.token())
    assert room.json["room"]["title"] == "Lisbon"
    assert [member["id"] for member in members.json["items"]] == ["user-1", "user-2"]
    assert world.actors.asked[0][:2] == (ROOM.at("room-1"), ViewRoom())
    world.actors.answer = members_only
    for path in (f"{ROOMS}/room-1", f"{ROOMS}/room-1/members"):
        assert (await world.call("GET", path, token=world.token())).status == 404


async def test_the_inbox_comes_in_pages_of_event_frames() -> None:
    world = World()
    world.inboxes.items = [
        InboxItem(
            seq=seq,
            kind="notification",
            body=msgspec.msgpack.encode({"type": "notification", "inbox": seq}),
            created_at=1_000,
        )
        for seq in (1, 2, 3)
    ]
    first = await world.call(
        "GET", "/api/v1/inbox", token=world.token(), query_string={"after": "1", "limit": "1"}
    )
    assert first.json == {
        "items": [{"type": "notification", "inbox": 2}],
        "nextCursor": "2",
        "head": 3,
    }
    rest = await world.call(
        "GET", "/api/v1/inbox", token=world.token(), query_string={"cursor": "2"}
    )
    assert [item["inbox"] for item in rest.json["items"]] == [3]
    assert rest.json["nextCursor"] is None


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Rejected("forbidden", "Your role does not allow this."), 403, "forbidden"),
        (Rejected("not_found", "This does not exist."), 404, "not_found"),
        (Rejected("conflict", "This handle is taken."), 409, "conflict"),
        (Rejected("persona_limit", "This handle is taken."), 409, "persona_limit"),
        (Rejected("model_failed", "This handle is taken."), 422, "model_failed"),
        (Overloaded(), 429, "overloaded"),
        (Unavailable(), 504, "unavailable"),
        (Rejected("gds_timeout", "This handle is taken."), 504, "gds_timeout"),
    ],
)
async def test_a_refusal_has_its_status_and_its_word(
    error: Rejected, status: int, code: str
) -> None:
    world = World()
    world.actors.answer = lambda _address, _message: error
    answer = await world.call("GET", f"{ROOMS}/room-1", token=world.token())
    assert (answer.status, answer.json["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status in (429, 504))


@pytest.mark.parametrize("error", [ValueError("secret detail"), Rejected("internal", "x")])
async def test_a_crash_tells_a_reference_and_nothing_else(error: Exception) -> None:
    world = World()
    world.actors.answer = lambda _address, _message: error
    answer = await world.call("GET", f"{ROOMS}/room-1", token=world.token())
    assert answer.status == 500
    assert list(answer.json) == ["error"]
    assert b"secret detail" not in answer.raw


async def test_an_answer_that_does_not_come_is_a_504(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Silent:
        async def ask(self, message: object, **_: object) -> None:
            await trio.sleep_forever()

    world = World(ref=lambda _address: Silent())
    answer = await world.call("GET", f"{ROOMS}/room-1", token=world.token())
    assert (answer.status, answer.json["code"]) == (504, "unavailable")
    assert trio.current_time() >= gate.ANSWER_WITHIN


async def test_too_many_calls_at_once_are_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_IN_FLIGHT", 0)
    world = World()
    answer = await world.call("GET", ME, token=world.token())
    assert (answer.status, answer.json["code"]) == (429, "overloaded")
    assert (await world.call("GET", "/healthz")).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", ME])
async def test_every_answer_carries_an_id_and_the_security_headers(path: str) -> None:
    answer = await World().call("GET", path)
    assert answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.x_Y", True), ("a b", False), ("x" * 65, False)])
async def test_a_sane_request_id_is_taken_over(sent: str, kept: bool) -> None:
    answer = await World().call("GET", "/healthz", headers={"X-Request-Id": sent})
    assert (answer.headers["X-Request-Id"] == sent) == kept


async def test_a_method_that_a_path_does_not_have_is_a_404() -> None:
    answer = await World().call("DELETE", ME)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_errors_speak_the_users_language() -> None:
    world = World()
    token = world.token()
    await world.call("PATCH", ME, token=token, json={"locale": "de-AT"})
    answer = await world.call("GET", "/api/v1/users/nobody", token=token)
    assert answer.json["error"] == "Diesen Benutzer gibt es nicht."
    anonymous = await world.call("GET", ME, headers={"Accept-Language": "es-MX"})
    assert anonymous.json["error"] == "Inicia sesión primero."


async def test_readiness_names_what_is_missing() -> None:
    world = World()
    assert (await world.call("GET", "/readyz")).status == 200
    world.checks["database"] = False
    answer = await world.call("GET", "/readyz")
    assert answer.status == 503
    assert answer.json == {
        "ready": False,
        "checks": {"database": False, "shards": True},
        "models": {"understanding": "ngrams", "wording": "templates"},
    }


async def test_a_readiness_that_is_not_known_in_time_is_none(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def silent() -> dict[str, bool]:
        await trio.sleep_forever()
        raise AssertionError

    assert (await World(readiness=silent).call("GET", "/readyz")).status == 503


async def test_metrics_are_prometheus_text_with_our_own_numbers() -> None:
    world = World()
    answer = await world.call("GET", "/metrics", client="::1")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.raw.decode().splitlines()
    assert "message_log_lag 0.5" in lines
    assert "http_in_flight 1" in lines
    for near in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert (await world.call("GET", "/metrics", client=near)).status == 200
    for far in ("203.0.113.7", "::ffff:203.0.113.7"):
        assert (await world.call("GET", "/metrics", client=far)).status == 401
    operator = await world.call("GET", "/metrics", token=world.token(Role.SERVICE))
    assert operator.status == 200


@pytest.mark.parametrize(
    ("host", "ws"),
    [
        ("cara.example:8080", "ws://cara.example:8081/v1/connect"),
        ("[::1]:8080", "ws://[::1]:8081/v1/connect"),
        ("evil.example/path", "ws://127.0.0.1:8081/v1/connect"),
    ],
)
async def test_info_names_the_socket_by_the_clients_own_name_for_us(host: str, ws: str) -> None:
    answer = await World().call("GET", "/api/v1/info", headers={"Host": host})
    assert answer.json == {"name": "caravan", "version": "0.1.0", "protocol": 1, "ws": ws}


async def test_info_names_the_public_socket_where_there_is_one() -> None:
    world = World(public_ws_url="wss://cara.example/v1/connect")
    assert (await world.call("GET", "/api/v1/info")).json["ws"] == "wss://cara.example/v1/connect"
