"""Payments v2: authorizations, captures and refunds, and what an order shows of them.

An authorisation is honoured for three days and ends after 29; within these it can be authorised anew from
the fourth day on, once, for up to 115 % of what it was (docs/paypal.md).
"""

from typing import Final

from gateways.sandbox import paypal_amounts as amounts
from gateways.sandbox.exchange import Json
from gateways.sandbox.paypal_effects import write
from gateways.sandbox.paypal_events import emit
from gateways.sandbox.paypal_objects import Call, Kind, bare, moment
from gateways.sandbox.paypal_replies import PayPalRefusal, unprocessable

DAY_MS: Final = 86_400_000
HONOURED_MS: Final = 3 * DAY_MS
VALID_MS: Final = 29 * DAY_MS
MOST_PERCENT: Final = 115
_OPEN: Final = ("CREATED", "PARTIALLY_CAPTURED")


def held(call: Call, order: Json) -> Json:
    """An order's money is held from now on."""
    unit = order["purchase_units"][0]
    authorization = _authorization(call, order, unit["amount"], call.now + VALID_MS)
    write(
        call, "authorized", amounts.units(unit["amount"]), order, authorization=authorization["id"]
    )
    return authorization


def capture(call: Call, id_: str, given: Json) -> Json:
    """POST `/v2/payments/authorizations/{id}/capture`. Raises `PayPalRefusal`."""
    authorization = call.get("authorization", id_)
    order = call.get("order", authorization["_order"])
    _refuse_closed(authorization, "capture")
    whole = amounts.units(authorization["amount"])
    taken = sum(
        amounts.units(call.get("capture", each)["amount"]) for each in authorization["_captures"]
    )
    if given.get("amount") is None:
        wanted, currency = whole - taken, authorization["amount"]["currency_code"]
    else:
        wanted, currency = amounts.read(given["amount"], at="amount")
    if currency != authorization["amount"]["currency_code"]:
        raise unprocessable(
            "AUTH_CAPTURE_CURRENCY_MISMATCH", "Currency of capture must be the same."
        )
    if (taken + wanted) * 100 > whole * MOST_PERCENT:
        raise unprocessable(
            "MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit."
        )
    is_final = given.get("final_capture") is True or taken + wanted >= whole
    unit = order["purchase_units"][0]
    made: Json = {
        "id": call.new_id("capture"),
        "status": "COMPLETED",
        "amount": amounts.shown(wanted, currency),
        "final_capture": is_final,
        "custom_id": given.get("custom_id") or unit.get("custom_id", ""),
        "create_time": call.moment,
        "supplementary_data": {"related_ids": {"order_id": order["id"], "authorization_id": id_}},
        "_order": order["id"],
        "_refunds": [],
    }
    made = call.put("capture", made)
    call.put(
        "authorization",
        authorization,
        status="CAPTURED" if is_final else "PARTIALLY_CAPTURED",
        _captures=[*authorization["_captures"], made["id"]],
    )
    call.put("order", order, _captures=[*order.get("_captures", []), made["id"]])
    write(call, "captured", wanted, order, authorization=id_, capture=made["id"])
    emit(call, "PAYMENT.CAPTURE.COMPLETED", "capture", shown(call, "capture", made))
    return made


def void(call: Call, id_: str) -> Json:
    """POST `…/void`: what is held is let go. Raises `PayPalRefusal`."""
    authorization = call.get("authorization", id_)
    if authorization["status"] == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED", "Authorization has been previously voided.")
    if authorization["status"] in ("CAPTURED", "PARTIALLY_CAPTURED"):
        raise unprocessable("PREVIOUSLY_CAPTURED", "Authorization has been previously captured.")
    _refuse_closed(authorization, "void")
    authorization = call.put("authorization", authorization, status="VOIDED")
    order = call.get("order", authorization["_order"])
    write(call, "cancelled", amounts.units(authorization["amount"]), order, authorization=id_)
    emit(
        call,
        "PAYMENT.AUTHORIZATION.VOIDED",
        "authorization",
        shown(call, "authorization", authorization),
    )
    return authorization


def reauthorise(call: Call, id_: str, given: Json) -> Json:
    """POST `…/reauthorize`: held anew, honoured for three days more, within the first one's 29. Raises
    `PayPalRefusal`."""
    before = call.get("authorization", id_)
    _refuse_closed(before, "reauthorize")
    if before["_is_again"] or before["_captures"]:
        raise unprocessable("REAUTHORIZATION_NOT_SUPPORTED", "It can be reauthorized once.")
    if call.now < before["_at"] + HONOURED_MS:
        raise unprocessable("REAUTHORIZATION_TOO_SOON", "Its honor period has not expired.")
    whole = amounts.units(before["amount"])
    wanted, currency = whole, before["amount"]["currency_code"]
    if given.get("amount") is not None:
        wanted, currency = amounts.read(given["amount"], at="amount")
    if currency != before["amount"]["currency_code"] or wanted * 100 > whole * MOST_PERCENT:
        raise unprocessable("AUTHORIZATION_AMOUNT_EXCEEDED", "More than may be reauthorized.")
    order = call.get("order", before["_order"])
    call.put("authorization", before, status="VOIDED")
    write(call, "cancelled", whole, order, authorization=id_)
    made = _authorization(
        call, order, amounts.shown(wanted, currency), before["_at"] + VALID_MS, is_again=True
    )
    call.put("order", order, _authorizations=[*order["_authorizations"], made["id"]])
    write(call, "authorized", wanted, order, authorization=made["id"])
    return made


def refund(call: Call, id_: str, given: Json) -> Json:
    """POST `/v2/payments/captures/{id}/refund`. Raises `PayPalRefusal`."""
    taken = call.get("capture", id_)
    order = call.get("order", taken["_order"])
    whole = amounts.units(taken["amount"])
    back = sum(amounts.units(call.get("refund", each)["amount"]) for each in taken["_refunds"])
    if back >= whole:
        raise unprocessable(
            "CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded."
        )
    wanted, currency = whole - back, taken["amount"]["currency_code"]
    if given.get("amount") is not None:
        wanted, currency = amounts.read(given["amount"], at="amount")
    if currency != taken["amount"]["currency_code"]:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "The currency must be the same.")
    if back + wanted > whole:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "More than what is left of the capture.")
    made: Json = {
        "id": call.new_id("refund"),
        "status": "COMPLETED",
        "amount": amounts.shown(wanted, currency),
        "custom_id": given.get("custom_id") or taken["custom_id"],
        "create_time": call.moment,
        "_order": order["id"],
        "_capture": id_,
    }
    made = call.put("refund", made)
    status = "REFUNDED" if back + wanted == whole else "PARTIALLY_REFUNDED"
    call.put("capture", taken, status=status, _refunds=[*taken["_refunds"], made["id"]])
    call.put("order", order, _refunds=[*order.get("_refunds", []), made["id"]])
    write(call, "refunded", wanted, order, capture=id_, refund=made["id"])
    emit(call, "PAYMENT.CAPTURE.REFUNDED", "refund", shown(call, "refund", made))
    return made


def expire(call: Call, id_: str) -> None:
    """29 days are over."""
    authorization = call.find("authorization", id_)
    if authorization is None or authorization["status"] != "CREATED":
        return
    call.put("authorization", authorization, status="EXPIRED")
    order = call.get("order", authorization["_order"])
    write(call, "expired", amounts.units(authorization["amount"]), order, authorization=id_)


def shown(call: Call, kind: Kind, object_: Json) -> Json:
    """As PayPal shows it."""
    path = f"/v2/payments/{kind}s/{object_['id']}"
    links = [call.link("self", path)]
    if kind == "authorization":
        links += [
            call.link(each, f"{path}/{each}", "POST") for each in ("capture", "void", "reauthorize")
        ]
    if kind == "capture":
        links += [call.link("refund", f"{path}/refund", "POST")]
    if kind == "refund":
        links += [call.link("up", f"/v2/payments/captures/{object_['_capture']}")]
    else:
        links += [call.link("up", f"/v2/checkout/orders/{object_['_order']}")]
    if not call.is_whole:
        return {"id": object_["id"], "status": object_["status"], "links": links}
    return {**bare(object_), "links": links}


def shown_payments(call: Call, order: Json) -> Json:
    """What an order's purchase unit shows of its payments."""
    kinds: tuple[Kind, ...] = ("authorization", "capture", "refund")
    found = {
        f"{kind}s": [shown(call, kind, call.get(kind, each)) for each in order.get(f"_{kind}s", [])]
        for kind in kinds
    }
    return {name: each for name, each in found.items() if each}


def _authorization(
    call: Call, order: Json, amount: Json, ends_at: int, *, is_again: bool = False
) -> Json:
    unit = order["purchase_units"][0]
    made: Json = {
        "id": call.new_id("authorization"),
        "status": "CREATED",
        "amount": amount,
        "custom_id": unit.get("custom_id", ""),
        "create_time": call.moment,
        "expiration_time": moment(ends_at),
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        "_order": order["id"],
        "_captures": [],
        "_at": call.now,
        "_is_again": is_again,
    }
    made = call.put("authorization", made)
    call.later(ends_at - call.now, "expire_authorization", made["id"])
    emit(call, "PAYMENT.AUTHORIZATION.CREATED", "authorization", shown(call, "authorization", made))
    return made


def _refuse_closed(authorization: Json, what: str) -> None:
    """Raises `PayPalRefusal` unless it still holds something."""
    status = authorization["status"]
    if status in _OPEN:
        return
    issues = {
        "CAPTURED": "AUTHORIZATION_ALREADY_CAPTURED",
        "VOIDED": "AUTHORIZATION_VOIDED",
        "EXPIRED": "AUTHORIZATION_EXPIRED",
    }
    raise _closed(issues.get(status, "AUTHORIZATION_DENIED"), what)


def _closed(issue: str, what: str) -> PayPalRefusal:
    return unprocessable(issue, f"You cannot {what} this authorization.")
