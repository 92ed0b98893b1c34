"""How PayPal learns where to send its webhooks, and we which ids they come under (docs/paypal.md).

For the sandbox, whose addresses come and go. In live mode the operator registers the address once, in
PayPal's dashboard, and configures the id of the webhook.
"""

from typing import Final

import msgspec
import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.webhooks import EndpointSecret, WebhookSecrets
from gateways.partners import paypal_wire as wire
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_calls import NAME
from gateways.partners.paypal_webhooks import EVENTS

MOST_IDS: Final = 2
"""That are accepted: what was sent by the one before may still be on its way."""

_PATH: Final = "/v1/notifications/webhooks"
_log = structlog.get_logger("caravan.payments")


class PayPalRegistration:
    """Borrows: the adapter, which it tells the ids; their store. PayPal keeps the secret and is asked about
    each event: what is stored of a webhook is its id alone."""

    def __init__(self, paypal: PayPal, secrets: WebhookSecrets, *, clock: Clock) -> None:
        self._paypal, self._secrets, self._clock = paypal, secrets, clock

    async def register(self, url: str) -> None:
        """Have events sent to `url`. Idempotent, and whole when it is repeated after a crash. Raises
        `Unavailable`: again later."""
        stored = list(await self._secrets.of(NAME))
        there = await self._there()
        current = next((each for each in there if each.url == url), None)
        if current is not None and not _is_right(current):
            await self._deleted(current.id)
            current = None
        if current is None:
            current = await self._made(url)
        if all(each.endpoint_id != current.id for each in stored):
            kept = EndpointSecret(
                provider=NAME,
                endpoint_id=current.id,
                secret=current.id,
                since=self._clock.now_ms(),
            )
            await self._secrets.keep(kept)
        before = [each.endpoint_id for each in stored if each.endpoint_id != current.id]
        self._paypal.webhook_ids = (current.id, *before)[:MOST_IDS]
        alive = {each.id for each in there}
        for id_ in before:
            if id_ in alive:
                await self._deleted(id_)
            await self._secrets.forget(NAME, id_)
        _log.info("webhooks registered", provider=NAME, endpoint=current.id, url=url)

    async def _there(self) -> list[wire.Webhook]:
        """All of the account: PayPal allows ten."""
        page = await self._paypal.calls.read(_PATH, _page)
        return page.webhooks if page else []

    async def _made(self, url: str) -> wire.Webhook:
        given = {"url": url, "event_types": [{"name": name} for name in EVENTS]}
        made = await self._paypal.calls.change(_PATH, given, _webhook)
        if not isinstance(made, wire.Webhook):
            raise Unavailable
        return made

    async def _deleted(self, id_: str) -> None:
        """Or not: what stays sends where nobody takes it."""
        await self._paypal.calls.change(f"{_PATH}/{id_}", {}, lambda _: None, method="DELETE")


def _is_right(webhook: wire.Webhook) -> bool:
    return {each.name for each in webhook.event_types} == set(EVENTS)


_page: Final = msgspec.json.Decoder(wire.Webhooks).decode
_webhook: Final = msgspec.json.Decoder(wire.Webhook).decode
