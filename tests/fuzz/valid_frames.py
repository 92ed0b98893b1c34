"""Valid maps of every client frame, made from the structs: a new type is covered by itself.

What a struct cannot say (a pattern, a rule across fields) stands in two small tables here; a
pattern that is in neither fails loudly.
"""

import random
from collections.abc import Callable
from functools import cache
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

from protocol.ids import UUID7_PATTERN
from protocol.names import PATTERN
from protocol.wire import ClientFrame

CANARY: Final = "kanari"
"""Stands in every text that a client chooses freely: no refusal may repeat it."""

KINDS: Final[dict[str, type]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ClientFrame)
}
TAGS: Final = tuple(KINDS)
LETTERS: Final = "aZ09 -é✓🐪\u200d"
MORE_LETTERS: Final = f"{LETTERS}\u202e\n"
"""Those of a text that may have many lines."""

Make = Callable[[random.Random], Any]


def _uuid7(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    text = f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    return text.upper() if rng.random() < 0.2 else text


BY_PATTERN: Final[dict[str, Make]] = {
    UUID7_PATTERN: _uuid7,
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$": lambda rng: (
        f"{rng.randint(1900, 2099)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}"
    ),
    r"^[A-Z]{3}(?!\n)$": lambda rng: rng.choice(("EUR", "USD", "CHF")),
    r"^https?://": lambda rng: f"https://x.test/{CANARY}{rng.randint(0, 999)}",
}


def a_text(rng: random.Random, low: int, high: int, letters: str = MORE_LETTERS) -> str:
    """From `low` to `high` bytes (a character may have four) that are not only white space."""
    size = min(high, rng.choice((low, low + 1, 12, 30)))
    text = CANARY[:size]
    while len(text.encode()) < size:
        letter = rng.choice(letters)
        text += letter if len((text + letter).encode()) <= size else "x"
    return text


def plain(rng: random.Random, levels: int = 3) -> Any:
    """A value in free form: what JSON can say, and not very deep."""
    chosen = rng.randrange(7 if levels else 5)
    match chosen:
        case 0:
            return a_text(rng, 0, 20)
        case 1:
            return rng.randint(-(2**63), 2**64 - 1)
        case 2:
            return rng.random() * 1e9
        case 3:
            return rng.random() < 0.5
        case 4:
            return None
        case 5:
            return [plain(rng, levels - 1) for _ in range(rng.randrange(4))]
        case _:
            return {f"{CANARY}{n}": plain(rng, levels - 1) for n in range(rng.randrange(3))}


def bounds(info: inspect.StrType, extra: dict[str, Any]) -> tuple[int, int]:
    """The fewest characters and the most bytes of a text."""
    low = extra.get("minLength", info.min_length or 0)
    return low, extra.get("x-max-bytes", info.max_length or 200)


def _maker(info: Any, extra: dict[str, Any]) -> Make:
    match info:
        case inspect.Metadata():
            return _maker(info.type, extra | (info.extra_json_schema or {}))
        case inspect.StrType(pattern=str(pattern)):
            return BY_PATTERN[pattern]
        case inspect.StrType():
            low, high = bounds(info, extra)
            letters = LETTERS if extra.get("pattern") == PATTERN else MORE_LETTERS
            return lambda rng: a_text(rng, low, high, letters)
        case inspect.IntType():
            low, high = info.ge or 0, info.le if info.le is not None else 2**62
            return lambda rng: rng.choice((low, high, rng.randint(low, min(high, low + 1_000))))
        case inspect.BoolType():
            return lambda rng: rng.random() < 0.5
        case inspect.NoneType():
            return lambda rng: None
        case inspect.LiteralType():
            return lambda rng: rng.choice(info.values)
        case inspect.AnyType():
            return plain
        case inspect.ListType():
            return _list_maker(info)
        case inspect.DictType():
            key, value = _maker(info.key_type, {}), _maker(info.value_type, {})
            return lambda rng: {key(rng) or "k": value(rng) for _ in range(rng.randrange(3))}
        case inspect.UnionType():
            makers = [_maker(member, extra) for member in info.types]
            return lambda rng: rng.choice(makers)(rng)
        case inspect.StructType():
            return _struct_maker(info)
    raise NotImplementedError(f"teach the fuzz to make a {type(info).__name__}")


def _list_maker(info: inspect.ListType) -> Make:
    item = _maker(info.item_type, {})
    low = info.min_length or 0
    high = min(info.max_length or 4, low + 3)
    return lambda rng: [item(rng) for _ in range(rng.randint(low, high))]


def _struct_maker(info: inspect.StructType) -> Make:
    fields = [(f.encode_name, f.required, _maker(f.type, {})) for f in info.fields]

    def make(rng: random.Random) -> dict[str, Any]:
        return {name: m(rng) for name, required, m in fields if required or rng.random() < 0.6}

    return make


@cache
def schema_of(tag: str) -> inspect.StructType:
    """What the struct of a frame says about its fields."""
    info = inspect.type_info(KINDS[tag])
    assert isinstance(info, inspect.StructType)
    return info


@cache
def _frame_maker(tag: str) -> Make:
    return _maker(schema_of(tag), {})


def valid_map(rng: random.Random, tag: str) -> dict[str, Any]:
    """A map that the contract accepts, `type` and, mostly, a `ref` included."""
    frame: dict[str, Any] = {"type": tag} | _frame_maker(tag)(rng)
    if frame.get("ref", 0) is None:
        del frame["ref"]  # a ref of null is no ref; other optional fields may be null
    match tag:
        case "room.create" if frame["kind"] == "direct":
            frame["members"] = [a_text(rng, 1, 64)]
        case "chat.history":
            given = [name for name in ("before", "after", "around") if name in frame]
            for name in given[1:]:
                del frame[name]
    return frame


def is_alone_in(tag: str, path: tuple[Any, ...]) -> bool:
    """Whether a field is judged by itself, not together with another one."""
    together = {"room.create": {"kind", "members"}, "chat.history": {"before", "after", "around"}}
    return path[0] not in together.get(tag, ())


def known_fields(kind: type) -> frozenset[str]:
    """The names that a struct gives a meaning."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))
