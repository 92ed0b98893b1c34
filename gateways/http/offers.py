"""Flights and rooms on offer: searching all suppliers, and asking for today's price."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta, field
from msgspec.structs import replace

from core.ports.catalogue import Catalogue
from core.ports.travel_search import SupplierState
from core.texts import sentence, translate
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.cards import OfferCard, offer_card
from protocol.frames import Money
from protocol.parties import MOST_AT_ONCE, components
from protocol.travel import Cabin, FlightQuery, HotelQuery, OfferKind, Party, Query

A_DAY: Final = timedelta(days=1)
"""A search may begin on a day that is over here: somewhere it is not."""

FURTHEST: Final = timedelta(days=359)
MOST_CHILD_AGE: Final = 17
_IATA: Final = re.compile(r"[A-Z]{3}\Z")
_PLACE: Final = sentence("This needs an IATA code, such as LIS, or the id of a place that has one.")
_RULES: Final = {
    "from": _PLACE,
    "to": sentence("This needs an IATA code, such as LIS, of another place than `from`."),
    "place": _PLACE,
    "start": sentence("This needs a day from today to 359 days ahead, such as 2027-05-14."),
    "end": sentence("This needs a day after the start, such as 2027-05-21."),
    "childrenAges": sentence("This needs ages from 0 to 17 with commas between, such as 4,11."),
}


_NOT_OF_FLIGHTS: Final = sentence("This means something only for `kind=hotel`.")
_NOT_OF_HOTELS: Final = sentence("This means something only for `kind=flight`.")

PlaceName = Annotated[str, Meta(max_length=64)]


class Wanted(Body, frozen=True):
    """A search. `from`, `to` and `place`: IATA codes, or ids of places. Flights need `from`, `to`
    and `start` (and `end` to come back), rooms `place`, `start` and `end`. `children_ages`:
    `4,11`."""

    kind: OfferKind
    start: str
    end: str | None = None
    origin: PlaceName | None = field(default=None, name="from")
    destination: PlaceName | None = field(default=None, name="to")
    place: PlaceName | None = None
    adults: Annotated[int, Meta(ge=1, le=50)] = 1
    children_ages: Annotated[str, Meta(max_length=150)] = ""
    rooms: Annotated[int, Meta(ge=1, le=50)] | None = None
    cabin: Cabin | None = None


class SupplierItem(View, frozen=True):
    """What became of asking one supplier."""

    name: str
    state: SupplierState


class OfferItems(View, frozen=True):
    """Cheapest first. `partial`: somebody has not answered, and the same search again may show more. `note`:
    where the prices are for some of the travellers only, since so many are not booked at once."""

    items: list[OfferCard]
    partial: bool
    suppliers: list[SupplierItem]
    note: str | None = None


class PricedOffer(View, frozen=True):
    """`previous`: the total before, where it was another (`changed`)."""

    offer: OfferCard
    changed: bool
    previous: Money | None


async def find_offers(call: Call) -> Reply:
    """Ask all suppliers."""
    who, wanted, catalogue = call.of(), call.query, call.ports.catalogue
    codes = {
        "from": await _code(catalogue, wanted.origin),
        "to": await _code(catalogue, wanted.destination),
        "place": await _code(catalogue, wanted.place),
    }
    today = datetime.fromtimestamp(call.ports.business.business_ms() / 1_000, UTC).date()
    query = _query(wanted, codes, today)
    searched = _most_at_once(query)
    found = await call.ports.travel.search(who.tenant_id, who.user_id, searched)
    answer = OfferItems(
        items=[offer_card(offer) for offer in found.offers],
        partial=found.is_partial,
        suppliers=[SupplierItem(name=one.name, state=one.state) for one in found.suppliers],
        note=_note(query.party, searched.party, call.locale),
    )
    return json_reply(answer)


def _most_at_once(query: Query) -> Query:
    """A flight for more than are booked at once is searched for the largest part of them, as it would be
    ordered."""
    if not isinstance(query, FlightQuery):
        return query
    parties = components(query.party) or (query.party,)
    return replace(query, party=parties[0])


def _note(asked: Party, searched: Party, locale: str) -> str | None:
    if asked == searched:
        return None
    return translate(
        "Airlines book at most {limit} travellers at once: these prices are for {count} of your {all}. "
        "A quote says what all of you pay.",
        locale,
        {"limit": MOST_AT_ONCE, "count": _people(searched), "all": _people(asked)},
    )


def _people(party: Party) -> int:
    return party.adults + len(party.children_ages)


async def price_offer(call: Call) -> Reply:
    """Ask the supplier what an offer costs now."""
    priced = await call.ports.travel.price(call.of().tenant_id, call.path["id"])
    is_changed = priced.previous is not None
    card = offer_card(priced.offer)
    return json_reply(PricedOffer(offer=card, changed=is_changed, previous=priced.previous))


async def _code(catalogue: Catalogue, place: str | None) -> str | None:
    """The IATA code of a place; None for one that has none."""
    if place is None or _IATA.match(place):
        return place
    found = await catalogue.place(place)
    return found.iata if found else None


def _query(wanted: Wanted, codes: Mapping[str, str | None], today: date) -> Query:
    """Raises `InvalidFields`, which names all that is wrong."""
    is_flight = wanted.kind == "flight"
    start, end, ages = _day(wanted.start), _day(wanted.end), _ages(wanted.children_ages)
    origin, destination, place = codes["from"] or "", codes["to"] or "", codes["place"] or ""
    right = {
        "from": not is_flight or origin,
        "to": not is_flight or (destination and destination != origin),
        "place": is_flight or place,
        "start": start is not None and -A_DAY <= start - today <= FURTHEST,
        "end": _may_end(start, end, is_flight) if wanted.end else is_flight,
        "childrenAges": ages is not None,
    }
    wrong = [FieldProblem(name, _RULES[name]) for name, is_right in right.items() if not is_right]
    wrong += _foreign(wanted)
    if wrong:
        raise InvalidFields(wrong)
    party = Party(adults=wanted.adults, children_ages=ages or (), rooms=wanted.rooms or 1)
    if not is_flight:
        return HotelQuery(
            city=place, check_in=wanted.start, check_out=wanted.end or "", party=party
        )
    return FlightQuery(
        origin=origin,
        destination=destination,
        depart_on=wanted.start,
        return_on=wanted.end,
        party=party,
        cabin=wanted.cabin or "economy",
    )


def _foreign(wanted: Wanted) -> Iterator[FieldProblem]:
    """What is said of the other kind, and would be passed over."""
    others: dict[str, object] = (
        {"place": wanted.place, "rooms": wanted.rooms}
        if wanted.kind == "flight"
        else {"from": wanted.origin, "to": wanted.destination, "cabin": wanted.cabin}
    )
    text = _NOT_OF_FLIGHTS if wanted.kind == "flight" else _NOT_OF_HOTELS
    yield from (FieldProblem(name, text) for name, given in others.items() if given is not None)


def _may_end(start: date | None, end: date | None, is_flight: bool) -> bool:
    """One may fly back on the same day; a night is slept."""
    if end is None:
        return False
    return start is None or (A_DAY * 0 if is_flight else A_DAY) <= end - start <= FURTHEST


def _day(text: str | None) -> date | None:
    """None for what is no day as suppliers write it: ISO 8601 has weeks too (`2027-W19-5`)."""
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return day if day is not None and day.isoformat() == text else None


def _ages(text: str) -> tuple[int, ...] | None:
    """None when one of them is no child's."""
    ages = text.split(",") if text else []
    if not all(age.isascii() and age.isdigit() and int(age) <= MOST_CHILD_AGE for age in ages):
        return None
    return tuple(map(int, ages))


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/offers",
        name="findOffers",
        summary="Flights or rooms on offer, of all suppliers",
        handle=find_offers,
        access="login",
        query=Wanted,
        answer=OfferItems,
        errors=("unavailable",),
    ),
    Route(
        method="POST",
        path=f"{API}/offers/{{id}}/price",
        name="priceOffer",
        summary="What an offer costs now",
        handle=price_offer,
        access="login",
        answer=PricedOffer,
        errors=("not_found", "conflict", "gds_timeout"),
    ),
)
