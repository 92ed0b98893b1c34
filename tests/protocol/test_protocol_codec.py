"""The codec: one decode for what is right, an exact verdict for what is wrong."""

import json
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.chat import PostMessage, SearchMessages
from protocol.codec import WRONG_REF, Malformed, Refused, decode, decode_event, encode
from protocol.consultation import SignalConsultation
from protocol.dissection import layers, nests_deeper, pairs
from protocol.free_form import NOT_PLAIN
from protocol.room import UpdateRoom
from protocol.text_rules import TOO_LONG, fault_in, normalised
from protocol.wire import ClientFrame
from protocol.wrong_values import AT_MOST

GOLDEN = Path(__file__).parent / "golden"
VECTORS = [
    bytes.fromhex(vector["hex"])
    for name in ("client_frames.json", "verdicts.json")
    for vector in json.loads((GOLDEN / name).read_text())
]
CLIENT_ID = "0198f0a0-1111-7222-8333-44445555ABCD"
POST = {"type": "chat.message", "roomId": "r", "content": "Hi", "clientId": CLIENT_ID, "ref": 7}


def refusal(frame: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(msgpack.packb(frame))
    return caught.value


def judged(data: bytes) -> Any:
    try:
        return decode(data)
    except Malformed:
        return "malformed"
    except Refused as refused:
        return refused.code, refused.ref, refused.fields


def test_a_client_id_is_one_id_however_it_is_written() -> None:
    upper, lower = (
        decode(msgpack.packb(POST)),
        decode(msgpack.packb({**POST, "clientId": CLIENT_ID.lower()})),
    )
    assert upper == lower
    assert isinstance(lower, PostMessage)
    assert lower.client_id == CLIENT_ID.lower()
    assert normalised(lower) is lower


def test_every_wrong_field_is_named_and_their_number_is_bounded() -> None:
    wrong = {**POST, "content": 5, "mentions": [1], "attachments": [{}]}
    del wrong["roomId"]
    assert [field for field, _ in refusal(wrong).fields] == [
        "roomId",
        "content",
        "mentions[0]",
        "attachments[0].url",
    ]
    many = b"\xdc\x00\x20" + b"\xa7content\x01" * 31 + msgpack.packb("type")
    data = b"\xde" + many[1:] + msgpack.packb("chat.message")
    with pytest.raises(Refused) as caught:
        decode(data)
    assert len(caught.value.fields) == 8


def test_a_limit_fills_its_sentence() -> None:
    refused = refusal({**POST, "content": "x" * 8_193})
    assert (refused.text, refused.params) == (TOO_LONG, {"limit": 8_192})
    assert refused.fields == (("content", TOO_LONG),)


def test_a_clients_own_words_do_not_lead_the_path_astray() -> None:
    refused = refusal({"type": "presence.set", "status": "x - at `$.secret`"})
    assert [field for field, _ in refused.fields] == ["status"]


def test_free_form_sent_twice_is_as_large_as_both() -> None:
    half = b"\xa4data" + msgpack.packb("x" * 9_000)
    signal = msgpack.packb({"type": "consult.signal", "consultationId": "c", "to": "u"})
    assert isinstance(judged(b"\x84" + signal[1:] + half), SignalConsultation)
    code, *_ = judged(b"\x85" + signal[1:] + half + half)
    assert code == "too_large"


def test_keys_of_free_form_that_are_no_text_are_named_where_they_are_few() -> None:
    """They are what a dictionary is built of to say so: arrays among them can be made to collide."""

    def signal(odd: int) -> tuple[str, str]:
        data = {"a": {**dict.fromkeys(range(odd), 1), **dict.fromkeys(map(str, range(99)), 1)}}
        frame = {"type": "consult.signal", "consultationId": "c", "to": "u", "data": [data]}
        return refusal(frame).fields[0]

    assert signal(64) == ("data[0][...]", NOT_PLAIN)
    assert signal(65) == ("data", NOT_PLAIN)
    many = {"type": "consult.signal", "consultationId": "c", "to": "u", "data": {}}
    assert isinstance(
        judged(msgpack.packb({**many, "data": {str(n): [1] for n in range(500)}})),
        SignalConsultation,
    )


def test_free_form_holds_four_thousand_values_and_no_more() -> None:
    signal = {"type": "consult.signal", "consultationId": "c", "to": "u", "ref": 3}
    assert isinstance(judged(msgpack.packb({**signal, "data": [[1] * 4_095]})), SignalConsultation)
    refused = refusal({**signal, "data": [[1] * 4_096]})
    assert (refused.code, refused.ref, refused.fields) == ("bad_request", 3, (("data", AT_MOST),))
    assert refused.params == {"number": 4_096}


def test_a_message_may_speak_of_commands_in_free_form() -> None:
    for words in ("what does plan.apply do?", "consult.signal"):
        frame = judged(msgpack.packb({**POST, "content": words}))
        assert isinstance(frame, PostMessage)
        assert frame.content == words


def test_a_second_type_is_worse_than_a_wrong_ref() -> None:
    ping = b"\xa4type\xacchat.history\xa6roomId\xa1r\xa3ref\xc0"
    assert judged(b"\x83" + ping)[2][0][0] == "ref"
    assert judged(b"\x84" + ping + b"\xa4type\xa1x") == "malformed"


def crowded(frame: dict[str, Any], fields: int, last: bytes = b"\xa0\xc0") -> bytes:
    """The frame among empty keys, so that it has so many fields. `last`: in the place of the last of them."""
    body = msgpack.packb(frame)[1:] + b"\xa0\xc0" * (fields - len(frame) - 1) + last
    return b"\xdf" + fields.to_bytes(4, "big") + body


def test_a_frame_of_more_fields_than_anybody_has_a_use_for_is_refused_in_its_rooms_order() -> None:
    """Told apart one by one they took the loop ten milliseconds, fifty times a second."""
    post = {**POST, "ref": 7}
    assert isinstance(judged(crowded(post, 4_096)), PostMessage)
    with pytest.raises(Refused) as caught:
        decode(crowded(post, 4_097))
    refused = caught.value
    assert (refused.code, refused.ref, refused.room_id) == ("bad_request", 7, POST["roomId"])
    assert refused.text.format(**refused.params) == "A frame may have at most 4096 fields."
    assert judged(crowded({"type": "from.the.future", "ref": 8}, 5_000))[:2] == ("bad_request", 8)
    assert judged(crowded({**post, "ref": -1}, 5_000))[2] == (("ref", WRONG_REF),)


@pytest.mark.parametrize(
    "last",
    [b"\xa4type\xa1x", b"\x01\xc0", b"\xa0", b"\xa0\xc0\xc0", b"\xa0" + b"\x91" * 2_000 + b"\xc0"],
)
def test_a_crowd_of_fields_that_is_no_frame_is_none(last: bytes) -> None:
    assert judged(crowded(POST, 5_000, last)) == "malformed"


def test_a_crowd_of_fields_without_a_type_is_no_frame() -> None:
    assert judged(crowded({"ref": 1}, 5_000)) == "malformed"
    assert judged(crowded({"type": 1}, 5_000)) == "malformed"


def test_a_word_that_is_a_keyword_in_python_has_its_own_name_on_the_wire() -> None:
    frame = decode(msgpack.packb({"type": "chat.search", "query": "x", "from": "u"}))
    assert frame == SearchMessages(query="x", from_="u")
    assert msgpack.unpackb(encode(frame))["from"] == "u"


def test_what_is_left_out_of_a_patch_stays_out() -> None:
    data = msgpack.packb(
        {"type": "room.update", "roomId": "r", "title": "x" * 200, "settings": {"receipts": True}}
    )
    frame = decode(data)
    assert isinstance(frame, UpdateRoom)
    assert frame.settings is not None
    assert frame.settings.retention_days is msgspec.UNSET


@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x80", b"\x81\xa4type\xa4nono", b"\x91" * 9_000])
def test_a_stored_body_that_is_no_event_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_event(body)


def test_an_event_with_cards_without_end_is_a_value_error() -> None:
    body = b"\x82" + msgpack.packb("type") + msgpack.packb("chat.message") + msgpack.packb("cards")
    with pytest.raises(ValueError, match="nested too deep"):
        decode_event(body + b"\x91\x81\xa1a" + b"\x91" * 9_000)


@given(
    st.sampled_from(VECTORS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    st.integers(0, 500),
)
@settings(max_examples=1_000, deadline=None)
def test_whatever_the_bytes_there_are_only_three_outcomes(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    changed = bytearray(data[: len(data) if cut > 400 else cut])
    for place, value in changes:
        if place < len(changed):
            changed[place] = value
    verdict = judged(bytes(changed))
    assert verdict == "malformed" or isinstance(verdict, tuple | msgspec.Struct)
    if isinstance(verdict, tuple):
        assert verdict[2]


@given(st.sampled_from([v for v in VECTORS if isinstance(judged(v), msgspec.Struct)]))
def test_a_key_from_the_future_changes_nothing(data: bytes) -> None:
    frame = msgpack.unpackb(data, raw=False, strict_map_key=False, unicode_errors="replace")
    frame = {key: value for key, value in frame.items() if key not in ("zz", "ref")}
    assert judged(msgpack.packb(frame | {"fromTheFuture": {"a": [1, None]}})) == judged(
        msgpack.packb(frame)
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text("a\0é"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("a\0"), inner, max_size=3),
    max_leaves=25,
)


def depth(value: Any) -> int:
    inside = list(value.values()) if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(inside, list) else 0


@given(values, st.integers(1, 6))
def test_the_depth_is_what_a_walk_says(value: Any, levels: int) -> None:
    (_, raw), *_ = pairs(msgpack.packb({"a": value}))
    found, _ = layers([raw], levels, most_items=10_000)
    assert nests_deeper(found, levels) == (depth(value) > levels)


def test_the_look_into_a_value_gives_up_when_it_is_too_wide() -> None:
    (_, raw), *_ = pairs(msgpack.packb({"a": [[0]] * 100}))
    assert nests_deeper(layers([raw], 1, most_items=100)[0], 1)
    assert layers([raw], 1, most_items=99) == ([], True)


@given(st.dictionaries(st.text(max_size=40), values, max_size=20))
def test_pairs_are_those_of_the_map(meaning: dict[str, Any]) -> None:
    found = pairs(msgpack.packb(meaning))
    assert [key.decode() for key, _ in found] == list(meaning)
    assert [bytes(value) for _, value in found] == list(map(msgpack.packb, meaning.values()))


@given(st.from_type(type(None)) | values)
def test_free_form_passes_exactly_when_every_value_in_it_is_plain(value: Any) -> None:
    data = msgpack.packb(
        {"type": "consult.signal", "consultationId": "c", "to": "u", "data": value}
    )
    verdict = judged(data)
    text = json.dumps(value)
    is_plain = not any(word in text for word in ("NaN", "Infinity", "\\u0000"))
    assert isinstance(verdict, SignalConsultation) == (is_plain and depth(value) <= 16)


def test_frames_without_rules_have_no_fault() -> None:
    frame: ClientFrame = decode(msgpack.packb({"type": "ping", "t": 1}))
    assert fault_in(frame) is None


@pytest.mark.parametrize(
    ("frame", "room_id"),
    [
        ({"type": "chat.message", "roomId": "r1", "content": 7, "clientId": CLIENT_ID}, "r1"),
        ({"type": "chat.message", "roomId": "r1", "content": " ", "clientId": CLIENT_ID}, "r1"),
        ({"type": "chat.message", "roomId": "r1", "ref": -1}, "r1"),
        ({"type": "chat.message", "roomId": 7, "content": "x", "clientId": CLIENT_ID}, None),
        ({"type": "chat.message", "content": "x", "clientId": CLIENT_ID}, None),
        ({"type": "chat.search", "roomId": "r1", "query": 7}, "r1"),
        ({"type": "chat.search", "roomId": "r1", "query": " "}, "r1"),
        ({"type": "chat.search", "roomId": None, "query": 7}, None),
        ({"type": "chat.search", "query": 7}, None),
        ({"type": "persona.switch", "roomId": "r1"}, "r1"),
        ({"type": "unheard.of", "roomId": "r1"}, None),
    ],
)
def test_a_refusal_says_which_rooms_order_it_belongs_to(
    frame: dict[str, Any], room_id: str | None
) -> None:
    assert refusal(frame).room_id == room_id


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ({"type": "chat.history", "roomId": "r", "limit": 201}, "The number must be at most 200."),
        ({"type": "chat.history", "roomId": "r", "limit": 0}, "The number must be at least 1."),
        ({"type": "chat.history", "roomId": "r", "limit": "9"}, "This must be a whole number."),
        ({"type": "room.leave", "roomId": ""}, "This must not be empty."),
        ({"type": "room.leave", "roomId": "r" * 65}, "Write at most 64 characters."),
        ({"type": "room.invite", "roomId": "r", "userIds": []}, "This must not be empty."),
        ({"type": "room.invite", "roomId": "r", "userIds": "u"}, "This must be a list."),
        ({"type": "room.leave", "roomId": 7}, "This must be a text."),
        (
            {"type": "room.invite", "roomId": "r", "userIds": ["u"] * 101},
            "Give at most 100 entries.",
        ),
        ({"type": "presence.set", "status": "busy"}, "Choose one of these: online, away."),
        (
            {"type": "persona.feedback", "messageId": "m", "value": 2},
            "Choose one of these: -1, 0, 1.",
        ),
        (
            {"type": "room.update", "roomId": "r", "settings": {"speaking": "loud"}},
            "Choose one of these: auto, mention, roundRobin, silent.",
        ),
        (
            {"type": "room.create", "kind": "group", "clientId": "1"},
            "This does not have the right form. An example: 0190f5fe-7c00-7a00-8000-000000000001.",
        ),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(frame: dict[str, Any], sentence: str) -> None:
    refused = refusal(frame)
    assert refused.text.format(**refused.params) == sentence
    assert [fault.text for fault in refused.faults] == [refused.text]


@pytest.mark.parametrize("time", [2**63 - 1, -(2**63)])
def test_a_time_is_any_int64(time: int) -> None:
    assert decode(msgpack.packb({"type": "room.mute", "roomId": "r", "until": time})).until == time
    assert decode(msgpack.packb({"type": "ping", "t": time})).t == time


def test_a_time_past_int64_is_wrong() -> None:
    refused = refusal({"type": "room.mute", "roomId": "r", "until": 2**63})
    assert refused.fields[0][0] == "until"


def test_text_that_is_not_utf_8_is_a_wrong_value() -> None:
    frame = msgpack.packb({"type": "chat.search", "query": "?"}).replace(b"?", b"\xff")
    with pytest.raises(Refused) as caught:
        decode(frame)
    assert caught.value.fields == (("query", "A field has a wrong value."),)
