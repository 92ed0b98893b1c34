"""Events: what happened, as a record, and to which endpoints it is to be sent."""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_deliveries import planned
from gateways.sandbox.stripe_objects import Call, Kept

API_VERSION: Final = "2026-10-28.endive"
KEPT_MS: Final = 30 * 86_400_000
"""How long events can be listed, in business time."""


def emit(call: Call, type_: str, of: Json, previous: Json | None = None) -> None:
    """Keep it and plan its deliveries. `previous`: what the members that changed were."""
    id_, number = call.new_id("evt")
    data: Json = {"object": of}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Json = {
        "id": id_,
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": call.request_id, "idempotency_key": call.key},
        "type": type_,
    }
    pending = planned(call, event)
    event["pending_webhooks"] = len(pending)
    kept = Kept(
        number=number,
        object=event,
        private={"pending": pending, "is_delivered": "false" if pending else "true"},
    )
    call.put(kept)
    call.later(call.setting.now.business + KEPT_MS, "forget_event", id_)
