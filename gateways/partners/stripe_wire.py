"""What Stripe's objects look like, and what they mean here (pure). Source: APIS §7."""

from typing import Final

import msgspec

from gateways.partners.stripe_declines import declined
from gateways.partners.stripe_errors import RAN_OUT
from gateways.partners.stripe_money import StripeMoney
from protocol.booking import PaymentAction
from protocol.frames import Money
from protocol.ids import Millis
from protocol.payments import PaymentReference, PaymentState, PaymentStatus

ACTION_FOR_MS: Final = 7 * 86_400_000
"""Stripe does not say until when somebody may answer their bank. As long after the payment was made as
any authorisation lasts, so that the saga's own deadline always comes first."""

_STATUS: Final[dict[str, PaymentStatus]] = {
    "requires_payment_method": "open",
    "requires_confirmation": "open",
    "requires_action": "action_required",
    "processing": "processing",
    "requires_capture": "authorized",
    "succeeded": "captured",
    "canceled": "cancelled",
}


class _Of(msgspec.Struct, frozen=True, kw_only=True):
    """Members that are not named here are not read."""


class Card(_Of, frozen=True):
    capture_before: int | None = None


class MethodDetails(_Of, frozen=True):
    card: Card | None = None


class Charge(_Of, frozen=True):
    payment_method_details: MethodDetails | None = None


class Redirect(_Of, frozen=True):
    url: str | None = None


class NextAction(_Of, frozen=True):
    type: str = ""
    redirect_to_url: Redirect | None = None


class LastError(_Of, frozen=True):
    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(_Of, frozen=True):
    """`latest_charge`: whole where it was asked for, else its id."""

    id: str
    status: str
    amount: int
    currency: str
    created: int
    amount_capturable: int = 0
    amount_received: int = 0
    cancellation_reason: str | None = None
    client_secret: str | None = None
    last_payment_error: LastError | None = None
    latest_charge: Charge | str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    next_action: NextAction | None = None


REFUND_OVER: Final = ("failed", "canceled")
"""How a refund stands that gives nothing back, whatever it said before."""


class Refund(_Of, frozen=True):
    id: str
    amount: int
    currency: str
    status: str | None = None


class Transfer(_Of, frozen=True):
    id: str
    amount: int
    currency: str


class Listed(_Of, frozen=True):
    """As much of a payment as tells whose it is: the account's others may be of any kind."""

    id: str
    metadata: dict[str, str] | None = None


class IntentPage(_Of, frozen=True):
    data: list[Listed]
    has_more: bool = False


class RefundPage(_Of, frozen=True):
    data: list[Refund]
    has_more: bool = False


class EventObject(_Of, frozen=True):
    """What an event is about: a payment, a charge, a refund, a dispute, or something foreign."""

    id: str = ""
    object: str = ""
    payment_intent: "EventObject | str | None" = None
    metadata: dict[str, str] | None = None


class EventData(_Of, frozen=True):
    object: EventObject


class Event(_Of, frozen=True):
    id: str
    type: str
    created: int
    data: EventData


class EventPage(_Of, frozen=True):
    data: list[Event]
    has_more: bool = False


class Endpoint(_Of, frozen=True):
    """`secret` stands in the answer to its making alone; one that was deleted has an id alone."""

    id: str
    url: str = ""
    status: str = "enabled"
    secret: str | None = None
    enabled_events: list[str] = []
    metadata: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Endpoint({self.id!r}, {self.url!r})"


class EndpointPage(_Of, frozen=True):
    data: list[Endpoint]
    has_more: bool = False


def payment_state(
    intent: PaymentIntent, money: StripeMoney, refunds: list[Refund] | None = None
) -> PaymentState:
    """`refunds`: all of a captured payment's. Raises `ValueError` for what makes no sense."""
    currency = intent.currency.upper()
    status = _STATUS.get(intent.status)
    if status is None:
        raise ValueError(f"a payment whose status is {intent.status[:40]!r}")
    made = refunds or []
    given_back = [each for each in made if each.status not in REFUND_OVER]
    error = intent.last_payment_error
    return PaymentState(
        payment_id=intent.id,
        status=status,
        amount=Money(amount=money.from_stripe(intent.amount, currency), currency=currency),
        capturable=money.from_stripe(intent.amount_capturable, currency)
        if status == "authorized"
        else 0,
        captured=money.from_stripe(intent.amount_received, currency) if status == "captured" else 0,
        refunded=money.from_stripe(sum(each.amount for each in given_back), currency),
        capture_before=_capture_before(intent) if status == "authorized" else None,
        action=_action(intent) if status == "action_required" else None,
        decline=declined(error.code, error.decline_code) if error and status == "open" else None,
        reference=reference_in(intent.metadata),
        has_expired=status == "cancelled" and intent.cancellation_reason in RAN_OUT,
        refund_failed=len(given_back) < len(made),
    )


def metadata_of(reference: PaymentReference) -> dict[str, str]:
    return {
        "saga_id": reference.booking_id,
        "share_id": reference.share_id,
        "split_version": str(reference.split_version),
        "pi_version": str(reference.version),
    }


def reference_in(metadata: dict[str, str] | None) -> PaymentReference | None:
    """None for a payment that is not ours."""
    held = metadata or {}
    try:
        reference = PaymentReference(
            booking_id=held["saga_id"],
            share_id=held["share_id"],
            split_version=int(held["split_version"]),
            version=int(held["pi_version"]),
        )
        return msgspec.convert(msgspec.to_builtins(reference), PaymentReference)
    except (KeyError, ValueError):  # msgspec's errors are ValueErrors
        return None


def group_of(booking_id: str) -> str:
    """Stripe's `transfer_group`."""
    return f"grp_{booking_id}"


def _capture_before(intent: PaymentIntent) -> Millis | None:
    charge = intent.latest_charge
    details = charge.payment_method_details if isinstance(charge, Charge) else None
    until = details.card.capture_before if details and details.card else None
    return None if until is None else until * 1_000


def _action(intent: PaymentIntent) -> PaymentAction:
    """A page to visit, or something for Stripe's element, which needs the payment's secret."""
    until = intent.created * 1_000 + ACTION_FOR_MS
    redirect = intent.next_action.redirect_to_url if intent.next_action else None
    if redirect and redirect.url:
        return PaymentAction(kind="redirect", url=redirect.url, expires_at=until)
    return PaymentAction(kind="card", client_secret=intent.client_secret, expires_at=until)
