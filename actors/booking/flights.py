"""When what is booked begins, whether its flights are others than people know, and how they are written (pure).

Suppliers give times as clocks show them there. Which zone that is nobody here knows: what must not be too
late takes the earliest moment that it may be, what must not be too early the latest.
"""

from datetime import UTC, datetime
from itertools import zip_longest

from msgspec.structs import replace

from actors.booking.state import Part
from actors.booking.timing import (
    DAY,
    EAST,
    WATCH_EVERY,
    WATCH_SOON,
    WATCH_SOON_EVERY,
    WATCHED_AFTER,
    WEST,
)
from protocol.travel import FlightDetails, HotelDetails, Itinerary, Segment

Ways = tuple[Itinerary, ...]


def ways_of(part: Part) -> Ways:
    """The flights as the travellers know them; empty: nobody said."""
    details = part.offer.details
    return details.itineraries if isinstance(details, FlightDetails) else ()


def with_ways(part: Part, ways: Ways) -> Part:
    """From now on the travellers know these. A cabin that nobody names again is the one that was booked."""
    details = part.offer.details
    if not isinstance(details, FlightDetails) or not ways:
        return part
    known = _segments(details.itineraries)
    kept = {(one.carrier, one.number, one.origin, one.destination): one for one in known}
    whole = tuple(
        replace(
            way,
            segments=tuple(
                _with_cabin(one, kept.get((one.carrier, one.number, one.origin, one.destination)))
                for one in way.segments
            ),
        )
        for way in ways
    )
    return replace(part, offer=replace(part.offer, details=replace(details, itineraries=whole)))


def _with_cabin(segment: Segment, known: Segment | None) -> Segment:
    if known is None:
        return segment
    return replace(
        segment,
        cabin=segment.cabin or known.cabin,
        fare_class=segment.fare_class or known.fare_class,
    )


def is_same(one: Ways, other: Ways, now: int) -> bool:
    """The same flights at the same times, to the minute; the cabin is not looked at, nor what has left:
    some suppliers forget it."""
    return _coming(one, now) == _coming(other, now)


def first_moved(known: Ways, now: Ways) -> tuple[Segment | None, Segment | None]:
    """The first flight that is another than the travellers know, and what it is by now."""
    for was, is_now in zip_longest(_segments(known), _segments(now)):
        if was is None or is_now is None or _key(was) != _key(is_now):
            return was, is_now
    return None, None


def text_of(ways: Ways) -> str:
    """`QF100 BER 2027-05-14 08:00 – LIS 2027-05-14 11:30; …`: the same in every language."""
    return "; ".join(
        f"{name_of(one)} {one.origin} {_shown(one.departs)} – {one.destination} {_shown(one.arrives)}"
        for one in _segments(ways)
    )


def name_of(segment: Segment) -> str:
    return f"{segment.carrier}{segment.number}"


def leaves_at(ways: Ways, now: int) -> int | None:
    """The earliest moment at which the next of them may leave, in ms; None: all have left."""
    coming = [at - EAST for at in _departures(ways) if at + WEST > now]
    return min(coming, default=None)


def begins_by(part: Part) -> int | None:
    """The latest moment at which what it is for begins, in ms: its first departure, or the end of the day of
    arrival at a hotel; None: nobody knows."""
    if isinstance(part.offer.details, HotelDetails):
        return _ms(part.offer.details.check_in) + DAY + WEST
    return min((at + WEST for at in _departures(ways_of(part))), default=None)


def watched_until(part: Part) -> int:
    """The latest moment at which the last may leave, and a little; 0: nobody knows."""
    return max((at + WEST + WATCHED_AFTER for at in _departures(ways_of(part))), default=0)


def watch_every(part: Part, now: int) -> int:
    """How long until it is read again, in ms."""
    leaves = leaves_at(ways_of(part), now)
    return WATCH_SOON_EVERY if leaves is None or leaves - now <= WATCH_SOON else WATCH_EVERY


def _segments(ways: Ways) -> list[Segment]:
    return [segment for way in ways for segment in way.segments]


def _coming(ways: Ways, now: int) -> list[tuple[str, ...]]:
    return [_key(one) for one in _segments(ways) if _ms(one.departs) + WEST > now]


def _key(one: Segment) -> tuple[str, ...]:
    return (
        one.carrier,
        one.number.lstrip("0"),
        one.origin,
        one.destination,
        one.departs[:16],
        one.arrives[:16],
    )


def _departures(ways: Ways) -> list[int]:
    """As if all clocks showed UTC, in ms."""
    return [_ms(one.departs) for one in _segments(ways)]


def _ms(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=UTC).timestamp() * 1_000)


def _shown(local: str) -> str:
    return local[:16].replace("T", " ")


def names_of(ways: Ways) -> list[str]:
    """Of all of them, in order."""
    return [name_of(one) for one in _segments(ways)]


def distance(one: Ways, other: Ways) -> int:
    """By how many ms the journeys' directions leave and arrive at other times, together: what leaves alike
    and takes a day longer is far."""
    return sum(
        abs(_ms(a.segments[0].departs) - _ms(b.segments[0].departs))
        + abs(_ms(a.segments[-1].arrives) - _ms(b.segments[-1].arrives))
        for a, b in zip(one, other, strict=False)
        if a.segments and b.segments
    )
