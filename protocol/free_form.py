"""What no struct can say about values: no U+0000 in a text, no NaN, no infinity, no extension type."""

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from msgspec import Struct, UnsetType

from protocol.text_rules import Fault

ZERO_CHARACTER: Final = "A text must not contain the character U+0000."
NOT_PLAIN: Final = "A value must be a text, a finite number, true, false, null, a list or a map."

_PLAIN: Final = (int, bytes, type(None), UnsetType)


def fault_in_values(frame: Struct) -> Fault | None:
    """The first value anywhere in a frame that is not allowed. Recurses as deep as values nest."""
    for shown, name in zip(frame.__struct_encode_fields__, frame.__struct_fields__, strict=True):
        if fault := _fault_in(getattr(frame, name)):
            return fault._replace(field=shown + fault.field)
    return None


def _fault_in(value: Any) -> Fault | None:
    match value:
        case str():
            return Fault("", ZERO_CHARACTER) if "\0" in value else None
        case float():
            return None if isfinite(value) else Fault("", NOT_PLAIN)
        case list():
            return _fault_among(enumerate(value))
        case dict():
            if not all(isinstance(key, str) for key in value):
                return Fault("", NOT_PLAIN)
            # A client's own words stay out of the path, and with it out of logs.
            return _fault_among(("...", item) for pair in value.items() for item in pair)
        case Struct():
            fault = fault_in_values(value)
            return fault and fault._replace(field=f".{fault.field}")
        case _:
            return None if isinstance(value, _PLAIN) else Fault("", NOT_PLAIN)


def _fault_among(places: Iterable[tuple[object, Any]]) -> Fault | None:
    for place, item in places:
        # Of many values most are such as these, which is seen here without a call for each.
        if "\0" not in item if isinstance(item, str) else isinstance(item, _PLAIN):
            continue
        if fault := _fault_in(item):
            return fault._replace(field=f"[{place}]{fault.field}")
    return None
