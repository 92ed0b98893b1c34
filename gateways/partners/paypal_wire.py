"""What PayPal's objects look like, and what they mean here (pure). Sources: docs/paypal.md.

A payment of ours is one order. What it holds, took and gave back stands in its one purchase unit.
"""

from datetime import datetime
from typing import Final

import msgspec

from gateways.partners.paypal_settings import PayPalSettings
from protocol.booking import PaymentAction
from protocol.frames import Money
from protocol.ids import Millis
from protocol.payments import Declined, PaymentReference, PaymentState, PaymentStatus

CANCELLED: Final = "x"
"""Ends the `custom_id` of an order that we shall not authorise any more: PayPal has no call for that."""

_OPEN_ORDERS: Final[dict[str, PaymentStatus]] = {
    "CREATED": "open",
    "SAVED": "open",
    "APPROVED": "open",
    "PAYER_ACTION_REQUIRED": "action_required",
    "VOIDED": "cancelled",
}
_TAKEN: Final = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
_FAILED: Final = ("DECLINED", "FAILED")
REFUND_OVER: Final = ("FAILED", "CANCELLED")
"""How a refund stands that gives nothing back, whatever it said before."""

_LINKS: Final = ("payer-action", "approve")


class _Of(msgspec.Struct, frozen=True, kw_only=True):
    """Members that are not named here are not read."""


class Amount(_Of, frozen=True):
    currency_code: str
    value: str


class Link(_Of, frozen=True):
    href: str = ""
    rel: str = ""


class RelatedIds(_Of, frozen=True):
    order_id: str | None = None


class SupplementaryData(_Of, frozen=True):
    related_ids: RelatedIds | None = None


class Payment(_Of, frozen=True):
    """An authorization, a capture or a refund."""

    id: str
    status: str = ""
    amount: Amount | None = None
    create_time: str | None = None
    expiration_time: str | None = None


class Payments(_Of, frozen=True):
    authorizations: list[Payment] = []
    captures: list[Payment] = []
    refunds: list[Payment] = []


class PurchaseUnit(_Of, frozen=True):
    reference_id: str = "default"
    amount: Amount | None = None
    custom_id: str | None = None
    payments: Payments = Payments()


class Order(_Of, frozen=True):
    id: str
    status: str
    create_time: str | None = None
    purchase_units: list[PurchaseUnit] = []
    links: list[Link] = []


class Resource(_Of, frozen=True):
    """What an event is about: an order, or a payment that names its order."""

    id: str = ""
    custom_id: str | None = None
    purchase_units: list[PurchaseUnit] = []
    supplementary_data: SupplementaryData | None = None


class Event(_Of, frozen=True):
    id: str
    event_type: str
    create_time: str
    resource_type: str = ""
    resource: Resource = Resource()


class EventType(_Of, frozen=True):
    name: str


class Webhook(_Of, frozen=True):
    id: str
    url: str = ""
    event_types: list[EventType] = []


class Webhooks(_Of, frozen=True):
    webhooks: list[Webhook] = []


class Verdict(_Of, frozen=True):
    verification_status: str


def unit_of(order: Order) -> PurchaseUnit:
    """Raises `ValueError` for an order that is none of ours."""
    if len(order.purchase_units) != 1 or order.purchase_units[0].amount is None:
        raise ValueError("an order with other than one purchase unit")
    return order.purchase_units[0]


def authorization_of(order: Order) -> Payment | None:
    """The one that counts: the newest that was not replaced by another."""
    found = unit_of(order).payments.authorizations
    alive = [each for each in found if each.status != "VOIDED"]
    return next(reversed(alive or found), None)


def capture_of(order: Order) -> Payment | None:
    """The newest that took something."""
    found = unit_of(order).payments.captures
    taken = [each for each in found if each.status in _TAKEN]
    return next(reversed(taken or found), None)


def is_given_up(order: Order) -> bool:
    return (unit_of(order).custom_id or "").endswith(f"|{CANCELLED}")


def payment_state(order: Order, settings: PayPalSettings) -> PaymentState:
    """Raises `ValueError` for what makes no sense."""
    unit = unit_of(order)
    if unit.amount is None:
        raise ValueError("an order without an amount")
    currency = unit.amount.currency_code
    state = PaymentState(
        payment_id=order.id,
        status="open",
        amount=Money(amount=_units(unit.amount, settings), currency=currency),
        reference=reference_in(unit.custom_id),
    )
    if unit.payments.captures:
        return _captured(unit, state, settings)
    authorization = authorization_of(order)
    if authorization is not None:
        held = _authorised(authorization, state, settings)
        is_stray = held.status == "authorized" and is_given_up(order)
        return msgspec.structs.replace(held, is_stray=is_stray)
    if is_given_up(order):
        return msgspec.structs.replace(state, status="cancelled")
    status = _OPEN_ORDERS.get(order.status)
    if status is None:
        raise ValueError(f"an order whose status is {order.status[:40]!r}")
    return msgspec.structs.replace(
        state,
        status=status,
        is_approved=order.status == "APPROVED",
        action=_action(order, settings) if status == "action_required" else None,
    )


def _authorised(
    authorization: Payment, state: PaymentState, settings: PayPalSettings
) -> PaymentState:
    held = _units(authorization.amount, settings)
    match authorization.status:
        case "CREATED":
            return msgspec.structs.replace(
                state,
                status="authorized",
                capturable=held,
                capture_before=honoured_until(authorization, settings),
            )
        case "PENDING":
            return msgspec.structs.replace(state, status="processing")
        case "VOIDED":
            return msgspec.structs.replace(state, status="cancelled")
        case "EXPIRED":
            return msgspec.structs.replace(state, status="cancelled", has_expired=True)
        case "DENIED":
            declined = Declined(code="card_declined")
            return msgspec.structs.replace(state, status="cancelled", decline=declined)
        case other:
            raise ValueError(f"an authorization whose status is {other[:40]!r}")


def _captured(unit: PurchaseUnit, state: PaymentState, settings: PayPalSettings) -> PaymentState:
    captures, refunds = unit.payments.captures, unit.payments.refunds
    taken = [each for each in captures if each.status in _TAKEN]
    if not taken:
        is_over = all(each.status in _FAILED for each in captures)
        return msgspec.structs.replace(
            state, status="cancelled" if is_over else "processing", has_expired=is_over
        )
    given_back = [each for each in refunds if each.status not in REFUND_OVER]
    return msgspec.structs.replace(
        state,
        status="captured",
        captured=sum(_units(each.amount, settings) for each in taken),
        refunded=sum(_units(each.amount, settings) for each in given_back),
        refund_failed=len(given_back) < len(refunds),
    )


def honoured_until(authorization: Payment, settings: PayPalSettings) -> Millis | None:
    """Its honour period, which the end that PayPal shows may be long after."""
    if authorization.create_time is None:
        return None
    until = at_ms(authorization.create_time) + round(settings.honoured_for * 1_000)
    if authorization.expiration_time is None:
        return until
    return min(until, at_ms(authorization.expiration_time))


def custom_id(reference: PaymentReference) -> str:
    """At most 127 characters."""
    parts = (reference.booking_id, reference.share_id, reference.split_version, reference.version)
    return "|".join(str(part) for part in parts)


def reference_in(text: str | None) -> PaymentReference | None:
    """None for a payment that is not ours."""
    parts = (text or "").split("|")
    try:
        reference = PaymentReference(
            booking_id=parts[0],
            share_id=parts[1],
            split_version=int(parts[2]),
            version=int(parts[3]),
        )
        return msgspec.convert(msgspec.to_builtins(reference), PaymentReference)
    except (IndexError, ValueError):  # msgspec's errors are ValueErrors
        return None


def at_ms(moment: str) -> Millis:
    """Raises `ValueError`."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


def _action(order: Order, settings: PayPalSettings) -> PaymentAction:
    """Raises `ValueError` where PayPal does not say where the payer is to go."""
    links = {link.rel: link.href for link in order.links}
    url = next((links[rel] for rel in _LINKS if links.get(rel)), None)
    if url is None or order.create_time is None:
        raise ValueError("an order that waits for its payer and does not say where")
    until = at_ms(order.create_time) + round(settings.order_for * 1_000)
    return PaymentAction(kind="redirect", url=url, expires_at=until)


def _units(amount: Amount | None, settings: PayPalSettings) -> int:
    if amount is None:
        raise ValueError("a payment without an amount")
    return settings.money.from_paypal(amount.value, amount.currency_code)
