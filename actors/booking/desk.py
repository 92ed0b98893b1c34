"""One person's desk: asks suppliers what a trip costs now, and opens bookings."""

from collections.abc import Sequence
from typing import Any, Final

import structlog
import trio

from actors.booking import quoting, wanting
from actors.booking.grouping import assigned
from actors.booking.machine import open_saga
from actors.booking.ports import DeskPorts
from actors.booking.registering import part_of, store
from actors.booking.steps import Opening
from actors.booking.ticketing import last_ticketing_at
from core.actor import Actor, ActorSpec
from core.envelope import Envelope
from core.errors import Overloaded, Rejected, Unavailable
from core.forwarding import forward
from core.identity import Permission, Principal, authorize
from core.ports.bookings import NewBooking, Quote, QuotedItem
from core.texts import sentence
from protocol.booking import BOOKING, DESK, CreateBooking, GetBooking, QuoteTrip
from protocol.parties import MOST_AT_ONCE
from protocol.persona import GlimpseRoom, RoomGlimpsed
from protocol.plan import PLAN, FindWinner, WinnerFound
from protocol.room import ROOM
from protocol.travel import Offer

MAX_QUOTES: Final = 4
"""Of one person at once."""

QUOTE_WITHIN: Final = 58.0
"""Seconds; the contract allows a minute."""

PRICE_TRIES: Final = 3
TRY_AGAIN_AFTER: Final = 0.5
ROOM_WITHIN: Final = 5.0
BOARD_WITHIN: Final = 10.0
_STRANGER: Final = sentence("Participants are people who have joined the room.")
_ALONE: Final = sentence("Without a room, you can only book for yourself.")

log: Final = structlog.get_logger("caravan.bookings")


def spec(ports: DeskPorts) -> ActorSpec:
    """Desks keep nothing: quotes and bookings are rows."""
    return ActorSpec(
        kind=DESK,
        make=lambda user_id: DeskActor(user_id, ports),
        idle_after=60.0,
        mailbox_limit=128,
    )


class DeskActor(Actor[Any]):
    """One user's way to a booking.

    Owns: the number of quotes under way. Borrows: the ports. Lets crash: what it does not know.
    """

    def __init__(self, user_id: str, ports: DeskPorts) -> None:
        self._user_id = user_id
        self._ports = ports
        self._quotes = 0

    async def handle(self, envelope: Envelope[Any]) -> None:
        authorize(envelope.of(), Permission.BOOK_TRAVEL)
        match envelope.message:
            case QuoteTrip():
                if self._quotes >= MAX_QUOTES:
                    raise Overloaded
                self._quotes += 1
                self.context.start_soon(self._quote, envelope)
            case CreateBooking() as command:
                await self._create(envelope, command)
            case unexpected:
                raise TypeError(f"a desk understands no {type(unexpected).__name__}")

    # Quotes.

    async def _quote(self, envelope: Envelope[QuoteTrip]) -> None:
        """A child task: suppliers take their time."""
        try:
            envelope.answer(quoting.answer_of(await self._quoted(envelope)))
        except Rejected as refusal:
            envelope.answer(refusal)
        finally:
            self._quotes -= 1

    async def _quoted(self, envelope: Envelope[QuoteTrip]) -> Quote:
        ports, principal, command = self._ports, envelope.of(), envelope.message
        if command.room_id is not None:
            await self._people(principal, command.room_id)
        named = await self._winner(principal, command) or quoting.asked_offers(command)
        offers = await self._offers(principal, named)
        quoting.demand_one_flight(offers)
        items = await self._priced(principal, quoting.wishes(offers, command, self._most_at_once))
        quoting.demand_seats(items)
        now = ports.business.business_ms()
        quote = Quote(
            id=ports.ids.uuid7(),
            tenant_id=principal.tenant_id,
            user_id=principal.user_id,
            room_id=command.room_id,
            items=items,
            total=quoting.total_of(items),
            created_at=now,
            expires_at=min(item.offer.expires_at for item in items),
        )
        await ports.quotes.add(quote)
        return quote

    async def _winner(self, principal: Principal, command: QuoteTrip) -> list[str]:
        """The offers that have won the poll that is named, if one is; the room's board knows."""
        asked = quoting.asked_poll(command)
        if asked is None:
            return []
        room_id, poll_id = asked
        board = self.context.ref_to(PLAN.at(room_id))
        found = await board.ask(
            FindWinner(poll_id=poll_id), timeout=BOARD_WITHIN, principal=principal
        )
        if not isinstance(found, WinnerFound):
            raise TypeError(f"a board answered {type(found).__name__}")
        return list(dict.fromkeys(found.offer_ids))

    async def _offers(self, principal: Principal, named: list[str]) -> list[Offer]:
        offers = []
        for place, offer_id in enumerate(named):
            offer = await self._ports.offers.get(principal.tenant_id, offer_id)
            if offer is None:
                raise quoting.unknown_offer(place)
            offers.append(offer)
        return offers

    def _most_at_once(self, offer: Offer) -> int:
        """Travellers, at the strictest of the suppliers that have it."""
        found = [MOST_AT_ONCE]
        for source in (offer.source, *offer.others):
            inventory = self._ports.suppliers.inventory(source.supplier)
            able = None if inventory is None else inventory.capabilities("flight")
            found += [] if able is None else [able.most_travellers]
        return min(found)

    async def _priced(
        self, principal: Principal, wishes: Sequence[quoting.Wish]
    ) -> list[QuotedItem]:
        """All of them side by side. Raises `Rejected`: the first that cannot be had says why."""
        until = trio.current_time() + QUOTE_WITHIN
        items: dict[int, QuotedItem] = {}
        refusals: dict[int, Rejected] = {}

        async def price(place: int) -> None:
            try:
                items[place] = await self._item(principal, wishes[place], until)
            except Rejected as refusal:
                refusals[place] = refusal

        async with trio.open_nursery() as nursery:
            for place in range(len(wishes)):
                nursery.start_soon(price, place)
        if refusals:
            raise refusals[min(refusals)]
        return [items[place] for place in range(len(wishes))]

    async def _item(self, principal: Principal, wish: quoting.Wish, until: float) -> QuotedItem:
        """For another party than was searched for, the same thing is searched again."""
        wanted, shown = wish.query, wish.shown
        failed: Rejected | None = None
        for attempt in range(PRICE_TRIES):
            with trio.move_on_at(until):
                if attempt:
                    await trio.sleep(TRY_AGAIN_AFTER)
                try:
                    if wanted == shown.query:
                        offer = shown
                    else:
                        offer = await self._for_party(principal, shown, wanted)
                    priced = await self._ports.travel.price(
                        principal.tenant_id, offer.id, to_book=True
                    )
                except Rejected as refusal:
                    if not refusal.temporary:
                        raise
                    failed = refusal
                    continue
                # A total for another party was never shown.
                previous = priced.previous if offer is shown else None
                return quoting.priced_item(wish.part_id, offer, priced.offer.source, previous)
        raise await self._given_up(principal, shown, failed)

    async def _for_party(self, principal: Principal, shown: Offer, wanted: Any) -> Offer:
        found = await self._ports.travel.search(principal.tenant_id, principal.user_id, wanted)
        offer = quoting.same_thing(found.offers, shown)
        if offer is not None:
            return offer
        if found.is_partial:
            raise Rejected("gds_timeout", "The supplier did not answer in time.")
        raise Rejected(
            "conflict", "This offer cannot be had for these travellers. Please search again."
        )

    async def _given_up(
        self, principal: Principal, shown: Offer, failed: Rejected | None
    ) -> Rejected:
        """A supplier that does not answer has prices that nobody should trust."""
        for supplier in {source.supplier for source in (shown.source, *shown.others)}:
            self._ports.travel.forget(supplier, shown.query)
            await self._ports.quotes.forget_unbooked(principal.tenant_id, supplier, shown.query)
        log.warning(
            "quote.given_up",
            supplier=shown.source.supplier,
            code=failed.code if failed is not None else "gds_timeout",
        )
        return Rejected("gds_timeout", "The supplier did not answer in time.")

    # Bookings.

    async def _create(self, envelope: Envelope[Any], command: CreateBooking) -> None:
        ports, principal = self._ports, envelope.of()
        client_id = command.client_id.lower()
        opened = await ports.bookings.by_client_id(
            principal.tenant_id, principal.user_id, client_id
        )
        if opened is None:
            opened = await self._open(principal, command, client_id)
        forward(envelope, self.context.ref_to(BOOKING.at(opened)), GetBooking(booking_id=opened))

    async def _open(self, principal: Principal, command: CreateBooking, client_id: str) -> str:
        """The booking's id: a new one's, or that of who was faster with the same client id."""
        ports = self._ports
        quote = await ports.quotes.get(principal.tenant_id, command.quote_id)
        room_id = command.room_id or (None if quote is None else quote.room_id)
        people = {principal.user_id}
        if room_id is not None:
            people = await self._people(principal, room_id)
        if quote is None or not self._is_theirs(quote, principal, room_id):
            text = "There is no such quote."
            raise Rejected("not_found", text, fields=[("quoteId", text)])
        if quote.expires_at <= ports.business.business_ms():
            raise Rejected("conflict", "This quote has expired. Ask for a new one.")
        _demand_among(command.participants, people, has_room=room_id is not None)
        wanted = wanting.wanted_booking(command, quote)
        provider = quoting.provider_of(ports.providers.preferred(), quote.total.currency)
        # Right after a restart they are about to begin: that is no reason to refuse for good.
        if not await ports.suppliers.ready():
            raise Unavailable
        opening = Opening(
            booking_id=ports.ids.uuid7(),
            tenant_id=principal.tenant_id,
            room_id=room_id,
            organiser_id=principal.user_id,
            participants=wanted.participants,
            parts=assigned([part_of(ports, item) for item in quote.items], wanted.seats),
            seats=wanted.seats,
            split=wanted.split,
            provider=provider,
            others=quoting.others_of(ports.providers.others(), provider, quote.total.currency),
            last_ticketing_at=last_ticketing_at([item.offer for item in quote.items]),
        )
        step = open_saga(opening, ports.business.business_ms())
        new = NewBooking(
            quote_id=quote.id,
            creator_id=principal.user_id,
            client_id=client_id,
            room_id=room_id,
            total=quote.total,
            created_at=ports.clock.now_ms(),
        )
        return await store(ports, new, step)

    def _is_theirs(self, quote: Quote, principal: Principal, room_id: str | None) -> bool:
        """Who asked for it may book it, and so may whoever has joined the room it was asked in."""
        if quote.user_id == principal.user_id:
            return True
        return quote.room_id is not None and quote.room_id == room_id

    async def _people(self, principal: Principal, room_id: str) -> set[str]:
        """Who has joined, the principal among them. Raises `Rejected`: to others there is no room."""
        ref = self.context.ref_to(ROOM.at(room_id))
        glimpsed = await ref.ask(GlimpseRoom(), timeout=ROOM_WITHIN)
        if not isinstance(glimpsed, RoomGlimpsed):
            raise TypeError(f"a room answered {type(glimpsed).__name__}")
        if principal.user_id not in glimpsed.room.people:
            text = "There is no such room."
            raise Rejected("not_found", text, fields=[("roomId", text)])
        return set(glimpsed.room.people)


def _demand_among(named: list[str], people: set[str], *, has_room: bool) -> None:
    """Raises `Rejected`, naming everybody who is a stranger there."""
    text = _STRANGER if has_room else _ALONE
    wrong = [
        (f"participants[{place}]", text) for place, one in enumerate(named) if one not in people
    ]
    if wrong:
        raise Rejected("bad_request", text, fields=wrong)
