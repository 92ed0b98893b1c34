"""Another flight in the place of one that its airline has changed: found, and opened as a booking of its own."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
from msgspec.structs import replace

from actors.booking import quoting
from actors.booking.flights import distance, leaves_at, names_of, ways_of
from actors.booking.machine import open_saga
from actors.booking.orders import seats_of
from actors.booking.ports import DeskPorts
from actors.booking.registering import part_of, store
from actors.booking.state import Alternative, Part, Saga, Seat
from actors.booking.steps import Opening, ReplacedTold, ReplacementOpened
from actors.booking.supplier_changes import weights_of
from actors.booking.ticketing import last_ticketing_at
from actors.booking.timing import BEFORE_LEAVING, HOUR
from core.errors import Rejected, Unavailable
from core.ids import derived_uuid7
from core.ports.bookings import NewBooking, Quote, QuotedItem, SealedTraveller, Travellers
from core.reference import Ref
from protocol.addresses import Address
from protocol.booking import BOOKING, ReplaceBooking
from protocol.splitting import shared_out
from protocol.suppliers import NotSent, Refused, Unknown
from protocol.travel import FlightDetails, Offer

SEARCH_WITHIN: Final = 8.0
"""Seconds; a look has 20."""

TIME_TO_COLLECT: Final = HOUR
"""A flight that leaves earlier than that after everybody must have paid is none."""

MOST_PRICED: Final = 3
TELL_WITHIN: Final = 15.0

log: Final = structlog.get_logger("caravan.bookings")


class OtherBookings:
    """Implements `ports.TellsReplaced` over the actors of bookings."""

    def __init__(self, ref_to: Callable[[Address], Ref[Any]]) -> None:
        self._ref_to = ref_to

    async def __call__(
        self, booking_id: str, by: str, is_booked: bool
    ) -> ReplacedTold | Refused | Unknown:
        told = ReplaceBooking(by=by, is_booked=is_booked)
        try:
            await self._ref_to(BOOKING.at(booking_id)).ask(told, timeout=TELL_WITHIN)
        except Rejected as refusal:
            if refusal.temporary:
                return Unknown(detail=refusal.code)
            return Refused(kind="invalid", detail=refusal.code)
        return ReplacedTold()


class Rebooker:
    """Implements `ports.Rebooking`. Borrows: the desk's ports, travellers' data."""

    def __init__(self, ports: DeskPorts, travellers: Travellers) -> None:
        self._ports, self._travellers = ports, travellers

    async def find(self, saga: Saga, part: Part) -> Alternative | None:
        """The one whose times are nearest to what was booked, the cheaper of two, at today's price. Nothing, once
        some of the journey was flown. Raises `Rejected`."""
        now = self._ports.business.business_ms()
        if _has_begun(part, now):
            return None
        try:
            found = await self._ports.travel.search(
                saga.tenant_id, saga.organiser_id, part.query, within=SEARCH_WITHIN
            )
        except Rejected as refusal:
            if refusal.temporary:
                raise
            return None
        fitting = [offer for offer in found.offers if self._fits(saga, part, offer, now)]
        if not fitting and found.is_partial:
            raise Unavailable
        fitting.sort(key=lambda offer: _farness(part, offer))
        return await self._priced(saga, part, fitting[:MOST_PRICED])

    async def _priced(self, saga: Saga, part: Part, offers: Iterable[Offer]) -> Alternative | None:
        for offer in offers:
            try:
                priced = await self._ports.travel.price(saga.tenant_id, offer.id, to_book=True)
            except Rejected as refusal:
                log.info("rebooking.not_priced", booking_id=saga.booking_id, code=refusal.code)
                continue
            if self._fits(saga, part, priced.offer, self._ports.business.business_ms()):
                return Alternative(offer_id=offer.id, query=offer.query, offer=priced.offer.source)
        return None

    def _fits(self, saga: Saga, part: Part, offer: Offer, now: int) -> bool:
        """Another flight, in time, that these people can pay as they paid the first."""
        details, total = offer.source.details, offer.source.total
        if not isinstance(details, FlightDetails) or total.currency != saga.total.currency:
            return False
        if total.amount <= 0 or total.amount % saga.provider.unit:
            return False
        if names_of(details.itineraries) == names_of(ways_of(part)):
            return False
        leaves = leaves_at(details.itineraries, now)
        if leaves is None or leaves - BEFORE_LEAVING < now + TIME_TO_COLLECT:
            return False
        try:
            other = part_of(self._ports, _item(part.id, offer.id, offer))
        except Rejected:
            return False
        return other.holds or len(weights_of(saga, part)) == 1

    async def open(
        self, saga: Saga, part: Part, key: str
    ) -> ReplacementOpened | Refused | NotSent | Unknown:
        """Its id and its client's are of `key` alone: a repeat opens nothing more."""
        change = part.change
        if change is None or change.alternative is None:
            return Refused(kind="invalid", detail="there is no other flight")
        client_id = derived_uuid7(saga.created_at, f"{key}:client")
        try:
            fence = self._ports.leases.fence(saga.booking_id)
            opened = await self._ports.bookings.by_client_id(
                saga.tenant_id, saga.organiser_id, client_id
            )
            if opened is not None:
                return ReplacementOpened(booking_id=opened)
            booking_id = derived_uuid7(change.seen_at, key)
            return await self._open(
                saga, part, change.alternative, booking_id, client_id, fence=fence
            )
        except Unavailable as away:
            return Unknown(detail=away.code)
        except Rejected as refusal:
            if refusal.temporary:
                return NotSent(detail=refusal.code)
            return Refused(kind="invalid", detail=refusal.code)

    async def _open(
        self,
        saga: Saga,
        part: Part,
        other: Alternative,
        booking_id: str,
        client_id: str,
        *,
        fence: int,
    ) -> ReplacementOpened | Refused | NotSent:
        ports = self._ports
        priced = await ports.suppliers.reprice(other.offer, other.query)
        if isinstance(priced, Refused):
            return NotSent(detail="quota") if priced.kind == "quota" else priced
        item = QuotedItem(
            part_id="f", offer_id=other.offer_id, query=other.query, offer=priced.offer
        )
        opening = self._opening(saga, part, item, booking_id)
        named = await self._named(saga, booking_id, opening.seats)
        digests = {one.traveller_id: one.digest for one in named}
        seats = tuple(replace(seat, digest=digests.get(seat.id)) for seat in opening.seats)
        now = ports.business.business_ms()
        first = open_saga(dataclasses.replace(opening, seats=seats), now)
        quote = _quote(saga, item, ports.ids.uuid7(), now)
        await ports.quotes.add(quote)
        # Whoever took the booking over opens the other, or hears that it cannot be: then nobody knows of ours.
        if ports.leases.fence(saga.booking_id) != fence:
            return NotSent(detail="the booking was taken over")
        new = NewBooking(
            quote_id=quote.id,
            creator_id=saga.organiser_id,
            client_id=client_id,
            room_id=saga.room_id,
            total=quote.total,
            created_at=ports.clock.now_ms(),
            is_replacement=True,
        )
        return ReplacementOpened(booking_id=await store(ports, new, first, named))

    def _opening(self, saga: Saga, part: Part, item: QuotedItem, booking_id: str) -> Opening:
        ports, total = self._ports, item.offer.total
        weights = weights_of(saga, part)
        provider = quoting.provider_of(ports.providers.preferred(), total.currency)
        amounts = shared_out(total.amount, list(weights.values()), provider.unit)
        details = item.offer.details
        ways = details.itineraries if isinstance(details, FlightDetails) else ()
        leaves = leaves_at(ways, ports.business.business_ms())
        return Opening(
            booking_id=booking_id,
            tenant_id=saga.tenant_id,
            room_id=saga.room_id,
            organiser_id=saga.organiser_id,
            participants=tuple(weights),
            parts=(part_of(ports, item),),
            seats=tuple(replace(seat, digest=None) for seat in seats_of(saga, part)),
            split=dict(zip(weights, amounts, strict=True)),
            provider=provider,
            others=quoting.others_of(ports.providers.others(), provider, total.currency),
            last_ticketing_at=last_ticketing_at([item.offer]),
            collect_until=None if leaves is None else leaves - BEFORE_LEAVING,
            replaces=saga.booking_id,
        )

    async def _named(
        self, saga: Saga, booking_id: str, seats: Sequence[Seat]
    ) -> list[SealedTraveller]:
        """The same people: their data are copied, as far as they are still stored, and are theirs who gave them."""
        stored = await self._travellers.get(saga.tenant_id, saga.booking_id)
        givers = await self._travellers.givers(saga.tenant_id, saga.booking_id)
        return [
            self._travellers.seal(
                saga.tenant_id,
                booking_id,
                stored[seat.id][0],
                by=givers[seat.id],
                document=stored[seat.id][0].document,
            )
            for seat in seats
            if seat.id in stored and seat.id in givers
        ]


def _has_begun(part: Part, now: int) -> bool:
    """Whether some of its flights may have left."""
    ways = ways_of(part)
    return leaves_at(ways, now) != leaves_at(ways, 0)


def _farness(part: Part, offer: Offer) -> tuple[int, int]:
    details = offer.source.details
    ways = details.itineraries if isinstance(details, FlightDetails) else ()
    return distance(ways_of(part), ways), offer.source.total.amount


def _item(part_id: str, offer_id: str, offer: Offer) -> QuotedItem:
    return QuotedItem(part_id=part_id, offer_id=offer_id, query=offer.query, offer=offer.source)


def _quote(saga: Saga, item: QuotedItem, quote_id: str, now: int) -> Quote:
    return Quote(
        id=quote_id,
        tenant_id=saga.tenant_id,
        user_id=saga.organiser_id,
        room_id=saga.room_id,
        items=(item,),
        total=item.offer.total,
        created_at=now,
        expires_at=item.offer.expires_at,
    )
