"""Days and ranges of days: by date, by weekday, and counted from today. Those without a month: `bare_days`."""

import re
from datetime import date, timedelta
from typing import Final

from inference.understanding.calendar_words import (
    ABBREVIATED,
    MONTHS,
    ORDINALS,
    SHORT_WEEKDAYS,
    WEEKDAYS,
    alternatives,
    day_number,
    number_of,
)
from inference.understanding.when import (
    AFTER_NEXT,
    DAY,
    DAY2,
    MONTH,
    MONTH2,
    NEXT_AFTER,
    NEXT_BEFORE,
    OF,
    SAID_DAY,
    SAID_DAY2,
    TO_THE,
    WEEKDAY,
    WEEKDAY2,
    WORD_DAY,
    YEAR,
    Found,
    N,
    month_in,
    next_day,
)

NO_DAY: Final = (
    r"(?:one|option|hotel|flight|place|room|offer|week|time|floor|night|day|birthday|anniversary)\b"
)
"""What an ordinal may count beside days."""

_ISO: Final = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_NUMERIC_RANGE: Final = re.compile(
    r"(?<![\d.,/])(\d{1,2})[./](\d{1,2})?[./]?(20\d\d|\d\d)?"
    + TO_THE
    + r"(\d{1,2})[./](\d{1,2})(?:[./](20\d\d|\d\d)?)?(?![\d/])"
)
_NUMERIC: Final = re.compile(
    r"(?<![\d.,/])(\d{1,2})(?:/(\d{1,2})(?:/(20\d\d|\d\d))?|\.(\d{1,2})\.(20\d\d|\d\d)?|-(\d{1,2})-(20\d\d))(?![\d/])"
)


def numeric(found: Found) -> None:
    """ "2027-05-03", "3.-7.5.", "12/3": the day before the month, unless that cannot be."""
    for match in found.matches(_ISO):
        day = next_day(found.today, int(match[2]), int(match[3]), int(match[1]))
        if day:
            found.day(day, match)
    for match in found.matches(_NUMERIC_RANGE):
        if "/" not in match[0] and "." not in match[0]:
            continue
        last = _day_month(found, match[4], match[5], match[6])
        first = last and _day_month(found, match[1], match[2] or str(last.month), match[3])
        if first and last:
            if last < first:
                last = last.replace(year=first.year + (last.month < first.month))
            found.range(first, last, match)
    for match in found.matches(_NUMERIC):
        other, year = match[2] or match[4] or match[6], match[3] or match[5] or match[7]
        day = _day_month(found, match[1], other, year)
        if day:
            found.day(day, match)


def _day_month(found: Found, first: str, second: str, year: str | None) -> date | None:
    """Day before month, unless that cannot be."""
    day, month = int(first), int(second)
    if month > 12 and day <= 12:
        day, month = month, day
    if not 1 <= month <= 12:
        return None
    full = int(year) + (2000 if len(year) == 2 else 0) if year else None
    return next_day(found.today, month, day, full)


_RANGES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{SAID_DAY}{OF} {MONTH}{TO_THE}{SAID_DAY2}{OF} {MONTH2}{YEAR}\b",
        rf"\b{MONTH} {DAY}{TO_THE}{MONTH2} {DAY2}{YEAR}\b",
        rf"\b{SAID_DAY}{TO_THE}{SAID_DAY2}{OF} {MONTH}{YEAR}\b",
        rf"\b{MONTH} (?:the )?{DAY}{TO_THE}{DAY2}(?!\d|\s*(?:eur|usd|€|\$|£|pers|peop|adult|night)){YEAR}",
        rf"\b{MONTH} (?:the )?(?P<word>{ORDINALS}){TO_THE}(?P<word2>{ORDINALS}){YEAR}\b",
        # "3 may to 7"; what else follows such a number may be anything.
        rf"\b{SAID_DAY}{OF} {MONTH}\s*(?:-|to|until|till?|bis(?: zum)?|al|hasta(?: el)?|au|jusqu'?au) ?{SAID_DAY2}{YEAR}"
        r"(?=\.?\s*(?:$|[,;!?)]|(?:for|in|with|and|fur|mit|und|para|con|y|pour|avec|et)\b))",
    )
)
_SINGLES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{DAY}{OF} ?{MONTH}{YEAR}\b",
        rf"\b(?:am|vom|bis|zum|dem|den|der|el|del|al|le|du|au) {WORD_DAY}(?: de| del)? {MONTH}{YEAR}\b",
        rf"\b{WORD_DAY} of {MONTH}{YEAR}\b",
        rf"\b{MONTH} (?:the )?(?P<word>{ORDINALS})\b(?! {NO_DAY}){YEAR}",
        rf"\b{MONTH} (?:the )?{DAY}(?!\d|\s*(?:eur|usd|€|\$|£|k\b|pers|peop|adult|night|day|nach|tag|dia|jour|noche|nuit|week|woch|semana|semaine|people|kid|min|st[du])){YEAR}",
    )
)


def with_month(found: Found) -> None:
    """ "from 3 to 7 may", "May 3rd", "28 dec to 3 jan"."""
    for pattern in _RANGES:
        for match in found.matches(pattern):
            parts = match.groupdict()
            year = int(parts["year"]) if parts.get("year") else None
            month = MONTHS[parts["month"]]
            start = next_day(found.today, month, day_number(_day(match)), year)
            month = MONTHS[parts["month2"]] if parts.get("month2") else month
            end = next_day(start or found.today, month, day_number(_day(match, "2")), year)
            if start and end:
                found.range(start, end, match)
    for pattern in _SINGLES:
        for match in found.matches(pattern):
            year = int(match["year"]) if match["year"] else None
            day = next_day(found.today, MONTHS[match["month"]], day_number(_day(match)), year)
            if day:
                found.day(day, match)


def _day(match: "re.Match[str]", which: str = "") -> str:
    """In figures or in words."""
    said = match.groupdict()
    return str(said.get(f"day{which}") or said[f"word{which}"])


_WEEKEND: Final = re.compile(
    r"\b(?:week-?ends?|week end|wochenende|(?<=\bce )we|(?<=\ble )we|(?<=\bdieses )we|(?<=\bnachstes )we|w/e(?:nd)?|wknd|wkend|finde(?! ich)|fin(?:es)? de semana)\b"
)
_SOME: Final = re.compile(
    r"\b(?:any|some|every|whole|entire|irgendein|jedes|ganze[ns]?|algun|todo el|cualquier|tout le|quelque|last|letzte[sn]?)\s*$"
)
_OF_A_DAY: Final = re.compile(
    rf"^\s*(?:of|around|vom|um den|del|du|de|from) (?:the |el |le )?(?:{DAY}\b)"
)
_DURING: Final = re.compile(
    r"\b(?:a|long|one|ein|langes|verlangertes|un|for a|lange[ns]?|puente)\s*$"
)


_WEEKEND_OF: Final = re.compile(
    r"\b(?:(?P<w0>first|1st|erste[ns]?|primer|premier)|(?P<w1>second|2nd|zweite[ns]?|segundo|deuxieme)"
    r"|(?P<w2>third|3rd|dritte[ns]?|tercer|troisieme)|(?P<w3>last|letzte[ns]?|ultimo|dernier))"
    rf" (?:week-?end|wochenende|finde|fin de semana)(?: of| in| im| von| des| de| del| d')? ?{MONTH}{YEAR}\b"
)


def weekends_of_months(found: Found) -> None:
    """ "The first weekend of june": Friday to Sunday."""
    for match in found.matches(_WEEKEND_OF):
        which = next(at for at in range(4) if match[f"w{at}"])
        year = int(match["year"]) if match["year"] else None
        day = next_day(found.today, MONTHS[match["month"]], (1, 8, 15, 22)[which], year)
        if day is None:
            continue
        friday = day + timedelta((4 - day.weekday()) % 7)
        if which == 3 and (friday + timedelta(7)).month == day.month:
            friday += timedelta(7)
        found.range(friday, friday + timedelta(2), match)


def weekends(found: Found) -> None:
    """Friday to Sunday: this one, the next, or the one of a day that was said."""
    friday = found.today + timedelta((4 - found.today.weekday()) % 7)
    if found.today.weekday() > 4:
        friday = found.today - timedelta(found.today.weekday() - 4)
    for match in found.matches(_WEEKEND):
        before, after = found.text[: match.start()], found.text[match.end() :]
        if _SOME.search(before):
            found.take(match)
            continue
        if _DURING.search(before) and not NEXT_AFTER.search(after):
            found.take(match)
            found.nights = found.nights or 2
            continue
        if re.search(r"\b(?:dernier|pasado|last|letzte[sn]?)\s*$", before) or re.match(
            r"\s*(?:dernier|pasado)\b", after
        ):
            found.take(match)
            continue
        if found.from_ is not None and _OF_A_DAY.match(after):
            # The weekend that this day is in or before.
            start = found.from_ - timedelta((found.from_.weekday() - 4) % 7)
            if found.from_.weekday() < 4:
                start += timedelta(7)
            if found.to is None:
                found.from_, found.to = start, start + timedelta(2)
            found.take(match)
            continue
        start = friday
        if NEXT_BEFORE.search(before) or NEXT_AFTER.search(after):
            start = friday + timedelta(7)
        if AFTER_NEXT.search(found.text):
            start = friday + timedelta(14)
        found.range(start, start + timedelta(2), match)


_ABBREVIATED_RANGES: Final = tuple(
    (days, re.compile(rf"\b(?P<one>{names})\.?\s?(?:-|bis|al?|au)\s?(?P<two>{names})\b"))
    for days in ABBREVIATED
    for names in [alternatives(days)]
)
_WEEKDAY_RANGE: Final = re.compile(rf"\b{WEEKDAY}{TO_THE}(?:next )?{WEEKDAY2}\b")
_ONE_WEEKDAY: Final = re.compile(rf"\b{WEEKDAY}\b")


def weekdays(found: Found) -> None:
    """ "friday to sunday", "fr-so", "next friday"."""
    for days, pattern in _ABBREVIATED_RANGES:
        for match in found.matches(pattern):
            first, last = days[match["one"]], days[match["two"]]
            if first != last:
                start = _next_of(found, first, match)
                found.range(start, start + timedelta((last - first) % 7), match)
    for match in found.matches(_WEEKDAY_RANGE):
        start = _next_weekday(found, match["weekday"], match)
        end = start + timedelta((WEEKDAYS[match["weekday2"]] - start.weekday()) % 7 or 7)
        found.range(start, end, match)
    for match in found.matches(_ONE_WEEKDAY):
        name, before = match["weekday"], found.text[: match.start()]
        is_cued = bool(
            re.search(r"\b(?:on|next|this|by|until|til|till|from|to|and|or|-)\s*$", before)
        )
        if name in SHORT_WEEKDAYS and not is_cued and match[0] != found.text.strip():
            continue
        if re.search(r"\b(?:every|last|black|jeden|letzten|cada|los|tous les|chaque)\s*$", before):
            continue
        found.day(_next_weekday(found, name, match), match)


def _next_weekday(found: Found, name: str, match: "re.Match[str]") -> date:
    return _next_of(found, WEEKDAYS[name], match)


def _next_of(found: Found, weekday: int, match: "re.Match[str]") -> date:
    """The next to come; "next" before it, when that one is in this week still: a week later."""
    today = found.from_ or found.today
    day = today + timedelta((weekday - today.weekday()) % 7 or 7)
    before, after = found.text[: match.start()], found.text[match.end() :]
    if _NEXT_WEEK.search(found.text) and _is_this_week(day, found.today):
        return day + timedelta(7)
    if NEXT_BEFORE.search(before) and found.language == "en" and _is_this_week(day, found.today):
        return day + timedelta(7)
    if re.match(r"\s*(?:week|in a week|in einer woche|en huit)\b", after):
        return day + timedelta(7)
    return day


_NEXT_WEEK: Final = re.compile(
    r"\b(?:next|nxt) w(?:ee)?k\b|\bn(?:a|ae)chste woche\b|\b(?:proxima semana|semana que viene)\b|\bsemaine prochaine\b"
)


def _is_this_week(day: date, today: date) -> bool:
    return day <= today + timedelta(6 - today.weekday())


_RELATIVE: Final = tuple(
    (re.compile(pattern), days)
    for pattern, days in (
        (r"\b(?:the )?day after tomorrow\b|\bubermorgen\b|\buebermorgen\b", 2),
        (r"\bpasado manana\b|\bapres[- ]demain\b", 2),
        (r"\b(?:tomorr?o?w?|tomoro|tomoz|tmrw?|tmw|2moro|2mrw)\b", 1),
        (r"\bdemain\b", 1),
        (
            r"\btonight\b|\btonite\b|\b2nite\b|(?<!doing )(?<!you )(?<!feeling )\btoday\b|\bheute\b|\bhoy\b|\besta noche\b",
            0,
        ),
        (r"\bce soir\b|\baujourd'?hui\b|\bcette nuit\b", 0),
    )
)
_MORGEN: Final = re.compile(
    r"(?<!guten )(?<!gute )(?<!am )(?<!jeden )\bmorgen\b|\b(?<!por la )(?<!la )(?<!de )manana\b"
)
_IN_SOME: Final = re.compile(
    rf"\b(?:in|en|dans|dentro de)\s(?:about |etwa |unos |environ )?{N}\s?"
    r"(?P<unit>days?|tage?n?|dias?|jours?|weeks?|wochen?|semanas?|semaines?|fortnights?|months?|monate?n?|mes|meses|mois)\b"
    r"(?! (?:in|en|a|à)\b)"
)
_FROM_NOW: Final = re.compile(
    rf"\b{N}\s?(?P<unit>days?|tage?n?|weeks?|wochen?)\s(?:from (?:today|now)|ab (?:heute|jetzt))\b"
)
_WEEK: Final = re.compile(r"\b(?:week|wk|woche|semana|semaine)\b")
_NEXT_MONTH: Final = re.compile(
    r"\bnext month\b|\b(?:nachste[nr]?|naechste[nr]?|kommenden) monat\b|\b(?:el )?(?:proximo mes|mes que viene)\b"
    r"|\b(?:le )?mois prochain\b"
)
_THIS_MONTH: Final = re.compile(r"\bthis month\b|\bdiesen monat\b|\beste mes\b|\bce mois(?:-ci)?\b")


def relative(found: Found) -> None:
    """Counted from today: tomorrow, in three weeks, next week, next month."""
    for match in found.matches(_FROM_NOW):
        days = number_of(match["n"]) * (1 if match["unit"][0] in "dt" else 7)
        found.day(found.today + timedelta(days), match)
    for pattern, days in _RELATIVE:
        for match in found.matches(pattern):
            found.day(found.today + timedelta(days), match)
    if found.language in ("de", "es"):
        for match in found.matches(_MORGEN):
            found.day(found.today + timedelta(1), match)
    for match in found.matches(_IN_SOME):
        unit, count = match["unit"], number_of(match["n"])
        if unit.startswith(("mon", "mes", "moi")):
            found.take(match)
            found.month = month_in(found.today, count)
            continue
        days = count * (1 if unit[0] in "dtj" else 14 if unit.startswith("fort") else 7)
        found.day(found.today + timedelta(days), match)
    for match in found.matches(_NEXT_MONTH):
        found.take(match)
        found.month = month_in(found.today, 1)
    for match in found.matches(_THIS_MONTH):
        found.take(match)
        found.month = month_in(found.today, 0)
    for match in found.matches(_WEEK):
        before, after = found.text[: match.start()], found.text[match.end() :]
        monday = found.today - timedelta(found.today.weekday())
        if NEXT_BEFORE.search(before) or NEXT_AFTER.search(after):
            found.range(monday + timedelta(7), monday + timedelta(13), match)
        elif re.search(r"\b(?:this|diese|esta|cette)\s*$", before):
            found.range(found.today, monday + timedelta(6), match)
