"""Payments as they cross ports, in nobody's words but our own: one payment is one person's share.

Amounts are minor units of ISO 4217 (`protocol.money`), also where a provider counts in others.
"""

from typing import Literal

from protocol.booking import PaymentAction
from protocol.frames import Money, Value
from protocol.ids import Id, Millis

PaymentStatus = Literal[
    "open", "action_required", "processing", "authorized", "captured", "cancelled"
]
"""`open`: made, no method has been accepted (also after a decline). `captured` whatever was refunded
since."""

DeclineCode = Literal[
    "card_declined",
    "insufficient_funds",
    "card_lost_or_stolen",
    "expired_card",
    "incorrect_details",
    "authentication_failed",
    "limit_exceeded",
    "processing_error",
]


class PaymentReference(Value, frozen=True, kw_only=True):
    """What a payment is for; travels with it to the provider and comes back. `version`: a share's next
    payment, for another amount or after the first was lost, has the next number."""

    booking_id: Id
    share_id: str
    split_version: int
    version: int


class Declined(Value, frozen=True, kw_only=True, tag="declined", tag_field="ended"):
    """The method was refused; the payment is open, and another method may be tried. `is_final`: this
    one must never be tried again."""

    code: DeclineCode
    is_final: bool = False


class Busy(Value, frozen=True, kw_only=True, tag="busy", tag_field="ended"):
    """Certainly not executed (rate limit, or another call on the same object was running): the same
    call with the same key may be made later."""


class PaymentRefused(Value, frozen=True, kw_only=True, tag="payment_refused", tag_field="ended"):
    """Certainly not executed, and never will be as it is. "state": the payment's state does not allow
    it (read it); "lost": the authorisation is over; "amount": too small, too big, or more than is left;
    "method": no such method; "config": our account or key. `detail` is for the log."""

    kind: Literal["state", "lost", "amount", "method", "not_found", "config"]
    detail: str = ""


class PaymentState(Value, frozen=True, kw_only=True, tag="payment", tag_field="ended"):
    """A payment as the provider has it now. `capturable`, `captured`, `refunded` in minor units of
    `amount`'s currency. `capture_before`: until when the authorisation holds. `decline`: why the last
    method was refused. `has_expired`: cancelled because the authorisation ran out. `refund_failed`: a
    refund came back to us, or was called off. `is_approved`: open, and its owner has agreed at the
    provider's page since: the money is held by authorising it with the same method once more, under a new
    key. `is_stray`: it was cancelled here, and is authorised all the same: what a call did that took
    effect later."""

    payment_id: str
    status: PaymentStatus
    amount: Money
    capturable: int = 0
    captured: int = 0
    refunded: int = 0
    capture_before: Millis | None = None
    action: PaymentAction | None = None
    decline: Declined | None = None
    reference: PaymentReference | None = None
    has_expired: bool = False
    refund_failed: bool = False
    is_approved: bool = False
    is_stray: bool = False


class RefundMade(Value, frozen=True, kw_only=True, tag="refund_made", tag_field="ended"):
    """`amount` in minor units. A pending one may fail later: the payment then says `refund_failed`."""

    refund_id: str
    amount: int
    is_pending: bool = False


class TransferMade(Value, frozen=True, kw_only=True, tag="transfer_made", tag_field="ended"):
    """Money passed on to a payee's account."""

    transfer_id: str
    amount: Money
