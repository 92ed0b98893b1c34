"""What the payer sees: `/checkoutnow?token=`, a plain page with two buttons, and a third that fails at the bank."""

from html import escape
from typing import Final

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.pages import back, html, said
from gateways.sandbox.paypal_objects import Call
from gateways.sandbox.paypal_orders import approve, turn_away
from gateways.sandbox.paypal_replies import PayPalRefusal

PATH: Final = "/checkoutnow"
PAYER: Final = "QYR5Z8XDVJNXQ"
_BUTTONS: Final = (
    ("approve", "Agree and pay"),
    ("cancel", "Cancel and go back"),
    ("declined", "Agree, with a card that its bank refuses"),
)


def page(request: Request, call: Call) -> Response | None:
    """None: it is for a program."""
    if request.path != PATH:
        return None
    token = request.value("token") or ""
    order = call.find("order", token)
    if order is None:
        return said(404, "There is no such order, or its time is over.")
    if request.method == "POST":
        return _answered(call, order, request.value("result") or "")
    if request.method != "GET":
        return said(405, "Only GET and POST here.")
    return _asked(order)


def _asked(order: Json) -> Response:
    amount = order["purchase_units"][0]["amount"]
    text = f"{amount['value']} {amount['currency_code']}"
    if order["status"] not in ("CREATED", "PAYER_ACTION_REQUIRED"):
        return said(200, "There is nothing left to agree to.")
    token = escape(order["id"])
    forms = "".join(
        f'<form method="post" action="?token={token}&amp;result={value}">'
        f"<button>{escape(label)}</button></form>"
        for value, label in _BUTTONS
    )
    asks = f"Do you agree that {escape(text)} are held for this trip?"
    return html(200, f"<h1>Sandbox</h1><p>{asks}</p><p><code>{token}</code></p>{forms}")


def _answered(call: Call, order: Json, result: str) -> Response:
    try:
        if result == "cancel":
            turn_away(call, order["id"])
            return back(order.get("_cancel_url"), {"token": order["id"]})
        approve(call, order["id"], funding="declined" if result == "declined" else "")
    except PayPalRefusal as refusal:
        return said(refusal.status, refusal.description)
    return back(order.get("_return_url"), {"token": order["id"], "PayerID": PAYER})
