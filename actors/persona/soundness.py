"""What a reading must be like before anything is done with it (pure): models hand over what they like."""

import math
from typing import Final

from msgspec.structs import replace

from actors.persona.when import day
from protocol.understanding import Budget, Dates, PartySaid, Slots, Understanding

MOST_PLACES: Final = 3
MOST_AMOUNT: Final = 1e9
MOST_PEOPLE: Final = 50
OLDEST: Final = 17
"""Of children."""


def sound(reading: Understanding) -> Understanding:
    """The same with numbers in their ranges, and without days, amounts and counts that cannot be."""
    second = reading.second
    return replace(
        reading,
        confidence=_share(reading.confidence),
        addressed=_share(reading.addressed),
        second=None if second is None else (second[0], _share(second[1])),
        slots=_slots(reading.slots),
    )


def _slots(slots: Slots) -> Slots:
    return Slots(
        destination=slots.destination[:MOST_PLACES],
        origin=slots.origin[:MOST_PLACES],
        dates=_dates(slots.dates),
        budget=_budget(slots.budget),
        party=_party(slots.party),
    )


def _share(value: float) -> float:
    """NaN is 0."""
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _dates(dates: Dates | None) -> Dates | None:
    if dates is None:
        return None
    month = dates.month
    known = Dates(
        from_=dates.from_ if day(dates.from_) else None,
        to=dates.to if day(dates.to) else None,
        month=month if month is not None and day(f"{month}-01") else None,
        part=dates.part if month is not None and day(f"{month}-01") else None,
        nights=dates.nights if dates.nights is not None and dates.nights > 0 else None,
        season=dates.season if dates.season is None or day(f"{dates.season[:4]}-01-01") else None,
        holiday=dates.holiday
        if dates.holiday is None or day(f"{dates.holiday[-4:]}-01-01")
        else None,
    )
    return None if known == Dates() else known


def _budget(budget: Budget | None) -> Budget | None:
    if budget is None or not math.isfinite(budget.amount):
        return None
    return budget if 0 < budget.amount <= MOST_AMOUNT else None


def _party(party: PartySaid | None) -> PartySaid | None:
    if party is None:
        return None
    children = _count(party.children)
    ages = tuple(age for age in party.ages if 0 <= age <= OLDEST)[: children or 0]
    known = PartySaid(adults=_count(party.adults), children=children, ages=ages)
    return None if known == PartySaid() else known


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= MOST_PEOPLE else None
