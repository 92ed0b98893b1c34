"""A flight offer as Amadeus writes it, and read back: the JSON is its only identity.

`Offered` is what an offer means; `written` and `understood` are each other's inverse as far as prices
go, which are always today's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from gateways.sandbox import faults
from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.amadeus_params import FLIGHTS_AHEAD, member, one_of, parsed_day
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.fares import Age, Fare, fare
from gateways.sandbox.flights import AIRCRAFT, CARRIERS, Flight
from gateways.sandbox.money import NAMES, RATES, amount, minor
from gateways.sandbox.stock import seats_left

AGES: Final[dict[str, Age]] = {
    "ADULT": "adult",
    "SENIOR": "adult",
    "YOUNG": "adult",
    "STUDENT": "adult",
    "CHILD": "child",
    "SEATED_INFANT": "child",
    "HELD_INFANT": "infant",
}
MAX_SEATED: Final = 9
CUT_OFF_MS: Final = 3_600_000
"""Nothing is sold in the last hour before departure."""

Leg = tuple[Flight, Fare]
Bound = tuple[Leg, ...]
"""One direction: its flights in order, each in a fare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A traveller as an offer knows it."""

    id: str
    kind: str
    with_adult: str | None = None

    @property
    def age(self) -> Age:
        return AGES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Flights, fares and travellers: all that a price follows from."""

    bounds: tuple[Bound, ...]
    payers: tuple[Payer, ...]
    currency: str

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(leg for bound in self.bounds for leg in bound)

    @property
    def seated(self) -> int:
        return sum(1 for each in self.payers if each.age != "infant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One traveller's, in minor units of the offer's currency."""

    base: int
    taxes: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return self.base + sum(units for _, units in self.taxes)


def costs(offered: Offered, setting: Setting) -> dict[str, Cost]:
    """By traveller's id, today."""
    percent = sum(each.percent for each in faults.only(setting.faults, faults.PriceDrift))
    by_age = {
        age: _cost(offered, age, setting, percent) for age in {each.age for each in offered.payers}
    }
    return {each.id: by_age[each.age] for each in offered.payers}


def total(cost: dict[str, Cost]) -> int:
    """The whole offer's."""
    return sum(each.total for each in cost.values())


def seats(setting: Setting, flight: Flight, fare_class: str) -> int:
    """How many are left; none where a rule says so, or when it is about to leave."""
    if flight.departs_at - CUT_OFF_MS < setting.now.business:
        return 0
    for each in faults.only(setting.faults, faults.SellOut):
        if flight.key.startswith(each.flight) and each.fare_class in (None, fare_class):
            return 0
    return seats_left(setting.world, setting.records, flight, fare_class)


def last_ticketing_day(offered: Offered, today: date) -> date:
    """A week from now, or the day before departure."""
    leaves = min(flight.day for flight, _ in offered.legs)
    return max(today, min(today + timedelta(days=7), leaves - timedelta(days=1)))


def written(
    offered: Offered,
    setting: Setting,
    *,
    rank: str,
    segment_ids: Iterator[int],
    cost: dict[str, Cost] | None = None,
) -> Json:
    """As search answers it."""
    cost = costs(offered, setting) if cost is None else cost
    ids = [[str(next(segment_ids)) for _ in bound] for bound in offered.bounds]
    last = last_ticketing_day(offered, setting.now.today)
    left = min(seats(setting, flight, each.fare_class) for flight, each in offered.legs)
    return {
        "type": "flight-offer",
        "id": rank,
        "source": "GDS",
        "instantTicketingRequired": False,
        "nonHomogeneous": False,
        "oneWay": False,
        "lastTicketingDate": str(last),
        "lastTicketingDateTime": f"{last}T23:59:00",
        "numberOfBookableSeats": min(MAX_SEATED, left),
        "itineraries": [
            _itinerary(bound, names) for bound, names in zip(offered.bounds, ids, strict=True)
        ],
        "price": {
            **_sum(cost, offered.currency),
            "fees": _fees(offered.currency, "SUPPLIER", "TICKETING"),
            "grandTotal": amount(total(cost), offered.currency),
        },
        "pricingOptions": {
            "fareType": ["PUBLISHED"],
            "includedCheckedBagsOnly": all(each.bags > 0 for _, each in offered.legs),
        },
        "validatingAirlineCodes": [offered.legs[0][0].service.carrier],
        "travelerPricings": [
            _traveler_pricing(payer, cost[payer.id], offered, ids) for payer in offered.payers
        ],
    }


def priced(posted: Json, offered: Offered, setting: Setting) -> Json:
    """The posted offer at today's price, with taxes: what it does not know, it keeps."""
    cost, currency = costs(offered, setting), offered.currency
    given = {str(each.get("travelerId")): each for each in posted["travelerPricings"]}
    return {
        **posted,
        "lastTicketingDate": str(last_ticketing_day(offered, setting.now.today)),
        "paymentCardRequired": False,
        "price": {
            **_sum(cost, currency),
            "fees": _fees(currency, "SUPPLIER", "TICKETING", "FORM_OF_PAYMENT"),
            "grandTotal": amount(total(cost), currency),
            "billingCurrency": currency,
        },
        "travelerPricings": [
            {**given[payer.id], "price": _taxed(cost[payer.id], currency)}
            for payer in offered.payers
        ],
    }


def understood(posted: Any, setting: Setting, at: str) -> Offered:
    """What a posted offer means; `at` is its JSON pointer. Raises `RefusalError`: 32171 and 477 for
    its shape, 4926 for flights and fares that there are not."""
    pricings = member(posted, "travelerPricings", list, at)
    itineraries = member(posted, "itineraries", list, at)
    price = member(posted, "price", dict, at)
    currency = member(price, "currency", str, f"{at}/price")
    if currency not in RATES:
        raise refused(4926, "No fare applicable", pointer=f"{at}/price/currency")
    payers = tuple(_payer(each, f"{at}/travelerPricings[{i}]") for i, each in enumerate(pricings))
    if len({each.id for each in payers}) < len(payers):
        raise refused(4926, "travelerId twice", pointer=f"{at}/travelerPricings")
    classes = _classes(pricings, at)
    bounds = tuple(
        tuple(
            _leg(segment, classes, setting, f"{at}/itineraries[{i}]/segments[{s}]")
            for s, segment in enumerate(
                member(itinerary, "segments", list, f"{at}/itineraries[{i}]")
            )
        )
        for i, itinerary in enumerate(itineraries)
    )
    return Offered(bounds=bounds, payers=payers, currency=currency)


def dictionaries(offers: Sequence[Offered], setting: Setting) -> Json:
    """What the codes in these offers mean."""
    flights = [flight for each in offers for flight, _ in each.legs]
    airports = {a.code: a for f in flights for a in (f.service.origin, f.service.destination)}
    found: Json = {}
    for code in sorted(airports):
        city = setting.world.at_city(code)
        if city is not None:
            city_code = airports[code].city_code
            found[code] = {"cityCode": city_code, "countryCode": city.country}
    return {
        "locations": found,
        "aircraft": {f.service.aircraft: AIRCRAFT[f.service.aircraft] for f in flights},
        "currencies": {each.currency: NAMES.get(each.currency, each.currency) for each in offers},
        "carriers": {f.service.carrier: CARRIERS[f.service.carrier] for f in flights},
    }


def duration(minutes: int) -> str:
    """ISO 8601: `PT2H10M`."""
    hours, rest = divmod(minutes, 60)
    return f"PT{f'{hours}H' if hours else ''}{f'{rest}M' if rest or not hours else ''}"


def _cost(offered: Offered, age: Age, setting: Setting, percent: float) -> Cost:
    base, taxes = 0, dict[str, int]()
    for bound in offered.bounds:
        price = setting.world.price(bound, setting.now.business, age=age, percent=percent)
        base += minor(price.base, offered.currency)
        for code, cents in price.taxes:
            taxes[code] = taxes.get(code, 0) + minor(cents, offered.currency)
    return Cost(base=base, taxes=tuple(taxes.items()))


def _sum(cost: dict[str, Cost], currency: str) -> Json:
    return {
        "currency": currency,
        "total": amount(total(cost), currency),
        "base": amount(sum(each.base for each in cost.values()), currency),
    }


def _fees(currency: str, *kinds: str) -> list[Json]:
    return [{"amount": amount(0, currency), "type": kind} for kind in kinds]


def _itinerary(bound: Bound, ids: Sequence[str]) -> Json:
    first, last = bound[0][0], bound[-1][0]
    return {
        "duration": duration((last.arrives_at - first.departs_at) // 60_000),
        "segments": [_segment(flight, name) for (flight, _), name in zip(bound, ids, strict=True)],
    }


def _segment(flight: Flight, name: str) -> Json:
    service = flight.service
    return {
        "id": name,
        "departure": {
            "iataCode": service.origin.code,
            "terminal": service.terminals[0],
            "at": flight.departs.isoformat(),
        },
        "arrival": {
            "iataCode": service.destination.code,
            "terminal": service.terminals[1],
            "at": flight.arrives.isoformat(),
        },
        "carrierCode": service.carrier,
        "number": service.number,
        "aircraft": {"code": service.aircraft},
        "operating": {"carrierCode": service.carrier},
        "duration": duration(service.minutes),
        "numberOfStops": 0,
        "blacklistedInEU": False,
    }


def _traveler_pricing(
    payer: Payer, cost: Cost, offered: Offered, ids: Sequence[Sequence[str]]
) -> Json:
    names = [name for bound in ids for name in bound]
    found: Json = {
        "travelerId": payer.id,
        "fareOption": "STANDARD",
        "travelerType": payer.kind,
        "price": _sum({payer.id: cost}, offered.currency),
        "fareDetailsBySegment": [
            {
                "segmentId": name,
                "cabin": each.cabin,
                "fareBasis": each.basis,
                "brandedFare": each.brand,
                "class": each.fare_class,
                "includedCheckedBags": {"quantity": each.bags},
            }
            for (_, each), name in zip(offered.legs, names, strict=True)
        ],
    }
    if payer.with_adult is not None:
        found["associatedAdultId"] = payer.with_adult
    return found


def _taxed(cost: Cost, currency: str) -> Json:
    taxes = sum(units for _, units in cost.taxes)
    return {
        "currency": currency,
        "total": amount(cost.total, currency),
        "base": amount(cost.base, currency),
        "taxes": [{"amount": amount(units, currency), "code": code} for code, units in cost.taxes],
        "refundableTaxes": amount(taxes, currency),
    }


def _payer(posted: Any, at: str) -> Payer:
    name = member(posted, "travelerId", str, at)
    kind = one_of(member(posted, "travelerType", str, at), AGES, f"{at}/travelerType")
    with_adult = posted.get("associatedAdultId")
    return Payer(id=name, kind=kind, with_adult=with_adult if isinstance(with_adult, str) else None)


def _classes(pricings: Sequence[Any], at: str) -> dict[str, str]:
    """Booking class by segment: the same segments and classes for all travellers here."""
    found: dict[str, str] = {}
    for i, pricing in enumerate(pricings):
        here = f"{at}/travelerPricings[{i}]"
        theirs: dict[str, str] = {}
        for s, detail in enumerate(member(pricing, "fareDetailsBySegment", list, here)):
            there = f"{here}/fareDetailsBySegment[{s}]"
            segment, letter = (member(detail, name, str, there) for name in ("segmentId", "class"))
            theirs[segment] = letter
        if theirs != (found or theirs):
            raise refused(4926, "No fare applicable", pointer=f"{here}/fareDetailsBySegment")
        found = theirs
    return found


def _leg(segment: Any, classes: dict[str, str], setting: Setting, at: str) -> Leg:
    name, carrier, number = (
        member(segment, key, str, at) for key in ("id", "carrierCode", "number")
    )
    start, end = (member(segment, key, dict, at) for key in ("departure", "arrival"))
    origin = member(start, "iataCode", str, f"{at}/departure")
    destination = member(end, "iataCode", str, f"{at}/arrival")
    leaves = member(start, "at", str, f"{at}/departure")
    day = parsed_day(leaves[:10])
    if day is None:
        raise refused(477, "must be a local date and time", pointer=f"{at}/departure/at")
    if abs(day - setting.now.today) > timedelta(days=FLIGHTS_AHEAD + 1):
        raise refused(4926, "No fare applicable: too far from today", pointer=at)
    flight = setting.world.flight(carrier, number, origin, destination, day)
    if flight is None or _local(leaves) != flight.departs:
        raise refused(4926, "No such flight", pointer=at)
    if flight.departs_at - CUT_OFF_MS < setting.now.business:
        raise refused(4926, "No fare applicable: the flight has left or closes", pointer=at)
    found = fare(flight, classes.get(name, ""))
    if found is None:
        raise refused(4926, "No fare applicable", pointer=at)
    return flight, found


def _local(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
