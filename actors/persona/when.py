"""Days for what was said of time: a month, a season or a feast becomes one concrete stay (pure)."""

from calendar import FRIDAY, monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from msgspec.structs import replace

from protocol.understanding import Dates

A_DAY: Final = timedelta(days=1)
A_WEEKEND: Final = 2
SHORT_BREAK: Final = 3
MOST_NIGHTS: Final = 30
FURTHEST: Final = timedelta(days=359)
"""Suppliers sell about a year ahead."""

_FIRST_OF: Final = {None: 1, "second": 8, "mid": 11, "third": 15, "late": 21}
_SEASONS: Final = {"winter": 12, "spring": 3, "summer": 6, "autumn": 9}


@dataclass(frozen=True, slots=True)
class Stay:
    """From a day to a day. `is_chosen`: we chose the days, within what was said. `is_lone`: one day was
    said, with nothing about coming back."""

    start: date
    end: date
    is_chosen: bool = False
    is_lone: bool = False

    @property
    def nights(self) -> int:
        return (self.end - self.start).days


def when(dates: Dates | None, today: date) -> Stay | None:
    """The stay that was meant, beginning after `today`: with days as said; a month, from its 11th
    or 21st where its middle or its end was said, from its 8th or 15th where it was its second or third week, or a season is its first Friday to Sunday, or as many nights as were said; Christmas is the 23rd to the 27th, New
    Year the 30th to the 2nd, Easter Good Friday to Easter Monday. None: nothing was said of a
    beginning, it is over, or further ahead than anybody sells."""
    if dates is None:
        return None
    stay = _said(dates, today) or _within(dates, today)
    if stay is None or not today <= stay.start <= today + FURTHEST:
        return None
    return stay


def moved(dates: Dates | None, days: int, today: date) -> Dates | None:
    """The same stay so many days later, or before; None: nothing was said that could be moved there."""
    stay = when(dates, today)
    if stay is None:
        return None
    by = A_DAY * days
    there = Dates(
        from_=(stay.start + by).isoformat(),
        to=None if stay.is_lone else (stay.end + by).isoformat(),
    )
    return None if when(there, today) is None else there


def lengthened(dates: Dates | None, nights: int, today: date) -> Dates | None:
    """The same stay by so many nights longer, or shorter; None: nothing was said that could be."""
    stay = when(dates, today)
    if stay is None or stay.nights + nights < 1:
        return None
    return Dates(from_=stay.start.isoformat(), to=(stay.end + A_DAY * nights).isoformat())


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A stay as one message changes what was said before: so many `days` later, so many `nights` longer, or back on a
    day of the week. `today`: when it was said."""

    today: date
    days: int = 0
    nights: int = 0
    on_weekday: bool = False

    def of(self, before: Dates | None, said: Dates | None) -> Dates | None:
        """`said`: the days of that message, which are meant where nothing can be changed."""
        there = moved(before, self.days, self.today) if self.days else None
        if there is None and self.nights:
            there = lengthened(before, self.nights, self.today)
        if there is None and self.on_weekday and before is not None:
            there = returning(said, before)
        return there or said


def begun_anew(old: Dates, new: Dates) -> Dates:
    """Another first day of the same stay, "actually from the 12th": near the old one it leaves the last day where it
    is, else the stay moves with it, as long as it was. New ones with an end, or nights, are what they say."""
    start, first, last = day(new.from_), day(old.from_), day(old.to)
    if start is None or first is None or last is None or new.to is not None or new.nights:
        return new
    is_near = abs(start - first) < last - first
    return replace(new, to=(last if is_near else start + (last - first)).isoformat())


def returning(dates: Dates | None, before: Dates) -> Dates | None:
    """A return alone, on the same day of the week but after the departure that was said before; None: it is that
    already, or says something else."""
    if dates is None or dates.from_ is not None:
        return None
    end, start = day(dates.to), day(before.from_)
    if end is None or start is None or end > start:
        return None
    return Dates(to=(end + A_DAY * 7 * ((start - end).days // 7 + 1)).isoformat())


def default_stay(dates: Dates | None, today: date) -> Stay:
    """Where no days are to be had: the first weekend after four weeks, or as many nights as were said."""
    nights = (said_nights(dates) if dates is not None else None) or A_WEEKEND
    start = _friday(today + A_DAY * 28)
    return Stay(start, start + A_DAY * nights, is_chosen=True)


def said_nights(dates: Dates) -> int | None:
    """Within what can be booked."""
    return None if dates.nights is None else min(max(dates.nights, 1), MOST_NIGHTS)


def _said(dates: Dates, today: date) -> Stay | None:
    """Of a lone day: who needs a bed today needs it for tonight."""
    start, end, nights = day(dates.from_), day(dates.to), said_nights(dates)
    if start is None and end is not None:
        return Stay(end - A_DAY * (nights or SHORT_BREAK), end, is_chosen=True)
    if start is None:
        return None
    if end is not None and end > start:
        return Stay(start, min(end, start + A_DAY * MOST_NIGHTS))
    if nights is not None:
        return Stay(start, start + A_DAY * nights)
    usual = 1 if start == today else SHORT_BREAK
    return Stay(start, start + A_DAY * usual, is_chosen=True, is_lone=True)


def _within(dates: Dates, today: date) -> Stay | None:
    if dates.holiday is not None:
        return _holiday(dates.holiday, said_nights(dates))
    span = _span(dates)
    if span is None:
        return None
    first, last = span
    friday = _friday(max(first, today + A_DAY))
    # Late in a month its last Friday is over: the days that are left have to do.
    start = friday if friday <= last else max(first, today + A_DAY)
    if start > last:
        return None
    return Stay(start, start + A_DAY * (said_nights(dates) or A_WEEKEND), is_chosen=True)


def _span(dates: Dates) -> tuple[date, date] | None:
    """The first and the last day of the month or the season."""
    if dates.month is not None:
        year, month = map(int, dates.month.split("-"))
        if not 1 <= month <= 12:
            return None
        return date(year, month, _FIRST_OF[dates.part]), _last(year, month)
    if dates.season is not None:
        year, season = int(dates.season[:4]), dates.season[5:]
        first = _SEASONS[season]
        year_after, last = (year + 1, 2) if season == "winter" else (year, first + 2)
        return date(year, first, 1), _last(year_after, last)
    return None


def _holiday(holiday: str, nights: int | None) -> Stay:
    name, year = holiday[:-5], int(holiday[-4:])
    match name:
        case "christmas":
            start, usual = date(year, 12, 23), 4
        case "new-year":
            start, usual = date(year, 12, 30), 3
        case _:
            start, usual = easter(year) - 2 * A_DAY, 3
    return Stay(start, start + A_DAY * (nights or usual), is_chosen=True)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of Meeus, Jones, Butcher)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leap, left = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - correction + 15) % 30
    quarter, last = divmod(rest, 4)
    weekday = (32 + 2 * left + 2 * quarter - epact - last) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day_of_month = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day_of_month + 1)


def day(text: str | None) -> date | None:
    """None for what is no day of the calendar."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _friday(earliest: date) -> date:
    return earliest + A_DAY * ((FRIDAY - earliest.weekday()) % 7)


def _last(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
