"""Times without days: nights, feasts, seasons and months."""

import re
from datetime import date
from typing import Final

from inference.understanding.calendar_words import (
    CUED_SEASONS,
    HOLIDAYS,
    MONTHS,
    SEASONS,
    SHORT_MONTHS,
    alternatives,
    number_of,
)
from inference.understanding.when import MONTH, YEAR, Found, N
from protocol.understanding import Part

_DURATIONS: Final = (
    (rf"\b{N}[ -]?(?:nights?|nites?|nt|nachte?|naechte?|noches?|nuits?|nuitees?)\b", 1),
    (rf"\b{N}[ -]?(?:full |ganze |whole )?(?:days?|tage?|tagen|dias?|jours?)\b", 1),
    (rf"\b{N}[ -]?(?:whole |full |ganze )?(?:weeks?|wks?|wochen?|semanas?|semaines?)\b", 7),
    (r"\b(?:a |one )?fortnight\b", 14),
)
_DURATION_PATTERNS: Final = tuple((re.compile(pattern), days) for pattern, days in _DURATIONS)
_NO_DURATION: Final = re.compile(
    r"\b(?:per|a|the|pro|je|por|la|par|every|each|once|last|next|in|within|ago|since|dans|dentro de|vor)\s*$"
)
_MORE_BEFORE: Final = re.compile(r"\b(?:another|noch|encore|otra|back|plus minus|\+/?-)\s*$")
_MORE_AFTER: Final = re.compile(
    r"^\s*(?:more|longer|extra|mas|warten|langer|de plus|mehr|later|less|weniger)\b"
)
_ARTICLES: Final = frozenset(("a", "an", "la", "une", "un", "una", "eine", "ein"))
_FOR_JUST: Final = re.compile(r"\b(?:for|just|only|for only|fur|por|pour|solo)\s*$")


def durations(found: Found) -> None:
    """ "5 nights", "a week", "a fortnight"; not "per night", not "another week"."""
    for pattern, days in _DURATION_PATTERNS:
        for match in found.matches(pattern):
            word = match.groupdict().get("n") or "1"
            before, after = found.text[: match.start()], found.text[match.end() :]
            if days == 1 and word in _ARTICLES and not _FOR_JUST.search(before):
                continue
            if _MORE_BEFORE.search(before) or _MORE_AFTER.match(after):
                continue
            if _NO_DURATION.search(before) and not word.isdigit():
                continue
            if re.match(
                r"\s*(?:ago|later|earlier|before|trip|tour|spater|fruher|antes|despues|avant|apres|plus tard)\b",
                after,
            ):
                continue
            found.take(match)
            found.nights = found.nights or min(number_of(word) * days, 365)


_HOLIDAY_PATTERNS: Final = tuple(
    (re.compile(rf"\b(?:{words})\b"), name) for words, name in HOLIDAYS
)
_NOT_A_TIME: Final = re.compile(
    r"^\s*(?:markets?|market|markte?|mart?|island|islands|insel|present|gift|bonus)"
)


def holidays(found: Found) -> None:
    """Christmas, New Year and Easter, the next to come."""
    for pattern, name in _HOLIDAY_PATTERNS:
        for match in found.matches(pattern):
            if _NOT_A_TIME.search(found.text[match.end() :]) or match[0].startswith("weihnachtsm"):
                continue
            found.take(match)
            year = found.today.year
            if name == "easter" and easter(year) < found.today:
                year += 1
            said = re.match(r" (20\d\d)\b", found.text[match.end() :])
            found.holiday = found.holiday or f"{name}-{said[1] if said else year}"


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f = b // 4, b % 4, (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


_SEASON: Final = re.compile(rf"\b(?:l'|d'|en |cet |cette )?(?P<season>{alternatives(SEASONS)})\b")
_SEASON_CUE: Final = re.compile(
    r"\b(?:in|the|this|next|early|late|over|during|for|by|en|cet|cette|l'|d'|prochain|until|or)\s*$"
)
_SEASON_STARTS: Final = {"spring": 3, "summer": 6, "autumn": 9, "winter": 12}


def seasons(found: Found) -> None:
    """The next to come, or the one that it is."""
    for match in found.matches(_SEASON):
        word = match["season"]
        before = found.text[: match.start("season")]
        if word in CUED_SEASONS and not (
            (_SEASON_CUE.search(before) and not re.search(r"\b(?:the|for) $", before))
            or re.match(r"\s*(?:prochain|break|20\d\d)", found.text[match.end() :])
            or (word == "fall" and re.search(r"\bthe $", before))
            or found.text.strip() == word
        ):
            continue
        found.take(match)
        said = re.match(r" (?:de |del )?(20\d\d)\b", found.text[match.end() :])
        year = int(said[1]) if said else _season_year(SEASONS[word], found.today)
        found.season = found.season or f"{year}-{SEASONS[word]}"


def _season_year(season: str, today: date) -> int:
    """Of the season that is to come; of winter, while it lasts, the one that it is."""
    if season == "winter":
        return today.year - 1 if today.month <= 2 else today.year
    return today.year if today.month < _SEASON_STARTS[season] + 2 else today.year + 1


_ONE_MONTH: Final = re.compile(rf"\b(?:mi-)?{MONTH}(?:ish)?{YEAR}\b")
_MONTH_CUE: Final = re.compile(
    r"\b(?:in|early|late|mid|mid-|of|week|woche|semana|semaine|think\w*|rather|but|end|start|beginning|middle|for|by|until|til|till|before|after|around|about|"
    r"during|next|this|from|since|through|or|and|im|anfang|mitte|ende|ab|bis|seit|en|de|del|para|hasta|por|"
    r"principios de|finales de|debut|fin|mi|mi-|courant|pour|jusqu'en|vers|avant|apres|au mois de|a|y|o|ou|et|"
    r"und|oder|sometime|maybe|late-|early-|to|-|is)[\s/,-]*$"
)

_WEEK_OF: Final = r" (?:week|wk|woche|semana|semaine)(?: of| in| im| von| des| de| del| en| d')? ?$"
_PARTS: Final[tuple[tuple[Part, re.Pattern[str]], ...]] = (
    ("second", re.compile(rf"\b(?:second|2nd|zweite[nr]?|segunda|2da|deuxieme|2eme){_WEEK_OF}")),
    ("third", re.compile(rf"\b(?:third|3rd|dritte[nr]?|tercera|3ra|troisieme|3eme){_WEEK_OF}")),
    (
        "late",
        re.compile(
            rf"\b(?:last|fourth|4th|letzte[nr]?|vierte[nr]?|ultima|cuarta|derniere|quatrieme){_WEEK_OF}"
        ),
    ),
    (
        "mid",
        re.compile(
            r"\b(?:mid|middle of|mitte(?: des)?|mediados de|(?:a )?mitad de|mi|la mi|milieu(?: du mois)? d[e'])[ -]?$"
        ),
    ),
    (
        "late",
        re.compile(
            r"\b(?:late|(?:the )?end of|ende|finales de|fines de|final de|fin(?: du mois)?(?: de)?)[ -]?$"
        ),
    ),
)

_SEPTEMBER: Final = re.compile(r"\b(?:en|debut|fin|mi|mois de|courant|de)[\s-]*$")
"""Before "sept", which is seven in French."""


def months(found: Found, *, asked: bool) -> None:
    """ "early march", "in may": a month that is a common word needs a cue."""
    for match in found.matches(_ONE_MONTH):
        name = match["month"]
        before, after = found.text[: match.start()], found.text[match.end() :]
        is_alone = asked or not re.search(r"\w", before) or not re.search(r"\w", after)
        if (
            name in SHORT_MONTHS
            and not (match["year"] or _MONTH_CUE.search(before))
            and not (is_alone and name not in ("mar", "ago", "sep"))
        ):
            continue
        if name == "sept" and found.language == "fr" and not _SEPTEMBER.search(before):
            continue
        if name == "may" and re.match(
            r"\s*(?:i|we|be|have|need|not|also|want|you|as well)\b", after
        ):
            continue
        found.take(match)
        number = MONTHS[name]
        year = int(match["year"]) if match["year"] else None
        if year is None:
            year = found.today.year + (number < found.today.month)
        if found.month is None:
            found.month = f"{year}-{number:02d}"
            start = found.text[: match.start("month")]
            found.part = next((part for part, words in _PARTS if words.search(start)), None)
