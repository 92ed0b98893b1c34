"""Duffel's flights as an `Inventory` (API v2). Stays and order changes are out: docs/adr/0010."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
import trio

from core.errors import Rejected, Unavailable
from core.ports.clock import Chance, Clock
from core.ports.inventory import Capabilities, Priced
from gateways.partners import duffel_wire as wire
from gateways.partners.duffel_booking import DuffelOrders
from gateways.partners.duffel_client import ANSWER_WITHIN, DuffelClient, DuffelSettings
from gateways.partners.duffel_errors import Refusal
from gateways.partners.duffel_offers import NAME, offer_request, supplier_offer
from gateways.partners.duffel_webhooks import DuffelWebhooks
from gateways.partners.refusals import wrong_query
from gateways.partners.resilience import Guard, GuardPolicy
from gateways.partners.slices import readable
from protocol.suppliers import Refused
from protocol.travel import FlightQuery, OfferKind, Query, SupplierOffer

FLIGHTS: Final = Capabilities(
    hold="hard",
    cancel="policy",
    issue="by_supplier",
    finds_by_reference=True,
    sells_once=True,
    most_travellers=9,
)
POLICY: Final = GuardPolicy(call_within=ANSWER_WITHIN)
LEAST_FOR_AIRLINES: Final = 2.0
"""Seconds: Duffel takes no shorter `supplier_timeout`."""

_FOR_US: Final = 1.0
"""Seconds of a deadline that are left for the rest, once the airlines have had theirs."""

_log = structlog.get_logger("caravan.partners")


class Duffel(DuffelOrders, DuffelWebhooks):
    """Implements `core.ports.inventory.Inventory` and `core.ports.webhooks.OrderEvents`. Owns: its connections,
    until `aclose`.

    A search is two calls: the first makes Duffel ask the airlines, the second fetches the cheapest
    offers. All offers in one answer may be thousands, most of which nobody would be shown. `wall`: seconds since
    1970, by which signatures are judged; `clock` may be another time.
    """

    name = NAME

    def __init__(
        self,
        settings: DuffelSettings,
        *,
        clock: Clock,
        chance: Chance,
        policy: GuardPolicy = POLICY,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._clock, self._wall = settings, clock, wall
        self.webhook_secrets = settings.webhook_secrets
        self._client = DuffelClient(settings, clock, connections=policy.most_running)
        self._guard = Guard(NAME, chance, policy)
        self._dropped = 0

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self._client.aclose()

    def statistics(self) -> Mapping[str, int | float]:
        """The guard's, and how many offers were `dropped` since the start because they could not be
        read."""
        return {**self._guard.statistics(), "dropped": self._dropped}

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        return FLIGHTS if kind == "flight" else None

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        if not isinstance(query, FlightQuery):
            return ()
        if query.party.adults + len(query.party.children_ages) > FLIGHTS.most_travellers:
            raise wrong_query()
        params = {"return_offers": "false", "supplier_timeout": str(self._airlines_have())}
        body = offer_request(query)
        made = await self._read(
            lambda: self._client.post("/air/offer_requests", params, body), _offer_request
        )
        if isinstance(made, Refusal):
            raise self._refused(made)
        page = {
            "offer_request_id": made.data.id,
            "sort": "total_amount",
            "limit": str(self._settings.most_offers),
        }
        listed = await self._read(lambda: self._client.get("/air/offers", page), _offers)
        if isinstance(listed, Refusal):
            raise self._refused(listed)
        return await self._readable(listed.data[: self._settings.most_offers])

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        try:
            offer_id = _token(bytes(offer.token)).id
        except (msgspec.DecodeError, ValueError):
            return Refused(kind="invalid", detail="not an offer of Duffel's")
        found = await self._read(
            lambda: self._client.get(
                f"/air/offers/{offer_id}", {"return_available_services": "false"}
            ),
            self._today,
        )
        if isinstance(found, Refusal):
            return Refused(kind=found.kind, detail=found.message)
        if found.expires_at <= self._clock.now_ms():
            return Refused(kind="expired", detail="expired")
        return Priced(offer=found, previous=None if found.total == offer.total else offer.total)

    def _refused(self, why: Refusal) -> Rejected:
        """422 is about the search; any other refusal means that we asked wrongly."""
        is_ours = why.status != 422
        log = _log.error if is_ours else _log.info
        log("supplier refused", supplier=NAME, code=why.code, request=why.request_id)
        return Unavailable() if is_ours else wrong_query()

    def _today(self, body: bytes) -> SupplierOffer:
        return supplier_offer(_offer(body).data, self._clock.now_ms())

    async def _readable(self, raws: Sequence[msgspec.Raw]) -> list[SupplierOffer]:
        """Cheapest first. One that we cannot read does not cost us the others."""
        now = self._clock.now_ms()
        offers, faults = await readable(raws, lambda raw: supplier_offer(raw, now))
        self._dropped += len(faults)
        for fault in faults:
            _log.warning("offer not readable", supplier=NAME, error=fault[:200])
        return sorted(offers, key=lambda offer: (offer.total.currency, offer.total.amount))

    def _airlines_have(self) -> int:
        """Milliseconds, so that Duffel answers before our own caller is gone."""
        left = trio.current_effective_deadline() - trio.current_time() - _FOR_US
        return round(max(LEAST_FOR_AIRLINES, min(self._settings.airlines_within, left)) * 1_000)


_offer_request: Final = msgspec.json.Decoder(wire.OfferRequestAnswer).decode
_offers: Final = msgspec.json.Decoder(wire.OffersAnswer).decode
_offer: Final = msgspec.json.Decoder(wire.OfferAnswer).decode
_token: Final = msgspec.json.Decoder(wire.OfferToken).decode
