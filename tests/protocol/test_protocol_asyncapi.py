"""docs/asyncapi.json is fresh, well-formed and complete, and its schemas fit the golden vectors."""

import copy
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import write_asyncapi
from asyncapi_document import document, is_offered
from asyncapi_golden import ANSWERING, CLIENT, GOLDEN, SERVER
from asyncapi_page import SHOWN
from asyncapi_reader import Contract, Json, closed_contract, contract
from asyncapi_schemas import closure
from jsonschema import Draft7Validator

from protocol.cards import Card
from protocol.plan_items import FIELDS_OF

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
META_SHA256 = "d4571a420e6ffb7fcc7066c95a6db1202f299a3c51daa103d0706bf30f95e626"
CLOSED = closed_contract()
golden = pytest.mark.parametrize(("message", "channel", "payload"), GOLDEN)


# The file


def test_the_document_and_the_page_are_what_structs_and_vectors_say() -> None:
    assert write_asyncapi.stale() == [], "python tools/write_asyncapi.py"


def test_the_page_shows_what_each_kind_of_card_and_of_item_holds() -> None:
    shown = {kind for kinds in SHOWN.values() for kind in kinds}
    kinds = {*Card.__subclasses__(), *FIELDS_OF.values()}
    assert closure((Card, *kinds)) <= shown
    assert len(kinds) == 4 + 7


@pytest.mark.parametrize("kind", [kind for kinds in SHOWN.values() for kind in kinds])
def test_the_page_shows_every_field_of_a_map_and_every_bound_of_a_field(kind: Any) -> None:
    page = write_asyncapi.PAGE.read_text(encoding="utf-8")
    shown = page.partition(f"\n#### `{kind.__name__}`\n")[2].partition("\n#")[0]
    rows = [line for line in shown.splitlines() if line.startswith("| `")]
    by_name = {row.split("`")[1].removesuffix("?"): row for row in rows}
    fields = msgspec.structs.fields(kind)
    tag = kind.__struct_config__.tag_field
    assert list(by_name) == [*([tag] if tag else []), *(field.encode_name for field in fields)]
    for field in fields:
        row = by_name[field.encode_name]
        for bound in bounds_in(msgspec.inspect.type_info(field.type)):
            assert re.search(rf"[≥≤] {bound}\b", row), row


def bounds_in(info: Any) -> Iterator[int]:
    """Those that a type sets itself, its items and its alternatives included; but none of 2^32 and more,
    which a page may write as a power."""
    bounds = (getattr(info, name, None) for name in ("ge", "le", "min_length", "max_length"))
    yield from (bound for bound in bounds if bound and abs(bound) <= 2**32)
    inner = (getattr(info, name, None) for name in ("type", "item_type"))
    for each in (*inner, *getattr(info, "types", ())):
        if each is not None:
            yield from bounds_in(each)


def test_a_stale_document_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "asyncapi.json"
    old.write_text(write_asyncapi.DOCUMENT.read_text().replace('"maximum": 200', '"maximum": 201'))
    monkeypatch.setattr(write_asyncapi, "DOCUMENT", old)
    monkeypatch.setattr(write_asyncapi, "ROOT", tmp_path)
    assert write_asyncapi.main(["--check"]) == 1
    assert "asyncapi.json is stale" in capsys.readouterr().err


def test_the_same_structs_give_the_same_document() -> None:
    assert json.dumps(document()) == json.dumps(document())


# AsyncAPI


@pytest.fixture(scope="module")
def meta() -> Draft7Validator:
    raw = gzip.decompress((HERE / "asyncapi" / "schema-3.0.0.json.gz").read_bytes())
    assert hashlib.sha256(raw).hexdigest() == META_SHA256
    return Draft7Validator(json.loads(raw))


def test_the_document_is_asyncapi_3(meta: Draft7Validator) -> None:
    assert [error.message for error in meta.iter_errors(contract().document)] == []


BROKEN: dict[str, Callable[[Json], Any]] = {
    "another version": lambda d: d.update(asyncapi="2.6.0"),
    "no title": lambda d: d["info"].pop("title"),
    "a field that AsyncAPI does not know": lambda d: d["channels"]["toServer"].update(colour="red"),
    "an action that is none": lambda d: d["operations"]["hello"].update(action="shout"),
    "an operation without a channel": lambda d: d["operations"]["hello"].pop("channel"),
    "a correlation that is no expression": lambda d: d["components"]["messages"]["JoinRoom"][
        "correlationId"
    ].update(location="ref"),
    "a schema that is none": lambda d: d["components"]["schemas"]["Hello"].update(required="all"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_document_that_is_no_asyncapi_is_seen(meta: Draft7Validator, broken: str) -> None:
    changed = copy.deepcopy(contract().document)
    BROKEN[broken](changed)
    assert not meta.is_valid(changed)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for key, inner in node.items():
            yield from references(inner) if key != "examples" else ()
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    found = set(references(contract().document))
    for ref in found:
        contract().at(ref)
    schemas = contract().document["components"]["schemas"]
    assert {f"#/components/schemas/{name}" for name in schemas} <= found
    with pytest.raises(KeyError):
        contract().at("#/components/schemas/Nobody")


def test_operations_use_messages_of_their_own_channels() -> None:
    for operation in contract().document["operations"].values():
        for part in (operation, operation.get("reply", operation)):
            channel = part["channel"]["$ref"]
            assert [m for m in part["messages"] if not m["$ref"].startswith(f"{channel}/")] == []


def test_patterns_mean_the_same_to_other_languages() -> None:
    patterns = {
        schema["pattern"]
        for owner in contract().document["components"]["schemas"].values()
        for schema in owner["properties"].values()
        if "pattern" in schema
    }
    # ECMA-262 knows no \A and \Z; \d and \w are ASCII there and Unicode in Python.
    assert [p for p in patterns if any(f"\\{c}" in p for c in "AZdwsb") or "(?P" in p] == []
    assert len(patterns) > 2


# Completeness


def test_every_frame_is_there_and_nothing_else() -> None:
    assert set(contract().messages_in("toServer")) == set(CLIENT)
    assert set(contract().messages_in("toClient")) == set(SERVER)
    answers = {c for c in contract().document["channels"] if c.startswith("answers.")}
    assert answers == {f"answers.{name}" for name in ANSWERING}
    assert set(contract().document["components"]["messages"]) == {*CLIENT, *SERVER, *ANSWERING}


def test_every_command_can_be_sent_and_every_event_received() -> None:
    operations = contract().document["operations"].values()
    used = {action: set[str]() for action in ("send", "receive", "reply")}
    for operation in operations:
        used[operation["action"]] |= {m["$ref"].rsplit("/", 1)[1] for m in operation["messages"]}
        replies = operation.get("reply", {}).get("messages", [])
        used["reply"] |= {m["$ref"].rsplit("/", 1)[1] for m in replies}
    assert used["send"] == set(CLIENT) - {"Pong"}
    assert used["receive"] == set(SERVER) - {"Pong", "Welcome"}
    assert used["reply"] == {*ANSWERING, "ErrorFrame", "Pong", "Welcome"}


def test_what_is_not_offered_yet_is_marked() -> None:
    messages = contract().document["components"]["messages"]
    marked = {name for name, message in messages.items() if message.get("x-offered") is False}
    assert marked & set(CLIENT) == set()
    # Python that makes no event of a kind cannot send one.
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("core", "actors", "gateways", "storage")
        for path in (ROOT / folder).rglob("*.py")
    )
    for name, kind in {**SERVER, **ANSWERING}.items():
        assert is_offered(kind) == (f"{name}(" in code), name


def test_answers_are_found_by_ref_and_pongs_by_t() -> None:
    for name, message in contract().document["components"]["messages"].items():
        schema = contract().at(message["payload"]["$ref"])
        correlated = [key for key in ("ref", "t") if key in schema["properties"]]
        places = [f"$message.payload#/{key}" for key in correlated]
        assert [message.get("correlationId", {}).get("location")] == (places or [None]), name
        # Without a ref there is no answer; an error may come unasked.
        assert ("ref" in schema["required"]) == (name in ANSWERING), name


# The golden vectors


@golden
def test_a_golden_frame_is_its_message_and_no_other_of_the_channel(
    message: str, channel: str, payload: Json
) -> None:
    assert contract().why_not(message, payload) == []
    assert contract().matching(channel, payload) == [message]


@golden
def test_a_golden_frame_holds_nothing_that_the_contract_does_not_list(
    message: str, channel: str, payload: Json
) -> None:
    closed = CLOSED.why_not(message, payload)
    assert closed == []
    assert not CLOSED.accepts(message, {**payload, "zz": 1})
    assert contract().accepts(message, {**payload, "zz": 1})


@golden
def test_a_golden_frame_that_lost_a_field_or_has_a_wrong_one_is_refused(
    message: str, channel: str, payload: Json
) -> None:
    schema = contract().at(contract().at(f"#/components/messages/{message}/payload")["$ref"])
    for name in schema["required"]:
        without = {key: value for key, value in payload.items() if key != name}
        assert not contract().accepts(message, without), name
    for name, field in schema["properties"].items():
        # Bytes are of no JSON type: only a field in free form takes them.
        is_free = not {"$ref", "anyOf", "type"} & set(field)
        assert contract().accepts(message, {**payload, name: b"x"}) == is_free, name


def test_a_field_that_the_contract_forgot_is_seen() -> None:
    changed = copy.deepcopy(contract().document)
    del changed["components"]["schemas"]["PostMessage"]["properties"]["replyTo"]
    forgetful = Contract(changed).closed()
    assert [m for m, _, payload in GOLDEN if not forgetful.accepts(m, payload)] == ["PostMessage"]
