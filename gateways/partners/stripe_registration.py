"""How Stripe learns where to send its webhooks, and we under what secret they come (APIS §7.3).

For the sandbox, whose addresses come and go. In live mode the operator registers the address once, in
Stripe's dashboard, and configures the secret.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.webhooks import EndpointSecret, WebhookSecrets
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_calls import NAME, Sdk
from gateways.partners.stripe_webhooks import EVENTS
from gateways.partners.stripe_wire import Endpoint, EndpointPage

MARK: Final = "caravan"
"""The member of an endpoint's metadata that says which node it is of."""

MOST_SECRETS: Final = 2
"""That are accepted: what was sent under the one before may still be on its way."""

_log = structlog.get_logger("caravan.payments")


class Registration:
    """Borrows: the adapter, which it tells the secrets; their store. `node`: whose address it is."""

    def __init__(self, stripe: Stripe, secrets: WebhookSecrets, *, clock: Clock, node: str) -> None:
        self._stripe, self._secrets = stripe, secrets
        self._clock, self._node = clock, node

    async def register(self, url: str) -> None:
        """Have events sent to `url`, by the endpoint whose secret we know, else by a new one. Idempotent,
        and whole when it is repeated after a crash: an endpoint whose secret was lost is removed. Raises
        `Unavailable`: again later."""
        stored = await self._secrets.of(NAME)
        self._accept(stored)
        there = {each.id: each for each in await self._endpoints()}
        current = next((each for each in stored if each.endpoint_id in there), None)
        if current is None:
            current = await self._made(url)
        elif not _is_right(there[current.endpoint_id], url):
            await self._corrected(current.endpoint_id, url)
        stored = [current, *(each for each in stored if each is not current)]
        self._accept(stored)
        await self._tidied(current, stored, there.values())
        _log.info("webhooks registered", provider=NAME, endpoint=current.endpoint_id, url=url)

    async def _endpoints(self) -> Sequence[Endpoint]:
        """All of the account; a hundred at most are read."""
        params: Any = {"limit": 100}
        page = await self._stripe.calls.read(
            lambda of: of.v1.webhook_endpoints.list_async(params), _page
        )
        return page.data if page else ()

    async def _change(self, call: Callable[[Sdk], Awaitable[Any]]) -> Endpoint | None:
        """None when it is not known whether that was done, or it was not."""
        result = await self._stripe.calls.change(call, _endpoint)
        return result if isinstance(result, Endpoint) else None

    def _accept(self, stored: Sequence[EndpointSecret]) -> None:
        self._stripe.webhook_secrets = tuple(each.secret for each in stored[:MOST_SECRETS])

    async def _made(self, url: str) -> EndpointSecret:
        params: Any = {
            "url": url,
            "enabled_events": list(EVENTS),
            "description": "Caravan",
            "metadata": {MARK: self._node},
        }
        made = await self._change(lambda of: of.v1.webhook_endpoints.create_async(params))
        if made is None or not made.secret:
            raise Unavailable
        secret = EndpointSecret(
            provider=NAME, endpoint_id=made.id, secret=made.secret, since=self._clock.now_ms()
        )
        await self._secrets.keep(secret)
        return secret

    async def _corrected(self, endpoint_id: str, url: str) -> None:
        """It keeps its secret, and what waits for it is sent to the new address."""
        params: Any = {"url": url, "enabled_events": list(EVENTS), "disabled": False}
        changed = await self._change(
            lambda of: of.v1.webhook_endpoints.update_async(endpoint_id, params)
        )
        if changed is None:
            raise Unavailable

    async def _tidied(
        self,
        current: EndpointSecret,
        stored: Sequence[EndpointSecret],
        there: Iterable[Endpoint],
    ) -> None:
        """What a crash or a move left behind."""
        for endpoint in there:
            if endpoint.metadata.get(MARK) == self._node and endpoint.id != current.endpoint_id:
                await self._removed(endpoint.id)
        for secret in stored[MOST_SECRETS:]:
            await self._secrets.forget(NAME, secret.endpoint_id)

    async def _removed(self, endpoint_id: str) -> None:
        await self._change(lambda of: of.v1.webhook_endpoints.delete_async(endpoint_id))


def _is_right(endpoint: Endpoint, url: str) -> bool:
    is_on = endpoint.status == "enabled"
    return is_on and endpoint.url == url and set(endpoint.enabled_events) == set(EVENTS)


_endpoint: Final = msgspec.json.Decoder(Endpoint).decode
_page: Final = msgspec.json.Decoder(EndpointPage).decode
