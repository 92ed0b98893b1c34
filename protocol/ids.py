"""Identifiers and scalar types, with the bounds that the codec enforces while decoding (§1, §4)."""

from typing import Annotated, Any, Final

from msgspec import Meta

from protocol.names import PATTERN

UUID7_PATTERN: Final = (
    r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}(?!\n)$"
)
"""The look-ahead keeps Python's `$` from passing a last line feed; ECMAScript reads it alike."""

Id = Annotated[str, Meta(min_length=1, max_length=64)]
"""An id made by the server. A foreign or unknown one is `not_found`, whatever its form."""

ClientId = Annotated[
    str, Meta(pattern=UUID7_PATTERN, examples=["0190f5fe-7c00-7a00-8000-000000000001"])
]
"""A UUIDv7 made by the client (RFC 9562 §5.7), unique per sender and room. Compared, stored and
echoed in lower case."""

Ref = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""A command's correlation number: the client's choice, reusable after its answer."""

Seq = Annotated[int, Meta(ge=0, le=2**62)]
"""A place in a log. The first event has 1; 0 stands before it."""

Millis = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Milliseconds since the Unix epoch, UTC: any int64, whose greatest is what clients call for ever."""

Epoch = Annotated[str, Meta(max_length=64)]
"""One life of a room's log: opaque, compared for equality only. An unknown value is no error."""

Date = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$", examples=["2027-05-14"])]
"""A day of the calendar, `YYYY-MM-DD`."""

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", examples=["EUR"])]
"""A code of ISO 4217."""


def at_most_bytes(limit: int, *, not_empty: bool = False, one_line: bool = False) -> Meta:
    """Tells the machine-readable contract a bound that `text_rules` or the codec enforces: JSON
    Schema counts characters, and a text has at most as many of them as it has bytes."""
    schema: dict[str, Any] = {"minLength": 1} if not_empty else {}
    schema |= {"pattern": PATTERN} if one_line else {}
    return Meta(extra_json_schema={**schema, "maxLength": limit, "x-max-bytes": limit})
