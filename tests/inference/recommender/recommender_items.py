"""Places and offers for the recommender's tests."""

from typing import Any

from msgspec import Raw

from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    GeoPoint,
    HotelDetails,
    HotelQuery,
    Itinerary,
    MonthClimate,
    Offer,
    Party,
    Place,
    Segment,
    SupplierOffer,
)


def a_place(name: str = "lisbon-pt", **fields: Any) -> Place:
    given: dict[str, Any] = {
        "id": name,
        "kind": "destination",
        "names": {"en": name},
        "country": "PT",
        "at": GeoPoint(latitude=38.725, longitude=-9.15),
        "time_zone": "Europe/Lisbon",
        "iata": "LIS",
        "climate": tuple(MonthClimate(mean=10.0 + month, rain=50) for month in range(12)),
        "price_level": 2,
        "population": 500_000,
        "tags": ("capital", "coast"),
    }
    return Place(**(given | fields))


def a_room(total: int = 50_000, *, currency: str = "EUR", **details: Any) -> Offer:
    given: dict[str, Any] = {
        "hotel_id": "H",
        "name": "H",
        "check_in": "2027-05-01",
        "check_out": "2027-05-06",
    }
    query = HotelQuery(
        city="LIS", check_in="2027-05-01", check_out="2027-05-06", party=Party(adults=2)
    )
    return _offer(query, HotelDetails(**(given | details)), total, currency)


def a_flight(
    total: int = 20_000, *, stops: int = 0, minutes: int | None = 150, **details: Any
) -> Offer:
    segment = Segment(
        carrier="YY",
        number="1",
        origin="BER",
        destination="LIS",
        departs="2027-05-01T08:00:00",
        arrives="2027-05-01T10:00:00",
    )
    ways = (Itinerary(segments=(segment,) * (stops + 1), minutes=minutes),)
    query = FlightQuery(
        origin="BER", destination="LIS", depart_on="2027-05-01", party=Party(adults=2)
    )
    return _offer(query, FlightDetails(itineraries=ways, **details), total, "EUR")


def _offer(query: Any, details: Any, total: int, currency: str) -> Offer:
    source = SupplierOffer(
        supplier="played",
        token=Raw(b"{}"),
        total=Money(amount=total, currency=currency),
        fetched_at=0,
        expires_at=0,
        can_hold=False,
        details=details,
    )
    return Offer(id="offer", query=query, source=source)
