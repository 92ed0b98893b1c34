"""What a payment provider can do for us: the seam to Stripe, PayPal and whoever comes next.

No implementation repeats a call that changes something: it is sent once, within the deadline of the
caller's cancel scope or its own, and how it ended is a value. Repeating is decided by the saga, from
what it stored, with the same `key`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.frames import Money
from protocol.ids import Millis
from protocol.payments import (
    Busy,
    Declined,
    PaymentReference,
    PaymentRefused,
    PaymentState,
    RefundMade,
    TransferMade,
)
from protocol.suppliers import NotSent, Unknown, Unsupported

Unfinished = PaymentRefused | Busy | NotSent | Unknown
OpenResult = PaymentState | Unfinished
AuthoriseResult = PaymentState | Declined | Unfinished
"""A decline is `Declined`; a method that needs its owner's action is a `PaymentState` that says so."""
RefundResult = RefundMade | Unfinished | Unsupported
TransferResult = TransferMade | Unfinished | Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCapabilities:
    """`holds_for`: seconds that an authorisation lasts at least, where a payment does not say until
    when. `replays_for`: seconds for which a repeat with the same key is answered as the first call was;
    after that a repeat would execute anew. `asks_first`: there are no methods to choose from; the first
    attempt asks its owner at the provider's page, and holds nothing."""

    holds_for: float
    replays_for: float
    finds_by_reference: bool
    transfers: bool
    asks_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNotice:
    """A genuine event. It says where to look, never what to believe. `reference`: None when it
    concerns no payment of ours. `payment_id`: to read again."""

    event_id: str
    kind: str
    created_at: Millis
    payment_id: str | None = None
    reference: PaymentReference | None = None


@dataclass(frozen=True, slots=True)
class NotGenuine:
    """Its signature is wrong, or too old. `reason` is for the log."""

    reason: Literal["signature", "too_old", "malformed"]


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It says that it is about a booking that is not here: nobody was asked whether it is genuine."""


class Payments(Protocol):
    """One provider. `key` is an idempotency key, at most 255 characters: the same key with the same
    arguments is the same call. Reading raises `core.errors.Unavailable`; nothing else raises but a
    cancellation, after which the call may or may not have been executed."""

    @property
    def name(self) -> str:
        """`stripe`, `paypal`: in ledger accounts and webhook paths."""

    @property
    def capabilities(self) -> PaymentCapabilities: ...

    def unit(self, currency: str) -> int | None:
        """Amounts must be multiples of this many minor units (KWD at Stripe: 10); None: the provider
        does not take the currency."""

    def least(self, currency: str) -> int:
        """The smallest amount that can be charged, in minor units."""

    def most(self, currency: str) -> int:
        """The greatest amount that can be charged at once, in minor units."""

    def takes_method(self, method: str) -> bool:
        """Whether it looks like an id of a payment method of this provider's own making. What holds a
        card's number never does."""

    async def open(
        self, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> OpenResult:
        """Make a payment, unconfirmed: no method is asked yet, no money is held. `note` is shown to
        who pays."""

    async def authorise(
        self, payment_id: str, method: str, *, return_url: str | None, key: str
    ) -> AuthoriseResult:
        """Hold the money. One `key` per attempt: an answer that was a decline stays one, or asks the
        owner anew where the provider `asks_first`. Of a payment that `is_approved`: the second
        half of an attempt, under a key of its own."""

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        """Take up to what is held; the rest is let go."""

    async def cancel(self, payment_id: str, *, key: str) -> OpenResult:
        """Let go what is held, or close an open payment. `PaymentRefused("state")` once captured."""

    async def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        """Give back of what was captured."""

    async def transfer(
        self, amount: Money, payee: str, *, booking_id: str, key: str
    ) -> TransferResult:
        """Pass captured money on to a payee's account."""

    async def read(self, payment_id: str) -> PaymentState | None:
        """As it is now; None when there is none. Raises `Unavailable`."""

    async def find(self, booking_id: str, *, since: Millis) -> Sequence[PaymentState] | Unsupported:
        """All payments of a booking that were made since, read after write. Raises
        `Unavailable`."""

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> WebhookNotice | NotGenuine | NotOurs:
        """`body` byte for byte as it came; header names in lower case. Raises `Unavailable` where the
        provider itself has to be asked, and cannot be, and while it is not known yet what it signs with.
        `NotOurs` only where the provider would have to be asked."""
