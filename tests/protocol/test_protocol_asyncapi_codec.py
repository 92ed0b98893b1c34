"""What the contract allows the codec takes, and what it forbids the codec refuses."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import msgspec
import pytest
from asyncapi_golden import ANSWERING, CLIENT, GOLDEN, NAMES, SERVER, vectors
from asyncapi_oracle import changes, disagreement, disagreements, refusal
from asyncapi_reader import Contract, Json, contract
from asyncapi_schemas import READ_BY_SERVER
from asyncapi_values import payloads
from hypothesis import given, settings
from hypothesis import strategies as st
from write_asyncapi import PAGE

from protocol.codec import decode


@pytest.mark.parametrize("message", CLIENT)
def test_contract_and_codec_agree_on_every_golden_frame_and_its_neighbours(message: str) -> None:
    for name, _, payload in GOLDEN:
        if name == message:
            assert disagreements(contract(), message, payload) == []


def weakened(document: Json, message: str, field: str, rule: str) -> Any:
    return document["components"]["schemas"][message]["properties"][field].pop(rule)


SABOTAGE: dict[str, tuple[str, Callable[[Json], Any]]] = {
    "a field no longer required": (
        "Hello",
        lambda d: d["components"]["schemas"]["Hello"]["required"].remove("token"),
    ),
    "no type": ("PostMessage", lambda d: weakened(d, "PostMessage", "content", "type")),
    "no pattern": ("PostMessage", lambda d: weakened(d, "PostMessage", "clientId", "pattern")),
    "no maximum": ("ReadHistory", lambda d: weakened(d, "ReadHistory", "limit", "maximum")),
    "no minimum": ("MarkRead", lambda d: weakened(d, "MarkRead", "seq", "minimum")),
    "no least length": ("MarkRead", lambda d: weakened(d, "MarkRead", "roomId", "minLength")),
    "no most length": ("MarkRead", lambda d: weakened(d, "MarkRead", "roomId", "maxLength")),
    "no most items": ("PostMessage", lambda d: weakened(d, "PostMessage", "mentions", "maxItems")),
    "no least items": ("ApplyPlan", lambda d: weakened(d, "ApplyPlan", "ops", "minItems")),
    "no words": ("SetPresence", lambda d: weakened(d, "SetPresence", "status", "enum")),
    "a map inside that is anything": (
        "CreateBooking",
        lambda d: d["components"]["schemas"]["TravellerSpec"]["properties"].clear(),
    ),
    "ref may be nil": (
        "MarkRead",
        lambda d: d["components"]["schemas"]["MarkRead"]["properties"]["ref"].update(
            type=["integer", "null"]
        ),
    ),
    "an optional field that may not be nil": (
        "JoinRoom",
        lambda d: d["components"]["schemas"]["JoinRoom"]["properties"]["after"]["anyOf"].pop(),
    ),
    "any key in a map of rooms": (
        "Hello",
        lambda d: weakened(d, "Resume", "rooms", "propertyNames"),
    ),
    "a map of rooms without end": (
        "Hello",
        lambda d: weakened(d, "Resume", "rooms", "maxProperties"),
    ),
    "stricter than the codec": (
        "MarkRead",
        lambda d: d["components"]["schemas"]["MarkRead"]["properties"]["seq"].update(minimum=1),
    ),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_a_contract_that_says_something_else_is_seen(sabotage: str) -> None:
    message, change = SABOTAGE[sabotage]
    changed = copy.deepcopy(contract().document)
    change(changed)
    wrong = Contract(changed)
    assert any(disagreements(wrong, message, p) for name, _, p in GOLDEN if name == message)


def may_be_nil(field: Json) -> bool:
    return "null" in str(field.get("type", "")) or {"type": "null"} in field.get("anyOf", [])


def test_an_optional_field_may_be_nil_where_a_client_sends_it_and_nowhere_else() -> None:
    schemas = contract().document["components"]["schemas"]
    read = {kind.__name__ for kind in READ_BY_SERVER}
    sent = {
        f"{owner}.{name}"
        for owner in schemas.keys() - read
        for name, field in schemas[owner]["properties"].items()
        if may_be_nil(field)
    }
    # The one field of ours that says "the server's default" with nil.
    assert sent == {"Settings.retentionDays"}
    never = {
        name
        for owner in schemas.keys() & read
        for name, field in schemas[owner]["properties"].items()
        if name not in schemas[owner].get("required", []) and field and not may_be_nil(field)
    }
    page = PAGE.read_text(encoding="utf-8")
    words = page.partition("An optional field may be nil")[2].partition("may not. ")[0]
    told = {name.rsplit(".", 1)[-1] for name in words.split("`")[1::2]}
    assert never - {"ref"} == told


ID = "0198f0a0-0000-7000-8000-000000000001"
BETWEEN_FIELDS: dict[str, tuple[str, Json, bool]] = {
    "one direction": ("ReadHistory", {"after": 1, "before": None}, True),
    "two directions": ("ReadHistory", {"after": 1, "around": 2}, False),
    "two others": ("ReadHistory", {"before": 1, "around": 2}, False),
    "all three": ("ReadHistory", {"before": 1, "after": 1, "around": 2}, False),
    "a pair": ("CreateRoom", {"kind": "direct", "members": [ID]}, True),
    "alone": ("CreateRoom", {"kind": "direct"}, False),
    "alone in a list": ("CreateRoom", {"kind": "direct", "members": []}, False),
    "three": ("CreateRoom", {"kind": "direct", "members": [ID, ID]}, False),
}


@pytest.mark.parametrize("about", BETWEEN_FIELDS)
def test_rules_between_fields_are_in_the_schemas_too(about: str) -> None:
    message, fields, is_right = BETWEEN_FIELDS[about]
    base = next(payload for name, _, payload in GOLDEN if name == message)
    payload = {**base, **fields}
    assert contract().accepts(message, payload) == is_right == (refusal(payload) is None)


def judged() -> Iterator[tuple[str, str, Json]]:
    """Golden verdicts on frames of a known type that other libraries can read too."""
    for vector in vectors("verdicts.json"):
        try:
            payload = msgpack.unpackb(bytes.fromhex(vector["hex"]))
        except ValueError:
            continue
        if isinstance(payload, dict) and payload.get("type") in NAMES:
            yield vector["about"], vector["verdict"], payload


def has_whole_float(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, float) and value.is_integer()) or any(map(has_whole_float, inner))


def test_the_golden_verdicts_are_those_of_the_contract_but_for_what_it_says_in_words() -> None:
    seen = 0
    for about, verdict, payload in judged():
        if verdict == "malformed" or has_whole_float(payload):
            continue
        seen += 1
        assert disagreement(contract(), NAMES[payload["type"]], payload) is None, about
    assert seen > 50


WORDS_ONLY: dict[str, Json] = {
    "1. more bytes than characters": {"content": "é" * 5_000},
    "2. only white space": {"content": "\t"},
    "3. U+0000": {"content": "a\0b"},
    "4. a float that is whole": {"ref": 7.0},
}


@pytest.mark.parametrize("rule", WORDS_ONLY)
def test_what_the_document_says_in_words_no_schema_says(rule: str) -> None:
    payload = {**next(p for m, _, p in GOLDEN if m == "PostMessage"), **WORDS_ONLY[rule]}
    assert contract().accepts("PostMessage", payload)
    assert refusal(payload) is not None


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_whatever_is_made_from_the_contract_the_codec_takes(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(list(CLIENT)))
    payload = data.draw(payloads(contract(), message))
    assert type(decode(msgpack.packb(payload))).__name__ == message


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_whatever_is_changed_contract_and_codec_say_the_same(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(list(CLIENT)))
    payload = data.draw(payloads(contract(), message))
    what, changed = data.draw(st.sampled_from(list(changes(payload))))
    if changed.get("type") == payload["type"] and not has_whole_float(changed):
        assert disagreement(contract(), message, changed) is None, what


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_whatever_a_server_may_send_the_structs_can_read(data: st.DataObject) -> None:
    kinds = {**SERVER, **ANSWERING}
    message = data.draw(st.sampled_from(list(kinds)))
    payload = data.draw(payloads(contract(), message))
    frame = msgspec.msgpack.decode(msgpack.packb(payload), type=kinds[message])
    assert contract().why_not(message, msgpack.unpackb(msgspec.msgpack.encode(frame))) == []
