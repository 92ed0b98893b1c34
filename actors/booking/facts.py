"""What a screener may know of a booking: amounts, times and counts; no name, no card, no text (pure)."""

from datetime import UTC, datetime

from actors.booking.payments import last, provider_of
from actors.booking.state import Part, Saga, Share
from core.ports.fraud import BookingFacts, PayerFacts
from protocol.ids import Millis
from protocol.travel import FlightDetails, FlightQuery


def facts_of(saga: Saga, now: int) -> BookingFacts:
    """As it is now, in business time."""
    parts = [part for part in saga.parts if not part.is_dropped]
    begins = [_begins_at(part) for part in parts]
    flights = [part.query for part in parts if isinstance(part.query, FlightQuery)]
    return BookingFacts(
        booking_id=saga.booking_id,
        now=now,
        created_at=saga.created_at,
        departs_at=min(begins, default=None),
        currency=saga.total.currency,
        total=saga.total.amount,
        payers=tuple(_payer(saga, share) for share in saga.shares if _pays(share)),
        travellers=len(saga.seats),
        participants=len(saga.shares),
        has_flight=bool(flights),
        stays=len(parts) - len(flights),
        is_one_way=bool(flights) and all(query.return_on is None for query in flights),
        rounds=saga.rounds,
    )


def _pays(share: Share) -> bool:
    return bool(share.amount.amount) and not share.is_out


def _payer(saga: Saga, share: Share) -> PayerFacts:
    payment = last(share)
    return PayerFacts(
        user_id=share.user_id,
        amount=share.amount.amount,
        attempts=share.attempts,
        declines=share.declines,
        methods=len(share.methods),
        provider=saga.provider.name if payment is None else provider_of(saga, payment).name,
    )


def _begins_at(part: Part) -> Millis:
    """When the first plane leaves, or the stay begins; its place's zone is left out, which is hours at most."""
    details, query = part.offer.details, part.query
    if isinstance(query, FlightQuery):
        ways = details.itineraries if isinstance(details, FlightDetails) else ()
        begins = min(
            (way.segments[0].departs for way in ways if way.segments), default=query.depart_on
        )
    else:
        begins = query.check_in
    return round(datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp() * 1_000)
