"""Compares a finished text with the records: every number, name, place and claim in it.

What the text says is found by how English says it and held against the record that it is about: what
stands after a hotel's name is that hotel's. What was found is blanked; a figure, a claim or a name that
is left then comes from nowhere. The other way round than the server makes values, so that a mistake there
is one here only if it is in the table of phrases, which both read.
"""

import re
from collections.abc import Callable, Iterator

from benchmarks.facts.dates_in_text import DATES, date_fault
from benchmarks.facts.items_in_text import fault_in_item, item_patterns
from benchmarks.facts.money_in_text import MONEY, amount_of
from benchmarks.facts.records import Record, own_phrases
from inference.wording.claims import is_forbidden_character, is_forbidden_word
from protocol.travel import Place

BLANK = "\0"
_NARROW = re.compile("[\u00a0\u202f]")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’‑][^\W\d_]+)*")
_FIGURE = re.compile(r"\d[\d.,:]*")
_STARTS = re.compile(r"(?:\A|[.!?…:–—\"“(\n]|\.\.\.)\W*\Z")
_PARTY = re.compile(
    r"\bfor (?=\d+ (?:adult|people|person|child))(?:(\d+) (?:adults?|people|person))?(?: and )?(?:(\d+) child(?:ren)?)?"
    r"(?: \(age taken as (\d+)\))?",
    re.I,
)
_COUNT = re.compile(r"\b(\d+) (places?|flights?|hotels?|activit(?:y|ies))\b", re.I)
_BUDGET = re.compile(
    rf"\bup to {MONEY}( a night| per person| in total)?|\bup to (\d[\d,]*(?:\.\d+)?)", re.I
)
_TREND = re.compile(
    r"prices (?:(rose|fell) by (\d+)\s?%|stayed about the same) within (\d+) days?", re.I
)
_FLAT = 0.01


class Checker:
    """`vocabulary`: words that are no names even with a capital. `places`: what places and countries of
    the whole catalogue are called."""

    def __init__(self, vocabulary: frozenset[str], places: frozenset[str]) -> None:
        self._vocabulary = vocabulary
        self._places = places

    def faults(self, text: str, record: Record) -> list[str]:
        """What is wrong with it, in words; empty: nothing."""
        found: list[str] = []
        if re.search(r"[{}]", text):
            found.append("a hole where a fact belongs")
        page = _Page(_NARROW.sub(" ", text), found)
        owners = _named(page, record)
        found += _unnamed(record, owners)
        _consume_said(page, record)
        for start, end, item in _spans(owners, record, len(text)):
            for phrase in own_phrases(record.items[item]) if item is not None else ():
                page.take(phrase, start, end)
            for pattern in item_patterns():
                page.consume(
                    pattern, lambda match, i=item: fault_in_item(match, i, record), start, end
                )
        for pattern in DATES:
            # After what is said of places: "warm in summer" is no time of a journey.
            page.consume(pattern, lambda match: date_fault(match, record))
        found += self._left_over(page.text)
        return found

    def _left_over(self, text: str) -> Iterator[str]:
        for figure in _FIGURE.finditer(text):
            yield f"{figure[0]!r} comes from nowhere"
        for character in text:
            if is_forbidden_character(character) and not character.isdigit():
                yield f"{character!r} comes from nowhere"
        for match in _WORD.finditer(text):
            word = match[0]
            if is_forbidden_word(word, "en"):
                yield f"claim {word!r} comes from nowhere"
            elif word[0].isupper() and self._is_name(word, text[: match.start()]):
                yield f"name {word!r} comes from nowhere"

    def _is_name(self, word: str, before: str) -> bool:
        plain = re.split(r"['’-]", word)[0]
        if plain == "I" or plain.lower() in self._vocabulary:
            return False
        return not _STARTS.search(before) or plain in self._places


class _Page:
    """A text from which what is true is taken away."""

    def __init__(self, text: str, faults: list[str]) -> None:
        self.text = text
        self._faults = faults

    def consume(
        self,
        pattern: re.Pattern[str],
        judge: Callable[[re.Match[str]], str | None],
        start: int = 0,
        end: int | None = None,
    ) -> None:
        """Blank each match; note what `judge` finds wrong with it."""
        for match in list(
            pattern.finditer(self.text, start, len(self.text) if end is None else end)
        ):
            if not match[0].strip():
                continue
            if fault := judge(match):
                self._faults.append(fault)
            self.text = (
                self.text[: match.start()] + BLANK * len(match[0]) + self.text[match.end() :]
            )

    def take(self, phrase: str, start: int = 0, end: int | None = None) -> list[int]:
        """Where a true phrase stands, a capital at its beginning aside; blanked."""
        if not phrase:
            return []
        first, rest = re.escape(phrase[0]), re.escape(phrase[1:])
        either = f"(?:{first}|{re.escape(phrase[0].upper())})"
        pattern = re.compile(rf"(?<!\w){either}{rest}(?!\w)")
        last = len(self.text) if end is None else end
        found = [match.start() for match in pattern.finditer(self.text, start, last)]
        self.consume(pattern, lambda _: None, start, end)
        return found


Owner = tuple[int, int]
"""Where an item is named, and which one it is (from 0)."""


def _named(page: _Page, record: Record) -> list[Owner]:
    owners: list[Owner] = []
    for item in record.items:
        # "Hong Kong" is in "Hong Kong SAR China".
        for phrase in own_phrases(item):
            if any(name in phrase != name for name in record.names_of(item)):
                page.take(phrase)
    names = [(at, name) for at, item in enumerate(record.items) for name in record.names_of(item)]
    for at, name in sorted(names, key=lambda one: -len(one[1])):
        owners += [(position, at) for position in page.take(name)]
    return sorted(owners)


def _unnamed(record: Record, owners: list[Owner]) -> Iterator[str]:
    firsts = {item: position for position, item in reversed(owners)}
    expected = record.must_be_named
    for item in range(expected):
        if item not in firsts:
            yield f"item {item + 1} of {expected} is not named"
    order = [firsts[item] for item in range(expected) if item in firsts]
    if order != sorted(order):
        yield "items are named out of order"


def _spans(owners: list[Owner], record: Record, end: int) -> Iterator[tuple[int, int, int | None]]:
    """From where to where the text is about which item."""
    if not owners:
        yield 0, end, 0 if record.items else None
        return
    yield 0, owners[0][0], None
    for (start, item), following in zip(owners, [*owners[1:], (end, 0)], strict=True):
        yield start, following[0], item


def _consume_said(page: _Page, record: Record) -> None:
    """What people said, who they are, and what it is about."""
    for name in record.spoken_names:
        page.take(name)
    for phrase in record.true_phrases:
        page.take(phrase)
    page.consume(_BUDGET, lambda match: _budget_fault(match, record))
    page.consume(_PARTY, lambda match: _party_fault(match, record))
    page.consume(_COUNT, lambda match: _count_fault(match, record))
    page.consume(_TREND, lambda match: _trend_fault(match, record))


def _budget_fault(match: re.Match[str], record: Record) -> str | None:
    budget = record.line.budget
    if budget is None:
        return f"budget {match[0]!r} was not said"
    bare = match["currency"] is None
    said = float(match[match.re.groups].replace(",", "")) if bare else amount_of(match)[1]
    if abs(said - budget.amount) > 0.005 or (not bare and amount_of(match)[0] != budget.currency):
        return f"budget {match[0]!r} was not said"
    per = (match[match.re.groups - 1] or "").strip()
    expected = {"night": "a night", "person": "per person", "total": "in total", None: ""}
    return (
        None
        if bare or per == expected[budget.per]
        else f"budget {match[0]!r} is for something else"
    )


def _party_fault(match: re.Match[str], record: Record) -> str | None:
    said = (int(match[1] or 0), int(match[2] or 0))
    if said not in record.parties:
        return f"party {match[0]!r} was not said"
    if match[3] and int(match[3]) not in record.ages:
        return f"age {match[3]} was not said"
    return None


def _count_fault(match: re.Match[str], record: Record) -> str | None:
    kind = {"p": "places", "f": "flights", "h": "hotels", "a": "activities"}[match[2][0].lower()]
    if int(match[1]) == len(record.items) and kind == record.kind:
        return None
    return f"{match[0]!r}: there are {len(record.items)} {record.kind}"


def _trend_fault(match: re.Match[str], record: Record) -> str | None:
    trend = record.line.trend
    if trend is None:
        return "a trend that nobody saw"
    change = int(match[2] or 0) * (-1 if match[1] == "fell" else 1)
    is_flat = match[1] is None
    if int(match[3]) != trend.days or is_flat != (abs(trend.change) < _FLAT):
        return f"trend {match[0]!r} is another"
    return None if is_flat or abs(change - trend.change * 100) <= 0.51 else f"trend {match[0]!r}"


def place_names(places: list[Place]) -> frozenset[str]:
    """Single words that are names of places, or begin them."""
    return frozenset(
        word for place in places for word in [place.names["en"].split()[0]] if len(word) > 2
    )
