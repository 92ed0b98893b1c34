"""What a person sees in a browser: the card's owner authenticates, a payee is taken on.

`/3ds/{payment or setup intent}` and `/onboarding/{account}`: plain pages with buttons, without a key.
"""

import re
from html import escape
from typing import Final

from gateways.sandbox.exchange import Request, Response
from gateways.sandbox.pages import back, html, said
from gateways.sandbox.stripe_accounts import onboard
from gateways.sandbox.stripe_amounts import text
from gateways.sandbox.stripe_confirming import authenticated
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import StripeRefusal
from gateways.sandbox.stripe_setups import authenticated as set_up

_PATH: Final = re.compile(r"/(3ds|onboarding)/([A-Za-z0-9_]{1,60})")


def page(request: Request, call: Call) -> Response | None:
    """None: the path is none of a page."""
    matched = _PATH.fullmatch(request.path)
    if matched is None:
        return None
    kind, id_ = matched.groups()
    if request.method == "POST":
        result = request.value("result")
        return _decided(call, kind, id_, is_good=result != "fail")
    if request.method == "GET":
        return _asked(call, kind, id_)
    return said(405, "Only GET and POST here.")


def answer(call: Call, id_: str, *, is_good: bool) -> Kept:
    """The card's owner answered. Raises `StripeRefusal`."""
    which = set_up if id_.startswith("seti_") else authenticated
    return which(call, id_, is_good=is_good)


def _asked(call: Call, kind: str, id_: str) -> Response:
    if kind == "onboarding":
        if call.find(id_, "acct") is None:
            return said(404, "There is no such account.")
        return _form(
            "The sandbox's bank would now ask who you are.", id_, [("ok", "I am who I am")]
        )
    kept = call.find(id_, "pi") or call.find(id_, "seti")
    if kept is None:
        return said(404, "There is no such payment.")
    if kept.object["status"] != "requires_action":
        return said(200, "There is nothing left to confirm.")
    of = kept.object
    amount = f" of {text(of['amount'], of['currency'])}" if "amount" in of else ""
    buttons = [("ok", "Yes, it is me"), ("fail", "No, refuse")]
    return _form(f"Your bank asks: do you confirm the payment{amount}?", id_, buttons)


def _decided(call: Call, kind: str, id_: str, *, is_good: bool) -> Response:
    try:
        if kind == "onboarding":
            kept = onboard(call, id_)
            return back(kept.private.get("return_url"), {})
        before = call.find(id_, "pi") or call.find(id_, "seti")
        kept = answer(call, id_, is_good=is_good)
    except StripeRefusal as refusal:
        return said(refusal.status, str(refusal.error["message"]))
    action = None if before is None else before.object["next_action"]
    target = (action or {}).get("redirect_to_url", {}).get("return_url")
    failed = kept.object["status"] == "requires_payment_method"
    name = kept.object["object"]
    return back(
        target,
        {
            name: kept.id,
            f"{name}_client_secret": kept.object["client_secret"],
            "redirect_status": "failed" if failed else "succeeded",
        },
    )


def _form(sentence: str, id_: str, buttons: list[tuple[str, str]]) -> Response:
    forms = "".join(
        f'<form method="post" action="?result={value}"><button>{escape(label)}</button></form>'
        for value, label in buttons
    )
    return html(
        200, f"<h1>Sandbox</h1><p>{escape(sentence)}</p><p><code>{escape(id_)}</code></p>{forms}"
    )
