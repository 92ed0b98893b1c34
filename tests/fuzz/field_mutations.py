"""A valid map with exactly one field changed, and what the contract says to that."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgpack
from judgement import (
    FREE_FORM,
    NOT_TEXT,
    Sample,
    fits,
    is_too_deep,
    is_too_long_for_free_form,
    sample,
)
from msgspec import inspect
from valid_frames import CANARY, TAGS, is_alone_in, schema_of, valid_map

Path = tuple[Any, ...]
Change = Callable[[bytes, bytes], list[tuple[bytes, bytes]]]
"""What becomes of one pair (key, value), encoded. In a list, the keys are ignored."""
LEAST: Final = -(2**63)
"""No number of MessagePack's is less."""


class Place(NamedTuple):
    """A field somewhere in a frame. `info` None: the frame's `type`."""

    path: Path
    shown: str
    info: Any
    is_required: bool
    is_item: bool


@dataclass(frozen=True, slots=True)
class Expect:
    """`verdicts`: what may follow, of accepted, refused, malformed. `shown`: where the error must
    point. `ref`: the one that the answer carries."""

    verdicts: frozenset[str]
    shown: str = ""
    ref: int | None = None


ACCEPTED, REFUSED, MALFORMED = (frozenset({word}) for word in ("accepted", "refused", "malformed"))
ANY: Final = ACCEPTED | REFUSED | MALFORMED
REFLESS: Final = frozenset({"hello", "ping", "pong"})


class Mutant(NamedTuple):
    """A frame, the name of what was done to it, and what must follow."""

    data: bytes
    name: str
    expect: Expect


# What a value may be replaced with. Each gives samples that may or may not fit: the judge says.


def _of_wrong_type(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(rng.choice((0, 7, "", f"{CANARY} text", True, [], [1], {}, {"a": 1}, 1.5, b"x")))


def _too_long(rng: random.Random, info: Any, value: Any) -> Sample:
    by = rng.choice((0, 1, 2, 500))
    if isinstance(value, list):
        return sample((value or [CANARY]) * (rng.choice((11, 51, 101, 201)) + by))
    limit = _limit_of(info)
    letter = rng.choice(("x", "é", "🐪"))
    return sample((CANARY + letter * limit)[: limit + by] if rng.random() < 0.8 else letter * limit)


def _too_short(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample([] if isinstance(value, list) else {} if isinstance(value, dict) else "")


def _blank(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(rng.choice((" ", "\n\t", "\u2003", "\u3000 ", "\u00a0")))


def _out_of_range(rng: random.Random, info: Any, value: Any) -> Sample:
    edges = [edge for edge in (_number(info, "ge"), _number(info, "le")) if edge is not None]
    near = max(rng.choice(edges or [0]) + rng.choice((-1, 0, 1)), LEAST)
    return sample(rng.choice((near, near, 2**64 - 1, LEAST, 2**32, 2**53 + 1)))


def _negative(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(-rng.choice((1, 2, 33, 2**31, 2**62 + 1)))


def _null(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(None)


def _not_finite(rng: random.Random, info: Any, value: Any) -> Sample:
    number = rng.choice((float("nan"), float("inf"), float("-inf")))
    return sample(rng.choice((number, [number], {"a": [number]})))


def _float(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(float(value) if isinstance(value, int) else 7.0)


def _bool_for_number(rng: random.Random, info: Any, value: Any) -> Sample:
    return sample(rng.random() < 0.5)


def _bytes_for_text(rng: random.Random, info: Any, value: Any) -> Sample:
    text = value if isinstance(value, str) else CANARY
    return sample(text.encode())


def _extension(rng: random.Random, info: Any, value: Any) -> Sample:
    header, size = rng.choice(((0xD4, 1), (0xD5, 2), (0xD6, 4), (0xD7, 8), (0xD8, 16)))
    kind = rng.choice((0, 1, 5, 127, 128, 255))  # 255 is -1, the timestamp
    data = bytes((header, kind)) + rng.randbytes(size)
    is_inside = rng.random() < 0.3
    value = msgpack.ExtType(5, b"")
    return Sample(b"\x91" + data, [value]) if is_inside else Sample(data, value)


def _not_utf8(rng: random.Random, info: Any, value: Any) -> Sample:
    text = rng.choice(
        (b"\xff", b"\xc3", b"abc\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\x80", b"\xf4\x90\x80\x80")
    )
    return Sample(bytes((0xA0 | len(text),)) + text, NOT_TEXT)


def _surrogate(rng: random.Random, info: Any, value: Any) -> Sample:
    half = chr(rng.randint(0xD800, 0xDFFF))
    return sample(f"{CANARY}{half}")._replace(value=NOT_TEXT)


def _control(rng: random.Random, info: Any, value: Any) -> Sample:
    sign = rng.choice(("\u202e", "\u2066", "\ufeff", "\u200b", "\x1b[31m", "\x7f", "\u0085"))
    return sample((value if isinstance(value, str) else CANARY) + sign)


def _zero(rng: random.Random, info: Any, value: Any) -> Sample:
    text = f"{value}\0" if isinstance(value, str) else f"{CANARY}\0"
    return sample(rng.choice((text, text, [text], {"a": text}, {text: 1})))


def _nested(rng: random.Random, info: Any, value: Any) -> Sample:
    levels = rng.choice((1, 14, 15, 16, 17, 18, 40, 300))
    inner: Any = 1
    for _ in range(levels):
        inner = [inner] if rng.random() < 0.7 else {"a": inner}
    return sample(inner)


REPLACEMENTS: Final = {
    "wrong type": _of_wrong_type,
    "too long": _too_long,
    "too short": _too_short,
    "blank": _blank,
    "out of range": _out_of_range,
    "negative": _negative,
    "null": _null,
    "not finite": _not_finite,
    "float": _float,
    "bool for number": _bool_for_number,
    "bytes for text": _bytes_for_text,
    "extension": _extension,
    "not UTF-8": _not_utf8,
    "surrogate": _surrogate,
    "control character": _control,
    "zero character": _zero,
    "nested": _nested,
}
OTHERS: Final = ("missing", "twice", "number for a key", "bytes for a key", "unknown beside it")
NAMES: Final = (*REPLACEMENTS, *OTHERS)


def mutant(rng: random.Random) -> Mutant:
    """A valid map of any type, with one mutation in one field."""
    tag, name = rng.choice(TAGS), rng.choice(NAMES)
    frame = valid_map(rng, tag)
    places = _places(frame, tag)
    place = places[0] if rng.random() < 0.04 or not places[1:] else rng.choice(places[1:])
    ref = None if tag in REFLESS or place.path == ("ref",) else frame.get("ref")
    return Mutant(*_mutated(rng, tag, frame, place, name, ref))


def _mutated(
    rng: random.Random, tag: str, frame: dict[str, Any], place: Place, name: str, ref: int | None
) -> tuple[bytes, str, Expect]:
    replace = REPLACEMENTS.get(name)
    if replace is None:
        return _reshaped(rng, tag, frame, place, name, ref)
    replaced = replace(rng, place.info, _at(frame, place.path))
    data = rebuilt(frame, place.path, lambda key, value: [(key, replaced.data)])
    return data, name, _expected(tag, place, replaced, ref)


def _reshaped(
    rng: random.Random, tag: str, frame: dict[str, Any], place: Place, name: str, ref: int | None
) -> tuple[bytes, str, Expect]:
    """The mutations that change a key, not a value."""
    if place.is_item:
        return _mutated(rng, tag, frame, place, "wrong type", ref)
    if name == "twice":
        return _twice(rng, tag, frame, place, ref)
    parent = place.shown.rpartition(".")[0]
    match name:
        case "missing":
            data = rebuilt(frame, place.path, lambda key, value: [])
            verdicts = REFUSED if place.is_required else ACCEPTED
            expect = Expect(verdicts, place.shown, ref)
        case "unknown beside it":
            key, value = _unknown(rng)
            data = rebuilt(frame, place.path, lambda k, v: [(key, value), (k, v)])
            expect = Expect(ACCEPTED, "", ref)
        case _:
            key = sample(rng.randint(-40, 300) if name.startswith("number") else b"type").data
            data = rebuilt(frame, place.path, lambda k, value: [(key, value)])
            expect = Expect(REFUSED if len(place.path) > 1 else MALFORMED, parent, ref)
    if place.path == ("type",) and name != "unknown beside it":
        expect = Expect(MALFORMED)
    elif not is_alone_in(tag, place.path) and expect.verdicts == ACCEPTED:
        expect = Expect(ACCEPTED | REFUSED, "", ref)
    return data, name, expect


def _twice(
    rng: random.Random, tag: str, frame: dict[str, Any], place: Place, ref: int | None
) -> tuple[bytes, str, Expect]:
    """The last one wins, and each must be right; a second `type` is malformed."""
    other = rng.choice(tuple(REPLACEMENTS.values()))(rng, place.info, _at(frame, place.path))
    is_first = rng.random() < 0.5
    data = rebuilt(
        frame,
        place.path,
        lambda key, value: [(key, other.data), (key, value)][:: 1 if is_first else -1],
    )
    if place.path == ("type",):
        return data, "twice", Expect(MALFORMED)
    if place.path == ("ref",):
        return data, "twice", Expect(ANY)  # of two, the last one is answered
    expect = _expected(tag, place, other, ref)
    may_hold_text = isinstance(other.value, str | list | dict)
    if (tag, place.path[0]) in FREE_FORM or (is_first and may_hold_text):
        # The sum of free form is measured. What is overridden is judged by its type alone.
        expect = Expect(expect.verdicts | REFUSED | ACCEPTED, expect.shown, ref)
    return data, "twice", expect


def _expected(tag: str, place: Place, given: Sample, ref: int | None) -> Expect:
    """The verdict on one replaced value."""
    if place.path == ("type",):
        is_text = isinstance(given.value, str)
        return Expect(REFUSED, "type", ref) if is_text else Expect(MALFORMED)
    if place.path == ("ref",):
        return _expected_of_ref(tag, given)
    if is_too_deep(place.path, given.value):
        # What a known map holds under keys we do not know is ignored, however deep.
        is_ignored = fits(given.value, place.info)
        return Expect(MALFORMED | ACCEPTED if is_ignored else MALFORMED, "", ref)
    if not fits(given.value, place.info) or is_too_long_for_free_form(tag, place.path, given.data):
        # Of a text that is not UTF-8, the parser says no more than the top-level field.
        shown = str(place.path[0]) if given.value is NOT_TEXT else place.shown
        return Expect(REFUSED, shown, ref)
    if not is_alone_in(tag, place.path):
        return Expect(ACCEPTED | REFUSED, "", ref)
    return Expect(ACCEPTED, "", ref)


def _expected_of_ref(tag: str, given: Sample) -> Expect:
    if tag in REFLESS:
        return Expect(ACCEPTED)
    is_ref = type(given.value) is int and 0 <= given.value < 2**32
    if is_too_deep(("ref",), given.value):
        return Expect(MALFORMED)
    return Expect(ACCEPTED, "", given.value) if is_ref else Expect(REFUSED, "ref")


def rebuilt(value: Any, path: Path, change: Change) -> bytes:
    """`value` encoded, with the pair at `path` changed."""
    step, rest = path[0], path[1:]
    is_map = isinstance(value, dict)
    pairs: list[tuple[bytes, bytes]] = []
    for key, item in value.items() if is_map else enumerate(value):
        name = msgpack.packb(key)
        if key != step:
            pairs.append((name, msgpack.packb(item)))
        elif rest:
            pairs.append((name, rebuilt(item, rest, change)))
        else:
            pairs += change(name, msgpack.packb(item))
    body = b"".join(key + item for key, item in pairs) if is_map else b"".join(i for _, i in pairs)
    return (b"\xde" if is_map else b"\xdc") + len(pairs).to_bytes(2, "big") + body


def _places(frame: dict[str, Any], tag: str) -> list[Place]:
    """Every field of a frame, those inside its values too."""
    places = [Place(("type",), "type", None, True, False)]
    schema = schema_of(tag)
    places += _fields(frame, schema, (), "")
    return places


def _fields(value: dict[str, Any], info: inspect.StructType, path: Path, shown: str) -> list[Place]:
    places: list[Place] = []
    for field in info.fields:
        name = field.encode_name
        if name in value:
            place = Place(
                (*path, name), f"{shown}.{name}".lstrip("."), field.type, field.required, False
            )
            places.append(place)
            places += _inside(value[name], field.type, place)
    return places


def _inside(value: Any, info: Any, outer: Place) -> list[Place]:
    path, shown = outer.path, outer.shown
    match info:
        case inspect.Metadata():
            return _inside(value, info.type, outer)
        case inspect.UnionType():
            fitting = [member for member in info.types if fits(value, member)]
            return _inside(value, fitting[0], outer) if fitting else []
        case inspect.StructType() if isinstance(value, dict):
            return _fields(value, info, path, shown)
        case inspect.ListType() if isinstance(value, list):
            items = [
                Place((*path, n), f"{shown}[{n}]", info.item_type, True, True)
                for n in range(len(value))
            ]
            inner = [_inside(item, info.item_type, p) for item, p in zip(value, items, strict=True)]
            return items + [place for places in inner for place in places]
        case inspect.DictType() if not isinstance(info.value_type, inspect.AnyType):
            return [
                place
                for key, item in value.items()
                for place in _inside(
                    item, info.value_type, Place((*path, key), f"{shown}[...]", None, True, True)
                )
            ]
    return []


def _at(frame: Any, path: Path) -> Any:
    for step in path:
        frame = frame[step]
    return frame


def _unknown(rng: random.Random) -> tuple[bytes, bytes]:
    value = rng.choice((_of_wrong_type, _not_finite, _not_utf8, _extension, _control, _null))
    return msgpack.packb(f"x{CANARY}"), value(rng, None, "").data


def _limit_of(info: Any) -> int:
    match info:
        case inspect.Metadata():
            extra = info.extra_json_schema or {}
            return int(extra.get("x-max-bytes") or _limit_of(info.type))
        case inspect.UnionType():
            return max(map(_limit_of, info.types))
        case inspect.StrType():
            return info.max_length or 64
    return 64


def _number(info: Any, name: str) -> int | None:
    if isinstance(info, inspect.UnionType):
        found = [_number(member, name) for member in info.types]
        return next((number for number in found if number is not None), None)
    return getattr(info, name, None)
