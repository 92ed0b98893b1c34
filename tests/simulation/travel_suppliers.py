"""Amadeus and Duffel as `Inventory`, played by the sandbox's own machines: no HTTP, no file, no thread.

Words and shapes are the adapters' (their mappings are pure), and so is the door that every call goes
through; what lies between, the SDK and the HTTP client, has suites of its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
import trio
from no_orders import NoOrders
from travel_ledger import Ledger
from travel_sandbox import LineBroken, Moment, PlayedSandbox

from core.errors import Rejected, Unavailable
from core.ports.clock import Chance, Clock
from core.ports.inventory import Capabilities, Priced
from gateways.partners import (
    amadeus,
    amadeus_flights,
    amadeus_hotels,
    amadeus_wire,
    duffel,
    duffel_wire,
)
from gateways.partners.amadeus_calls import Pace
from gateways.partners.amadeus_errors import WireError, wire_error
from gateways.partners.duffel_errors import Refusal, refusal
from gateways.partners.duffel_offers import offer_request, supplier_offer
from gateways.partners.refusals import wrong_query
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from gateways.sandbox.exchange import Request, Response
from protocol.suppliers import Refused, Unsupported
from protocol.travel import FlightQuery, HotelQuery, OfferKind, Query, SupplierOffer

T = TypeVar("T")
Readable = tuple[T, Moment]
"""What an answer says, and the moment at which the machine said it."""

PER_SECOND: Final = 8.0
CURRENCY: Final = "EUR"
MOST: Final = 8
"""Offers of a search, and hotels that are asked for rooms."""

NO_SUCH: Final = frozenset({"nothing", "not_found", "sold_out"})
FORM: Final = "grant_type=client_credentials&client_id=simulation&client_secret=simulation"


class PlayedSupplier(NoOrders):
    """What both have in common. Owns: its door. Borrows: the sandbox and the ledger."""

    name: str

    def __init__(
        self,
        sandbox: PlayedSandbox,
        *,
        clock: Clock,
        chance: Chance,
        policy: GuardPolicy,
        ledger: Ledger,
        most: int = MOST,
    ) -> None:
        self._sandbox, self._clock, self._ledger = sandbox, clock, ledger
        self._guard = Guard(self.name, chance, policy)
        self._door = ledger.door(self.name, policy)
        self._most = most

    def statistics(self) -> Mapping[str, int | float]:
        """The door's."""
        return self._guard.statistics()

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        raise NotImplementedError

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        try:
            found = await self._search(query)
        except Rejected as refused:
            if not isinstance(refused, Unavailable):
                self._ledger.note_no(self.name, query)
            raise
        found = sorted(found, key=lambda offer: (offer.total.currency, offer.total.amount))
        self._ledger.note_search(self.name, query, found, self._clock.now_ms())
        return found

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        today = await self._today(offer, query)
        if isinstance(today, Refused):
            self._ledger.note_no(self.name, query)
            return today
        now, moment = today
        self._ledger.note_price(now, moment)
        return Priced(offer=now, previous=None if now.total == offer.total else offer.total)

    async def _search(self, query: Query) -> list[SupplierOffer]:
        raise NotImplementedError

    async def _today(self, offer: SupplierOffer, query: Query) -> Readable[SupplierOffer] | Refused:
        raise NotImplementedError

    async def _through_the_door(self, call: Callable[[], Awaitable[T]]) -> T:
        read = self._door.read()

        async def attempt() -> T:
            with self._door.attempt(read):
                return await call()

        return await self._guard.read(attempt)

    async def _exchange(self, request: Request) -> tuple[Response, Moment]:
        try:
            return await self._sandbox.exchange(self.name, request)
        except LineBroken as broken:
            raise CallFailed(str(broken), may_retry=True) from None


def understood(decode: Callable[[bytes], T], body: bytes) -> T:
    """Raises `CallFailed` for what makes no sense."""
    try:
        return decode(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CallFailed(f"an answer that makes no sense: {error}", may_retry=True) from None


class PlayedAmadeus(PlayedSupplier):
    """Implements `core.ports.inventory.Inventory`."""

    name = "amadeus"

    def __init__(self, *args: Any, per_second: float = PER_SECOND, **more: Any) -> None:
        super().__init__(*args, **more)
        self._pace = Pace(per_second)
        self._fetching = trio.Lock()
        self._token: str | None = None

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        return amadeus.FLIGHTS if kind == "flight" else amadeus.HOTELS

    async def find(self, reference: str) -> Unsupported:
        return Unsupported()

    async def _search(self, query: Query) -> list[SupplierOffer]:
        if isinstance(query, FlightQuery):
            return await self._flights(query)
        return await self._rooms(query)

    async def _today(self, offer: SupplierOffer, query: Query) -> Readable[SupplierOffer] | Refused:
        now = self._clock.now_ms()
        if isinstance(query, FlightQuery):
            body = amadeus_flights.pricing_body(offer.token).encode()
            request = asked("POST", "/v1/shopping/flight-offers/pricing", body=body)
            return _priced(
                await self._read(request, lambda answer: _flight_today(answer, now, offer))
            )
        offer_id = amadeus_hotels.offer_id(offer.token)
        if offer_id is None:
            return Refused(kind="invalid", detail="not an offer of Amadeus'")
        request = asked("GET", f"/v3/shopping/hotel-offers/{offer_id}")
        return _priced(await self._read(request, lambda answer: _room_today(answer, now, query)))

    async def _flights(self, query: FlightQuery) -> list[SupplierOffer]:
        if amadeus_flights.seated(query.party) > amadeus_flights.MOST_SEATED:
            raise wrong_query()
        wanted: Any = {"currency": CURRENCY, "most": self._most}
        params, now = amadeus_flights.plain_search(query, **wanted), self._clock.now_ms()
        path, body = "/v2/shopping/flight-offers", b""
        if params is None:
            body = msgspec.json.encode(amadeus_flights.posted_search(query, **wanted))
        request = asked("GET" if params else "POST", path, params, body=body)

        def understand(answer: bytes) -> list[SupplierOffer]:
            raws = _flight_offers(answer).data
            return [amadeus_flights.flight_offer(raw, now) for raw in raws]

        return _found(await self._read(request, understand))

    async def _rooms(self, query: HotelQuery) -> list[SupplierOffer]:
        guests, rooms = amadeus_hotels.guests_per_room(query.party), query.party.rooms
        if guests > amadeus_hotels.MOST_PER_ROOM or rooms > amadeus_hotels.MOST_ROOMS:
            raise wrong_query()
        by_city = "/v1/reference-data/locations/hotels/by-city"
        listed = await self._read(
            asked("GET", by_city, {"cityCode": query.city}),
            lambda answer: list(_hotel_list(answer).data),
        )
        if isinstance(listed, WireError):
            return _found(listed)
        names = next(amadeus_hotels.batches(listed[0], self._most))
        params = amadeus_hotels.rooms_search(query, names, currency=CURRENCY)
        now = self._clock.now_ms()

        def understand(answer: bytes) -> list[SupplierOffer]:
            found = [one for one in _hotels_found(answer).data if one.available]
            pairs = [(one.hotel, raw) for one in found for raw in one.offers]
            return [amadeus_hotels.room_offer(*pair, query.party, now) for pair in pairs]

        return _found(
            await self._read(asked("GET", "/v3/shopping/hotel-offers", params), understand)
        )

    async def _read(
        self, request: Request, understand: Callable[[bytes], T]
    ) -> Readable[T] | WireError:
        async def call() -> Readable[T] | WireError:
            answer: tuple[Response, Moment] | WireError = WireError(status=401)
            for _ in range(2):
                token = await self._known_token()
                headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
                answer = await self._judged(replace(request, headers=headers))
                if not (isinstance(answer, WireError) and answer.verdict == "token"):
                    break
                if self._token == token:
                    self._token = None
            if isinstance(answer, WireError):
                if answer.verdict == "token":
                    raise CallFailed("a new token is not accepted")
                return answer
            return understood(understand, answer[0].body), answer[1]

        return await self._through_the_door(call)

    async def _known_token(self) -> str:
        async with self._fetching:
            if self._token is None:
                path = "/v1/security/oauth2/token"
                granted = await self._judged(asked("POST", path, body=FORM.encode()))
                if isinstance(granted, WireError):
                    raise CallFailed(f"no token: {granted}")
                self._token = understood(_token, granted[0].body)["access_token"]
        return self._token

    async def _judged(self, request: Request) -> tuple[Response, Moment] | WireError:
        """As the adapter does it. Raises `CallFailed` for all that says nothing about what was asked."""
        await self._pace.turn()
        response, moment = await self._exchange(request)
        if 200 <= response.status < 300:
            return response, moment
        try:
            failed = wire_error(response.status, msgspec.json.decode(response.body))
        except msgspec.DecodeError:
            raise CallFailed(f"{response.status}", may_retry=response.status >= 500) from None
        if failed.verdict in ("trouble", "too_fast"):
            is_fault = failed.verdict == "trouble"
            raise CallFailed(str(failed), may_retry=True, is_fault=is_fault)
        if failed.verdict in ("config", "bug", "quota"):
            raise CallFailed(str(failed))
        return failed


class PlayedDuffel(PlayedSupplier):
    """Implements `core.ports.inventory.Inventory`."""

    name = "duffel"

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        return duffel.FLIGHTS if kind == "flight" else None

    async def _search(self, query: Query) -> list[SupplierOffer]:
        if not isinstance(query, FlightQuery):
            return []
        if query.party.adults + len(query.party.children_ages) > duffel.FLIGHTS.most_travellers:
            raise wrong_query()
        params = {"return_offers": "false", "supplier_timeout": "8000"}
        request = asked("POST", "/air/offer_requests", params, body=offer_request(query))
        made = _granted(await self._read(request, _offer_request))
        page = {
            "offer_request_id": made.data.id,
            "sort": "total_amount",
            "limit": str(self._most),
        }

        def understand(answer: bytes) -> list[SupplierOffer]:
            return [supplier_offer(raw, self._clock.now_ms()) for raw in _offers(answer).data]

        return _granted(await self._read(asked("GET", "/air/offers", page), understand))

    async def _today(self, offer: SupplierOffer, query: Query) -> Readable[SupplierOffer] | Refused:
        try:
            offer_id = _offer_token(bytes(offer.token)).id
        except (msgspec.DecodeError, ValueError):
            return Refused(kind="invalid", detail="not an offer of Duffel's")

        def understand(answer: bytes) -> SupplierOffer:
            return supplier_offer(_offer(answer).data, self._clock.now_ms())

        found = await self._read(asked("GET", f"/air/offers/{offer_id}"), understand)
        if isinstance(found, Refusal):
            return Refused(kind=found.kind, detail=found.message)
        if found[0].expires_at <= self._clock.now_ms():
            return Refused(kind="expired", detail="expired")
        return found

    async def _read(
        self, request: Request, understand: Callable[[bytes], T]
    ) -> Readable[T] | Refusal:
        headers = {
            "authorization": "Bearer duffel_test_simulation",
            "duffel-version": "v2",
            "accept": "application/json",
            "content-type": "application/json",
        }

        async def call() -> Readable[T] | Refusal:
            response, moment = await self._exchange(replace(request, headers=headers))
            if response.status in (200, 201):
                return understood(understand, response.body), moment
            now = self._clock.now_ms() / 1_000
            return refusal(response.status, dict(response.headers), response.body, now)

        return await self._through_the_door(call)


def asked(
    method: str, path: str, params: Mapping[str, str] | None = None, *, body: bytes = b""
) -> Request:
    """Without the headers that say who asks."""
    query = tuple((params or {}).items())
    return Request(
        method=method,
        path=path,
        query=query,
        headers={},
        body=body,
        target=f"{path}?{urlencode(query)}",
    )


def _found(answer: Readable[list[SupplierOffer]] | WireError) -> list[SupplierOffer]:
    """Raises `Rejected` when Amadeus finds the query wrong."""
    if not isinstance(answer, WireError):
        return answer[0]
    if answer.verdict in NO_SUCH:
        return []
    raise wrong_query()


def _granted(answer: Readable[T] | Refusal) -> T:
    """422 is about the search; any other refusal means that we asked wrongly."""
    if not isinstance(answer, Refusal):
        return answer[0]
    raise wrong_query() if answer.status == 422 else Unavailable()


def _priced(
    answer: Readable[SupplierOffer | Refused] | WireError,
) -> Readable[SupplierOffer] | Refused:
    if isinstance(answer, WireError):
        return answer.refused
    now, moment = answer
    return now if isinstance(now, Refused) else (now, moment)


def _flight_today(answer: bytes, now: int, before: SupplierOffer) -> SupplierOffer | Refused:
    (raw,) = _pricing(answer).data.flight_offers
    return amadeus_flights.priced_offer(raw, now, before)


def _room_today(answer: bytes, now: int, query: HotelQuery) -> SupplierOffer | Refused:
    found = _hotel_pricing(answer).data
    if not (found.available and found.offers):
        return Refused(kind="sold_out", detail="the room is not available any more")
    return amadeus_hotels.room_offer(found.hotel, found.offers[0], query.party, now)


_token: Final = msgspec.json.Decoder(dict[str, Any]).decode
_flight_offers: Final = msgspec.json.Decoder(amadeus_wire.FlightOffers).decode
_pricing: Final = msgspec.json.Decoder(amadeus_wire.Pricing).decode
_hotel_list: Final = msgspec.json.Decoder(amadeus_wire.HotelList).decode
_hotels_found: Final = msgspec.json.Decoder(amadeus_wire.HotelsFound).decode
_hotel_pricing: Final = msgspec.json.Decoder(amadeus_wire.HotelPricing).decode
_offer_request: Final = msgspec.json.Decoder(duffel_wire.OfferRequestAnswer).decode
_offers: Final = msgspec.json.Decoder(duffel_wire.OffersAnswer).decode
_offer: Final = msgspec.json.Decoder(duffel_wire.OfferAnswer).decode
_offer_token: Final = msgspec.json.Decoder(duffel_wire.OfferToken).decode
