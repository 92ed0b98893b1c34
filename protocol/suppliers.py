"""How a call to somebody else's service ended: values that cross ports, so that no caller can forget one.

Three of them are certain (`Refused`, `NotSent`, and whatever success a port names); `Unknown` is not,
and nothing but looking makes it certain.
"""

from typing import Literal

from protocol.frames import Money, Value
from protocol.ids import Millis
from protocol.travel import OrderState

RejectedKind = Literal["sold_out", "price_changed", "expired", "invalid", "auth", "quota"]


class Refused(Value, frozen=True, kw_only=True, tag="refused", tag_field="ended"):
    """Certainly nothing was done. `detail` is the supplier's own words; `price`: the new total of
    "price_changed". "quota": not now, and the same call may be made later."""

    kind: RejectedKind
    detail: str
    price: Money | None = None


class NotSent(Value, frozen=True, kw_only=True, tag="not_sent", tag_field="ended"):
    """Certainly nothing was done, because nothing left this machine."""

    detail: str = ""


class Unknown(Value, frozen=True, kw_only=True, tag="unknown", tag_field="ended"):
    """It may have been done, or may still be: never repeated blindly, always looked for. `detail` says
    what broke."""

    attempt: str = ""
    detail: str = ""


class Created(Value, frozen=True, kw_only=True, tag="created", tag_field="ended"):
    """The order exists."""

    order: OrderState


class Cancelled(Value, frozen=True, kw_only=True, tag="cancelled", tag_field="ended"):
    """The order is gone; `refund` is what the supplier returns, if it said."""

    was_gone: bool = False
    refund: Money | None = None


class RefundQuoted(Value, frozen=True, kw_only=True, tag="refund_quoted", tag_field="ended"):
    """What the supplier would give back if the order were cancelled now; nothing is cancelled by asking.
    `expires_at`: until when it says so."""

    refund: Money
    expires_at: Millis | None = None


class Unsupported(Value, frozen=True, kw_only=True, tag="unsupported", tag_field="ended"):
    """This supplier or provider has no such call."""


HoldResult = Created | Refused | NotSent | Unknown
CancelResult = Cancelled | Refused | NotSent | Unknown
