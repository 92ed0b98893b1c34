"""How Duffel learns where to send its webhooks, and we under what secret they come (docs/duffel.md).

For the sandbox, whose addresses come and go. In live mode the operator makes the webhook once, in Duffel's
dashboard, and configures the secret.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.webhooks import EndpointSecret, WebhookSecrets
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_offers import NAME
from gateways.partners.duffel_webhooks import EVENTS

MOST_SECRETS: Final = 2
"""That are accepted: what was sent under the one before may still be on its way."""

_log = structlog.get_logger("caravan.partners")


class DuffelRegistration:
    """Borrows: the adapter, which it tells the secrets; their store. An account has one webhook: one whose secret
    nobody here knows is replaced."""

    def __init__(self, duffel: Duffel, secrets: WebhookSecrets, *, clock: Clock) -> None:
        self._duffel, self._secrets, self._clock = duffel, secrets, clock

    async def register(self, url: str) -> None:
        """Have events sent to `url`. Idempotent, and whole when it is repeated after a crash. Raises
        `Unavailable`: again later."""
        stored = await self._secrets.of(NAME)
        self._accept(stored)
        there = {each.id: each for each in await self._duffel.webhooks()}
        current = next((each for each in stored if each.endpoint_id in there), None)
        for id_ in there:
            if current is None or id_ != current.endpoint_id:
                await self._duffel.remove_webhook(id_)
        if current is None:
            current = await self._made(url)
        else:
            now = there[current.endpoint_id]
            if now.url != url or set(now.events) != set(EVENTS) or not now.active:
                await self._duffel.move_webhook(now.id, url)
        stored = [current, *(each for each in stored if each is not current)]
        self._accept(stored)
        for secret in stored[MOST_SECRETS:]:
            await self._secrets.forget(NAME, secret.endpoint_id)
        _log.info("webhooks registered", provider=NAME, endpoint=current.endpoint_id, url=url)

    def _accept(self, stored: Sequence[EndpointSecret]) -> None:
        self._duffel.webhook_secrets = tuple(each.secret for each in stored[:MOST_SECRETS])

    async def _made(self, url: str) -> EndpointSecret:
        made = await self._duffel.make_webhook(url)
        if not made.secret:
            raise Unavailable
        secret = EndpointSecret(
            provider=NAME, endpoint_id=made.id, secret=made.secret, since=self._clock.now_ms()
        )
        await self._secrets.keep(secret)
        return secret
