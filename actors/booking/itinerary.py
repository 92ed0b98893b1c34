"""What somebody has booked in a room, for their calendar."""

from collections.abc import Sequence
from typing import Final

from actors.booking.journal import unpacked
from actors.booking.leaving import who_left
from actors.booking.state import Part, Saga
from core.ports.bookings import Bookings
from core.ports.plans import MAX_BOOKED, BookedPart
from protocol.cards import title_of
from protocol.travel import HotelDetails

PAGE: Final = 100
BOOKED: Final = "booked"


class BookedItinerary:
    """`Itinerary` over the journal of bookings."""

    def __init__(self, bookings: Bookings) -> None:
        self._bookings = bookings

    async def booked(self, tenant_id: int, room_id: str, user_id: str) -> Sequence[BookedPart]:
        rows = await self._bookings.of_user(tenant_id, user_id, before=None, limit=PAGE)
        parts: list[BookedPart] = []
        for row in rows:
            if row.room_id != room_id or row.status != BOOKED:
                continue
            stored = await self._bookings.load(tenant_id, row.booking_id)
            saga = None if stored is None else unpacked(stored.snapshot)
            if saga is not None and user_id not in who_left(saga):
                parts += parts_of(saga)
            if len(parts) >= MAX_BOOKED:
                break
        return sorted(parts[:MAX_BOOKED], key=lambda part: (part.starts, part.part_id))


def parts_of(saga: Saga) -> list[BookedPart]:
    """What is left of it: each flight by its segments, each stay by its days. What a large group has
    several orders of is flown once."""
    parts = [part for part in saga.parts if not (part.is_gone or part.is_dropped)]
    flights = [part for part in parts if part.kind == "flight"]
    return [
        one
        for part in (*flights[:1], *(part for part in parts if part.kind != "flight"))
        for one in _parts(saga.booking_id, part)
    ]


def _parts(booking_id: str, part: Part) -> list[BookedPart]:
    details = part.offer.details
    if isinstance(details, HotelDetails):
        return [
            BookedPart(
                booking_id=booking_id,
                part_id=part.id,
                title=title_of(details),
                starts=details.check_in,
                ends=details.check_out,
                where=details.name,
            )
        ]
    segments = [segment for way in details.itineraries for segment in way.segments]
    return [
        BookedPart(
            booking_id=booking_id,
            part_id=f"{part.id}{number}",
            title=f"{one.carrier}{one.number} {one.origin}–{one.destination}",
            starts=one.departs,
            ends=one.arrives,
            where=one.origin,
        )
        for number, one in enumerate(segments, 1)
    ]
