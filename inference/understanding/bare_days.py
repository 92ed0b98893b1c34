"""Days of a month that is not said: the one that is talked of, else this one or the next."""

import re
from typing import Final

from inference.understanding.calendar_words import DAY_IN_WORDS, ORDINALS, day_number
from inference.understanding.days import NO_DAY
from inference.understanding.when import TO_THE, Found, day_in, month_after, month_in

_NUMBERS_BEFORE: Final = r"(?:hotel|room|number|nr|no|option|numero|nummer|zimmer|chambre)\s*$"

_BARE_DAY: Final = re.compile(
    r"\b(?:(?:on |from |until |till |by |back )?the (?P<en>3[01]|[12]\d|[4-9])(?:st|nd|rd|th)\b(?! (?:one|option|hotel|flight|place|day|night|birthday|anniversary|floor))"
    r"|(?:on|from|until|till|back|for) the (?P<en3>[1-3])(?:st|nd|rd)\b(?! (?:one|option|hotel|flight|place|week|time|floor|night|day))"
    rf"|(?:on|from|until|till|back|to(?! the (?:fir|sec|thi))) the (?P<en4>{ORDINALS})\b(?! {NO_DAY})"
    r"|(?:on|from|until|till|back) (?P<en2>3[01]|[12]\d|[1-9])(?:st|nd|rd|th)\b"
    r"|(?:am|vom|bis zum|ab dem|zum) (?P<de>3[01]|[12]\d|[1-9])\."
    rf"|(?:zuruck am|ruckflug am|bis zum) (?P<de2>{DAY_IN_WORDS})\b(?! (?:tag|abend|hotel|flug|platz|woche))"
    rf"|(?:vuelta|regreso|volver|volvemos) el (?P<es4>{DAY_IN_WORDS})\b"
    rf"|(?:retour|revenir|rentrer) le (?P<fr2>{DAY_IN_WORDS})\b"
    r"|(?:el dia|del dia|hasta el dia|el dia) (?P<es>3[01]|[12]\d|[1-9])\b"
    r"|\bel (?P<es2>3[01]|[12]\d)\b(?! (?:por|%))"
    r"|(?:(?<=\bvuelta )|(?<=\bvolver )|(?<=\bvolvemos )|(?<=\bregreso )|(?<=\bhasta ))el (?P<es3>[1-9])\b"
    r"|\b(?:le|au|du) (?P<fr>3[01]|[12]\d|[4-9])\b(?! (?:ou|%|heures|et)))"
)


def bare_days(found: Found) -> None:
    """A day of the month that is talked of, else of this one or the next."""
    for language, pattern in _DAY_RANGES:
        if language == found.language:
            _ranges_of(found, pattern)
    if found.around is not None:
        _ranges_of(found, _OTHER_DAYS)
    for match in found.matches(_BARE_DAY):
        which = next(name for name, value in match.groupdict().items() if value)
        if found.language != which[:2] or re.search(_NUMBERS_BEFORE, found.text[: match.start()]):
            continue
        number = day_number(match[which])
        month = _month_of(found, number)
        if found.from_ is None and found.around is not None and found.is_until(match.start(which)):
            # An end is after the beginning that is talked of.
            month = month if number > found.around.day else month_in(found.around, 1)
        day = day_in(month, number)
        if day is not None:
            found.day(day, match, at=match.start(which))


_ORDINAL_RANGE: Final = re.compile(
    rf"\b(?:the )?(?P<one>3[01]|[12]\d|[1-9])(?:st|nd|rd|th){TO_THE}(?P<two>3[01]|[12]\d|[1-9])(?:st|nd|rd|th)\b"
)
_DAY_RANGES: Final = (
    ("en", _ORDINAL_RANGE),
    (
        "de",
        re.compile(
            r"\b(?:vom|ab dem) (?P<one>3[01]|[12]\d|[1-9])\.? bis (?:zum )?(?P<two>3[01]|[12]\d|[1-9])\b(?! ?(?:uhr|euro|€))\.?"
        ),
    ),
    (
        "es",
        re.compile(
            r"\b(?:del|al) (?P<one>3[01]|[12]\d|[1-9]) (?:al|hasta el) (?P<two>3[01]|[12]\d|[1-9])\b(?! ?%)"
        ),
    ),
    (
        "fr",
        re.compile(
            r"\b(?:du|plutot(?: le)?) (?P<one>3[01]|[12]\d|[1-9]) (?:au|jusqu'au) (?P<two>3[01]|[12]\d|[1-9])\b(?! ?%)"
        ),
    ),
)
_BOTH: Final = r"(?P<one>3[01]|[12]\d|[1-9])\.?\s*(?:-|to|until|till?|bis)\s*(?:the |zum )?(?P<two>3[01]|[12]\d|[1-9])\b\.?"
_CHANGED_TO: Final = (
    r"\b(?:(?:from|dates?|(?:do|make|try|change|move|switch|shift|have)(?: (?:it|that|them|this|us|the (?:dates|stay|trip)))?)(?: to| for| be)?"
    r"|rather|better|lieber|doch|besser|auf(?: den)?) (?:the )?"
)
_NOTHING_BESIDE: Final = r"(?=\W*(?:(?:instead|please|pls|then|though|rather|bitte|stattdessen|andern|verschieben|gehen)\b|$))"
"""So that "from 2 to 4 people" are none."""

_OTHER_DAYS: Final = re.compile(rf"{_CHANGED_TO}{_BOTH}{_NOTHING_BESIDE}")
"""Than those of the stay that is talked of: "make it 16 to 23"."""

_BARE_RANGE: Final = re.compile(
    rf"^\D*\b(?P<one>3[01]|[12]\d|[1-9])\.?{TO_THE}(?P<two>3[01]|[12]\d|[1-9])\.?\D*$"
)


def bare_range(found: Found) -> None:
    """The answer "5 to 12"."""
    _ranges_of(found, _BARE_RANGE)


def _ranges_of(found: Found, pattern: "re.Pattern[str]") -> None:
    for match in found.matches(pattern):
        one, two = int(match["one"]), int(match["two"])
        month = _month_of(found, one)
        start = day_in(month, one)
        end = day_in(month if two >= one else month_after(month), two)
        if start and end:
            found.range(start, end, match)


def _month_of(found: Found, number: int) -> str:
    """Of a day without a month: that which is talked of, unless it is over there."""
    if found.from_ is None and found.around is not None:
        month = month_in(found.around, 0)
        day = day_in(month, number)
        if day is not None and day >= found.today:
            return month
    start = found.from_ or found.today
    return month_in(start, 0 if number >= start.day else 1)
