"""Orders of the sandbox's Duffel undone: quoted and confirmed by us, or cancelled by the airline.

What comes back of a paid order: the fare's own refund, less its penalty; all of it while a change of the airline's
waits for an answer, and when the airline cancels.
"""

from typing import Final, Literal

from gateways.sandbox.duffel_effects import write
from gateways.sandbox.duffel_orders import check_cancellable, keep, known, let_go
from gateways.sandbox.duffel_replies import moment, new_id, number_between, refused
from gateways.sandbox.duffel_shapes import CURRENCY, REFUND_PENALTY, cents
from gateways.sandbox.duffel_webhooks import CANCELLED, emit
from gateways.sandbox.exchange import Json, Request, Setting
from protocol.money import minor_units

CANCELLATIONS: Final = "duffel.cancellation"
QUOTE_KEPT_MS: Final = 3_600_000
LARGEST_PAGE: Final = 200


def quote(data: Json, setting: Setting) -> Json:
    """What a cancellation would give back; nothing is cancelled yet. Raises `Refusal`."""
    order_id = data.get("order_id")
    if not isinstance(order_id, str):
        raise refused("validation_required", "/order_id")
    kept = known(order_id, setting)
    check_cancellable(kept["order"])
    said = _quoted(kept, _refund(kept), setting)
    keep(kept, setting)
    return said


def shown(cancellation_id: str, setting: Setting) -> Json:
    """Raises `Refusal`."""
    kept = setting.records.get(CANCELLATIONS, cancellation_id)
    if kept is None:
        raise refused("not_found")
    found: Json = kept["quote"]
    return found


def listed(request: Request, setting: Setting) -> list[Json]:
    """An order's, or all; newest first, one page."""
    limit = number_between(1, LARGEST_PAGE, request.value("limit") or "50", "/limit")
    wanted = request.value("order_id")
    found = [
        kept["quote"]
        for _, kept in setting.records.scan(CANCELLATIONS)
        if wanted in (None, kept["quote"]["order_id"])
    ]
    return found[::-1][:limit]


def confirm(cancellation_id: str, setting: Setting) -> Json:
    """The order is cancelled, its seats are free. Raises `Refusal`: only the latest quote of an order can be
    confirmed."""
    said = shown(cancellation_id, setting)
    kept = known(said["order_id"], setting)
    check_cancellable(kept["order"])
    expires = (setting.records.get(CANCELLATIONS, cancellation_id) or {})["expires"]
    is_latest = kept.get("quote") in (None, cancellation_id)
    if (
        expires <= setting.now.business or not is_latest
    ):  # Duffel's word for the latter is not known
        raise refused("order_cancellation_expired")
    return _cancelled(kept, said, "us", setting)


def by_airline(kept: Json, setting: Setting) -> Json:
    """The airline cancels: the order is gone, and what was paid comes back. The cancellation."""
    is_paid = kept["order"]["payment_status"]["paid_at"] is not None
    refund = kept["sold"]["cents"] if is_paid else 0
    return _cancelled(kept, _quoted(kept, refund, setting), "airline", setting)


def _refund(kept: Json) -> int:
    order, sold = kept["order"], kept["sold"]
    if order["payment_status"]["paid_at"] is None:
        return 0
    changes = order.get("airline_initiated_changes") or []
    if changes and changes[-1]["action_taken"] is None:
        return int(sold["cents"])
    return max(0, sold["cents"] - REFUND_PENALTY) if sold["isRefundable"] else 0


def _quoted(kept: Json, refund: int, setting: Setting) -> Json:
    order, now = kept["order"], setting.now.business
    is_paid = order["payment_status"]["paid_at"] is not None
    said: Json = {
        "id": new_id("ore", setting),
        "order_id": order["id"],
        "live_mode": False,
        "refund_amount": cents(refund),
        "refund_currency": CURRENCY,
        "refund_to": "balance" if is_paid else "awaiting_payment",
        "airline_credits": [],
        "created_at": moment(now),
        "expires_at": moment(now + QUOTE_KEPT_MS),
        "confirmed_at": None,
    }
    setting.records.put(CANCELLATIONS, said["id"], {"quote": said, "expires": now + QUOTE_KEPT_MS})
    kept["quote"] = said["id"]
    return said


def _cancelled(kept: Json, said: Json, by: Literal["us", "airline"], setting: Setting) -> Json:
    order, at = kept["order"], moment(setting.now.business)
    expires = (setting.records.get(CANCELLATIONS, said["id"]) or {})["expires"]
    said = {**said, "confirmed_at": at}
    setting.records.put(CANCELLATIONS, said["id"], {"quote": said, "expires": expires})
    changes = order.get("airline_initiated_changes") or []
    order["airline_initiated_changes"] = [
        {**each, "action_taken": "cancelled", "action_taken_at": at, "available_actions": []}
        if each["action_taken"] is None
        else each
        for each in changes
    ]
    order["cancelled_at"], order["cancellation"] = at, said
    let_go(kept, setting)
    if order["payment_status"]["paid_at"] is not None:
        refund = minor_units(said["refund_amount"], said["refund_currency"])
        write(setting, "refunded", refund, order, by=by, cancellation=said["id"])
    emit(CANCELLED, said, said["id"], setting)
    return said
