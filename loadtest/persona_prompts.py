"""What is asked of personas: the development half of the messages that judge understanding.

The set has a hundred messages that are meant for a persona, and a load test needs thousands: so each
begins with the name of the persona that it is for, and the places in it become others, that the
sandbox sells to. None is told twice in half a minute.
"""

import json
import random
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.own_server import REPOSITORY
from loadtest.virtual_users import WorldFailedError

FILE: Final = REPOSITORY / "data" / "messages" / "development" / "en.jsonl"
TOLD_AGAIN_AFTER: Final = 30.0
_CITIES: Final = """
Paris London Frankfurt Munich Berlin Hamburg Lyon Amsterdam Brussels Madrid Barcelona Malaga Lisbon Porto
Funchal Rome Milan Venice Naples Athens Santorini Vienna Zurich Geneva Prague Budapest Warsaw Krakow
Copenhagen Stockholm Oslo Helsinki Reykjavik Dublin Edinburgh Istanbul Dubai Doha Amman Cairo Marrakesh
Nairobi Toronto Chicago Miami Lima Tokyo Osaka Seoul Bangkok Singapore Denpasar Hanoi Delhi Sydney
Auckland"""
CITIES: Final = tuple(_CITIES.split())
"""What the sandbox's suppliers sell to, as far as it is one word."""

STRIDE: Final = 7
"""Neighbours in the set go to cities that far apart."""

_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "ask_destination": frozenset(),
    "search_activity": frozenset({"destination"}),
    "search_hotel": frozenset({"destination", "dates"}),
    "search_flight": frozenset({"origin", "destination", "dates"}),
}
"""What a message has to say for each search to begin: without it a persona has to ask."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A message of the set. `needs_search`: something has to be looked up for its answer, because it
    says all that a search needs."""

    text: str
    needs_search: bool
    places: tuple[str, ...] = ()

    def varied(self, number: int) -> str:
        """The same wish for other places, in the set's own small and capital letters."""
        if not self.places:
            return self.text
        # A third of the way round from one to the next, so that nobody flies to where he is.
        cities = {
            place.casefold(): CITIES[(number + at * (len(CITIES) // 3)) % len(CITIES)]
            for at, place in enumerate(self.places)
        }

        def other(found: re.Match[str]) -> str:
            return _as_written(cities[found[0].casefold()], found[0])

        return _words(self.places).sub(other, self.text)


class Prompts:
    """Draws them in turn. Owns: where it stands, and what was told in the last half minute."""

    def __init__(self, prompts: Sequence[Prompt], rng: random.Random) -> None:
        self._pools = {
            needed: [one for one in prompts if one.needs_search is needed]
            for needed in (True, False)
        }
        for pool in self._pools.values():
            rng.shuffle(pool)
        self._turns = {True: 0, False: 0}
        self._told: dict[str, float] = {}
        self._by_age: deque[str] = deque()

    def draw(self, name: str, at: float, *, needs_search: bool) -> str:
        """The next one, for the persona of that name. `at` in seconds, ascending. Raises
        `WorldFailedError` where all were told to that name in the last half minute."""
        while self._by_age and at - self._told[self._by_age[0]] >= TOLD_AGAIN_AFTER:
            del self._told[self._by_age.popleft()]
        pool = self._pools[needs_search]
        for _ in pool:
            turn = self._turns[needs_search]
            self._turns[needs_search] += 1
            round_, place = divmod(turn, len(pool))
            text = f"@{name} {pool[place].varied(round_ + STRIDE * place)}"
            if text not in self._told:
                self._told[text] = at
                self._by_age.append(text)
                return text
        raise WorldFailedError(f"{FILE.name} has too few messages to tell none twice in 30 s.")


def read_prompts(file: Path = FILE) -> list[Prompt]:
    """Those that are meant for a persona. Raises `WorldFailedError` with a sentence."""
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return [_prompt(row) for row in rows if row["to"] == "persona"]
    except OSError as error:
        raise WorldFailedError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise WorldFailedError(f"{file} is no file of messages.") from None


def _prompt(row: Mapping[str, Any]) -> Prompt:
    slots, needed = row["slots"], _NEEDED.get(row["intent"])
    named = (*slots.get("destination", ()), *slots.get("origin", ()))
    return Prompt(
        text=row["text"],
        needs_search=needed is not None and needed <= slots.keys(),
        places=tuple(place for place in named if _words((place,)).search(row["text"])),
    )


def _words(places: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, places))})\b", re.IGNORECASE)


def _as_written(city: str, before: str) -> str:
    if before.islower():
        return city.lower()
    return city.upper() if before.isupper() else city
