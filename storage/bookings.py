"""What bookings' stores share."""

from collections.abc import Sequence
from typing import Final

from core.errors import Rejected
from core.ports.bookings import QuotedItem
from protocol.travel import FlightQuery, HotelQuery, Query

BOOKING_TOLD: Final = "booking.told"
"""The outbox's topic of what people are told: the key is the booking's id, `first` the version."""

STUCK_AFTER_MS: Final = 3_600_000
TRAVELLERS_FOR: Final = 30 * 86_400.0
QUOTES_FOR: Final = 30 * 86_400.0
"""Seconds: travellers' data after the booking's end, quotes after they were made."""


def quote_is_taken() -> Rejected:
    """What is said to who opens a second booking on a quote."""
    return Rejected("conflict", "There is a booking on this quote already.")


def route(supplier: str, query: Query) -> str:
    """Supplier, kind and ends of a journey, whenever and whoever travels: what is forgotten together."""
    match query:
        case FlightQuery():
            return f"{supplier} flight {query.origin} {query.destination}"
        case HotelQuery():
            return f"{supplier} hotel {query.city}"


def routes(items: Sequence[QuotedItem]) -> list[str]:
    """Of a quote; each once."""
    return sorted({route(item.offer.supplier, item.query) for item in items})
