"""Values as a crash record may keep them: texts lose their words and keep their shape.

A shaped text has the length of the old one in characters and in bytes, and each character its
class, so that what hangs on sizes happens again. Ids, numbers and the words of a closed vocabulary
stay; secrets go wholly, by name.
"""

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final

import msgspec

from core.ids import is_uuid
from core.telemetry import REDACTED, SECRET_KEYS

_SCHEME: Final = re.compile(r"https?://")
_WRITTEN: Final = frozenset(
    {
        *("body", "content", "document", "email", "emoji", "familyname", "gender", "givenname"),
        *("handle", "name", "note", "phone", "query", "reason", "text", "title"),
    }
)
"""Fields that people fill: shaped even where they look like an id."""
_SECRET: Final = SECRET_KEYS - _WRITTEN
_MAX_DEPTH: Final = 16
_MAX_KNOWN: Final = 4_096


def shaped(text: str) -> str:
    """Another text of the same shape: letters for letters, digits for digits; spaces, marks of
    punctuation and what is invisible stay."""
    return text.translate(_STAND_INS)


def redacted(
    value: object, name: str = "", words: frozenset[str] = frozenset(), depth: int = _MAX_DEPTH
) -> Any:
    """Plain data for `value`, redacted. `name`: of the field it stands in; `words`: the closed
    vocabulary of that field."""
    plain = name.lower().replace("_", "").replace("-", "")
    if plain in _SECRET or depth == 0:
        return None if value is None else REDACTED
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _redacted_text(value, plain, words)
    if isinstance(value, bytes):
        return bytes(len(value))
    if isinstance(value, Mapping):
        return _redacted_map(value, words, depth - 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, name, words, depth - 1) for item in value]
    return fields_of(value, depth - 1)


def _redacted_map(value: Mapping[Any, Any], words: frozenset[str], depth: int) -> dict[str, Any]:
    """With as many keys: where they would be one, those after the first end in a number."""
    items: dict[str, Any] = {}
    alike: Counter[str] = Counter()
    for key, item in value.items():
        name = shape = str(redacted(key))
        while name in items:
            alike[shape] += 1
            number = str(alike[shape])
            name = f"{shape[: -len(number)]}{number}"
        items[name] = redacted(item, str(key), words, depth)
    return items


def fields_of(value: object, depth: int = _MAX_DEPTH) -> dict[str, Any] | None:
    """A struct's or dataclass's fields, redacted, as `msgspec.convert` reads them. None for
    anything else: its content is nobody's business."""
    if isinstance(value, msgspec.Struct):
        config = type(value).__struct_config__
        fields: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
        for field in msgspec.structs.fields(value):
            item = getattr(value, field.name)
            if item is not msgspec.UNSET:
                words = _vocabulary(type(value)).get(field.name, frozenset())
                fields[field.encode_name] = redacted(item, field.name, words, depth)
        return fields
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: redacted(getattr(value, field.name), field.name, depth=depth)
            for field in dataclasses.fields(value)
        }
    return None


def _redacted_text(text: str, name: str, words: frozenset[str]) -> str:
    if text in words or (name not in _WRITTEN and is_uuid(text.lower())):
        return text
    scheme = _SCHEME.match(text)
    kept = scheme.end() if scheme else 0
    return text[:kept] + shaped(text[kept:])


@cache
def _vocabulary(struct: type[msgspec.Struct]) -> dict[str, frozenset[str]]:
    """The words that each field's type allows by name, for fields whose type does that."""
    info = msgspec.inspect.type_info(struct)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return {field.name: frozenset(_literals(field.type)) for field in fields}


def _literals(kind: msgspec.inspect.Type) -> list[str]:
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return _literals(inner)
        case msgspec.inspect.LiteralType(values=values):
            return [value for value in values if isinstance(value, str)]
        case msgspec.inspect.UnionType(types=types):
            return [word for each in types for word in _literals(each)]
        case (
            msgspec.inspect.ListType(item_type=item)
            | msgspec.inspect.SetType(item_type=item)
            | msgspec.inspect.VarTupleType(item_type=item)
        ):
            return _literals(item)
    return []


class _StandIns(dict[int, str]):
    """For `str.translate`: the character that stands for one of its class and size."""

    def __missing__(self, code: int) -> str:
        stand_in = _stand_in(chr(code))
        if len(self) < _MAX_KNOWN:
            self[code] = stand_in
        return stand_in


_STAND_INS: Final = _StandIns()

_BY_CLASS: Final = {
    "lower": "xä語𠀀",
    "upper": "XÄ語𠀀",
    "right to left": "xאﬡ𐤀",
    "digit": "0٠०𝟎",
    "mark": "x\u0301\u20d0\U0001d165",
    "symbol": "x©☺🙂",
    "modifier": "x´゛🏻",
}
"""One character for each length in UTF-8, from one byte to four."""


def _stand_in(char: str) -> str:
    name = _class_of(char)
    return char if name is None else _BY_CLASS[name][len(char.encode()) - 1]


def _class_of(char: str) -> str | None:
    """None: it stays."""
    category = unicodedata.category(char)
    if category[0] == "L":
        if unicodedata.bidirectional(char) in ("R", "AL"):
            return "right to left"
        return "upper" if category in ("Lu", "Lt") else "lower"
    if category[0] == "N":
        return "digit"
    if category[0] == "M":
        return None if unicodedata.name(char, "").startswith("VARIATION SELECTOR") else "mark"
    if category == "So":
        return "symbol"
    return "modifier" if category == "Sk" and not char.isascii() else None
