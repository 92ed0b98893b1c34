"""What the contract says of a value, from the structs' declarations and nothing of the codec.

The second opinion: values are those of the independent `msgpack`; docs/protocol.md "Judging a
frame" gives the rules.
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, NamedTuple

import msgpack
from msgspec import inspect

from protocol.limits import MAX_FREE_BYTES, MAX_NESTING


class NotText:
    """What only looks like a text: bytes that are not UTF-8 under a string's header."""


NOT_TEXT: Final = NotText()
FREE_FORM: Final = {
    ("plan.apply", "ops"),
    ("consult.signal", "data"),
    ("booking.traveller", "document"),
}


class Sample(NamedTuple):
    """A value, as it travels and as it is understood."""

    data: bytes
    value: Any


def sample(value: Any) -> Sample:
    """A value that the independent codec can say."""
    return Sample(msgpack.packb(value, unicode_errors="surrogatepass"), value)


class Pairs(list[tuple[Any, Any]]):
    """A map as it travelled: order and duplicates kept."""


def depth(value: Any) -> int:
    """Containers within one another. Layer by layer: some are deeper than Python recurses."""
    levels, layer = 0, [value]
    while containers := [item for item in layer if isinstance(item, dict | list)]:
        levels += 1
        layer = [inner for item in containers for inner in _held(item)]
    return levels


def _held(container: Any) -> Iterable[Any]:
    if isinstance(container, Pairs):
        return (item for pair in container for item in pair)
    return container.values() if isinstance(container, dict) else container


def is_plain(value: Any) -> bool:
    """Whether free form may hold it."""
    match value:
        case str():
            return "\0" not in value
        case float():
            return isfinite(value)
        case list():
            return all(map(is_plain, value))
        case dict():
            return all(isinstance(k, str) and is_plain(k) and is_plain(v) for k, v in value.items())
        case msgpack.ExtType() | msgpack.Timestamp() | NotText():
            return False
    return True


def fits(value: Any, info: Any, extra: dict[str, Any] | None = None) -> bool:
    """Whether the contract accepts a value where `info` is declared."""
    extra = extra or {}
    match info:
        case inspect.Metadata():
            return fits(value, info.type, extra | (info.extra_json_schema or {}))
        case inspect.AnyType():
            return is_plain(value)
        case inspect.UnionType():
            return any(fits(value, member, extra) for member in info.types)
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.LiteralType():
            return any(type(value) is type(word) and value == word for word in info.values)
        case inspect.IntType():
            return type(value) is int and _is_within(value, info.ge, info.le)
        case inspect.StrType():
            return isinstance(value, str) and _is_text(value, info, extra)
        case inspect.ListType():
            return (
                isinstance(value, list)
                and _is_within(len(value), info.min_length, info.max_length)
                and all(fits(item, info.item_type) for item in value)
            )
        case inspect.DictType():
            return (
                isinstance(value, dict)
                and _is_within(len(value), info.min_length, info.max_length)
                and all(
                    fits(k, info.key_type) and fits(v, info.value_type) for k, v in value.items()
                )
            )
        case inspect.StructType():
            return isinstance(value, dict) and _is_map(value, info)
    raise NotImplementedError(f"teach the judge what fits a {type(info).__name__}")


def _is_within(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _is_text(text: str, info: inspect.StrType, extra: dict[str, Any]) -> bool:
    is_measured = "x-max-bytes" in extra
    return (
        "\0" not in text
        and _is_within(len(text), info.min_length, info.max_length)
        and all(re.search(rule, text) for rule in (info.pattern, extra.get("pattern")) if rule)
        and (not is_measured or len(text.encode()) <= extra["x-max-bytes"])
        and (not extra.get("minLength") or bool(text.strip()))
    )


def _is_map(value: dict[Any, Any], info: inspect.StructType) -> bool:
    if not all(isinstance(key, str) for key in value):
        return False
    return all(
        fits(value[field.encode_name], field.type)
        if field.encode_name in value
        else not field.required
        for field in info.fields
    )


def is_too_deep(path: tuple[Any, ...], value: Any) -> bool:
    """Whether a value at `path` makes its field nest deeper than allowed."""
    return len(path) - 1 + depth(value) > MAX_NESTING


def is_too_long_for_free_form(tag: str, path: tuple[Any, ...], data: bytes) -> bool:
    """Whether `data`, alone in its field, is more than free form may hold."""
    return (tag, path[0]) in FREE_FORM and len(data) > MAX_FREE_BYTES
