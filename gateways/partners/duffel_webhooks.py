"""Events that Duffel sends: whether they are genuine, what they are about, and who hears them. Source: docs/duffel.md."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
import trio

from core.errors import Unavailable
from core.ports.payments import NotGenuine
from core.ports.webhooks import OrderNotice
from gateways.partners import duffel_wire as wire
from gateways.partners.duffel_client import Done
from gateways.partners.duffel_errors import Refusal
from gateways.partners.duffel_orders import REFERENCE, is_order_id
from gateways.partners.duffel_reads import DuffelReads

HEADER: Final = "x-duffel-signature"
TOLERANCE: Final = 300
"""Seconds that a signature may be old, or ahead of us."""

MOST_SIGNATURES: Final = 8
EVENTS: Final = (
    "air.order.changed",
    "order.airline_initiated_change_detected",
    "order.created",
    "order.creation_failed",
    "order_cancellation.confirmed",
)
"""What we ask Duffel to send: whatever may change how an order of ours stands."""

_PATH: Final = "/air/webhooks"
_AT: Final = re.compile(r"[0-9]{1,12}")
_event: Final = msgspec.json.Decoder(wire.Event).decode
_webhook: Final = msgspec.json.Decoder(wire.WebhookAnswer).decode
_webhooks: Final = msgspec.json.Decoder(wire.WebhooksAnswer).decode


class DuffelWebhooks(DuffelReads):
    """Of `gateways.partners.duffel.Duffel`. `webhook_secrets`: under each of these an event is genuine. `_wall`:
    seconds since 1970, by the clock that signatures are made by."""

    webhook_secrets: tuple[str, ...] = ()
    _wall: Callable[[], float]

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> OrderNotice | NotGenuine:
        """As `core.ports.webhooks.OrderEvents` says."""
        if not self.webhook_secrets:
            raise Unavailable
        await trio.lowlevel.checkpoint()
        found = verified(body, headers.get(HEADER), self.webhook_secrets, self._wall())
        return found if isinstance(found, NotGenuine) else notice_of(found)

    async def webhooks(self) -> Sequence[wire.Webhook]:
        """Those of the account: Duffel allows one. Raises `Unavailable`."""
        found = await self._read(lambda: self._client.get(_PATH, {}), _webhooks)
        if isinstance(found, Refusal):
            raise Unavailable
        return found.data

    async def make_webhook(self, url: str) -> wire.Webhook:
        """With its secret. Raises `Unavailable` when it is not known to be made."""
        changed = await self._client.change(_PATH, _wanted(url))
        return self._made(changed)

    async def move_webhook(self, id_: str, url: str) -> wire.Webhook:
        """It keeps its secret. Raises `Unavailable` when it is not known to be moved."""
        body = _wanted(url, active=True)
        return self._made(await self._client.change(f"{_PATH}/{id_}", body, method="PATCH"))

    async def remove_webhook(self, id_: str) -> None:
        """Raises `Unavailable` when it is not known to be gone."""
        changed = await self._client.change(f"{_PATH}/{id_}", method="DELETE")
        if not isinstance(changed, Done):
            raise Unavailable

    def _made(self, changed: object) -> wire.Webhook:
        try:
            if isinstance(changed, Done):
                return _webhook(changed.body).data
        except (ValueError, msgspec.MsgspecError):
            pass
        raise Unavailable


def verified(
    body: bytes, header: str | None, secrets: Sequence[str], now: float
) -> wire.Event | NotGenuine:
    """Under any of the secrets. `now`: seconds since 1970."""
    parts = [part.strip().partition("=") for part in (header or "").split(",", MOST_SIGNATURES)]
    at = next((value for name, _, value in parts if name == "t"), "")
    given = [value for name, _, value in parts if name == "v1"]
    if not _AT.fullmatch(at):
        return NotGenuine("signature")
    signed = f"{at}.".encode() + body
    right = [hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets]
    if not any(
        hmac.compare_digest(one.encode(), other.encode()) for one in right for other in given
    ):
        return NotGenuine("signature")
    if abs(now - int(at)) > TOLERANCE:
        return NotGenuine("too_old")
    try:
        return _event(body)
    except ValueError:  # msgspec's are ValueErrors
        return NotGenuine("malformed")


def notice_of(event: wire.Event) -> OrderNotice:
    """An order's own id begins with `ord_`; whatever else is of an order names it."""
    about = (event.data.object if event.data else None) or wire.EventObject()
    named = [each for each in (about.order_id, about.id) if each is not None and is_order_id(each)]
    reference = (about.metadata or {}).get(REFERENCE)
    return OrderNotice(
        event_id=event.id,
        kind=event.type,
        order_id=next(iter(named), None),
        reference=reference if isinstance(reference, str) else None,
    )


def _wanted(url: str, **more: bool) -> bytes:
    return msgspec.json.encode({"data": {"url": url, "events": list(EVENTS), **more}})
