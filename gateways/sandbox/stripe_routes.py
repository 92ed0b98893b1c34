"""Which path does what, with a secret key and with a publishable one."""

from typing import Final

from gateways.sandbox import stripe_accounts as accounts
from gateways.sandbox import stripe_cards as cards
from gateways.sandbox import stripe_confirming as confirming
from gateways.sandbox import stripe_customers as customers
from gateways.sandbox import stripe_endpoints as endpoints
from gateways.sandbox import stripe_intents as intents
from gateways.sandbox import stripe_refunds as refunds
from gateways.sandbox import stripe_setups as setups
from gateways.sandbox import stripe_transfers as transfers
from gateways.sandbox.exchange import Json, Request
from gateways.sandbox.stripe_access import refuse_public
from gateways.sandbox.stripe_balance import shown as balance_shown
from gateways.sandbox.stripe_clock import CLOCK_ID, test_clock
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_lists import created_in, listed, paged
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import StripeRefusal, invalid, no_such
from gateways.sandbox.stripe_search import searched

Shown = Json
_PUBLIC: Final = (
    *("id", "object", "amount", "canceled_at", "cancellation_reason", "capture_method"),
    *("client_secret", "confirmation_method", "created", "currency", "description"),
    *("last_payment_error", "last_setup_error", "livemode", "next_action", "payment_method"),
    *("payment_method_types", "processing", "receipt_email", "setup_future_usage", "shipping"),
    *("status", "usage"),
)
"""What a browser may see of an intent."""


def route(call: Call, request: Request, given: Json) -> Shown:
    """Do what the path says. Raises `StripeRefusal`."""
    steps = request.path.strip("/").split("/")
    if call.is_public:
        return _public(call, request.method, steps, given)
    match steps:
        case ["v1", "payment_intents", *rest]:
            found = _intents(call, request.method, rest, given)
        case ["v1", "payment_methods" | "customers" | "setup_intents" as what, *rest]:
            found = _payers(call, request.method, [what, *rest], given)
        case ["v1", "charges" | "refunds" | "events" | "balance" | "test_helpers", *_]:
            found = _money(call, request.method, steps[1:], given)
        case ["v1", "transfers" | "accounts" | "account_links", *_] | ["v2", *_]:
            found = _payees(call, request.method, steps, given)
        case ["v1", "webhook_endpoints", *rest]:
            found = _endpoints(call, request.method, rest, given)
        case _:
            found = None
    if found is None:
        raise _unknown(request)
    return found.object if isinstance(found, Kept) else found


def _intents(call: Call, method: str, rest: list[str], given: Json) -> Kept | Json | None:
    match method, rest:
        case "POST", []:
            return intents.create(call, given)
        case "GET", []:
            return listed(call, "pi", "/v1/payment_intents", given, ("customer",))
        case "GET", ["search"]:
            return searched(call, "/v1/payment_intents/search", given)
        case "GET", [id_]:
            Params(given, ("client_secret",))
            return call.get(id_, "pi")
        case "POST", [id_]:
            return intents.update(call, id_, given)
        case "POST", [id_, "confirm"]:
            return confirming.confirm(call, id_, given)
        case "POST", [id_, "capture"]:
            return intents.capture_some(call, id_, given)
        case "POST", [id_, "cancel"]:
            return intents.cancel(call, id_, given)
    return None


def _payers(call: Call, method: str, rest: list[str], given: Json) -> Kept | Json | None:
    match method, rest:
        case "POST", ["payment_methods"]:
            return cards.create(call, given)
        case "GET", ["payment_methods"]:
            return listed(call, "pm", "/v1/payment_methods", given, ("customer", "type"))
        case "GET", ["payment_methods", id_]:
            return cards.found(call, id_)
        case "POST", ["payment_methods", id_, "attach"]:
            return cards.attach(call, id_, given)
        case "POST", ["payment_methods", id_, "detach"]:
            return cards.detach(call, id_)
        case "POST", ["customers"]:
            return customers.create(call, given)
        case "GET", ["customers"]:
            return listed(call, "cus", "/v1/customers", given, ("email",))
        case "GET", ["customers", id_]:
            return call.get(id_, "cus")
        case "POST", ["customers", id_]:
            return customers.update(call, id_, given)
        case "DELETE", ["customers", id_]:
            return customers.delete(call, id_)
        case "GET", ["customers", id_, "payment_methods"]:
            url = f"/v1/customers/{call.get(id_, 'cus').id}/payment_methods"
            return listed(call, "pm", url, {**given, "customer": id_}, ("customer", "type"))
        case "POST", ["setup_intents"]:
            return setups.create(call, given)
        case "GET", ["setup_intents"]:
            return listed(call, "seti", "/v1/setup_intents", given, ("customer", "payment_method"))
        case "GET", ["setup_intents", id_]:
            return call.get(id_, "seti")
        case "POST", ["setup_intents", id_, "confirm"]:
            return setups.confirm(call, id_, given)
        case "POST", ["setup_intents", id_, "cancel"]:
            return setups.cancel(call, id_, given)
    return None


def _money(call: Call, method: str, rest: list[str], given: Json) -> Kept | Json | None:
    match method, rest:
        case "GET", ["charges"]:
            filters = ("payment_intent", "transfer_group", "customer")
            return listed(call, "ch", "/v1/charges", given, filters)
        case "GET", ["charges", id_]:
            return call.get(id_, "ch")
        case "POST", ["refunds"]:
            return refunds.create(call, given)
        case "GET", ["refunds"]:
            return listed(call, "re", "/v1/refunds", given, ("payment_intent", "charge"))
        case "GET", ["refunds", id_]:
            return call.get(id_, "re")
        case "POST", ["refunds", id_]:
            return refunds.update(call, id_, given)
        case "GET", ["events"]:
            return _events(call, given)
        case "GET", ["events", id_]:
            return call.get(id_, "evt")
        case "GET", ["balance"]:
            return balance_shown(call)
        case "GET", ["test_helpers", "test_clocks"]:
            return {
                "object": "list",
                "url": "/v1/test_helpers/test_clocks",
                "has_more": False,
                "data": [test_clock(call)],
            }
        case "GET", ["test_helpers", "test_clocks", id_]:
            if id_ == CLOCK_ID:
                return test_clock(call)
            raise no_such("test clock", id_[:100])
    return None


def _payees(call: Call, method: str, steps: list[str], given: Json) -> Kept | Json | None:
    match method, steps:
        case "POST", ["v1", "transfers"]:
            return transfers.create(call, given)
        case "GET", ["v1", "transfers"]:
            filters = ("transfer_group", "destination")
            return listed(call, "tr", "/v1/transfers", given, filters)
        case "GET", ["v1", "transfers", id_]:
            return call.get(id_, "tr")
        case "POST", ["v1", "transfers", id_]:
            return transfers.update(call, id_, given)
        case "POST", ["v1", "transfers", id_, "reversals"]:
            return transfers.reverse(call, id_, given)
        case "GET", ["v1", "transfers", id_, "reversals"]:
            url = f"/v1/transfers/{call.get(id_, 'tr').id}/reversals"
            return listed(call, "trr", url, {**given, "transfer": id_}, ("transfer",))
        case "GET", ["v1", "transfers", _, "reversals", id_]:
            return call.get(id_, "trr")
        case "POST", ["v1", "accounts"]:
            return accounts.create(call, given)
        case "GET", ["v1", "accounts"]:
            return listed(call, "acct", "/v1/accounts", given)
        case "GET", ["v1", "accounts", id_]:
            return call.get(id_, "acct")
        case "POST", ["v1", "accounts", id_]:
            return accounts.update(call, id_, given)
        case "POST", ["v1", "account_links"]:
            return accounts.link(call, given)
        case "POST", ["v2", "core", "accounts"]:
            return accounts.create_v2(call, given)
        case "GET", ["v2", "core", "accounts", id_]:
            return accounts.get_v2(call, id_, given)
    return None


def _endpoints(call: Call, method: str, rest: list[str], given: Json) -> Kept | Json | None:
    match method, rest:
        case "POST", []:
            return endpoints.create(call, given)
        case "GET", []:
            return listed(call, "we", "/v1/webhook_endpoints", given)
        case "GET", [id_]:
            return call.get(id_, "we")
        case "POST", [id_]:
            return endpoints.update(call, id_, given)
        case "DELETE", [id_]:
            return endpoints.delete(call, id_)
    return None


def _events(call: Call, given: Json) -> Json:
    """Of some types, delivered or not."""
    names = ("type", "types", "delivery_success", "created")
    params = Params(given, (*names, "limit", "starting_after", "ending_before"))
    types = params.strings("types") or ([type_] if (type_ := params.text("type")) else [])
    if len(types) > 20:
        raise invalid("You may pass up to 20 event types.", "types")
    is_delivered = params.flag("delivery_success")
    starting = params.text("starting_after")
    below = call.get(starting, "evt", "starting_after").number if starting else None
    place = ("type", types[0]) if len(types) == 1 else ("", "")
    if is_delivered is False:
        place = ("is_delivered", "false")
    is_created = created_in(params)
    kept = (
        each
        for each in call.newest("evt", *place, below=below)
        if (not types or each.object["type"] in types)
        and is_delivered in (None, not each.private["pending"])
        and is_created(each.object["created"])
    )
    return paged(call, "evt", "/v1/events", params, kept)


def _public(call: Call, method: str, steps: list[str], given: Json) -> Json:
    """With a publishable key an intent is seen by who knows its client secret."""
    inner = {name: value for name, value in given.items() if name != "key"}
    match method, steps:
        case "POST", ["v1", "payment_methods"]:
            return cards.create(call, inner).object
        case "GET", ["v1", "payment_intents" | "setup_intents" as what, id_]:
            kept = _with_secret(call, what, id_, inner)
        case "POST", ["v1", "payment_intents" as what, id_, "confirm"]:
            _with_secret(call, what, id_, inner)
            kept = confirming.confirm(call, id_, inner)
        case "POST", ["v1", "setup_intents" as what, id_, "confirm"]:
            _with_secret(call, what, id_, inner)
            kept = setups.confirm(call, id_, inner)
        case _:
            raise refuse_public()
    return {name: kept.object[name] for name in _PUBLIC if name in kept.object}


def _with_secret(call: Call, what: str, id_: str, given: Json) -> Kept:
    kept = call.find(id_, "pi" if what == "payment_intents" else "seti")
    if kept is None or given.get("client_secret") != kept.object["client_secret"]:
        raise no_such(what.removesuffix("s"), id_[:100])
    return kept


def _unknown(request: Request) -> StripeRefusal:
    return invalid(
        f"Unrecognized request URL ({request.method}: {request.path[:200]}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
    )
