"""What is known of a place or an offer, as a vector of `schema.FEATURES` (pure)."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import median
from typing import Final

from core.ports.inference import Circumstances
from inference.recommender.schema import AT, TAGS, TAGS_UNKNOWN, unknown
from protocol.money import exponent
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    GeoPoint,
    HotelDetails,
    Iata,
    MonthClimate,
    Offer,
    Place,
)
from protocol.understanding import Budget

ONE_NIGHT_AT_MOST: Final = 500.0
"""Major units. A budget for a stay up to this, with nothing said of what it is per, is one night's."""

_BOARD: Final = {
    "ROOM_ONLY": 0.0,
    "SELF_CATERING": 0.0,
    "BREAKFAST": 1 / 3,
    "HALF_BOARD": 2 / 3,
    "FULL_BOARD": 1.0,
    "ALL_INCLUSIVE": 1.0,
}

Vector = tuple[float, ...]


def features_of(
    items: Sequence[Offer | Place],
    about: Circumstances,
    *,
    places: Mapping[Iata, Place],
) -> list[Vector]:
    """One vector per item. `places`: by the code of their city, for what an offer does not say of
    where it leads."""
    usual = _usual(items)
    return [
        tuple(
            round(number, 4)
            for number in (
                _of_place(item, about)
                if isinstance(item, Place)
                else _of_offer(item, about, places.get(_city(item)), usual)
            )
        )
        for item in items
    ]


def _of_place(place: Place, about: Circumstances) -> list[float]:
    vector = unknown()
    vector[AT["kind.place"]] = 1.0
    _say_where(vector, place, about.month)
    _say(vector, "price.level", None if place.price_level is None else (place.price_level - 3) / 2)
    _say_distance(vector, place.at, about.home)
    return vector


def _of_offer(
    offer: Offer,
    about: Circumstances,
    place: Place | None,
    usual: Mapping[tuple[str, str], float],
) -> list[float]:
    vector, details = unknown(), offer.source.details
    vector[AT[f"kind.{'flight' if isinstance(details, FlightDetails) else 'hotel'}"]] = 1.0
    if place is not None:
        _say_where(vector, place, _month(offer))
        _say_distance(vector, place.at, about.home)
    total = offer.source.total
    spent = _share_of(about.budget, offer)
    _say(vector, "price.budget", None if spent is None else _log(spent, 1.5))
    median_total = usual.get(_peers(offer))
    if median_total and total.amount > 0:
        _say(vector, "price.peers", _log(total.amount / median_total, 1.5))
    if isinstance(details, FlightDetails):
        _say_flight(vector, details)
    else:
        _say_hotel(vector, details, about.home)
    return vector


def _say_where(vector: list[float], place: Place, month: int | None) -> None:
    if place.tags or place.kind == "destination":
        vector[AT[TAGS_UNKNOWN]] = 0.0
        for tag in set(place.tags) & set(TAGS):
            vector[AT[f"tags.{tag}"]] = 1.0
    months = place.climate if month is None else place.climate[month - 1 : month]
    if months:
        warmth, rain = _mean(months)
        _say(vector, "climate.warmth", (warmth - 20) / 10)
        _say(vector, "climate.rain", min(rain / 100, 3.0))
    if place.population:
        _say(vector, "size", max(-2.0, min(2.0, math.log10(place.population) - 5)))


def _say_flight(vector: list[float], details: FlightDetails) -> None:
    ways = [len(way.segments) for way in details.itineraries if way.segments]
    _say(vector, "stops", min(max(ways) - 1, 2) - 0.5 if ways else None)
    minutes = [way.minutes for way in details.itineraries if way.minutes]
    if minutes and len(minutes) == len(details.itineraries):
        _say(vector, "duration", _log(sum(minutes) / len(minutes) / 240, 1.5))
    refundable = details.is_refundable
    _say(vector, "refundable", None if refundable is None else float(refundable))
    bags = details.checked_bags
    _say(vector, "bags", None if bags is None else float(min(bags, 2)))


def _say_hotel(vector: list[float], details: HotelDetails, home: GeoPoint | None) -> None:
    _say(vector, "stars", None if details.stars is None else (details.stars - 3) / 2)
    _say(vector, "board", _BOARD.get((details.board or "").upper()))
    # None may mean that it always costs or that nobody said: only what is known counts.
    _say(vector, "refundable", None if details.free_until is None else 1.0)
    if details.at is not None:
        _say_distance(vector, details.at, home)


def _say_distance(vector: list[float], at: GeoPoint, home: GeoPoint | None) -> None:
    _say(vector, "distance", None if home is None else math.log1p(home.km_to(at) / 1_000) - 1)


def _say(vector: list[float], name: str, number: float | None) -> None:
    if number is not None:
        vector[AT[name]] = number
        vector[AT[f"{name}.unknown"]] = 0.0


# Prices.


def _usual(items: Sequence[Offer | Place]) -> dict[tuple[str, str], float]:
    """The median total by kind and currency; none of one alone, which is like nothing but itself."""
    totals: dict[tuple[str, str], list[int]] = {}
    for item in items:
        if isinstance(item, Offer):
            totals.setdefault(_peers(item), []).append(item.source.total.amount)
    return {peers: median(found) for peers, found in totals.items() if len(found) > 1}


def _peers(offer: Offer) -> tuple[str, str]:
    return type(offer.query).__name__, offer.source.total.currency


def _share_of(budget: Budget | None, offer: Offer) -> float | None:
    """Its cost as a share of the budget; None where they cannot be compared: there are no rates here."""
    total, party = offer.source.total, offer.query.party
    if budget is None or budget.currency not in (None, total.currency) or budget.amount <= 0:
        return None
    shares = 1
    if isinstance(offer.source.details, HotelDetails):
        is_nightly = budget.per is None and budget.amount <= ONE_NIGHT_AT_MOST
        if budget.per in ("night", "person_night") or is_nightly:
            shares = _nights(offer.source.details)
    if budget.per in ("person", "person_night"):
        shares *= party.adults + len(party.children_ages)
    most = budget.amount * float(10 ** exponent(total.currency)) * shares
    return total.amount / most if total.amount > 0 else None


def _nights(details: HotelDetails) -> int:
    stay = date.fromisoformat(details.check_out) - date.fromisoformat(details.check_in)
    return max(stay.days, 1)


# What a query says.


def _city(offer: Offer) -> Iata:
    query = offer.query
    return query.destination if isinstance(query, FlightQuery) else query.city


def _month(offer: Offer) -> int:
    query = offer.query
    day = query.depart_on if isinstance(query, FlightQuery) else query.check_in
    return date.fromisoformat(day).month


def _mean(months: Sequence[MonthClimate]) -> tuple[float, float]:
    count = len(months)
    return sum(one.mean for one in months) / count, sum(one.rain for one in months) / count


def _log(ratio: float, most: float) -> float:
    return max(-most, min(most, math.log(ratio)))
