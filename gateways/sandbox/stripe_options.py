"""What can be switched at `GET`, `POST /_sandbox/stripe/options`."""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.records import Draft, Records

_KIND: Final = "stripe.options"
_KEY: Final = "all"
_DEFAULTS: Final[Json] = {"searchDelayMs": 2_000, "cancelRefundsCharge": True, "tps": None}
"""`searchDelayMs`: of wall time until a change is found by search. `cancelRefundsCharge`: cancelling a
hold is also told as a refund of its charge. `tps`: requests a second; None: no limit."""

MOST: Final = 3_600_000


class OptionError(ValueError):
    """An option that is none; the sentence names it."""


def options(records: Records) -> Json:
    """All of them."""
    return {**_DEFAULTS, **(records.get(_KIND, _KEY) or {})}


def set_options(draft: Draft, posted: object) -> Json:
    """Those given; all of them then. Raises `OptionError`."""
    if not isinstance(posted, dict):
        raise OptionError(f"Send an object with some of {', '.join(_DEFAULTS)}.")
    for name, value in posted.items():
        if name not in _DEFAULTS:
            raise OptionError(f"There is no option {name!r}.")
        if name == "cancelRefundsCharge":
            is_good = isinstance(value, bool)
        elif value is None:
            is_good = name == "tps"
        else:
            is_good = type(value) is int and 0 <= value <= MOST
        if not is_good:
            raise OptionError(f"{name} cannot be {value!r}.")
    after = {**options(draft), **posted}
    draft.put(_KIND, _KEY, after)
    return after
