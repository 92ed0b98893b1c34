"""What bookings' stores share."""

from collections.abc import Sequence
from typing import Final, get_args

from core.errors import Rejected
from core.ports.bookings import BadStep, JournalStep, QuotedItem
from core.ports.leases import StaleFence
from protocol.booking import BookingStatus
from protocol.travel import FlightQuery, HotelQuery, Query

BOOKING_TOLD: Final = "booking.told"
"""The outbox's topic of what people are told: the key is the booking's id, `first` the version."""

STATUSES: Final = get_args(BookingStatus)
STUCK_AFTER_MS: Final = 3_600_000
TRAVELLERS_FOR: Final = 30 * 86_400.0
QUOTES_FOR: Final = 30 * 86_400.0
ATTEMPTS_FOR: Final = 31 * 86_400.0
"""Seconds: travellers' data after the booking's end, quotes and attempts to pay after they were made."""

DAY_MS: Final = 86_400_000
MONTH_MS: Final = 30 * DAY_MS
MOST_COUNTED: Final = 200
"""Of somebody's bookings; of what they tried to pay with ten times as many."""
MOST_SCREENED: Final = 500


def made_at(booking_id: str) -> int:
    """When its id was made, in ms of the wall clock: a UUIDv7's own time (RFC 9562 §5.7)."""
    return int(booking_id[:8] + booking_id[9:13], 16)


def quote_is_taken() -> Rejected:
    """What is said to who opens a second booking on a quote."""
    return Rejected("conflict", "There is a booking on this quote already.")


def no_such_user() -> Rejected:
    """What is said when somebody who is named was forgotten."""
    return Rejected("not_found", "There is no such user.")


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


def check_step(step: JournalStep) -> None:
    """What a step can be told by itself. Raises `BadStep`; `StaleFence` for two results of one intent."""
    if step.status not in STATUSES:
        raise BadStep(f"{step.status} is no status")
    for posting in step.postings:
        if not posting.entries or sum(entry.amount for entry in posting.entries) != 0:
            raise BadStep(f"the posting {posting.name} is not balanced")
    for what, names in (
        ("intent", [intent.seq for intent in step.intents]),
        ("posting", [posting.name for posting in step.postings]),
        ("participant", [participant.user_id for participant in step.participants]),
    ):
        if len(set(names)) != len(names):
            raise BadStep(f"a step names one {what} twice")
    ended = [result.seq for result in step.results]
    if len(set(ended)) != len(ended):
        raise StaleFence
