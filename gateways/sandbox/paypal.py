"""The sandbox's PayPal: orders with `intent=AUTHORIZE`, payments, and their webhooks, as a pure machine.

Sources: docs/paypal.md. Any client id and secret are good. What is not played stands in docs/sandbox.md.
"""

from typing import Any, Final

import msgspec

from gateways.sandbox import agenda
from gateways.sandbox import paypal_events as events
from gateways.sandbox import paypal_orders as orders
from gateways.sandbox import paypal_payments as payments
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.paypal_access import refused, token
from gateways.sandbox.paypal_effects import listed
from gateways.sandbox.paypal_objects import DUE, Call, Kind
from gateways.sandbox.paypal_pages import page
from gateways.sandbox.paypal_replies import PayPalRefusal, failure, malformed, missing
from gateways.sandbox.paypal_request_ids import forget, remember, remembered

_KINDS: Final[dict[str, Kind]] = {
    "authorizations": "authorization",
    "captures": "capture",
    "refunds": "refund",
}


class PayPalMachine:
    """`Machine`."""

    name = "paypal"

    def handle(self, request: Request, setting: Setting) -> Response:
        call = Call(
            setting=setting,
            debug_id=f"{next_number(setting.volatile, 'paypal.requests'):013x}",
            key=request.headers.get("paypal-request-id") if request.method == "POST" else None,
            base=request.base,
            is_whole=request.method == "GET"
            or "representation" in request.headers.get("prefer", ""),
        )
        shown = page(request, call)
        if shown is not None:
            return shown
        if (request.method, request.path) == ("POST", "/v1/oauth2/token"):
            return token(request, setting)
        no = refused(request, setting)
        if no is not None:
            return no
        try:
            return self._answered(call, request)
        except PayPalRefusal as refusal:
            return refusal.response(call.debug_id)

    def settle(self, setting: Setting) -> None:
        call = Call(setting=setting)
        for key, entry in agenda.due(setting, DUE):
            setting.records.delete(DUE, key)
            match entry["what"]:
                case "expire_order":
                    orders.expire(call, entry["id"])
                case "expire_authorization":
                    payments.expire(call, entry["id"])
                case _:
                    forget(call, entry["id"])

    def control(self, request: Request, setting: Setting) -> Response | None:
        call = Call(setting=setting)
        try:
            match request.method, request.path.removeprefix("/_sandbox/paypal/").split("/"):
                case "POST", ["orders", id_, "approve"]:
                    order = orders.approve(call, id_, funding=request.value("funding") or "")
                    return Response.of_json(200, orders.shown(call, order))
                case "POST", ["orders", id_, "decline"]:
                    return Response.of_json(200, orders.shown(call, orders.turn_away(call, id_)))
                case "GET", ["effects"]:
                    return listed(request, setting.records)
                case "GET", ["orders"]:
                    return orders.listed(call, request)
                case "POST", ["webhooks"]:
                    return Response.of_json(200, events.create(call, _posted(request)))
                case "POST", ["sign"]:
                    return Response.of_json(200, events.steered(call, _posted(request)))
                case _:
                    return None
        except PayPalRefusal as refusal:
            return Response.of_json(refusal.status, {"detail": refusal.description})

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        return failure(status, errors or [], "sandbox")

    def _answered(self, call: Call, request: Request) -> Response:
        before = remembered(call, request)
        if before is not None:
            return before
        response = _routed(call, request)
        remember(call, request, response)
        return response


def _routed(call: Call, request: Request) -> Response:
    """Raises `PayPalRefusal`, which is kept nowhere."""
    match request.method, request.path.strip("/").split("/"):
        case "POST", ["v2", "checkout", "orders"]:
            return _order(call, 201, orders.create(call, _posted(request)))
        case "GET", ["v2", "checkout", "orders", id_]:
            return _order(call, 200, call.get("order", id_))
        case "PATCH", ["v2", "checkout", "orders", id_]:
            orders.patch(call, id_, _json(request))
            return Response(status=204)
        case "POST", ["v2", "checkout", "orders", id_, "confirm-payment-source"]:
            return _order(call, 200, orders.confirm(call, id_, _posted(request)))
        case "POST", ["v2", "checkout", "orders", id_, "authorize"]:
            return _order(call, 201, orders.authorise(call, id_))
        case _, ["v2", "payments", *rest]:
            return _payments(call, request, rest)
        case _, ["v1", "notifications", *rest]:
            return _notifications(call, request, rest)
        case _:
            raise missing()


def _payments(call: Call, request: Request, rest: list[str]) -> Response:
    match request.method, rest:
        case "GET", [("authorizations" | "captures" | "refunds") as name, id_]:
            kind = _KINDS[name]
            return _payment(call, 200, kind, call.get(kind, id_))
        case "POST", ["authorizations", id_, "capture"]:
            return _payment(call, 201, "capture", payments.capture(call, id_, _posted(request)))
        case "POST", ["authorizations", id_, "void"]:
            voided = payments.void(call, id_)
            if not call.is_whole:
                return Response(status=204)
            return _payment(call, 200, "authorization", voided)
        case "POST", ["authorizations", id_, "reauthorize"]:
            made = payments.reauthorise(call, id_, _posted(request))
            return _payment(call, 201, "authorization", made)
        case "POST", ["captures", id_, "refund"]:
            return _payment(call, 201, "refund", payments.refund(call, id_, _posted(request)))
        case _:
            raise missing()


def _notifications(call: Call, request: Request, rest: list[str]) -> Response:
    match request.method, rest:
        case "POST", ["webhooks"]:
            return Response.of_json(201, events.create(call, _posted(request)))
        case "GET", ["webhooks"]:
            return Response.of_json(200, events.listed(call))
        case "GET", ["webhooks", id_]:
            return Response.of_json(200, events.shown(call, call.get("webhook", id_)))
        case "DELETE", ["webhooks", id_]:
            call.get("webhook", id_)
            call.remove("webhook", id_)
            return Response(status=204)
        case "POST", ["verify-webhook-signature"]:
            return Response.of_json(200, events.verified(call, request.body))
        case _:
            raise missing()


def _order(call: Call, status: int, order: Json) -> Response:
    return Response.of_json(status, orders.shown(call, order))


def _payment(call: Call, status: int, kind: Kind, object_: Json) -> Response:
    return Response.of_json(status, payments.shown(call, kind, object_))


def _posted(request: Request) -> Json:
    posted = _json(request) if request.body.strip() else {}
    if not isinstance(posted, dict):
        raise malformed("MALFORMED_REQUEST_JSON", "An object is required.")
    return posted


def _json(request: Request) -> Any:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise malformed("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from None
