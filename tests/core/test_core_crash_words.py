"""Whatever message crashes an actor, no word of it is in the record or in the log."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as inspect
import pytest
import structlog.testing
import trio
import trio.testing
from core_stage import Player, a_stage

import protocol
from core import crash_shapes
from core.crash_shapes import fields_of, shaped
from core.envelope import Envelope
from core.identity import Principal, Role
from core.restart_policy import RestartPolicy
from storage.crash_files import fitted
from storage.memory.crash_records import MemoryCrashRecords

WORDS = ("Quokka", "Wombat-7781", "ann@numbat.example", "eyJkaW5nbyI6MX0", "🦘")
CANARY = " ".join(WORDS)
ID = "0190a000-0000-7000-8000-0000000000aa"
TYPED = {
    *("body", "content", "document", "email", "emoji", "family_name", "gender", "given_name"),
    *("handle", "name", "note", "phone", "query", "reason", "text", "title"),
}
"""Fields that people fill: nothing in them is an id."""


def all_structs() -> list[type[msgspec.Struct]]:
    modules = [
        importlib.import_module(f"protocol.{module.name}")
        for module in pkgutil.iter_modules(protocol.__path__)
    ]
    found = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    return sorted(found, key=lambda kind: kind.__qualname__)


def filled(kind: inspect.Type, text: str) -> Any:
    """A value with `text` wherever the type, or what is no more than JSON, leaves room for one."""
    match kind:
        case inspect.Metadata(type=inner):
            return filled(inner, text)
        case inspect.StructType(cls=cls):
            return an_instance(cls, text)
        case inspect.UnionType(types=types):
            return filled(max(types, key=_room), text)
        case inspect.ListType(item_type=item) | inspect.SetType(item_type=item):
            return [filled(item, text)]
        case inspect.VarTupleType(item_type=item):
            return (filled(item, text),)
        case inspect.TupleType(item_types=items):
            return tuple(filled(item, text) for item in items)
        case inspect.RawType():
            return msgspec.Raw(msgspec.json.encode(text))
        case inspect.DictType(key_type=key, value_type=value):
            return {filled(key, text): filled(value, text)}
        case inspect.AnyType():
            return {text: [text, {"title": text, "token": text}]}
        case inspect.BytesType():
            return text.encode()
        case inspect.IntType() | inspect.FloatType() | inspect.BoolType() | inspect.NoneType():
            return 1
        case inspect.StrType() | inspect.LiteralType():
            return text
    raise AssertionError(f"nothing known of {kind}")


def _room(kind: inspect.Type) -> int:
    poor = (inspect.NoneType, inspect.IntType, inspect.BoolType, inspect.LiteralType)
    return 0 if isinstance(kind, poor) else 1 + isinstance(kind, inspect.StructType)


def an_instance(kind: type[msgspec.Struct], text: str) -> msgspec.Struct:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return kind(**{field.name: filled(field.type, text) for field in info.fields})


def words_in(shown: str | bytes) -> list[str]:
    return [word for word in WORDS if (word if isinstance(shown, str) else word.encode()) in shown]


class Touchy(Player):
    """Crashes on everything, and quotes it."""

    async def handle(self, envelope: Any) -> None:
        raise ValueError(f"cannot bear {envelope.message}") from KeyError(envelope.principal.name)


SOMEBODY = Principal(
    tenant_id=1,
    user_id=ID,
    login_id=ID,
    role=Role.USER,
    name=CANARY,
    handle=CANARY,
    locale="en",
    expires_at=0,
)


async def crash_by_all() -> tuple[list[bytes], str]:
    """One crash by each message that can carry words. The records as they are written; the log."""
    messages = [an_instance(kind, CANARY) for kind in all_structs()]
    wordy = [message for message in messages if CANARY in str(message)]
    records, policy = MemoryCrashRecords(most=1_000), RestartPolicy(intensity=1_000)
    with structlog.testing.capture_logs() as logs:
        async with a_stage(player=Touchy, crash_records=records, restart=policy) as stage:
            for message in wordy:
                stage.ref().deliver_nowait(Envelope(message, SOMEBODY))
                await trio.sleep(6)
    assert [record.envelopes[-1].type.rpartition(".")[2] for record in records.records] == [
        type(message).__name__ for message in wordy
    ]
    return [fitted(record) for record in records.records], str(logs)


async def test_no_field_of_any_message_leaves_a_word_in_a_record_or_in_the_log(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bodies, log = await crash_by_all()
    assert [found for body in bodies if (found := words_in(body))] == []
    assert words_in(log) == []
    assert all(shaped(CANARY).encode() in body for body in bodies)


async def test_a_record_that_keeps_words_is_seen(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_shapes, "shaped", lambda text: text)
    bodies, _ = await crash_by_all()
    told = [body for body in bodies if words_in(body) == list(WORDS)]
    assert len(told) > 0.9 * len(bodies)  # in the others it is a secret, which goes by its name


def _texts(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case dict():
            for key, item in value.items():
                yield from _texts(item, key)
        case list():
            for item in value:
                yield from _texts(item, name)


@pytest.mark.parametrize("kind", all_structs())
def test_what_looks_like_an_id_stays_only_where_nobody_types(kind: type[msgspec.Struct]) -> None:
    wire_names = {name.replace("_", "") for name in TYPED}
    kept = [name for name, text in _texts(fields_of(an_instance(kind, ID))) if text == ID]
    assert [name for name in kept if name.lower() in wire_names] == []
