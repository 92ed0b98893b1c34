"""From offers to a quote, and from what was quoted to the parts of a booking (pure)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import to_builtins
from msgspec.structs import replace

from actors.booking.state import Part, Provider
from core.errors import PriceChanged, Rejected
from core.ports.bookings import Quote, QuotedItem
from core.ports.inventory import Capabilities
from core.ports.payments import Payments
from core.texts import sentence
from protocol.booking import (
    QuoteAnswered,
    QuoteItem,
    QuoteTrip,
    QuoteView,
)
from protocol.cards import title_of
from protocol.frames import Money
from protocol.parties import MOST_AT_ONCE, components, seated
from protocol.travel import (
    Details,
    FlightDetails,
    FlightQuery,
    HotelDetails,
    Offer,
    OfferKind,
    Party,
    Query,
    SupplierOffer,
)

MAX_ITEMS: Final = 10
_UNKNOWN_OFFER: Final = sentence("There is no such offer.")
_ONE_FLIGHT: Final = sentence("A trip holds at most one flight offer, there and back included.")
_CHANGED: Final = sentence("The price has changed. Look at the new one before you book.")
_EITHER: Final = sentence("Name offers, or a poll that something has won, not both.")


def asked_poll(command: QuoteTrip) -> tuple[str, str] | None:
    """The room and the poll whose winner is asked about. Raises `Rejected`."""
    if command.poll_id is None:
        return None
    if command.offer_ids:
        raise Rejected("bad_request", _EITHER, fields=[("offerIds", _EITHER)])
    if command.room_id is None:
        text = "Say in which room the poll is."
        raise Rejected("bad_request", text, fields=[("roomId", text)])
    return command.room_id, command.poll_id


def asked_offers(command: QuoteTrip) -> list[str]:
    """The offers that are asked about, each once. Raises `Rejected`."""
    offers = list(dict.fromkeys(command.offer_ids or ()))
    if not 0 < len(offers) <= MAX_ITEMS:
        text = "Name 1 to {limit} offers."
        raise Rejected(
            "bad_request", text, fields=[("offerIds", text)], params={"limit": MAX_ITEMS}
        )
    return offers


def unknown_offer(place: int) -> Rejected:
    """`place`: among those that were named."""
    return Rejected("not_found", _UNKNOWN_OFFER, fields=[(f"offerIds[{place}]", _UNKNOWN_OFFER)])


def demand_one_flight(offers: Sequence[Offer]) -> None:
    """Raises `Rejected`."""
    if sum(isinstance(offer.query, FlightQuery) for offer in offers) > 1:
        raise Rejected("bad_request", _ONE_FLIGHT, fields=[("offerIds", _ONE_FLIGHT)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing to be priced: what was shown, and the search that its party would have made."""

    part_id: str
    shown: Offer
    query: Query


def wishes(offers: Sequence[Offer], command: QuoteTrip, most: Callable[[Offer], int]) -> list[Wish]:
    """A flight for more than `most` says can be booked at once is several orders. Raises `Rejected`."""
    found: list[Wish] = []
    for offer, part_id in zip(offers, part_ids(offers), strict=True):
        query = wanted_query(offer, command)
        parties: Sequence[Party] | None = (query.party,)
        if isinstance(query, FlightQuery):
            parties = components(query.party, most(offer))
        if parties is None:
            raise Rejected(
                "conflict",
                "At most {limit} travellers are booked at once, and children fly with an adult: "
                "there are too few adults for that.",
                params={"limit": most(offer)},
            )
        for number, party in enumerate(parties, 1):
            id = part_id if number == 1 else f"{part_id}{number}"
            found.append(Wish(part_id=id, shown=offer, query=replace(query, party=party)))
    return found


def demand_seats(items: Sequence[QuotedItem]) -> None:
    """That a flight which takes several orders has seats for them all, as far as its supplier says. Raises
    `Rejected`."""
    flights = [item for item in items if isinstance(item.offer.details, FlightDetails)]
    wanted = min(MOST_AT_ONCE, sum(seated(item.query.party) for item in flights))
    if len(flights) < 2:
        return
    for item in flights:
        details = item.offer.details
        left = details.seats if isinstance(details, FlightDetails) else None
        if left is not None and left < wanted:
            raise Rejected(
                "conflict",
                "There are only {count} seats left on this flight. Choose another one.",
                params={"count": left},
            )


def wanted_query(offer: Offer, command: QuoteTrip) -> Query:
    """The search that this party would have made."""
    query = offer.query
    party = Party(
        adults=command.adults,
        children_ages=tuple(command.children_ages or ()),
        rooms=command.rooms or query.party.rooms,
    )
    if not isinstance(query, FlightQuery):
        return replace(query, party=party)
    cabin = _cabin(command.cabin) or query.cabin
    return replace(query, party=replace(party, rooms=query.party.rooms), cabin=cabin)


def _cabin(
    named: str | None,
) -> Literal["economy", "premium_economy", "business", "first"] | None:
    match named:
        case None | "economy" | "premium_economy" | "business" | "first":
            return named
        case _:
            text = sentence("This is no cabin: economy, premium_economy, business or first.")
            raise Rejected("bad_request", text, fields=[("cabin", text)])


def same_thing(offers: Sequence[Offer], wanted: Offer) -> Offer | None:
    """The cheapest of `offers` that is the same flights, or the same room of the same hotel: in the same fare,
    where there is one."""
    sought, fare = _likeness(wanted.source.details), _fare(wanted.source.details)
    alike = [one for one in offers if _likeness(one.source.details) == sought]
    return next(
        (one for one in alike if _fare(one.source.details) == fare), next(iter(alike), None)
    )


def _fare(details: Details) -> object:
    """Bags, and money back. What a supplier does not say is not promised."""
    if isinstance(details, HotelDetails):
        return details.free_until is not None
    cabins = [leg.cabin for way in details.itineraries for leg in way.segments]
    return cabins, details.checked_bags or 0, bool(details.is_refundable)


def _likeness(details: Details) -> object:
    if isinstance(details, HotelDetails):
        return (
            details.hotel_id,
            details.check_in,
            details.check_out,
            details.room.casefold(),
            details.board,
        )
    return tuple(
        (leg.carrier, leg.number, leg.origin, leg.destination, leg.departs)
        for way in details.itineraries
        for leg in way.segments
    )


def part_ids(offers: Sequence[Offer]) -> list[str]:
    """`f` for a flight, `h1`, `h2`, … for stays."""
    stays = 0
    ids = []
    for offer in offers:
        if isinstance(offer.query, FlightQuery):
            ids.append("f")
        else:
            stays += 1
            ids.append(f"h{stays}")
    return ids


def total_of(items: Sequence[QuotedItem]) -> Money:
    """Raises `Rejected` unless all are in one currency."""
    currencies = {item.offer.total.currency for item in items}
    if len(currencies) != 1:
        raise Rejected(
            "conflict",
            "These offers are in different currencies ({currencies}), and a trip is paid in one.",
            params={"currencies": ", ".join(sorted(currencies))},
        )
    return Money(amount=sum(item.offer.total.amount for item in items), currency=currencies.pop())


def view_of(quote: Quote) -> QuoteView:
    """As clients see it."""
    items = [
        QuoteItem(
            part_id=item.part_id,
            offer_id=item.offer_id,
            kind=kind_of(item),
            title=title_of(item.offer.details),
            supplier=item.offer.supplier,
            total=item.offer.total,
            previous=item.previous,
            expires_at=item.offer.expires_at,
            can_hold=item.offer.can_hold,
            details=to_builtins(item.offer.details),
            travellers=_travellers(quote.items, item),
        )
        for item in quote.items
    ]
    return QuoteView(quote_id=quote.id, items=items, total=quote.total, expires_at=quote.expires_at)


def _travellers(items: Sequence[QuotedItem], item: QuotedItem) -> int | None:
    """For how many it is, where it is one of several orders for a flight."""
    if kind_of(item) != "flight" or sum(kind_of(one) == "flight" for one in items) < 2:
        return None
    return item.query.party.adults + len(item.query.party.children_ages)


def answer_of(quote: Quote) -> QuoteAnswered:
    """Raises `PriceChanged` when something costs another amount than was shown."""
    shown = view_of(quote)
    if any(item.previous is not None for item in quote.items):
        raise PriceChanged(shown, _CHANGED)
    return QuoteAnswered(
        quote_id=shown.quote_id,
        items=shown.items,
        total=shown.total,
        expires_at=shown.expires_at,
    )


def kind_of(item: QuotedItem) -> OfferKind:
    """Of its offer."""
    return "flight" if isinstance(item.query, FlightQuery) else "hotel"


def part_of_item(item: QuotedItem, found: Capabilities | None, *, is_issued: bool) -> Part:
    """A part of the booking. `is_issued`: somebody here can issue what its supplier does not. Raises
    `Rejected` where it cannot be booked."""
    kind = kind_of(item)
    if found is None:
        raise Rejected("conflict", "The supplier of this offer is not there any more.")
    if found.only_browsing:
        raise Rejected("conflict", found.only_browsing)
    if kind == "flight" and found.issue == "explicit" and not is_issued:
        raise Rejected(
            "conflict", "Nobody here can issue tickets for this flight: it is for browsing only."
        )
    party = item.query.party
    if kind == "flight" and seated(party) > found.most_travellers:
        raise Rejected(
            "conflict",
            "This supplier books at most {limit} travellers at once.",
            params={"limit": found.most_travellers},
        )
    return Part(
        id=item.part_id,
        kind=kind,
        query=item.query,
        offer=item.offer,
        total=item.offer.total,
        holds=found.hold != "none" and item.offer.can_hold,
        cancels=found.cancel,
        issues=found.issue,
        finds=found.finds_by_reference or (kind == "flight" and found.issue == "explicit"),
        offer_id=item.offer_id,
    )


def provider_of(payments: Payments | None, currency: str) -> Provider:
    """The facts about it that the booking keeps. Raises `Rejected` where it cannot be paid with."""
    if payments is None:
        raise Rejected(
            "unavailable",
            "Nothing can be paid here: no payment provider is set up.",
            temporary=False,
        )
    unit = payments.unit(currency)
    if unit is None:
        raise Rejected(
            "conflict",
            "The payment provider does not take {currency}. Ask for offers in another currency.",
            params={"currency": currency},
        )
    found = payments.capabilities
    return Provider(
        name=payments.name,
        unit=unit,
        least=payments.least(currency),
        most=payments.most(currency),
        holds_for=round(found.holds_for * 1_000),
        replays_for=round(found.replays_for * 1_000),
    )


def others_of(others: Iterable[Payments], own: Provider, currency: str) -> tuple[Provider, ...]:
    """With whom shares may be paid too: those who take every amount that `own` takes, since everything
    is split in its units."""
    found = []
    for payments in others:
        unit = payments.unit(currency)
        if unit is None or own.unit % unit:
            continue
        if payments.least(currency) <= own.least and own.most <= payments.most(currency):
            found.append(provider_of(payments, currency))
    return tuple(found)


def priced_item(
    part_id: str, offer: Offer, source: SupplierOffer, previous: Money | None
) -> QuotedItem:
    """`previous`: the total that was shown, where it was another."""
    return QuotedItem(
        part_id=part_id,
        offer_id=offer.id,
        query=offer.query,
        offer=source,
        previous=previous,
    )
