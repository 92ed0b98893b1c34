"""Connected accounts: who is paid, as v1 and as v2 show them. One must be taken on before it can be.

In the sandbox that is one button, on the page that an account link leads to.
"""

from datetime import UTC, datetime
from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import invalid

LINK_FOR: Final = 300
_V1: Final = frozenset(
    (
        *("type", "country", "email", "capabilities", "controller", "business_type", "metadata"),
        *("business_profile", "default_currency", "individual", "company", "settings"),
    )
)
_V2: Final = frozenset(
    (
        *("contact_email", "dashboard", "identity", "configuration", "include", "display_name"),
        *("defaults", "metadata"),
    )
)
_LINK: Final = ("account", "refresh_url", "return_url", "type", "collect", "collection_options")


def create(call: Call, given: Json) -> Kept:
    """POST `/v1/accounts`. Raises `StripeRefusal`."""
    params = Params(given, _V1)
    kind = params.choice("type", ("custom", "express", "standard")) or "none"
    country = (params.text("country") or "fr").upper()
    asked = params.inner("capabilities").given
    wants = isinstance(asked.get("transfers"), dict) and asked["transfers"].get("requested") in (
        True,
        "true",
    )
    return _made(
        call,
        kind=kind,
        country=country,
        email=params.text("email") or None,
        metadata=params.metadata({}),
        wants_transfers=wants,
    )


def create_v2(call: Call, given: Json) -> Json:
    """POST `/v2/core/accounts`. Raises `StripeRefusal`."""
    params = Params(given, _V2)
    recipient = given.get("configuration") or {}
    for step in ("recipient", "capabilities", "stripe_balance", "stripe_transfers"):
        recipient = (recipient.get(step) if isinstance(recipient, dict) else None) or {}
    identity = params.inner("identity").given
    country = str(identity.get("country") or "fr").upper()
    account = _made(
        call,
        kind="none",
        country=country,
        email=params.text("contact_email"),
        metadata=params.metadata({}),
        wants_transfers=isinstance(recipient, dict) and recipient.get("requested") is True,
    )
    dashboard = params.text("dashboard")
    account = call.put(
        account.with_private(dashboard=dashboard, display_name=params.text("display_name"))
    )
    return shown_v2(account, params.strings("include") or [])


def get_v2(call: Call, id_: str, given: Json) -> Json:
    """GET `/v2/core/accounts/{id}`. Raises `StripeRefusal`."""
    include = Params(given, ("include",)).strings("include") or []
    return shown_v2(call.get(id_, "acct"), include)


def update(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    account = call.get(id_, "acct")
    params = Params(given, _V1)
    changed: Json = {"metadata": params.metadata(account.object["metadata"])}
    if "email" in params:
        changed["email"] = params.text("email") or None
    return call.put(account.with_object(**changed))


def link(call: Call, given: Json) -> Json:
    """POST `/v1/account_links`. Raises `StripeRefusal`."""
    params = Params(given, _LINK)
    account = call.get(params.required("account"), "acct", "account")
    if params.choice("type", ("account_onboarding", "account_update")) is None:
        raise params.missing("type")
    for name in ("refresh_url", "return_url"):
        if not params.required(name).startswith(("http://", "https://")):
            raise invalid("Not a valid URL", name, "url_invalid")
    call.put(account.with_private(return_url=params.required("return_url")))
    return {
        "object": "account_link",
        "created": call.now,
        "expires_at": call.now + LINK_FOR,
        "url": f"{call.base}/onboarding/{account.id}",
    }


def onboard(call: Call, id_: str) -> Kept:
    """It is taken on: it can be paid. Twice is once. Raises `StripeRefusal`."""
    account = call.get(id_, "acct")
    if account.object["payouts_enabled"]:
        return account
    asked = account.object["capabilities"]
    nothing: Json = {**account.object["requirements"], "currently_due": [], "past_due": []}
    account = call.put(
        account.with_object(
            capabilities=dict.fromkeys(asked, "active"),
            details_submitted=True,
            payouts_enabled=True,
            requirements={**nothing, "disabled_reason": None, "eventually_due": []},
        )
    )
    emit(call, "account.updated", account.object, {"payouts_enabled": False})
    return account


def takes_transfers(account: Kept) -> bool:
    """Whether it may be paid."""
    return bool(account.object["capabilities"].get("transfers") == "active")


def shown_v2(account: Kept, include: list[str]) -> Json:
    """As v2 shows it; `include`: what else than the bare account."""
    of = account.object
    status = {"active": "active", "inactive": "restricted"}.get(
        of["capabilities"].get("transfers", ""), "unsupported"
    )
    recipient: Json = {
        "applied": True,
        "capabilities": {
            "stripe_balance": {"stripe_transfers": {"status": status, "status_details": []}}
        },
    }
    shows = "configuration.recipient" in include
    created = datetime.fromtimestamp(of["created"], UTC)
    return {
        "id": account.id,
        "object": "v2.core.account",
        "applied_configurations": ["recipient"],
        "closed": False,
        "configuration": {"recipient": recipient} if shows else None,
        "contact_email": of["email"],
        "created": created.isoformat().replace("+00:00", ".000Z"),
        "dashboard": account.private.get("dashboard"),
        "defaults": None,
        "display_name": account.private.get("display_name"),
        "identity": {"country": of["country"].lower()} if "identity" in include else None,
        "livemode": False,
        "metadata": of["metadata"],
        "requirements": None,
    }


def _made(
    call: Call,
    *,
    kind: str,
    country: str,
    email: str | None,
    metadata: Json,
    wants_transfers: bool,
) -> Kept:
    id_, number = call.new_id("acct")
    due = ["external_account", "tos_acceptance.date"]
    account = Kept(
        number=number,
        object={
            "id": id_,
            "object": "account",
            "business_type": None,
            "capabilities": {"transfers": "inactive"} if wants_transfers else {},
            "charges_enabled": False,
            "controller": {"type": "application", "is_controller": True},
            "country": country,
            "created": call.now,
            "default_currency": "eur",
            "details_submitted": False,
            "email": email,
            "metadata": metadata,
            "payouts_enabled": False,
            "requirements": {
                "current_deadline": None,
                "currently_due": due,
                "disabled_reason": "requirements.past_due",
                "errors": [],
                "eventually_due": due,
                "past_due": due,
                "pending_verification": [],
            },
            "type": kind,
        },
    )
    return call.put(account)
