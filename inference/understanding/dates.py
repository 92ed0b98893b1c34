"""When: days, ranges, months, seasons, holidays and nights, in four languages.

The conventions are those of data/messages/README.md: a weekend is Friday to Sunday, a lone day is only
`from_`, a month without a year is the next to come, "winter 2026" begins in December 2026.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from inference.understanding.calendar_words import (
    CUED_SEASONS,
    HOLIDAYS,
    MONTHS,
    NUMBER,
    SEASONS,
    SHORT_MONTHS,
    SHORT_WEEKDAYS,
    WEEKDAYS,
    alternatives,
    number_of,
)
from protocol.understanding import Dates, Language

Spans = list[tuple[int, int]]

_MONTH: Final = rf"(?P<month>{alternatives(MONTHS)})\.?"
_MONTH2: Final = rf"(?P<month2>{alternatives(MONTHS)})\.?"
_YEAR: Final = r"(?:,? (?:de |del )?(?P<year>20\d\d))?"
_DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|\.|º|o)?"
_DAY2: Final = r"(?P<day2>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|\.|º|o)?"
_TO: Final = (
    r"\s*(?:-|to|until|till?|til|through|thru|and|bis|und|zum|al|a|hasta|y|au|et|jusqu'?au|>)\s*"
)
_TO_THE: Final = rf"{_TO}(?:the |zum |el |le |den |dem )?"
_OF: Final = r"(?: ?of| de| del)?"
_WEEKDAY: Final = rf"(?P<weekday>{alternatives(WEEKDAYS)})s?\.?"
_WEEKDAY2: Final = rf"(?P<weekday2>{alternatives(WEEKDAYS)})\.?"
_UNTIL: Final = re.compile(
    r"\b(?:until|till?|by|back(?: home)?(?: on| by)?|return\w*(?: on)?|bis(?: zum)?|hasta(?: el)?|jusqu'?(?:au|a)?"
    r"|zuruck(?: am)?|vuelta(?: el)?|volver(?: el)?|volvemos(?: el)?|retour(?: le)?|revenir(?: le)?|not after"
    r"|before|vor|antes del?|avant(?: le)?)\s*(?:the |el |le |den |dem |am )?$"
)
_NEXT_BEFORE: Final = re.compile(
    r"\b(?:next|nachste[nrms]?|naechste[nrms]?|kommende[nrms]?|proximo|proxima|el proximo|coming)\s*$"
)
_NEXT_AFTER: Final = re.compile(
    r"^\s*(?:prochaine?|que viene|qui vient|proximo|after next|d'apres|siguiente)\b"
)
_AFTER_NEXT: Final = re.compile(
    r"\b(?:week(?:end)? after next|ubernachste\w*|weekend after(?: that)?|the one after)\b"
)
_NUMBERS_BEFORE: Final = r"(?:hotel|room|number|nr|no|option|numero|nummer|zimmer|chambre)\s*$"


@dataclass(slots=True)
class _Found:
    """What was recognised so far; `taken` are the characters that say it."""

    text: str
    today: date
    language: Language
    from_: date | None = None
    to: date | None = None
    month: str | None = None
    nights: int | None = None
    season: str | None = None
    holiday: str | None = None
    taken: Spans = field(default_factory=list)

    def matches(self, pattern: "re.Pattern[str]") -> Iterator["re.Match[str]"]:
        """Those in text that nothing was read from yet."""
        for match in pattern.finditer(self.text):
            if not any(a < match.end() and match.start() < b for a, b in self.taken):
                yield match

    def take(self, match: "re.Match[str]") -> None:
        self.taken.append(match.span())

    def day(self, day: date, match: "re.Match[str]") -> None:
        """A lone day: the first is the departure, unless it says until; the second the return."""
        self.take(match)
        if _UNTIL.search(self.text[: match.start()]) or self.from_ is not None:
            if self.to is None and (self.from_ is None or day > self.from_):
                self.to = day
        else:
            self.from_ = day
            if self.to is not None and self.to < day:
                self.to = None

    def range(self, start: date, end: date, match: "re.Match[str]") -> None:
        self.take(match)
        if self.from_ is None:
            self.from_, self.to = start, end


def dates_in(
    text: str, *, today: date, language: Language, asked: bool = False
) -> tuple[Dates | None, Spans]:
    """`text`: folded. `asked`: it answers when. Also which characters said it."""
    found = _Found(text, today, language)
    for read in (_numeric, _with_month, _weekends, _weekdays, _relative, _bare_days):
        read(found)
    if asked and not found.taken:
        _bare_range(found)
    _durations(found)
    _holidays(found)
    _seasons(found)
    _months(found, asked=asked)
    return _dates(found), found.taken


def _dates(found: _Found) -> Dates | None:
    if not found.taken:
        return None
    has_days = found.from_ is not None or found.to is not None
    dates = Dates(
        from_=found.from_.isoformat() if found.from_ else None,
        to=found.to.isoformat() if found.to else None,
        month=None if has_days else found.month,
        nights=found.nights,
        season=None if has_days or found.month else found.season,
        holiday=None if has_days else found.holiday,
    )
    return None if dates == Dates() else dates


def next_day(today: date, month: int, day: int, year: int | None = None) -> date | None:
    """The next such day to come; None: there is none."""
    try:
        if year is not None:
            return date(year, month, day)
        this = date(today.year, month, day)
        return this if this >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


_ISO: Final = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_NUMERIC_RANGE: Final = re.compile(
    r"(?<![\d.,/])(\d{1,2})[./](\d{1,2})?[./]?(20\d\d|\d\d)?"
    + _TO_THE
    + r"(\d{1,2})[./](\d{1,2})(?:[./](20\d\d|\d\d)?)?(?![\d/])"
)
_NUMERIC: Final = re.compile(
    r"(?<![\d.,/])(\d{1,2})(?:/(\d{1,2})(?:/(20\d\d|\d\d))?|\.(\d{1,2})\.(20\d\d|\d\d)?|-(\d{1,2})-(20\d\d))(?![\d/])"
)


def _numeric(found: _Found) -> None:
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


def _day_month(found: _Found, first: str, second: str, year: str | None) -> date | None:
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
        rf"\b{_DAY}{_OF} {_MONTH}{_TO_THE}{_DAY2}{_OF} {_MONTH2}{_YEAR}\b",
        rf"\b{_MONTH} {_DAY}{_TO_THE}{_MONTH2} {_DAY2}{_YEAR}\b",
        rf"\b{_DAY}{_TO_THE}{_DAY2}{_OF} {_MONTH}{_YEAR}\b",
        rf"\b{_MONTH} (?:the )?{_DAY}{_TO_THE}{_DAY2}(?!\d|\s*(?:eur|usd|€|\$|£|pers|peop|adult|night)){_YEAR}",
    )
)
_SINGLES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_DAY}{_OF} ?{_MONTH}{_YEAR}\b",
        rf"\b{_MONTH} (?:the )?{_DAY}(?!\d|\s*(?:eur|usd|€|\$|£|k\b|pers|peop|adult|night|day|nach|tag|dia|jour|noche|nuit|week|woch|semana|semaine|people|kid|min|st[du])){_YEAR}",
    )
)


def _with_month(found: _Found) -> None:
    for pattern in _RANGES:
        for match in found.matches(pattern):
            parts = match.groupdict()
            year = int(parts["year"]) if parts.get("year") else None
            month = MONTHS[parts["month"]]
            start = next_day(found.today, month, int(parts["day"]), year)
            month = MONTHS[parts["month2"]] if parts.get("month2") else month
            end = next_day(start or found.today, month, int(parts["day2"]), year)
            if start and end:
                found.range(start, end, match)
    for pattern in _SINGLES:
        for match in found.matches(pattern):
            year = int(match["year"]) if match["year"] else None
            day = next_day(found.today, MONTHS[match["month"]], int(match["day"]), year)
            if day:
                found.day(day, match)


_WEEKEND: Final = re.compile(
    r"\b(?:week-?ends?|week end|wochenende|(?<=\bce )we|(?<=\ble )we|wknd|wkend|finde(?! ich)|fin(?:es)? de semana)\b"
)
_SOME: Final = re.compile(
    r"\b(?:any|some|every|whole|entire|irgendein|jedes|ganze[ns]?|algun|todo el|cualquier|tout le|quelque|last|letzte[sn]?)\s*$"
)
_OF_A_DAY: Final = re.compile(
    rf"^\s*(?:of|around|vom|um den|del|du|de|from) (?:the |el |le )?(?:{_DAY}\b)"
)
_DURING: Final = re.compile(
    r"\b(?:a|long|one|ein|langes|verlangertes|un|for a|lange[ns]?|puente)\s*$"
)


def _weekends(found: _Found) -> None:
    friday = found.today + timedelta((4 - found.today.weekday()) % 7)
    if found.today.weekday() > 4:
        friday = found.today - timedelta(found.today.weekday() - 4)
    for match in found.matches(_WEEKEND):
        before, after = found.text[: match.start()], found.text[match.end() :]
        if _SOME.search(before):
            found.take(match)
            continue
        if _DURING.search(before) and not _NEXT_AFTER.search(after):
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
        if _NEXT_BEFORE.search(before) or _NEXT_AFTER.search(after):
            start = friday + timedelta(7)
        if _AFTER_NEXT.search(found.text):
            start = friday + timedelta(14)
        found.range(start, start + timedelta(2), match)


_WEEKDAY_RANGE: Final = re.compile(rf"\b{_WEEKDAY}{_TO_THE}(?:next )?{_WEEKDAY2}\b")
_ONE_WEEKDAY: Final = re.compile(rf"\b{_WEEKDAY}\b")


def _weekdays(found: _Found) -> None:
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


def _next_weekday(found: _Found, name: str, match: "re.Match[str]") -> date:
    """The next to come; "next" before it, when that one is in this week still: a week later."""
    today = found.from_ or found.today
    day = today + timedelta((WEEKDAYS[name] - today.weekday()) % 7 or 7)
    before, after = found.text[: match.start()], found.text[match.end() :]
    if _NEXT_BEFORE.search(before) and found.language == "en" and _is_this_week(day, found.today):
        return day + timedelta(7)
    if re.match(r"\s*(?:week|in a week|in einer woche|en huit)\b", after):
        return day + timedelta(7)
    return day


def _is_this_week(day: date, today: date) -> bool:
    return day <= today + timedelta(6 - today.weekday())


_N: Final = rf"(?P<n>{NUMBER})"
_RELATIVE: Final = tuple(
    (re.compile(pattern), days)
    for pattern, days in (
        (r"\b(?:the )?day after tomorrow\b|\bubermorgen\b|\buebermorgen\b", 2),
        (r"\bpasado manana\b|\bapres[- ]demain\b", 2),
        (r"\btomorrow\b|\btmrw?\b|\btmr\b|\btomorow\b|\b2moro\b", 1),
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
    rf"\b(?:in|en|dans|dentro de)\s(?:about |etwa |unos |environ )?{_N}\s?"
    r"(?P<unit>days?|tage?n?|dias?|jours?|weeks?|wochen?|semanas?|semaines?|fortnights?|months?|monate?n?|mes|meses|mois)\b"
    r"(?! (?:in|en|a|à)\b)"
)
_WEEK: Final = re.compile(r"\b(?:week|woche|semana|semaine)\b")
_NEXT_MONTH: Final = re.compile(
    r"\bnext month\b|\b(?:nachste[nr]?|naechste[nr]?|kommenden) monat\b|\b(?:el )?(?:proximo mes|mes que viene)\b"
    r"|\b(?:le )?mois prochain\b"
)
_THIS_MONTH: Final = re.compile(r"\bthis month\b|\bdiesen monat\b|\beste mes\b|\bce mois(?:-ci)?\b")


def _relative(found: _Found) -> None:
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
            found.month = _month_in(found.today, count)
            continue
        days = count * (1 if unit[0] in "dtj" else 14 if unit.startswith("fort") else 7)
        found.day(found.today + timedelta(days), match)
    for match in found.matches(_NEXT_MONTH):
        found.take(match)
        found.month = _month_in(found.today, 1)
    for match in found.matches(_THIS_MONTH):
        found.take(match)
        found.month = _month_in(found.today, 0)
    for match in found.matches(_WEEK):
        before, after = found.text[: match.start()], found.text[match.end() :]
        monday = found.today - timedelta(found.today.weekday())
        if _NEXT_BEFORE.search(before) or _NEXT_AFTER.search(after):
            found.range(monday + timedelta(7), monday + timedelta(13), match)
        elif re.search(r"\b(?:this|diese|esta|cette)\s*$", before):
            found.range(found.today, monday + timedelta(6), match)


def _month_in(today: date, count: int) -> str:
    months = today.year * 12 + today.month - 1 + count
    return f"{months // 12}-{months % 12 + 1:02d}"


_BARE_DAY: Final = re.compile(
    r"\b(?:(?:on |from |until |till |by |back )?the (?P<en>3[01]|[12]\d|[4-9])(?:st|nd|rd|th)\b(?! (?:one|option|hotel|flight|place|day|night|birthday|anniversary|floor))"
    r"|(?:on|from|until|till|back|for) the (?P<en3>[1-3])(?:st|nd|rd)\b(?! (?:one|option|hotel|flight|place|week|time|floor|night|day))"
    r"|(?:on|from|until|till|back) (?P<en2>3[01]|[12]\d|[1-9])(?:st|nd|rd|th)\b"
    r"|(?:am|vom|bis zum|ab dem|zum) (?P<de>3[01]|[12]\d|[1-9])\."
    r"|(?:el dia|del dia|hasta el dia|el dia) (?P<es>3[01]|[12]\d|[1-9])\b"
    r"|\bel (?P<es2>3[01]|[12]\d)\b(?! (?:por|%))"
    r"|\b(?:le|au|du) (?P<fr>3[01]|[12]\d|[4-9])\b(?! (?:ou|%|heures|et)))"
)


def _bare_days(found: _Found) -> None:
    """A day of this month or the next."""
    for match in found.matches(_BARE_DAY):
        which = next(name for name, value in match.groupdict().items() if value)
        if found.language != which[:2] or re.search(_NUMBERS_BEFORE, found.text[: match.start()]):
            continue
        number, start = int(match[which]), found.from_ or found.today
        month = _month_in(start, 0 if number >= start.day else 1)
        day = _day_in(month, number)
        if day is not None:
            found.day(day, match)


_BARE_RANGE: Final = re.compile(
    rf"^\D*\b(?P<one>3[01]|[12]\d|[1-9])\.?{_TO_THE}(?P<two>3[01]|[12]\d|[1-9])\.?\D*$"
)


def _bare_range(found: _Found) -> None:
    """The answer "5 to 12": of this month or the next."""
    for match in found.matches(_BARE_RANGE):
        one, two = int(match["one"]), int(match["two"])
        month = _month_in(found.today, 0 if one >= found.today.day else 1)
        start = _day_in(month, one)
        end = _day_in(month if two >= one else _month_after(month), two)
        if start and end:
            found.range(start, end, match)


def _day_in(month: str, day: int) -> date | None:
    try:
        return date.fromisoformat(f"{month}-{day:02d}")
    except ValueError:
        return None


def _month_after(month: str) -> str:
    return _month_in(date.fromisoformat(f"{month}-01"), 1)


_DURATIONS: Final = (
    (rf"\b{_N}[ -]?(?:nights?|nites?|nt|nachte?|naechte?|noches?|nuits?|nuitees?)\b", 1),
    (rf"\b{_N}[ -]?(?:full |ganze |whole )?(?:days?|tage?|tagen|dias?|jours?)\b", 1),
    (rf"\b{_N}[ -]?(?:whole |full |ganze )?(?:weeks?|wks?|wochen?|semanas?|semaines?)\b", 7),
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


def _durations(found: _Found) -> None:
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


def _holidays(found: _Found) -> None:
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


def _seasons(found: _Found) -> None:
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


_ONE_MONTH: Final = re.compile(rf"\b(?:mi-)?{_MONTH}(?:ish)?{_YEAR}\b")
_MONTH_CUE: Final = re.compile(
    r"\b(?:in|early|late|mid|mid-|of|week|woche|semana|semaine|think\w*|end|start|beginning|middle|for|by|until|til|till|before|after|around|about|"
    r"during|next|this|from|since|through|or|and|im|anfang|mitte|ende|ab|bis|seit|en|de|del|para|hasta|por|"
    r"principios de|finales de|debut|fin|mi|mi-|courant|pour|jusqu'en|vers|avant|apres|au mois de|a|y|o|ou|et|"
    r"und|oder|sometime|maybe|late-|early-|to|-|is)[\s/,-]*$"
)

_SEPTEMBER: Final = re.compile(r"\b(?:en|debut|fin|mi|mois de|courant|de)[\s-]*$")
"""Before "sept", which is seven in French."""


def _months(found: _Found, *, asked: bool) -> None:
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
        found.month = found.month or f"{year}-{number:02d}"
