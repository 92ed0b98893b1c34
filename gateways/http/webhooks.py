"""Where providers and suppliers say that something has changed: their raw words, judged by their signature alone."""

from typing import Final

from core.errors import Rejected
from core.ports.payments import NotGenuine
from core.ports.webhooks import Received
from gateways.http.routes import Call, Reply, Route, View, json_reply

MAX_WEBHOOK_BYTES: Final = 262_144


class WebhookTaken(View, frozen=True):
    """What became of it. `known`: it was delivered before. `foreign`: it concerns nothing here."""

    received: Received


async def receive(call: Call) -> Reply:
    """200 once it is durable, however often it comes; 400 when its signature is wrong or too old;
    anything else, and the provider delivers it again."""
    reception = call.ports.webhooks
    verdict = None
    if reception is not None:
        verdict = await reception.receive(call.path["provider"], call.raw, call.headers)
    if verdict is None:
        raise Rejected("not_found", "This address does not exist.")
    if isinstance(verdict, NotGenuine):
        raise Rejected("bad_request", "The request cannot be understood.")
    return json_reply(WebhookTaken(received=verdict))


ROUTES: Final = (
    Route(
        method="POST",
        path="/webhooks/{provider}",
        name="receiveWebhook",
        summary="An event of a payment provider or a supplier, signed by it",
        handle=receive,
        access="public",
        answer=WebhookTaken,
        errors=("bad_request", "too_large"),
        is_limited=False,
        takes=("application/json",),
        max_body=MAX_WEBHOOK_BYTES,
        needs_place=False,
    ),
)
