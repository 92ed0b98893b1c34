"""Personas' answers in a terminal: what grows is shown by the sentence, cards get numbers. Pure."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from commands.terminal_travel import offer_line
from commands.terminal_words import BELOW, clean, clock, one_line, whole

Event = Mapping[str, Any]
Card = Mapping[str, Any]

MAX_RUNS: Final = 20
_SENTENCE: Final = re.compile(r".*[.!?…\n](?=\s|$)", re.DOTALL)


@dataclass(slots=True)
class Growing:
    """A run under way. `text` came so far, of which `shown` characters are on the screen. `is_broken`:
    a part is missing; its message will bring the whole."""

    message_id: str
    name: str
    text: str = ""
    shown: int = 0
    is_broken: bool = False

    def take(self, offset: int, text: str) -> None:
        """More of it, at a place in UTF-8 bytes."""
        if offset == 0:
            self.text, self.is_broken = text, self.is_broken and bool(self.shown)
        elif offset == len(self.text.encode()):
            self.text += text
        else:
            self.is_broken = True


class Answers:
    """Owns: the runs under way (bounded) and the cards of the newest answer that has some."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Growing] = OrderedDict()
        self._cards: tuple[Card, ...] = ()
        self._message_id = self._cards_message = ""

    @property
    def newest_run(self) -> str | None:
        """The id of the run that began last and is not over."""
        return next(reversed(self._runs), None)

    @property
    def newest_message(self) -> str:
        """The newest answer; empty before any."""
        return self._message_id

    @property
    def cards_message(self) -> str:
        """The answer that numbers of cards refer to."""
        return self._cards_message

    def card(self, number: str) -> Card | None:
        """`1` is the first card of the newest answer that has some."""
        place = whole(number)
        return self._cards[place - 1] if 1 <= place <= len(self._cards) else None

    def started(self, event: Event, name: str) -> list[str]:
        self._runs[event["runId"]] = Growing(event["messageId"], name)
        if len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return []

    def grew(self, event: Event) -> list[str]:
        """The whole sentences that can be shown now."""
        run = self._runs.get(event["runId"])
        if run is None:
            return []
        run.take(event["offset"], event["text"])
        found = None if run.is_broken else _SENTENCE.match(run.text, run.shown)
        if found is None:
            return []
        begins, run.shown = run.shown == 0, found.end()
        piece = clean(found.group().strip()).replace("\n", "\n      ")
        if not piece:
            return []
        return [f"    {clean(run.name)} (AI): {piece}" if begins else f"      {piece}"]

    def ended(self, event: Event) -> list[str]:
        run = self._runs.pop(event["runId"], None)
        if run is None or event.get("seq") is not None:
            return []
        return [f"    — {clean(run.name)} did not finish —"] if run.shown else []

    def message_lines(self, message: Event) -> list[str]:
        """A persona's message: what of it is not on the screen yet, how it came about, its cards."""
        run = next((r for r in self._runs.values() if r.message_id == message["messageId"]), None)
        content = str(message["content"])
        shown = run.shown if run and content.startswith(run.text[: run.shown]) else 0
        rest = clean(content[shown:].strip()).replace("\n", BELOW)
        if run is not None:
            run.text, run.shown = content, len(content)
        text = f"… {rest}".rstrip() if shown else rest
        marks = _marks(message.get("ai") or {})
        head = f"{message['seq']:>3} {clock(message['sentAt'])} {clean(message['sender']['name'])}"
        lines = [f"{head} ({', '.join(marks)}): {text}"]
        cards = message.get("cards") or ()
        self._message_id = message["messageId"]
        if cards:
            self._cards, self._cards_message = tuple(cards), message["messageId"]
            lines += card_lines(cards)
        return lines


def card_lines(cards: Sequence[Card]) -> list[str]:
    """Each with the number by which `/like`, `/dislike` and `/reprice` know it."""
    return [_card_line(number, card) for number, card in enumerate(cards, 1)]


def _card_line(number: int, card: Card) -> str:
    if card.get("details"):
        return offer_line(number, card)
    about = f": {one_line(card['about'])}" if card.get("about") else ""
    country = f", {card['country']}" if card.get("country") else ""
    return f"{number:>3} {one_line(card['title'])}{one_line(country)}{about}"


def _marks(ai: Mapping[str, Any]) -> list[str]:
    marks = ["AI", str(ai.get("tier", "unknown"))]
    marks += ["unfinished"] if ai.get("partial") else []
    marks += ["from an earlier search"] if ai.get("stale") else []
    return marks
