"""What the payer sees: `/checkoutnow?token=`, a plain page with two buttons, and a third that fails at the bank."""

from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.paypal_objects import Call
from gateways.sandbox.paypal_orders import approve, turn_away
from gateways.sandbox.paypal_replies import PayPalRefusal

PATH: Final = "/checkoutnow"
PAYER: Final = "QYR5Z8XDVJNXQ"
_SAFE: Final = (
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
)
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
        return _said(404, "There is no such order, or its time is over.")
    if request.method == "POST":
        return _answered(call, order, request.value("result") or "")
    if request.method != "GET":
        return _said(405, "Only GET and POST here.")
    return _asked(order)


def _asked(order: Json) -> Response:
    amount = order["purchase_units"][0]["amount"]
    text = f"{amount['value']} {amount['currency_code']}"
    if order["status"] not in ("CREATED", "PAYER_ACTION_REQUIRED"):
        return _said(200, "There is nothing left to agree to.")
    token = escape(order["id"])
    forms = "".join(
        f'<form method="post" action="?token={token}&amp;result={value}">'
        f"<button>{escape(label)}</button></form>"
        for value, label in _BUTTONS
    )
    asks = f"Do you agree that {escape(text)} are held for this trip?"
    return _html(200, f"<h1>Sandbox</h1><p>{asks}</p><p><code>{token}</code></p>{forms}")


def _answered(call: Call, order: Json, result: str) -> Response:
    try:
        if result == "cancel":
            turn_away(call, order["id"])
            return _back(order.get("_cancel_url"), {"token": order["id"]})
        approve(call, order["id"], funding="declined" if result == "declined" else "")
    except PayPalRefusal as refusal:
        return _said(refusal.status, refusal.description)
    return _back(order.get("_return_url"), {"token": order["id"], "PayerID": PAYER})


def _back(url: str | None, query: dict[str, str]) -> Response:
    if url is None or urlsplit(url).scheme not in ("http", "https", "caravan"):
        return _said(200, "Done. You can close this page.")
    joined = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
    if not joined.isascii() or any(ord(each) <= 32 for each in joined):
        return _said(200, "Done. You can close this page.")
    return Response(status=303, headers=(("location", joined), *_SAFE))


def _said(status: int, sentence: str) -> Response:
    return _html(status, f"<h1>Sandbox</h1><p>{escape(sentence)}</p>")


def _html(status: int, inner: str) -> Response:
    style = "body{font:1.1rem system-ui;max-width:32rem;margin:4rem auto}button{font:inherit;padding:.6rem 1.2rem;margin:.4rem 0}"
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>'
        f"<style>{style}</style></head><body>{inner}</body></html>"
    )
    return Response(
        status=status,
        content_type="text/html; charset=utf-8",
        body=document.encode(),
        headers=_SAFE,
    )
