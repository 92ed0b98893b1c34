"""Amadeus' flights and hotels as an `Inventory`, in the wire format of its Self-Service APIs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec
import structlog
import trio
from msgspec import structs

from core.errors import Unavailable
from core.ports.clock import Chance, Clock
from core.ports.inventory import Capabilities, Priced
from core.ports.vault import Vault
from gateways.partners import amadeus_flights as flights
from gateways.partners import amadeus_hotels as hotels
from gateways.partners import amadeus_wire as wire
from gateways.partners.amadeus_booking import AmadeusOrders
from gateways.partners.amadeus_calls import AmadeusCalls
from gateways.partners.amadeus_errors import WireError
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.refusals import wrong_query
from gateways.partners.resilience import GuardPolicy
from gateways.partners.slices import readable
from protocol.suppliers import Refused
from protocol.travel import FlightQuery, HotelQuery, OfferKind, Query, SupplierOffer

FLIGHTS: Final = Capabilities(
    hold="soft", cancel="pre_ticket", issue="explicit", most_travellers=flights.MOST_SEATED
)
HOTELS: Final = Capabilities(
    hold="none",
    cancel="none",
    issue="by_supplier",
    most_travellers=hotels.MOST_ROOMS * hotels.MOST_PER_ROOM,
    shows_orders=False,
)
FLIGHTS_TO_LOOK_AT: Final = replace(
    FLIGHTS,
    hold="none",
    cancel="none",
    only_browsing="These flights can be looked at here, but not booked.",
)
HOTELS_TO_LOOK_AT: Final = replace(
    HOTELS, only_browsing="These rooms can be looked at here, but not booked."
)
POLICY: Final = GuardPolicy(call_within=30.0)
_PRICING: Final = "/v1/shopping/flight-offers/pricing?"
_NONE_THERE: Final = frozenset({"nothing", "not_found", "sold_out"})

T = TypeVar("T")
Readable = tuple[list[SupplierOffer], list[str]]
"""Offers, and what was wrong with the others."""

_log = structlog.get_logger("caravan.partners")


class Amadeus(AmadeusOrders):
    """Implements `core.ports.inventory.Inventory`. Owns: its calls. Borrows: the vault; without one, rooms
    are for browsing.

    An offer's 20 minutes begin when it was asked for, not when the answer came.
    """

    name = flights.NAME

    def __init__(
        self,
        settings: AmadeusSettings,
        *,
        clock: Clock,
        chance: Chance,
        vault: Vault | None = None,
        policy: GuardPolicy = POLICY,
    ) -> None:
        self._settings, self._clock, self._vault = settings, clock, vault
        self._calls = AmadeusCalls(settings, chance, policy)
        self._dropped = 0

    def statistics(self) -> Mapping[str, int | float]:
        """The calls', and how many offers were `dropped` since the start because they could not be
        read."""
        return {**self._calls.statistics(), "dropped": self._dropped}

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        if kind == "flight":
            return FLIGHTS if self._settings.is_issued else FLIGHTS_TO_LOOK_AT
        return HOTELS_TO_LOOK_AT if self._vault is None else HOTELS

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        if isinstance(query, FlightQuery):
            found = await self._flights(query)
        else:
            found = await self._rooms(query)
        return sorted(found, key=lambda offer: (offer.total.currency, offer.total.amount))

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        now = await self._today(offer, query)
        if isinstance(now, WireError):
            return now.refused
        if isinstance(now, Refused):
            return now
        return Priced(offer=now, previous=None if now.total == offer.total else offer.total)

    async def _flights(self, query: FlightQuery) -> list[SupplierOffer]:
        if flights.seated(query.party) > flights.MOST_SEATED:
            raise wrong_query()
        currency, most = self._settings.currency, self._settings.most_offers
        params = flights.plain_search(query, currency=currency, most=most)
        body = flights.posted_search(query, currency=currency, most=most)
        now = self._clock.now_ms()

        def ask(client: Any) -> Any:
            search = client.shopping.flight_offers_search
            return search.post(body) if params is None else search.get(**params)

        async def understand(answer: bytes) -> Readable:
            return await _readable(
                _flight_offers(answer).data,
                lambda raw: self._as_sold(flights.flight_offer(raw, now)),
            )

        return self._kept(await self._calls.read("search", ask, understand))

    async def _today(
        self, offer: SupplierOffer, query: Query
    ) -> SupplierOffer | WireError | Refused:
        if isinstance(query, FlightQuery):
            return await self._flight_today(offer)
        return await self._room_today(offer, query)

    async def _flight_today(self, offer: SupplierOffer) -> SupplierOffer | WireError:
        body, now = flights.pricing_body(offer.token), self._clock.now_ms()

        async def understand(answer: bytes) -> SupplierOffer:
            priced = _pricing(answer).data.flight_offers
            if len(priced) != 1:
                raise ValueError(f"{len(priced)} prices for one offer")
            return self._as_sold(flights.priced_offer(priced[0], now, offer))

        return await self._calls.read(
            "price", lambda client: client.post(_PRICING, body), understand
        )

    async def _rooms(self, query: HotelQuery) -> list[SupplierOffer]:
        """Hotels of the city, then what they have, many hotels at once. Those whose answer does not
        come are missing; only when none comes has the search failed."""
        guests, rooms = hotels.guests_per_room(query.party), query.party.rooms
        if guests > hotels.MOST_PER_ROOM or rooms > hotels.MOST_ROOMS:
            raise wrong_query()
        listed = await self._calls.read(
            "search",
            lambda client: client.reference_data.locations.hotels.by_city.get(cityCode=query.city),
            _listed,
        )
        if isinstance(listed, WireError):
            return self._kept(listed)
        answers: list[Readable | WireError] = []
        failures: list[Unavailable] = []

        async def ask(hotel_ids: Sequence[str]) -> None:
            try:
                answers.append(await self._rooms_of(hotel_ids, query))
            except Unavailable as failure:
                failures.append(failure)

        async with trio.open_nursery() as nursery:
            for batch in hotels.batches(listed, self._settings.most_hotels):
                nursery.start_soon(ask, batch)
        if failures and not answers:
            raise failures[0]
        return [offer for answer in answers for offer in self._kept(answer)]

    async def _rooms_of(self, hotel_ids: Sequence[str], query: HotelQuery) -> Readable | WireError:
        params = hotels.rooms_search(query, hotel_ids, currency=self._settings.currency)
        now = self._clock.now_ms()

        async def understand(answer: bytes) -> Readable:
            found = [one for one in _hotels_found(answer).data if one.available]
            pairs = [(one.hotel, raw) for one in found for raw in one.offers]
            return await _readable(
                pairs, lambda one: hotels.room_offer(one[0], one[1], query.party, now)
            )

        return await self._calls.read(
            "search",
            lambda client: client.shopping.hotel_offers_search.get(**params),
            understand,
        )

    async def _room_today(
        self, offer: SupplierOffer, query: HotelQuery
    ) -> SupplierOffer | WireError | Refused:
        offer_id, now = hotels.offer_id(offer.token), self._clock.now_ms()
        if offer_id is None:
            return Refused(kind="invalid", detail="not an offer of Amadeus'")

        async def understand(answer: bytes) -> SupplierOffer | Refused:
            found = _hotel_pricing(answer).data
            if not (found.available and found.offers):
                return Refused(kind="sold_out", detail="the room is not available any more")
            return hotels.room_offer(found.hotel, found.offers[0], query.party, now)

        return await self._calls.read(
            "price", lambda client: client.shopping.hotel_offer_search(offer_id).get(), understand
        )

    def _as_sold(self, offer: SupplierOffer) -> SupplierOffer:
        return offer if self._settings.is_issued else structs.replace(offer, can_hold=False)

    def _kept(self, found: Readable | WireError) -> list[SupplierOffer]:
        """Raises `Rejected` when Amadeus finds the query wrong."""
        if isinstance(found, WireError):
            if found.verdict in _NONE_THERE:
                return []
            _log.info("supplier refused", supplier=self.name, error=str(found))
            raise wrong_query()
        offers, faults = found
        self._dropped += len(faults)
        if faults:
            _log.warning(
                "offers not readable", supplier=self.name, count=len(faults), first=faults[0][:200]
            )
        return offers


async def _readable(raws: Iterable[T], made: Callable[[T], SupplierOffer]) -> Readable:
    """Raises `ValueError` when there are offers and none can be read."""
    offers, faults = await readable(raws, made)
    if faults and not offers:
        raise ValueError(f"{len(faults)} offers, none readable: {faults[0]}")
    return offers, faults


async def _listed(answer: bytes) -> list[wire.ListedHotel]:
    return _hotel_list(answer).data


_flight_offers: Final = msgspec.json.Decoder(wire.FlightOffers).decode
_pricing: Final = msgspec.json.Decoder(wire.Pricing).decode
_hotel_list: Final = msgspec.json.Decoder(wire.HotelList).decode
_hotels_found: Final = msgspec.json.Decoder(wire.HotelsFound).decode
_hotel_pricing: Final = msgspec.json.Decoder(wire.HotelPricing).decode
