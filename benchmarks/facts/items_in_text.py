"""What English says of an offer or a place, held against its record."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache

from actors.persona.dialogue import Item
from actors.persona.phrases_en import ENGLISH
from benchmarks.facts.dates_in_text import MONTHS, day_and_month
from benchmarks.facts.money_in_text import DECIMALS, MONEY, minor
from benchmarks.facts.records import Record
from protocol.travel import FlightDetails, HotelDetails, Offer, Place

_MONTH = f"({'|'.join(MONTHS)})"
_PRICE = re.compile(
    rf"(about )?{MONEY}(?: for (\d+) nights?)?( a night| per person)?( when last seen)?", re.I
)
_NIGHTS = re.compile(r"\bfor (\d+) nights?\b", re.I)
_STARS = re.compile(r"\b(\d+) stars?\b", re.I)
_FREE = re.compile(rf"\bfree cancellation until (\d+) {_MONTH}, (\d\d):(\d\d) UTC", re.I)
_STAY = re.compile(rf"\bcheck-in (\d+) {_MONTH}, check-out (\d+) {_MONTH}", re.I)
_TIME = re.compile(r"\b(departs|arrives) (\d\d:\d\d)\b", re.I)
_NUMBER = re.compile(r"\bflight (\w\w) (\d+)\b", re.I)
_BAGS = re.compile(r"\b(no|\d+) checked bags?\b", re.I)
_SEATS = re.compile(r"\b(at least )?(\d+) seats? left\b", re.I)
_REFUND = re.compile(r"\b(no refund|refund possible before departure)\b", re.I)
_MEAN = re.compile(rf"(-?−?\d+) °C on average in {_MONTH}", re.I)
_RAIN = re.compile(r"\b([\d,]+) mm of rain\b", re.I)
_WAY = re.compile(r"\b(direct|\d+ stops?)\b(?:, (?:(\d+) h (\d\d)|(\d+) min))?", re.I)
_PRICES = re.compile(r"\bprices on the (low|high) side\b", re.I)
_MOST_SEATS = 9


def fault_in_item(match: re.Match[str], at: int | None, record: Record) -> str | None:
    """None: it is true of that item."""
    item = record.items[at] if at is not None and at < len(record.items) else None
    if match.re is _NIGHTS:
        return _true(int(match[1]) in {record.said_nights, _nights(item)}, match)
    if item is None:
        return f"{match[0]!r} is said of nothing"
    judge = _judges()[match.re]
    return _true(judge(match, item, record), match)


@cache
def item_patterns() -> Sequence[re.Pattern[str]]:
    """In the order in which they are looked for: the longer first."""
    return (*tuple(_judges()), _NIGHTS)


Judge = Callable[[re.Match[str], Item, Record], bool]


@cache
def _judges() -> dict[re.Pattern[str], Judge]:
    found: dict[re.Pattern[str], Judge] = {
        _PRICE: _is_price,
        _FREE: _is_free_until,
        _STAY: _is_stay,
        _STARS: lambda match, item, _: _hotel(item, "stars") == int(match[1]),
        _TIME: _is_time,
        _NUMBER: _is_number,
        _BAGS: lambda match, item, _: (
            _flight(item, "checked_bags") == (0 if match[1].lower() == "no" else int(match[1]))
        ),
        _SEATS: _is_seats,
        _REFUND: lambda match, item, _: (
            _flight(item, "is_refundable") is (match[1].lower() != "no refund")
        ),
        _MEAN: _is_mean,
        _RAIN: _is_rain,
        _WAY: _is_way,
        _PRICES: _is_level,
    }
    for code, phrase in ENGLISH.hotel.boards.items():
        found[_phrase(phrase)] = lambda _, item, __, code=code: _hotel(item, "board") == code  # type: ignore[misc]
    for tag, phrase in sorted(ENGLISH.place.tags.items(), key=lambda one: -len(one[1])):
        found[_phrase(phrase)] = (  # type: ignore[assignment]
            lambda _, item, __, tag=tag: isinstance(item, Place) and tag in item.tags
        )
    return found


def _phrase(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(text)}\b", re.I)


def _true(is_true: bool, match: re.Match[str]) -> str | None:
    return None if is_true else f"{match[0]!r} is not true of it"


def _hotel(item: Item, field: str) -> object:
    if isinstance(item, Offer) and isinstance(item.source.details, HotelDetails):
        return getattr(item.source.details, field)
    return None


def _flight(item: Item, field: str) -> object:
    if isinstance(item, Offer) and isinstance(item.source.details, FlightDetails):
        return getattr(item.source.details, field)
    return None


def _nights(item: Item | None) -> int | None:
    if not isinstance(item, Offer) or not isinstance(item.source.details, HotelDetails):
        return None
    details = item.source.details
    start, end = map(date.fromisoformat, (details.check_in, details.check_out))
    return max(1, (end - start).days)


def _is_price(match: re.Match[str], item: Item, record: Record) -> bool:
    if not isinstance(item, Offer):
        return False
    about, nights, per, last_seen = match[1], match[4], (match[5] or "").strip(), match[6]
    currency, said = minor(match)
    total = item.source.total
    if currency != total.currency or (last_seen and not item.is_stale):
        return False
    if nights and int(nights) != _nights(item):
        return False
    if not per:
        # ("What I know about: €240" is no estimate.)
        return said == total.amount
    people = item.query.party.adults + len(item.query.party.children_ages)
    shares = (_nights(item) or 0) if per.lower() == "a night" else people
    if shares < 2:
        return False
    if total.amount % shares == 0:
        return not about and said == total.amount // shares
    unit = 10 ** DECIMALS.get(currency, 2)
    return bool(about) and 0 < said - total.amount / shares <= unit


def _is_free_until(match: re.Match[str], item: Item, record: Record) -> bool:
    until = _hotel(item, "free_until")
    if not isinstance(until, int):
        return False
    moment = datetime.fromtimestamp(until / 1_000, UTC)
    day = (moment.day, moment.month) == day_and_month(match[1], match[2])
    return day and (moment.hour, moment.minute) == (int(match[3]), int(match[4]))


def _is_stay(match: re.Match[str], item: Item, record: Record) -> bool:
    days = [_hotel(item, field) for field in ("check_in", "check_out")]
    known = [date.fromisoformat(str(day)) for day in days if day]
    said = [day_and_month(match[1], match[2]), day_and_month(match[3], match[4])]
    return [(day.day, day.month) for day in known] == said


def _ways(item: Item) -> list[tuple[int, int | None]]:
    """Stops and minutes of each direction."""
    if isinstance(item, Offer) and isinstance(item.source.details, FlightDetails):
        return [(len(way.segments) - 1, way.minutes) for way in item.source.details.itineraries]
    return []


def _is_way(match: re.Match[str], item: Item, record: Record) -> bool:
    stops = 0 if match[1].lower() == "direct" else int(match[1].split()[0])
    minutes = int(match[4]) if match[4] else None
    if match[2]:
        minutes = int(match[2]) * 60 + int(match[3])
    return any(stops == known and minutes in (None, taken) for known, taken in _ways(item))


def _is_time(match: re.Match[str], item: Item, record: Record) -> bool:
    if not isinstance(item, Offer) or not isinstance(item.source.details, FlightDetails):
        return False
    segments = item.source.details.itineraries[0].segments
    departs = match[1].lower() == "departs"
    return match[2] == (segments[0].departs if departs else segments[-1].arrives)[11:16]


def _is_number(match: re.Match[str], item: Item, record: Record) -> bool:
    if not isinstance(item, Offer) or not isinstance(item.source.details, FlightDetails):
        return False
    segments = item.source.details.itineraries[0].segments
    return len(segments) == 1 and (segments[0].carrier, segments[0].number) == (match[1], match[2])


def _is_seats(match: re.Match[str], item: Item, record: Record) -> bool:
    seats = _flight(item, "seats")
    return seats == int(match[2]) and bool(match[1]) == (int(match[2]) >= _MOST_SEATS)


def _is_mean(match: re.Match[str], item: Item, record: Record) -> bool:
    if not isinstance(item, Place) or not item.climate:
        return False
    month = MONTHS.index(match[2].capitalize())
    said = int(match[1].replace("−", "-"))
    return month + 1 in record.months and abs(said - item.climate[month].mean) <= 0.5


def _is_rain(match: re.Match[str], item: Item, record: Record) -> bool:
    if not isinstance(item, Place) or record.line.month is None or not item.climate:
        return False
    said = int(match[1].replace(",", ""))
    return abs(said - item.climate[record.line.month - 1].rain) <= 0.5


def _is_level(match: re.Match[str], item: Item, record: Record) -> bool:
    level = item.price_level if isinstance(item, Place) else None
    return level is not None and (level <= 2 if match[1].lower() == "low" else level > 4)
