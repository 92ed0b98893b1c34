"""When: days, ranges, months, seasons, holidays and nights, in four languages.

The conventions are those of data/messages/README.md: a weekend is Friday to Sunday, a lone day is only
`from_`, a month without a year is the next to come, "winter 2026" begins in December 2026.
"""

from datetime import date

from inference.understanding.bare_days import bare_days, bare_range
from inference.understanding.days import (
    numeric,
    relative,
    weekdays,
    weekends,
    weekends_of_months,
    with_month,
)
from inference.understanding.periods import durations, holidays, months, seasons
from inference.understanding.when import Found, Spans
from protocol.understanding import Dates, Language


def dates_in(
    text: str,
    *,
    today: date,
    language: Language,
    asked: bool = False,
    around: date | None = None,
) -> tuple[Dates | None, Spans]:
    """`text`: folded. `asked`: it answers when. `around`: see `Setting`. Also which characters said it."""
    found = Found(text, today, language, around)
    for read in (numeric, with_month, weekends_of_months, weekends, weekdays, relative, bare_days):
        read(found)
    if asked and not found.taken:
        bare_range(found)
    durations(found)
    holidays(found)
    seasons(found)
    months(found, asked=asked)
    return _dates(found), found.taken


def _dates(found: Found) -> Dates | None:
    if not found.taken:
        return None
    has_days = found.from_ is not None or found.to is not None
    dates = Dates(
        from_=found.from_.isoformat() if found.from_ else None,
        to=found.to.isoformat() if found.to else None,
        month=None if has_days else found.month,
        part=None if has_days else found.part,
        nights=found.nights,
        season=None if has_days or found.month else found.season,
        holiday=None if has_days else found.holiday,
    )
    return None if dates == Dates() else dates
