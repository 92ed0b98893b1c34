"""Orders v2 with `intent=AUTHORIZE`: CREATED → (PAYER_ACTION_REQUIRED →) APPROVED → COMPLETED, once its money is held.

An order that nobody had authorised is gone three hours after it was made (docs/paypal.md: secondary sources).
"""

from typing import Any, Final

from gateways.sandbox import paypal_amounts as amounts
from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.fault_actions import Decline
from gateways.sandbox.faults import only
from gateways.sandbox.paypal_effects import write
from gateways.sandbox.paypal_events import emit
from gateways.sandbox.paypal_objects import OBJECTS, Call, bare
from gateways.sandbox.paypal_payments import held, shown_payments
from gateways.sandbox.paypal_replies import malformed, unprocessable

ORDER_FOR_MS: Final = 3 * 3_600_000
MAX_TEXT: Final = 127
MAX_PAGE: Final = 1_000
_WAITING: Final = ("CREATED", "PAYER_ACTION_REQUIRED")
_PATCHABLE: Final = ("custom_id", "invoice_id", "description")
_FAILING: Final = "declined"


def create(call: Call, given: Json) -> Json:
    """POST `/v2/checkout/orders`. Raises `PayPalRefusal`."""
    if given.get("intent") not in ("AUTHORIZE", "CAPTURE"):
        raise malformed("INVALID_PARAMETER_VALUE", "intent must be AUTHORIZE or CAPTURE.")
    if given["intent"] == "CAPTURE":
        raise unprocessable("NOT_SUPPORTED", "The sandbox plays intent AUTHORIZE alone.")
    found = given.get("purchase_units")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise malformed("INVALID_ARRAY_MAX_ITEMS", "intent AUTHORIZE takes one purchase unit.")
    unit: Json = {"reference_id": str(found[0].get("reference_id", "default"))}
    amount, currency = amounts.read(found[0].get("amount"), at="amount")
    unit["amount"] = amounts.shown(amount, currency)
    for name in _PATCHABLE:
        if found[0].get(name) is not None:
            unit[name] = _text(found[0][name], name)
    order: Json = {
        "id": call.new_id("order"),
        "intent": "AUTHORIZE",
        "status": "CREATED",
        "create_time": call.moment,
        "purchase_units": [unit],
    }
    context = given.get("application_context")
    source = given.get("payment_source")
    if isinstance(source, dict) and "paypal" in source:
        order = {**order, **_sourced(source)}
    elif isinstance(context, dict):
        order = {**order, **_addresses(context)}
    call.later(ORDER_FOR_MS, "expire_order", order["id"])
    return call.put("order", order)


def patch(call: Call, id_: str, operations: Any) -> None:
    """PATCH: `custom_id`, `invoice_id` and `description` of the one purchase unit. Raises `PayPalRefusal`."""
    order = call.get("order", id_)
    if order["status"] not in (*_WAITING, "APPROVED"):
        raise unprocessable("ORDER_ALREADY_COMPLETED", "The order cannot be patched any more.")
    if not isinstance(operations, list) or not operations:
        raise malformed("INVALID_PATCH_OPERATION", "An array of operations is required.")
    unit = dict(order["purchase_units"][0])
    for each in operations:
        prefix = f"/purchase_units/@reference_id=='{unit['reference_id']}'/"
        path = str(each.get("path", "")) if isinstance(each, dict) else ""
        name = path.removeprefix(prefix)
        if not path.startswith(prefix) or name not in _PATCHABLE:
            raise unprocessable("NOT_PATCHABLE", "Cannot be patched.")
        if each.get("op") not in ("add", "replace") or (each["op"] == "add") == (name in unit):
            raise malformed("INVALID_PATCH_OPERATION", "Add what is absent, replace what is there.")
        unit[name] = _text(each.get("value"), name)
    call.put("order", order, purchase_units=[unit])


def confirm(call: Call, id_: str, given: Json) -> Json:
    """POST `…/confirm-payment-source`: with `paypal`, its owner is to be sent to PayPal."""
    order = call.get("order", id_)
    source = given.get("payment_source")
    if not isinstance(source, dict) or not isinstance(source.get("paypal"), dict):
        raise unprocessable("NOT_SUPPORTED", "The sandbox plays payment_source.paypal alone.")
    if order["status"] not in _WAITING:
        raise unprocessable("ORDER_COMPLETED_OR_VOIDED", "Its payment source stands already.")
    return call.put("order", order, **_sourced(source))


def approve(call: Call, id_: str, *, funding: str = "") -> Json:
    """The payer agrees; `funding` "declined": with something that the bank will refuse. Raises
    `PayPalRefusal`."""
    order = call.get("order", id_)
    if order["status"] not in _WAITING:
        raise unprocessable("ORDER_ALREADY_APPROVED", "There is nothing left to approve.")
    order = call.put("order", order, status="APPROVED", _funding=funding)
    emit(call, "CHECKOUT.ORDER.APPROVED", "checkout-order", shown(call, order))
    return order


def turn_away(call: Call, id_: str) -> Json:
    """The payer does not agree: the order waits on, for them or for its end."""
    order = call.get("order", id_)
    if order["status"] not in _WAITING:
        raise unprocessable("ORDER_ALREADY_APPROVED", "There is nothing left to decline.")
    return order


def authorise(call: Call, id_: str) -> Json:
    """POST `…/authorize`: the money is held. Raises `PayPalRefusal`."""
    order = call.get("order", id_)
    if order["status"] == "COMPLETED":
        raise unprocessable(
            "ORDER_ALREADY_AUTHORIZED", "Only one authorization per order is allowed."
        )
    if order["status"] in _WAITING:
        raise unprocessable(
            "ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment."
        )
    unit = order["purchase_units"][0]
    amount = amounts.units(unit["amount"])
    if order.get("_funding") == _FAILING or only(call.setting.faults, Decline):
        call.put("order", order, status="PAYER_ACTION_REQUIRED", _funding="")
        write(call, "declined", amount, order)
        links = [call.link("redirect", f"/checkoutnow?token={id_}")]
        raise unprocessable("INSTRUMENT_DECLINED", "The instrument presented was declined.", links)
    authorization = held(call, order)
    return call.put("order", order, status="COMPLETED", _authorizations=[authorization["id"]])


def expire(call: Call, id_: str) -> None:
    """It is over unless its money is held; it can be found no more."""
    order = call.find("order", id_)
    if order is not None and order["status"] != "COMPLETED":
        call.remove("order", id_)


def listed(call: Call, request: Request) -> Response:
    """GET `/_sandbox/paypal/orders?after=ID`, which PayPal itself has not: a thousand at a time."""
    found: list[Json] = []
    after = f"order|{request.value('after') or ''}"
    for _, order in call.setting.records.scan(OBJECTS, "order|", after=after):
        unit = order["purchase_units"][0]
        found.append(
            {
                "id": order["id"],
                "status": order["status"],
                "amount": unit["amount"],
                "reference": unit.get("custom_id", ""),
            }
        )
        if len(found) == MAX_PAGE:
            break
    return Response.of_json(200, {"data": found})


def shown(call: Call, order: Json) -> Json:
    """As PayPal shows it: all, or as little as it shows to who wants no more."""
    path = f"/v2/checkout/orders/{order['id']}"
    page = f"/checkoutnow?token={order['id']}"
    links = [call.link("self", path)]
    match order["status"]:
        case "CREATED":
            links += [call.link("approve", page), call.link("update", path, "PATCH")]
            links += [call.link("authorize", f"{path}/authorize", "POST")]
        case "PAYER_ACTION_REQUIRED":
            links += [call.link("payer-action", page)]
        case "APPROVED":
            links += [call.link("authorize", f"{path}/authorize", "POST")]
        case _:
            pass
    if not call.is_whole:
        return {"id": order["id"], "status": order["status"], "links": links}
    unit = order["purchase_units"][0]
    payments = shown_payments(call, order)
    return {
        **bare(order),
        "purchase_units": [{**unit, "payments": payments} if payments else unit],
        "links": links,
    }


def _sourced(source: Json) -> Json:
    paypal = source["paypal"] if isinstance(source["paypal"], dict) else {}
    context = paypal.get("experience_context")
    return {
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": {}},
        **_addresses(context if isinstance(context, dict) else {}),
    }


def _addresses(context: Json) -> Json:
    return {"_return_url": context.get("return_url"), "_cancel_url": context.get("cancel_url")}


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise malformed("INVALID_STRING_LENGTH", f"{name} has 1 to {MAX_TEXT} characters.")
    return value
