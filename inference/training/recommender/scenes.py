"""Searches as people make them, played: real places of the catalogue, offers drawn by chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
from msgspec import Raw
from numpy.random import Generator

from core.ports.inference import Circumstances
from inference.recommender.features import features_of
from inference.recommender.taste import Floats
from inference.training.understanding.places import catalogue
from protocol.frames import Money
from protocol.travel import (
    Details,
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Iata,
    Itinerary,
    Offer,
    Party,
    Place,
    Query,
    Segment,
    SupplierOffer,
)
from protocol.understanding import Budget

CANDIDATES: Final = 20
NIGHTS: Final = 5
KINDS: Final = ("places", "hotels", "flights")
Kind = Literal["places", "hotels", "flights"]
_BOARDS: Final = ("ROOM_ONLY", "BREAKFAST", "HALF_BOARD", "ALL_INCLUSIVE", None)


@dataclass(frozen=True, slots=True)
class Scenes:
    """`features` [scenes, 20, features]; `kinds` [scenes]: places in `KINDS`."""

    features: Floats
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.kinds)


def destinations() -> list[Place]:
    """Those of the catalogue that have a code."""
    found = (entry.place for entry in catalogue())
    return [place for place in found if place.kind == "destination" and place.iata]


def scenes(count: int, rng: Generator) -> Scenes:
    """Half of places, the rest of rooms and flights; each with a month, half with a budget."""
    everywhere = destinations()
    by_code = {place.iata: place for place in everywhere if place.iata}
    kinds = rng.choice(len(KINDS), size=count, p=(0.5, 0.3, 0.2))
    rows = [_scene(KINDS[kind], everywhere, by_code, rng) for kind in kinds]
    return Scenes(np.array(rows), kinds)


def _scene(
    kind: Kind, everywhere: Sequence[Place], by_code: Mapping[Iata, Place], rng: Generator
) -> list[tuple[float, ...]]:
    day = date(2027, 1, 1) + timedelta(days=int(rng.integers(0, 360)))
    places = [
        everywhere[at] for at in rng.choice(len(everywhere), size=CANDIDATES + 1, replace=False)
    ]
    level = float(np.exp(rng.normal(5.0, 0.4)))
    budget = None
    if rng.random() < 0.5:
        nightly = round(level * float(rng.uniform(0.6, 1.6)))
        budget = Budget(amount=nightly, currency="EUR", per="night" if kind == "hotels" else None)
    about = Circumstances(month=day.month, budget=budget, home=places[-1].at)
    if kind == "places":
        return list(features_of(places[:-1], about, places=by_code))
    make = _room if kind == "hotels" else _flight
    offers = [make(place, day, level, rng) for place in places[:-1]]
    return list(features_of(offers, about, places=by_code))


def _room(place: Place, day: date, level: float, rng: Generator) -> Offer:
    leaves = day + timedelta(days=NIGHTS)
    stars = int(rng.integers(1, 6)) if rng.random() < 0.85 else None
    nightly = level * np.exp(0.25 * ((stars or 3) - 3) + rng.normal(0, 0.3))
    details = HotelDetails(
        hotel_id="H",
        name="H",
        check_in=day.isoformat(),
        check_out=leaves.isoformat(),
        board=_BOARDS[int(rng.integers(len(_BOARDS)))],
        stars=stars,
        free_until=1 if rng.random() < 0.5 else None,
    )
    query = HotelQuery(
        city=place.iata or "",
        check_in=details.check_in,
        check_out=details.check_out,
        party=Party(adults=2),
    )
    return _offer(query, details, float(nightly) * NIGHTS)


def _flight(place: Place, day: date, level: float, rng: Generator) -> Offer:
    stops = int(rng.choice(3, p=(0.4, 0.4, 0.2)))
    minutes = int(np.exp(rng.normal(5.2, 0.5))) + 130 * stops
    segment = Segment(
        carrier="YY",
        number="1",
        origin="AAA",
        destination=place.iata or "",
        departs=f"{day}T08:00:00",
        arrives=f"{day}T10:00:00",
    )
    details = FlightDetails(
        itineraries=(Itinerary(segments=(segment,) * (stops + 1), minutes=minutes),),
        checked_bags=int(rng.integers(0, 3)) if rng.random() < 0.8 else None,
        is_refundable=bool(rng.random() < 0.3) if rng.random() < 0.7 else None,
    )
    query = FlightQuery(
        origin="AAA",
        destination=place.iata or "",
        depart_on=day.isoformat(),
        party=Party(adults=2),
    )
    return _offer(query, details, level * float(np.exp(rng.normal(0.3 - 0.15 * stops, 0.3))))


def _offer(query: Query, details: Details, total: float) -> Offer:
    source = SupplierOffer(
        supplier="played",
        token=Raw(b"{}"),
        total=Money(amount=max(1, round(total * 100)), currency="EUR"),
        fetched_at=0,
        expires_at=0,
        can_hold=False,
        details=details,
    )
    return Offer(id="offer", query=query, source=source)
