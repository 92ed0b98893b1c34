"""Webhook endpoints: the server registers its own address and gets the secret once, at creation."""

from typing import Final

from gateways.sandbox.deliveries import is_loopback
from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import invalid

MAX_ENDPOINTS: Final = 16
_CREATE: Final = ("url", "enabled_events", "description", "metadata", "api_version", "connect")
_UPDATE: Final = ("url", "enabled_events", "description", "metadata", "disabled")


def create(call: Call, given: Json) -> Json:
    """With its secret. Raises `StripeRefusal`: only this machine's addresses are taken."""
    params = Params(given, _CREATE)
    url = _url(params)
    events = _events(params)
    if not events:
        raise params.missing("enabled_events")
    if sum(1 for _ in call.newest("we")) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} webhook endpoints.")
    id_, number = call.new_id("we")
    secret = f"whsec_{call.secret(id_)}"
    kept = call.put(
        Kept(
            number=number,
            object={
                "id": id_,
                "object": "webhook_endpoint",
                "api_version": params.text("api_version") or None,
                "application": None,
                "created": call.now,
                "description": params.text("description") or None,
                "enabled_events": events,
                "livemode": False,
                "metadata": params.metadata({}),
                "status": "enabled",
                "url": url,
            },
            private={"secret": secret},
        )
    )
    return {**kept.object, "secret": secret}


def update(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    endpoint = call.get(id_, "we")
    params = Params(given, _UPDATE)
    changed: Json = {"metadata": params.metadata(endpoint.object["metadata"])}
    if "url" in params:
        changed["url"] = _url(params)
    if "enabled_events" in params:
        changed["enabled_events"] = _events(params)
    if "description" in params:
        changed["description"] = params.text("description") or None
    disabled = params.flag("disabled")
    if disabled is not None:
        changed["status"] = "disabled" if disabled else "enabled"
    return call.put(endpoint.with_object(**changed))


def delete(call: Call, id_: str) -> Json:
    """What waits for it is not sent any more. Raises `StripeRefusal`."""
    call.remove(call.get(id_, "we"))
    return {"id": id_, "object": "webhook_endpoint", "deleted": True}


def _url(params: Params) -> str:
    url = params.required("url")
    if not is_loopback(url):
        raise invalid(
            "Invalid URL: the sandbox sends only to this machine, by http://127.0.0.1 or localhost.",
            "url",
            "url_invalid",
        )
    return url


def _events(params: Params) -> list[str]:
    events = params.strings("enabled_events") or []
    if len(events) > 100:
        raise invalid("At most 100 events can be enabled.", "enabled_events")
    return events
