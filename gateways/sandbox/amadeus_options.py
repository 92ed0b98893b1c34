"""What can be switched about the sandbox's Amadeus: `POST /_sandbox/amadeus/options`."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, ValidationError, convert, to_builtins

from gateways.sandbox.records import Draft, Json

KIND: Final = "amadeus.options"
_KEY: Final = "now"


class Options(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`tps`: requests a second and client, activities twice as many; None: no limit. `quota`:
    requests a month, client and API; None: no limit. `cancelled_orders`: what GET answers for one,
    404, or 200 with cancelled segments. `ticketed_delete_code`: of the 400 to a DELETE after issuing;
    Amadeus does not specify any of the two. `hotel_offer_minutes`: how long a hotel's offer lives."""

    tps: Annotated[int, Meta(ge=1)] | None = 10
    quota: Annotated[int, Meta(ge=0)] | None = None
    cancelled_orders: Literal[404, 200] = 404
    ticketed_delete_code: int = 4926
    hotel_offer_minutes: Annotated[int, Meta(ge=1)] = 30


def options(records: Draft) -> Options:
    """As they stand."""
    return convert(records.get(KIND, _KEY) or {}, Options)


def set_options(records: Draft, posted: Any) -> Options:
    """Those named get their new value, the others keep theirs. Raises `ValueError` with a sentence."""
    if not isinstance(posted, dict):
        raise ValueError("Send an object of options.")
    kept: Json = to_builtins(options(records))
    try:
        found = convert({**kept, **posted}, Options)
    except ValidationError as error:
        raise ValueError(f"These are no options: {error}.") from None
    records.put(KIND, _KEY, to_builtins(found))
    return found
