"""Which places a text may name: the catalogue's cities, countries, regions and islands, in memory.

Built once (about a second, some 20 MB) from what the wiring hands in; looked up in microseconds. Names of one
language's atlas come before those of others, destinations before cities of the same name, the bigger
before the smaller.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, Literal, Protocol

from msgspec import structs

from core.mistakes import mistakes_in
from inference.understanding.aliases import ALIASES, IN_CAPITALS, SHOWN_AS
from inference.understanding.folding import Token, fold, words_of
from inference.understanding.regions import Region, countries, regions
from inference.understanding.towns import is_town
from inference.understanding.word_lists import COMMON
from protocol.travel import Place
from protocol.understanding import PlaceMention

MAX_WORDS: Final = 6
"""Of a name; longer ones are not looked for."""

MIN_FORGIVEN: Final = 6
"""Letters of a name in which a slip is forgiven; two in names of MIN_FORGIVEN_TWICE."""

MIN_FORGIVEN_TWICE: Final = 10

MOST_COMPARED: Final = 500
"""Names in which slips are counted, for one text: some words are next to two dozen of them."""

RIVAL: Final = 3
"""A city may have been meant instead of another one of its name that has at most so many times its people, or instead
of a destination with fewer; a destination always."""

Name = tuple[str, ...]
Slices = Callable[[Iterable[Any]], Iterable[Any]]


class Entry(Protocol):
    """What the wiring has of each place. `also`: other names, folded."""

    @property
    def place(self) -> Place: ...

    @property
    def also(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """`is_plain`: its name means nothing else and is long enough to be believed wherever it stands.
    `weight`: who wins a name that several have. `country`: that it is, or lies in. `people`: of a city; None: it is
    wider than one."""

    mention: PlaceMention
    weight: float
    is_plain: bool
    country: str | None = None
    people: int | None = None

    @property
    def is_wide(self) -> bool:
        return self.people is None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place's name at tokens `first`…`last`, both included. `is_sure`: see `Known.is_plain`.
    `is_code`: an airport's or city's."""

    known: Known
    first: int
    last: int
    is_sure: bool
    is_code: bool = False


class Gazetteer:
    """Names of places. Owns: its index, which never changes.

    `slices`: what is worked through goes through this, which may rest between two.
    """

    def __init__(self, entries: Iterable[Entry], *, slices: Slices = iter) -> None:
        self._names: dict[str, dict[Name, Known]] = {}
        self._codes: dict[str, Known] = {}
        self._slips: dict[str, set[str]] = {}
        self._gateways: dict[str, Known] = {}
        self._alike: dict[Name, dict[str | None, Known]] = {}
        by_english: dict[str, Known] = {}
        for entry in slices(entries):
            self._take(entry, by_english)
        for region in slices(chain(regions(), countries())):
            self._take_wide(region, by_english)
        self._gateways.clear()
        for alias, english in ALIASES.items():
            if english in by_english:
                self._name(alias, by_english[english], weight=9.0)
        for alias, english in IN_CAPITALS.items():
            if english in by_english:
                self._codes[alias] = by_english[english]
        for words in self._alike:
            self._tell_apart(words)
        self._longest = {first: max(map(len, names)) for first, names in self._names.items()}
        self._count = sum(map(len, self._names.values()))

    def statistics(self) -> dict[str, int]:
        """`names`, `codes`, and `slips`: spellings that are forgiven."""
        return {"names": self._count, "codes": len(self._codes), "slips": len(self._slips)}

    def sightings(self, tokens: Sequence[Token]) -> Iterator[Sighting]:
        """From left to right, the longest name first, none overlapping."""
        at, tries = 0, iter(range(MOST_COMPARED))
        while at < len(tokens):
            sighting = self._sighting(tokens, at, tries)
            if sighting is None:
                at += 1
            else:
                yield sighting
                at = sighting.last + 1

    def town(self, tokens: Sequence[Token], at: int) -> int:
        """How many words from here on name a town that the catalogue has not; 0: they do not."""
        for count in range(min(4, len(tokens) - at), 0, -1):
            words = [token.word for token in tokens[at : at + count]]
            if (count > 1 or words[0] not in COMMON) and is_town(" ".join(words)):
                return count
        return 0

    def named(self, name: str) -> PlaceMention | None:
        """Whose name exactly this is."""
        words = tuple(words_of(name))
        known = self._names.get(words[0], {}).get(words) if words else None
        return known.mention if known else None

    def alike_in(self, words: Sequence[str], country: str) -> PlaceMention | None:
        """The largest of several of this name that lies in the country."""
        alike = self._alike.get(tuple(words), {}).values()
        there = [known for known in alike if known.country == country]
        return max(there, key=lambda known: known.people or 0).mention if there else None

    def _sighting(self, tokens: Sequence[Token], at: int, tries: Iterator[int]) -> Sighting | None:
        token = tokens[at]
        names = self._names.get(token.word)
        if names is not None:
            most = min(self._longest[token.word], len(tokens) - at)
            for count in range(most, 0, -1):
                known = names.get(tuple(t.word for t in tokens[at : at + count]))
                if known is not None:
                    return Sighting(known, at, at + count - 1, known.is_plain)
        may_be_code = len(token.word) == 3 and token.word not in COMMON
        if may_be_code or (token.is_capital and len(token.word) in (2, 3)):
            known = self._codes.get(token.word)
            if known is not None:
                return Sighting(known, at, at, False, is_code=True)
        return self._forgiven(tokens, at, tries)

    def _forgiven(self, tokens: Sequence[Token], at: int, tries: Iterator[int]) -> Sighting | None:
        """One word of a plain name with a slip in it. Each name that is compared takes one of the `tries`."""
        word = tokens[at].word
        if len(word) < MIN_FORGIVEN - 1 or word in COMMON or word.isdigit():
            return None
        best: tuple[int, float, Known, int] | None = None
        for shorter in (word, *_shorter(word)):
            for name, _ in zip(self._slips.get(shorter, ()), tries, strict=False):
                words = tuple(name.split())
                found = self._joined(tokens, at, words)
                if found is None:
                    continue
                known = self._names[words[0]][words]
                rank = (found[0], -known.weight, known, at + len(words) - 1)
                if best is None or rank[:2] < best[:2]:
                    best = rank
        return Sighting(best[2], at, best[3], True) if best else None

    def _joined(self, tokens: Sequence[Token], at: int, words: Name) -> tuple[int] | None:
        """Mistakes over all words of a name, if few enough."""
        if at + len(words) > len(tokens):
            return None
        allowed = 2 if len("".join(words)) >= MIN_FORGIVEN_TWICE else 1
        mistakes = 0
        for word, token in zip(words, tokens[at:], strict=False):
            mistakes += mistakes_between(word, token.word, allowed)
            if mistakes > allowed:
                return None
        return (mistakes,)

    def _take(self, entry: Entry, by_english: dict[str, Known]) -> None:
        place = entry.place
        if place.kind == "airport":
            return
        is_destination = place.kind == "destination"
        weight = (3.0 if is_destination else 0.0) + min((place.population or 0) / 10e6, 1.5)
        english = SHOWN_AS.get(place.names["en"], place.names["en"])
        mention = PlaceMention(name=english, place_id=place.id)
        known = Known(mention, weight, True, place.country, place.population or 0)
        for language, name in place.names.items():
            if language != "ar":
                self._name(name, known, weight=weight + (0.5 if language == "en" else 0.2))
        if is_destination:
            for name in entry.also:
                self._gateways.setdefault(name, known)
                words = name.split()
                is_said = len(name) > 4 and name.isascii() and "city" not in words
                if is_said and any(word not in COMMON for word in words):
                    self._name(name, known, weight=weight - 1.0, is_also=True)
        if place.names["en"] not in by_english or by_english[place.names["en"]].weight < weight:
            by_english[place.names["en"]] = known
        for code in place.airports if is_destination else ():
            self._codes.setdefault(code.lower(), known)
        if place.iata and (is_destination or (place.population or 0) > 300_000):
            self._codes[place.iata.lower()] = known

    def _take_wide(self, region: Region, by_english: dict[str, Known]) -> None:
        own = by_english.get(region.name)
        if region.country is None and (own is None or own.weight < 3.0):
            # What a destination is called too (Bali, Santorini), never a small city's name.
            own = self._gateways.get(" ".join(words_of(region.name)))
        if own is None and region.gateway is not None:
            own = by_english.get(region.gateway)
        if own is not None and own.weight < 2.0:
            own = None
        mention = PlaceMention(
            name=region.name,
            place_id=own.mention.place_id if own else None,
            country=region.country,
        )
        country = region.country or region.within
        known = Known(mention, 6.0 if region.country else 5.0, True, country)
        for name in region.names:
            # Grenada is Granada in Spanish, and so is the city: the city stays.
            city = by_english.get(name)
            if city is None or city.weight < 3.0 or name == region.name:
                self._name(name, known, weight=known.weight)

    def _name(self, name: str, known: Known, *, weight: float, is_also: bool = False) -> None:
        for form in {name, _spelt_out(name)}:
            words = tuple(words_of(form))
            if not words or len(words) > MAX_WORDS or all(len(word) < 2 for word in words):
                continue
            letters = sum(map(len, words))
            is_common = len(words) == 1 and words[0] in COMMON
            if is_also and is_common:
                continue
            names = self._names.setdefault(words[0], {})
            other = names.get(words)
            if other is not None and not is_also and _are_namesakes(other, known):
                both = {one.mention.place_id: one for one in (other, known)}
                self._alike.setdefault(words, {}).update(both)
            if other is not None and other.weight >= weight:
                continue
            is_plain = (
                not is_common
                and letters >= (5 if weight >= 3.0 and not is_also else 6)
                and (weight >= 3.0 or len(words) > 1)
            ) or (weight >= 5.0 and not is_common and (letters >= 4 or weight >= 9.0))
            names[words] = replace(known, weight=weight, is_plain=is_plain)
            if is_plain and not is_also and weight >= 3.0 and letters >= MIN_FORGIVEN:
                self._forgive(" ".join(words))
            joined = "".join(words)
            if len(words) > 1 and is_plain and weight >= 3.0 and letters >= 8:
                self._names.setdefault(joined, {}).setdefault((joined,), names[words])

    def _tell_apart(self, words: Name) -> None:
        """Note of the one that wins their name that another may have been meant."""
        known, alike = self._names[words[0]][words], self._alike[words]
        if known.mention.place_id not in alike or known.is_wide:
            return
        factor = 1 if known.weight >= 3.0 else RIVAL
        rivals = [
            one
            for place_id, one in alike.items()
            if place_id != known.mention.place_id
            and (one.weight >= 3.0 or (one.people or 0) * factor >= (known.people or 0))
        ]
        if rivals:
            is_here = any(one.country == known.country for one in rivals)
            where: Literal["here", "abroad"] = "here" if is_here else "abroad"
            mention = structs.replace(known.mention, namesakes=where)
            self._names[words[0]][words] = replace(known, mention=mention)

    def _forgive(self, name: str) -> None:
        """Spellings by which a name with a slip in its first word is found."""
        first = name.split(maxsplit=1)[0]
        if len(first) < MIN_FORGIVEN - 1:
            return
        for shorter in (first, *_shorter(first)):
            self._slips.setdefault(shorter, set()).add(name)


def _are_namesakes(one: Known, other: Known) -> bool:
    """Two cities."""
    return not one.is_wide and not other.is_wide and one.mention.place_id != other.mention.place_id


def _shorter(word: str) -> Iterator[str]:
    """The word without one of its letters; the first stays, people get that right."""
    for at in range(1, len(word)):
        yield word[:at] + word[at + 1 :]


def _spelt_out(name: str) -> str:
    """Umlauts as those write them who have none on their keyboard."""
    lower = name.lower()
    for letter, pair in (
        ("ä", "ae"),
        ("ö", "oe"),
        ("ü", "ue"),
        ("ß", "ss"),
        ("œ", "oe"),
        ("æ", "ae"),
    ):
        lower = lower.replace(letter, pair)
    return lower if fold(lower) != fold(name) else name


def mistakes_between(word: str, other: str, allowed: int) -> int:
    """Letters to change, add, leave out or swap with their neighbour; more than `allowed` count as
    one more. The first letter must be right (optimal string alignment)."""
    if word == other:
        return 0
    if abs(len(word) - len(other)) > allowed or word[:1] != other[:1]:
        return allowed + 1
    found = mistakes_in(word, other, most=allowed)
    return found[-1] if found else allowed + 1
