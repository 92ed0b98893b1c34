"""What readers of days share: how days are written, and what was found so far."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Final

from inference.understanding.calendar_words import (
    DAY_IN_WORDS,
    MONTHS,
    NUMBER,
    WEEKDAYS,
    alternatives,
)
from protocol.understanding import Language, Part

Spans = list[tuple[int, int]]

MONTH: Final = rf"(?P<month>{alternatives(MONTHS)})\.?"
MONTH2: Final = rf"(?P<month2>{alternatives(MONTHS)})\.?"
YEAR: Final = r"(?:,? (?:de |del )?(?P<year>20\d\d))?"
DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|\.|º|o)?"
DAY2: Final = r"(?P<day2>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|\.|º|o)?"
WORD_DAY: Final = rf"(?P<word>{DAY_IN_WORDS})"
SAID_DAY: Final = rf"(?:{DAY}|{WORD_DAY})"
SAID_DAY2: Final = rf"(?:{DAY2}|(?P<word2>{DAY_IN_WORDS}))"
TO: Final = r"\s*(?:-|to|until|till?|til|through|thru|and|bis|auf|und|zum|al|a|hasta|y|au|et|jusqu'?au|>)\s*"
TO_THE: Final = rf"{TO}(?:the |zum |el |le |den |dem )?"
OF: Final = r"(?: ?of| de| del)?"
WEEKDAY: Final = rf"(?P<weekday>{alternatives(WEEKDAYS)})s?\.?"
WEEKDAY2: Final = rf"(?P<weekday2>{alternatives(WEEKDAYS)})\.?"
_UNTIL: Final = re.compile(
    r"\b(?:until|till?|by|back(?: home)?(?: on| by)?|return\w*(?: on)?|bis(?: zum)?|hasta(?: el)?|jusqu'?(?:au|a)?"
    r"|zuruck(?: am)?|vuelta(?: el)?|volver(?: el)?|volvemos(?: el)?|regreso(?: el)?|retour(?: le)?|revenir(?: le)?|not after"
    r"|before|vor|antes del?|avant(?: le)?)\s*(?:the |el |le |den |dem |am )?(?:dia )?$"
)
NEXT_BEFORE: Final = re.compile(
    r"\b(?:next|nxt|nachste[nrms]?|naechste[nrms]?|proximo|proxima|el proximo)\s*$"
)
NEXT_AFTER: Final = re.compile(
    r"^\s*(?:prochaine?|que viene|qui vient|proximo|after next|d'apres|siguiente)\b"
)
AFTER_NEXT: Final = re.compile(
    r"\b(?:week(?:end)? after next|ubernachste\w*|weekend after(?: that)?|the one after)\b"
)
N: Final = rf"(?P<n>{NUMBER})"
_NOT_BEFORE: Final = re.compile(
    r"(?<!why )(?<!if )(?<!warum )(?<!wieso )(?<!por que )(?<!pourquoi )"
    r"\b(?:not|can'?t(?: do| make)?|cannot(?: do| make)?|instead of|rather than|except|nicht|statt|anstatt|ausser"
    r"|en vez de|en lugar de|excepto|salvo|pas|plutot que?|sauf|(?:i'?m|we'?re) (?:busy|working)|nicht da|no (?:estoy|estamos)|pas la)"
    r"(?: (?:in|on|for|at|over|this|the|im|am|an|zu|uber|der|den|en|el|este|le|au|a|ce|de))*\s*$"
)
_NO_BEFORE: Final = re.compile(r"(?<!por que )\bno(?: puedo| podemos)?(?: (?:en|el|los|este))*\s*$")
"""In Spanish."""

_NOT_AFTER: Final = re.compile(
    r"^,? (?:no|nicht|nein|non|pas|is out|is no good|isn'?t|(?:does|do|wo)n'?t (?:really )?work(?: for \w+)?|(?:i|we) can'?t"
    r"|(?:geht|passt|klappt)(?: (?:bei|fur))?(?: (?:mir|mich|uns))?(?: leider)? nicht|(?:kann|konnen) (?:ich|wir)(?: leider)? nicht"
    r"|no puedo|no podemos|no va|no me va|(?:me|nos) viene(?:n)? (?:fatal|mal)|ne va pas|c'est mort(?: pour (?:moi|nous))?"
    r"|(?:je|on) (?:ne )?peu[xt] pas|(?:ca )?(?:ne )?(?:va|marche) pas|(?:i'?m|we'?re) (?:away|busy|working)|(?:bin ich|sind wir) (?:weg|verreist"
    r"|nicht da)|no (?:estoy|estamos)|(?:je|on) (?:ne )?(?:suis|est|sera) pas la)\s*(?:[,.;!]|$|(?:but|aber|sondern|sino|pero|mais)\b)"
)


MOST_MATCHES: Final = 30
"""Of one expression in a message that are looked at: before each one is read what stands before it."""


@dataclass(slots=True)
class Found:
    """What was recognised so far; `taken` are the characters that say it. `around`: see `Setting`."""

    text: str
    today: date
    language: Language
    around: date | None = None
    from_: date | None = None
    to: date | None = None
    month: str | None = None
    part: Part | None = None
    nights: int | None = None
    season: str | None = None
    holiday: str | None = None
    taken: Spans = field(default_factory=list)

    def matches(self, pattern: "re.Pattern[str]") -> Iterator["re.Match[str]"]:
        """Those in text that nothing was read from yet. Of what is said not to be, nothing is."""
        for match in islice(pattern.finditer(self.text), MOST_MATCHES):
            if any(a < match.end() and match.start() < b for a, b in self.taken):
                continue
            if self._is_denied(match):
                self.take(match)
            else:
                yield match

    def _is_denied(self, match: "re.Match[str]") -> bool:
        """ "Not in april, in march", "april no, march"."""
        before, after = self.text[: match.start()], self.text[match.end() :]
        is_no = self.language == "es" and _NO_BEFORE.search(before) is not None
        return is_no or bool(_NOT_BEFORE.search(before) or _NOT_AFTER.match(after))

    def take(self, match: "re.Match[str]") -> None:
        self.taken.append(match.span())

    def day(self, day: date, match: "re.Match[str]", *, at: int | None = None) -> None:
        """A lone day: the first is the departure, unless it says until; the second the return. `at`: where the day itself
        begins, if that is later."""
        self.take(match)
        if self.is_until(match.start() if at is None else at) or self.from_ is not None:
            if self.to is None and (self.from_ is None or day > self.from_):
                self.to = day
        else:
            self.from_ = day
            if self.to is not None and self.to < day:
                self.to = None

    def is_until(self, at: int) -> bool:
        """Whether what stands there is an end."""
        return _UNTIL.search(self.text[:at]) is not None

    def range(self, start: date, end: date, match: "re.Match[str]") -> None:
        self.take(match)
        if self.from_ is None:
            self.from_, self.to = start, end


def next_day(today: date, month: int, day: int, year: int | None = None) -> date | None:
    """The next such day to come; None: there is none."""
    try:
        if year is not None:
            return date(year, month, day)
        this = date(today.year, month, day)
        return this if this >= today else date(today.year + 1, month, day)
    except ValueError:
        return None


def month_in(today: date, count: int) -> str:
    months = today.year * 12 + today.month - 1 + count
    return f"{months // 12}-{months % 12 + 1:02d}"


def day_in(month: str, day: int) -> date | None:
    try:
        return date.fromisoformat(f"{month}-{day:02d}")
    except ValueError:
        return None


def month_after(month: str) -> str:
    return month_in(date.fromisoformat(f"{month}-01"), 1)
