"""Days, months and seasons as English says them, held against what was said and found."""

import re

from benchmarks.facts.records import Record

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = f"({'|'.join(MONTHS)})"

_FROM_TO = re.compile(
    rf"\bfrom (\d+)(?: {_MONTH})?(?: (\d{{4}}))? to (\d+) {_MONTH}(?: (\d{{4}}))?", re.I
)
_ON = re.compile(rf"\bon (\d+) {_MONTH}(?: (\d{{4}}))?", re.I)
_UNTIL = re.compile(rf"(?<!cancellation )\buntil (\d+) {_MONTH}", re.I)
_IN_MONTH = re.compile(rf"\bin {_MONTH}(?: (\d{{4}}))?", re.I)
_IN_SEASON = re.compile(r"\bin (spring|summer|autumn|winter)(?: (\d{4}))?", re.I)
_AT = re.compile(r"\bat (Christmas|New Year|Easter)(?: (\d{4}))?", re.I)
DATES = (_FROM_TO, _ON, _UNTIL, _IN_MONTH, _IN_SEASON, _AT)


def date_fault(match: re.Match[str], record: Record) -> str | None:
    """None: that is what was said, or where the stay lies."""
    if match.re is _FROM_TO:
        return _from_to(match, record)
    known = _known(match, record)
    return None if known else f"time {match[0]!r} was not said"


def _known(match: re.Match[str], record: Record) -> bool:
    dates = record.line.trip.dates if record.line.trip is not None else None
    if match.re in (_ON, _UNTIL):
        day = (int(match[1]), _month(match[2]))
        return any(day == (known.day, known.month) for known in record.days)
    year = match[2]
    if match.re is _IN_MONTH:
        said = (dates.month if dates else None) or ""
        return _month(match[1]) in record.months and year in (None, said[:4])
    if match.re is _IN_SEASON:
        said = (dates.season if dates else None) or ""
        return said[5:] == match[1].lower() and year in (None, said[:4])
    said = (dates.holiday if dates else None) or ""
    return said[:-5] == match[1].lower().replace(" ", "-") and year in (None, said[-4:])


def _from_to(match: re.Match[str], record: Record) -> str | None:
    end = (int(match[4]), _month(match[5]))
    start = (int(match[1]), _month(match[2] or match[5]))
    for first, last in record.periods:
        if start == (first.day, first.month) and end == (last.day, last.month):
            years = {match[3] or str(first.year), match[6] or str(last.year)}
            if years <= {str(first.year), str(last.year)}:
                return None
    return f"days {match[0]!r} were not said"


def _month(name: str) -> int:
    return MONTHS.index(name.capitalize()) + 1


def day_and_month(day: str, month: str) -> tuple[int, int]:
    return int(day), _month(month)
