"""The sandbox's Stripe (APIS §6.2, §7, §11): payments, refunds, transfers and their webhooks, as a pure
machine.

Errors have Stripe's types and codes, and mostly its words. Faults beside those of the transport:
`gateways.sandbox.fault_actions`. Any key that begins with `sk_test_` is good. What is not played stands
in docs/sandbox.md.
"""

from dataclasses import replace
from typing import Final

from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.fault_actions import AuthExpireNow, InUse, Replay500
from gateways.sandbox.faults import next_number, only
from gateways.sandbox.stripe_access import check_rate, cors, is_public
from gateways.sandbox.stripe_clock import settle
from gateways.sandbox.stripe_control import steered
from gateways.sandbox.stripe_form import posted
from gateways.sandbox.stripe_idempotency import checked_key, in_use, remember, remembered
from gateways.sandbox.stripe_intents import run_out
from gateways.sandbox.stripe_lists import expanded, wanted_expansions
from gateways.sandbox.stripe_objects import ALPHABET, PLATFORM, Call
from gateways.sandbox.stripe_options import options
from gateways.sandbox.stripe_pages import page
from gateways.sandbox.stripe_replies import StripeRefusal, failed, usual
from gateways.sandbox.stripe_routes import Shown, route

_BROKEN: Final = ("api_error", "An unknown error occurred.")


class StripeMachine:
    """`Machine`."""

    name = "stripe"

    def handle(self, request: Request, setting: Setting) -> Response:
        allowed = cors(request)
        if request.method == "OPTIONS":
            return Response(status=204, headers=allowed)
        shown = page(request, Call(setting=setting, base=request.base))
        if shown is not None:
            return shown
        call = Call(
            setting=setting,
            request_id=_request_id(request, setting),
            account=request.headers.get("stripe-account") or PLATFORM,
            base=request.base,
        )
        response = _answered(call, request)
        headers = (*response.headers, ("request-id", str(call.request_id)), *allowed)
        for name in ("stripe-version", "idempotency-key", "stripe-account"):
            if name in request.headers:
                headers = (*headers, (name, request.headers[name]))
        return replace(response, headers=headers)

    def settle(self, setting: Setting) -> None:
        settle(setting)

    def control(self, request: Request, setting: Setting) -> Response | None:
        return steered(request, setting)

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        return usual(status, errors)


def _answered(call: Call, request: Request) -> Response:
    setting = call.setting
    try:
        given = posted(request)
        call = replace(call, is_public=is_public(request, given))
        check_rate(setting.volatile, setting.now.wall, options(setting.records)["tps"])
        call = replace(call, key=checked_key(request))
        if only(setting.faults, InUse):
            raise in_use()
        before = remembered(call, request, given)
    except StripeRefusal as refusal:
        return refusal.response()
    if before is not None:
        headers = (("idempotent-replayed", "true"), ("original-request", before.request_id))
        return replace(before.response, headers=headers)
    _expire_at_once(call, request)
    response, is_kept = _executed(call, request, given)
    if is_kept:
        remember(call, request, given, response)
    return response


def _executed(call: Call, request: Request, given: Json) -> tuple[Response, bool]:
    """With whether the key keeps it."""
    broken = only(call.setting.faults, Replay500)
    if broken and not broken[0].after_effect:
        return failed(*_BROKEN, status=500).response(), True
    try:
        paths = wanted_expansions(given)
        rest = {name: value for name, value in given.items() if name != "expand"}
        shown: Shown = route(call, request, rest)
        response = Response.of_json(200, expanded(call, shown, paths))
        is_kept = True
    except StripeRefusal as refusal:
        response, is_kept = refusal.response(), refusal.is_kept
    if broken and is_kept:
        response = failed(*_BROKEN, status=500).response()
    return response, is_kept


def _expire_at_once(call: Call, request: Request) -> None:
    for each in only(call.setting.faults, AuthExpireNow):
        in_path = next((step for step in request.path.split("/") if step.startswith("pi_")), "")
        run_out(call, each.payment_intent or in_path)


def _request_id(request: Request, setting: Setting) -> str:
    """Reading writes nothing: its id follows from what a restart forgets."""
    if request.method == "POST":
        number = next_number(setting.records, "stripe.requests")
        return f"req_{letters(14, ALPHABET, setting.world.seed, 'stripe.request', number)}"
    number = next_number(setting.volatile, "stripe.requests")
    seed = setting.world.seed
    return f"req_{letters(14, ALPHABET, seed, 'stripe.reading', setting.now.wall, number)}"
