"""docs/protocol-v1.md §1 and §2 from outside: the upgrade, the judging of frames, refs, order."""

from typing import Any

import msgpack
import pytest
from raw_client import SUBPROTOCOL, Closed, Person, RawClient, Stage, hello, register, uuid7
from raw_socket import raw_socket, ws_frame

BINARY, TEXT, CLOSE, PING, PONG = 0x82, 0x81, 0x88, 0x89, 0x8A

# §1, first and second item: the upgrade, and what RFC 6455 itself demands.


@pytest.mark.parametrize(
    ("path", "protocol", "headers", "status"),
    [
        ("/v1/connect", SUBPROTOCOL, {}, 101),
        ("/v1/connect", f"chat, {SUBPROTOCOL}", {}, 101),
        ("/v1/connect", None, {}, 400),
        ("/v1/connect", "chat", {}, 400),
        ("/v1/elsewhere", SUBPROTOCOL, {}, 404),
        ("/", None, {}, 404),
        ("/v1/connect", SUBPROTOCOL, {"Origin": "https://evil.example"}, 403),
        ("/v1/connect", SUBPROTOCOL, {"Origin": "{http}"}, 101),
    ],
)
async def test_an_upgrade_is_judged_by_path_subprotocol_and_origin(
    stage: Stage, path: str, protocol: str | None, headers: dict[str, str], status: int
) -> None:
    headers = {name: value.replace("{http}", stage.http) for name, value in headers.items()}
    async with raw_socket(stage.ws) as socket:
        head = await socket.upgrade(path, protocol=protocol, headers=headers)
    assert head.startswith(f"HTTP/1.1 {status} ")


async def test_the_subprotocol_is_chosen_and_no_extension(stage: Stage) -> None:
    async with raw_socket(stage.ws) as socket:
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        head = (await socket.upgrade("/v1/connect", headers=offer)).lower()
    assert f"sec-websocket-protocol: {SUBPROTOCOL}" in head
    assert "extensions" not in head


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ws_frame(BINARY, b"\x80", mask=False), 1002),
        (ws_frame(0xC2, b"\x80"), 1002),
        (ws_frame(0x83, b"\x80"), 1002),
        (ws_frame(0x80, b"\x80"), 1002),
        (ws_frame(0x02, b"\x80") + ws_frame(BINARY, b"\x80"), 1002),
        (ws_frame(0x09, b""), 1002),
        (ws_frame(PING, b"x" * 126), 1002),
        (ws_frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (ws_frame(CLOSE, b"\x03\xe8"), 1000),
        (ws_frame(BINARY, size=65_537), 4304),
        (ws_frame(0x02, b"\x80" * 65_000) + ws_frame(0x80, size=537), 4304),
    ],
    ids=[
        "no mask",
        "reserved bit",
        "unknown opcode",
        "continues nothing",
        "two messages at once",
        "fragmented ping",
        "long ping",
        "bad UTF-8",
        "goodbye",
        "too large, by its header",
        "too large, by its second header",
    ],
)
async def test_violations_of_the_websocket_protocol_have_their_codes(
    stage: Stage, data: bytes, code: int
) -> None:
    async with raw_socket(stage.ws) as socket:
        await socket.upgrade("/v1/connect")
        await socket.send(data)
        assert await socket.close_code() == code


async def test_websocket_pings_are_answered(stage: Stage) -> None:
    async with raw_socket(stage.ws) as socket:
        await socket.upgrade("/v1/connect")
        await socket.send(ws_frame(PING, b"are you there"))
        assert await socket.frame() == (PONG, b"are you there")


# §1, judging a client's frame.


def packed(**fields: object) -> bytes:
    data: bytes = msgpack.packb(fields)
    return data


def nested(depth: int) -> Any:
    return [] if depth == 1 else [nested(depth - 1)]


PING_1 = packed(type="ping", t=1)
MALFORMED = {
    "text": PING_1.decode("latin-1"),
    "nothing": b"",
    "junk": b"\xc1",
    "no map": msgpack.packb(["ping", 1]),
    "trailing bytes": PING_1 + b"\x00",
    "cut off": PING_1[:-1],
    "lengths beyond the frame": b"\xdf\xff\xff\xff\xff",
    "a text beyond the frame": b"\x81\xa4type\xdb\xff\xff\xff\xff",
    "a key that is no string": msgpack.packb({"type": "ping", "t": 1, 7: 1}),
    "no type": packed(t=1),
    "type is no string": packed(type=7, t=1),
    "type is bytes": packed(type=b"ping", t=1),
    "a second type": b"\x83" + PING_1[1:] + msgpack.packb("type") + msgpack.packb("ping"),
    "nested too deep": packed(type="plan.apply", roomId="r", version=0, ops=nested(17)),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_frame_closes_with_4300(stage: Stage, name: str) -> None:
    client = await stage.connect()
    await client.send_bytes(MALFORMED[name])
    frames, code = await client.ending()
    assert code == 4300
    assert [(frame["type"], frame["code"]) for frame in frames] == [("error", "bad_request")]
    assert frames[0]["message"]


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "chat.shout"}, "type"),
        ({"type": "room.leave"}, "roomId"),
        ({"type": "room.leave", "roomId": 7}, "roomId"),
        ({"type": "typing.indicator", "roomId": "r", "active": 1}, "active"),
        ({"type": "chat.read", "roomId": "r", "seq": 1.0}, "seq"),
        ({"type": "chat.read", "roomId": "r", "seq": float("nan")}, "seq"),
        ({"type": "chat.read", "roomId": "r", "seq": float("inf")}, "seq"),
        ({"type": "chat.read", "roomId": "r", "seq": -1}, "seq"),
        ({"type": "chat.read", "roomId": "r", "seq": msgpack.ExtType(4, b"x")}, "seq"),
        (
            {"type": "chat.message", "roomId": "r", "content": "a\0b", "clientId": uuid7()},
            "content",
        ),
        ({"type": "chat.message", "roomId": "r", "content": "x", "clientId": "7"}, "clientId"),
        ({"type": "presence.set", "status": "asleep"}, "status"),
        ({"type": "room.join", "roomId": "r", "after": {"epoch": "e"}}, "after.seq"),
    ],
)
async def test_a_frame_with_wrong_fields_is_a_bad_request_that_names_one(
    ada: RawClient, frame: dict[str, Any], field: str
) -> None:
    await ada.tell(frame["type"], ref=9, **without(frame, "type"))
    error = await ada.answer(9)
    assert (error["type"], error["code"], error["temporary"]) == ("error", "bad_request", False)
    assert error["message"]
    assert error["fields"][0]["field"] == field
    assert error["fields"][0]["message"]
    await ada.settled()


def without(frame: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name not in names}


async def test_anything_but_ping_before_hello_is_4303(stage: Stage) -> None:
    client = await stage.connect()
    await client.settled()
    await client.tell("room.join", roomId="r", ref=1)
    frames, code = await client.ending()
    assert (code, [frame["code"] for frame in frames]) == (4303, ["unauthenticated"])


async def test_a_hello_with_wrong_fields_may_be_said_again(
    stage: Stage, people: dict[str, Person]
) -> None:
    """The rules are applied in their order: ③ comes before ④."""
    client = await stage.connect()
    await client.tell("hello", token=people["ada"].token)
    await client.tell("chat.shout", ref=4)
    assert (await client.error())["fields"][0]["field"] == "client"
    assert (await client.answer(4))["code"] == "bad_request"
    await client.tell("hello", **hello(people["ada"].token))
    assert (await client.receive())["type"] == "welcome"


async def test_a_second_hello_is_a_bad_request(ada: RawClient) -> None:
    assert ada.person
    await ada.tell("hello", **hello(ada.person.token))
    assert (await ada.error())["code"] == "bad_request"
    await ada.settled()


async def test_a_frame_of_64_kib_is_read_and_unknown_keys_are_ignored(ada: RawClient) -> None:
    empty = len(packed(type="ping", t=5, padding=b"x" * 40_000)) - 40_000
    frame = packed(type="ping", t=5, padding=b"x" * (65_536 - empty))
    assert len(frame) == 65_536
    await ada.send_bytes(frame)
    assert (await ada.event("pong"))["t"] == 5


async def test_a_known_field_may_nest_16_deep(ada: RawClient) -> None:
    ops = [{"op": "add", "id": uuid7(), "fields": {"x": nested(13)}}]
    error = await ada.refused("plan.apply", roomId="r", version=0, ops=ops, clientId=uuid7())
    assert error["code"] == "not_found"


# §2: refs, and the order of answers.


@pytest.mark.parametrize("ref", [0, 1, 2**32 - 1])
async def test_a_ref_is_answered_exactly_once_and_may_be_used_again(
    ada: RawClient, ref: int
) -> None:
    for _ in range(2):
        await ada.tell("presence.set", status="online", ref=ref)
        assert await ada.answer(ref) == {"type": "ok", "ref": ref}
    await ada.settled()
    assert len(ada.seen("ok", ref=ref)) == 2


@pytest.mark.parametrize("ref", [-1, 2**32, 1.0, "1", None, True])
async def test_any_other_ref_is_a_bad_request_without_ref(ada: RawClient, ref: object) -> None:
    await ada.tell("presence.set", status="online", ref=ref)
    error = await ada.error()
    assert (error["code"], error["fields"][0]["field"]) == ("bad_request", "ref")
    await ada.settled()
    assert not ada.seen("ok")


async def test_without_ref_success_is_silent_and_failure_is_told(ada: RawClient) -> None:
    await ada.tell("presence.set", status="online")
    await ada.tell("presence.set", status="asleep")
    assert (await ada.error())["code"] == "bad_request"
    await ada.settled()
    assert not ada.seen("ok")


async def test_ping_takes_no_ref_and_is_answered_with_the_servers_time(ada: RawClient) -> None:
    await ada.tell("ping", t=77, ref=3)
    pong = await ada.event("pong")
    assert set(pong) == {"type", "t", "serverTime"}
    assert pong["t"] == 77
    assert abs(pong["serverTime"] - ada.welcome["serverTime"]) < 60_000


async def test_commands_for_one_room_take_effect_and_are_answered_in_order(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    message_id = (await ada.say(room, "first"))["messageId"]
    refs: list[int] = []
    for number in range(ROUNDS):
        for kind, fields in one_round(number, message_id, bob.id):
            refs.append(await ada.send(kind, roomId=room["id"], **fields))
    answers = [await ada.answer(ref) for ref in refs]
    assert [frame["ref"] for frame in ada.log if frame.get("ref") in refs] == refs

    size = len(refs) // ROUNDS
    written = [answer["seq"] for place, answer in enumerate(answers) if place % size < 4]
    assert written == list(range(written[0], written[0] + 4 * ROUNDS))
    for number in range(ROUNDS):
        history, *others = answers[number * size + 4 : (number + 1) * size]
        texts = [message["content"] for message in history["messages"]]
        assert texts == [f"old {number}", f"new {number}"]
        assert [other.get("code", "ok") for other in others] == ROUND_ENDS


ROUNDS = 30
ROUND_ENDS = ["not_found", "not_found", "ok", "ok", "ok", "ok"]


def one_round(number: int, message_id: str, other: str) -> list[tuple[str, dict[str, Any]]]:
    """Four that write, one that reads them, two that look in vain, and what writes no event."""
    reaction = {"emoji": "👍", "active": number % 2 == 0}
    return [
        ("chat.message", {"content": f"old {number}", "clientId": uuid7(age_ms=10**10)}),
        ("chat.edit", {"messageId": message_id, "content": f"edited {number}"}),
        ("chat.message", {"content": f"new {number}", "clientId": uuid7()}),
        ("chat.react", {"messageId": message_id, **reaction}),
        ("chat.history", {"limit": 2}),
        ("chat.pin", {"messageId": uuid7(), "active": True}),
        ("room.invite", {"userIds": [uuid7()]}),
        ("chat.read", {"seq": number}),
        ("typing.indicator", {"active": number % 2 == 0}),
        ("room.mute", {"until": None}),
        ("room.join", {}),
    ]


async def test_the_ok_of_a_message_comes_before_its_event(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    for number in range(50):
        await ada.send("chat.message", roomId=room["id"], content=f"{number}", clientId=uuid7())
    for number in range(50):
        for client in (ada, bob):
            await client.event("chat.message", content=f"{number}")
    places = {
        frame["seq"]: place
        for place, frame in enumerate(ada.log)
        if frame["type"] == "ok" and "seq" in frame
    }
    for event in ada.seen("chat.message"):
        assert places[event["seq"]] < ada.log.index(event)
    seqs = [event["seq"] for event in bob.seen("chat.message")]
    assert seqs == list(range(seqs[0], seqs[0] + 50)) == sorted(places)


async def test_what_personas_are_asked_of_nothing_is_not_found(
    stage: Stage, ada: RawClient
) -> None:
    room = await stage.room(ada)
    for fields, wrong in (
        ({"type": "persona.switch", "personaId": "p"}, "personaId"),
        (
            {"type": "room.persona", "roomId": room["id"], "personaId": "p", "active": True},
            "personaId",
        ),
        ({"type": "persona.cancel", "runId": "r"}, "runId"),
        ({"type": "card.opened", "messageId": "m", "cardId": "c"}, "messageId"),
        ({"type": "persona.feedback", "messageId": "m", "value": -1}, "messageId"),
    ):
        error = await ada.refused(fields["type"], **without(fields, "type"))
        assert (error["code"], error["temporary"]) == ("not_found", False), fields
        assert [each["field"] for each in error["fields"]] == [wrong]


async def test_a_consultation_of_nobody_is_not_found(ada: RawClient) -> None:
    for fields, code in (
        ({"type": "consult.join", "consultationId": "c"}, "not_found"),
        ({"type": "consult.signal", "consultationId": "c", "to": "u", "data": {}}, "conflict"),
    ):
        error = await ada.refused(fields["type"], **without(fields, "type"))
        assert (error["code"], error["temporary"]) == (code, False), fields
        assert error["message"]
    await ada.ask("consult.leave", consultationId="c")


async def test_an_error_speaks_the_users_language(stage: Stage, people: dict[str, Person]) -> None:
    english = await (await stage.enter(people["ada"])).refused("chat.history", roomId="r")
    german = await (await stage.enter(register(stage.http, "Emil", locale="de"))).refused(
        "chat.history", roomId="r"
    )
    assert english["code"] == german["code"] == "not_found"
    assert english["message"] != german["message"]
    assert "Raum" in german["message"]


async def test_a_close_that_is_the_clients_fault_is_announced(stage: Stage) -> None:
    client = await stage.connect()
    await client.tell("hello", **hello("no token at all"))
    error = await client.receive()
    assert (error["type"], error["code"]) == ("error", "unauthenticated")
    with pytest.raises(Closed) as closed:
        await client.receive()
    assert closed.value.code == 4303
