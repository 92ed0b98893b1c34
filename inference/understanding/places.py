"""Where to and where from: the places of a message and the roles that words around them give."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from inference.understanding.folding import Token, tokens_of
from inference.understanding.gazetteer import Gazetteer, Sighting
from inference.understanding.word_lists import COMMON, WORDS
from protocol.understanding import Language, PlaceMention, Question

Role = Literal["destination", "origin"]
Spans = Sequence[tuple[int, int]]

_IN: Final = WORDS["before places"]
"""Before a name these make it a place, where somebody wants to be."""

_WEAK: Final = WORDS["before places and much else"]
"""These go before places, and before much else."""

_BEFORE: Final = 28
"""Characters before a name in which its cue is looked for."""

_FROM: Final = re.compile(
    r"(?:\bfrom|\bfrm|\bex|\bleaving from|\bdepart\w*(?: from)?|\bout of|\bstart\w* (?:in|from|at)|\bfly\w* out of|"
    r"\blive in|\bliving in|\bbased in|\bwe'?re in|\bi'?m in|\bhome is|\blive (?:near|close to)|\bhome airport(?: is)?|\bcloser to|"
    r"\bab|\bvon|\baus|\bwohn\w* (?:in|bei|nahe)|\bstarten in|\babflug(?: ab| in| von)?|\bleb\w* in|\bnaher (?:an|bei)|"
    r"\bdesde|\bsal(?:go|imos|ida|iendo|ir|e|en|dria\w*)(?: de| desde)|\bvivo en|\bvivimos en|\bpartiendo de|\bestoy en|\bestamos en|\bmas cerca de|"
    r"\b(?:vuelos?|volar|aviones?|billetes?|tiquetes?|pasajes?) de|"
    r"\bdepuis|\bau depart d[e']|\bdepart(?: de| d'|:)?|\bpart(?:ant|ir|ons|e|s)? (?:de|d')|\bhabit\w* (?:a|en|au|pres de)|\bplus (?:pres|proche) de|"
    r"\bon est (?:a|de)|\bje suis (?:a|de)|\bvols? (?:de|d'|depuis)|\bdecoll\w* (?:de|d'))"
    r" ?(?:the |la |le |el |den |dem |der )?$"
)
_IN_THE: Final = ("in", ", in", "in the", "en", "au", "aux")
_LEAVING: Final = re.compile(r"\b(?:any\w+|flights?|trains?|we'?re|im|i'm|are|we|on) leaving $")
_HOTEL_OF: Final = re.compile(
    r"\b(?:hotel(?:es|s)?|hostal(?:es)?|playas?|centro|plages?|centre|sejour|viaje|voyage) (?:de|d'|a|en) ?$"
)
_OF: Final = re.compile(r"(?:\bde|\bd'|\bdel|\bdu) ?(?:la |l')?$")
_OF_FIRST: Final = re.compile(r"^\W*(?:(?:et|y|pues|alors) )?(?:de|d') ?$")
"""A message that begins with it says where from: "de Paris"."""
_BETWEEN: Final = re.compile(r"\b(?:between|zwischen|entre) $")
_THEN_TO: Final = re.compile(
    r"^\s*(?:airport |flughafen |aeropuerto )?(?:\([a-z]{3}\) ?)?(?:-+>?|>+|2|to|nach|a|al|vers|pour|hacia|para|pa|hasta|bis|y luego a)"
    r"\s*(?:the |la |le |les |die |el )?$"
)
_AND: Final = re.compile(
    r"^\s*(?:or|oder|o|ou|u|vs\.?|and|und|y|et|n|&|\+|/|,)(?: (?:in|to|nach|a|en))?\s*$"
)
_NOT: Final = re.compile(
    r"\b(?:not|nicht|instead of|statt|anstatt|en vez de|en lugar de|pas|plutot que|rather than|isnt|ohne|without|sin|sans|except|"
    r"other than|als nach)\s(?:to |in |nach |a |en |au |aux |the |la |le |les |el |l')*$"
)
_NOT_AFTER: Final = re.compile(r"^\s*(?:no\b(?! idea)|nein\b|nicht\b|is out\b|isnt)(?=\W|$)")
_NO_PLACE: Final = re.compile(
    r"^(?:'?s)? ?(?:airlines?|airways|street|bank|style|food|pizza|coffee|club|tapas)\b"
)
_ENDS: Final = re.compile(
    r"\s*(?:$|[?!.,;:)\-]|(?:in|on|for|from|this|next|under|with|w|or|and|to|im|am|fur|ab|en|por|pour|avec|con|y|vs|\d)\b)"
)
_STAY: Final = re.compile(
    r"\b(?:hotels?|hostels?|flat|apartments?|rooms?|cottage|b&b|bnb|airbnb|stay\w*|sleep|nights?|trip|weekend|holiday|home|ferienwohnung|"
    r"zimmer|unterkunft|wochenende|urlaub|alojamiento|apartamento|piso|habitacion|finde|escapada|appart\w*|chambre|logement|week-end|sejour)\b"
)
_FLIGHT: Final = re.compile(
    r"\b(?:fl(?:y|ight|ights|ug|uge|uege|ieg\w*)|plane|air ?fare|tickets?|vuelos?|volar|avion|billetes?|tiquetes?|pasajes?|vols?|"
    r"one way|return|ida|aller|direct|nonstop|hin und|home|trip|travel\w*|viaj\w+|voyag\w+|reis\w+)\b"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text. `start`…`end`: its characters. `was_cued`: a word before it gave the role; else
    it is a guess, and whoever knows better may say so."""

    place: PlaceMention
    start: int
    end: int
    role: Role
    was_cued: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Words that may name a place."""

    place: PlaceMention
    first: int
    last: int
    sighting: Sighting | None


@dataclass(frozen=True, slots=True)
class _Said:
    """A message and what is known of it. `is_of_flights`, `is_of_journeys`: it has words of them, anywhere."""

    text: str
    folded: str
    tokens: Sequence[Token]
    language: Language
    asked: Question | None
    is_of_flights: bool
    is_of_journeys: bool

    def before(self, candidate: _Candidate, since: int = 0) -> str:
        start = self.tokens[candidate.first].start
        return self.folded[max(since, start - _BEFORE) : start]

    def after(self, candidate: _Candidate) -> str:
        return self.folded[self.tokens[candidate.last].end :]

    def previous(self, candidate: _Candidate) -> str:
        return self.tokens[candidate.first - 1].word if candidate.first else ""

    def between(self, one: _Candidate, two: _Candidate) -> str:
        return self.folded[self.tokens[one.last].end : self.tokens[two.first].start]


def mentions_in(
    text: str,
    folded: str,
    gazetteer: Gazetteer,
    *,
    language: Language,
    asked: Question | None = None,
    taken: Spans = (),
) -> list[Mention]:
    """Places from left to right. `folded`: the text's own fold. `taken`: characters that are dates or
    money."""
    is_of_flights = _FLIGHT.search(folded) is not None
    said = _Said(
        text,
        folded,
        tokens_of(text, folded),
        language,
        asked,
        is_of_flights,
        is_of_flights or _STAY.search(folded) is not None,
    )
    candidates = [
        candidate for candidate in _candidates(said, gazetteer) if _is_free(said, candidate, taken)
    ]
    believed = _without_where_it_is(said, _believed(said, candidates), gazetteer)
    mentions = []
    for at, candidate in enumerate(believed):
        since = said.tokens[believed[at - 1].last].end if at else 0
        mentions.append(_mention(said, candidate, said.before(candidate, since)))
    return [
        mention
        for candidate, mention in zip(believed, _in_pairs(said, believed, mentions), strict=True)
        if not _is_refused(said, candidate)
    ]


def _candidates(said: _Said, gazetteer: Gazetteer) -> Iterator[_Candidate]:
    sightings = {sighting.first: sighting for sighting in gazetteer.sightings(said.tokens)}
    at = 0
    while at < len(said.tokens):
        sighting = sightings.get(at)
        # What is surely a place is one; of a short name a town's longer one may be part.
        if sighting is not None and sighting.is_sure:
            yield _Candidate(sighting.known.mention, at, sighting.last, sighting)
            at = sighting.last + 1
            continue
        words = gazetteer.town(said.tokens, at) if _may_be_town(said, at) else 0
        if words and (sighting is None or at + words - 1 > sighting.last):
            end = said.tokens[at + words - 1].end
            name = said.text[said.tokens[at].start : end].title()
            yield _Candidate(PlaceMention(name=name), at, at + words - 1, None)
            at += words
        elif sighting is not None:
            yield _Candidate(sighting.known.mention, at, sighting.last, sighting)
            at = sighting.last + 1
        else:
            at += 1


def _may_be_town(said: _Said, at: int) -> bool:
    """Only after a word that goes before places, or as the answer to where."""
    if at == 0:
        return said.asked in ("destination", "origin") or (
            len(said.tokens) > 1
            and said.tokens[1].word in ("nach", "to", "a", "vs", "oder", "or", "o", "ou")
        )
    previous = said.tokens[at - 1].word
    return (
        previous in _IN
        or previous in ("from", "ab", "von", "aus", "desde", "depuis", "frm", "vs")
        or (previous in _WEAK and said.tokens[at].is_capital and said.language != "de")
        or (previous in ("de", "d", "entre", "between") and said.language in ("es", "fr"))
    ) and not (previous == "a" and said.language not in ("es", "fr"))


def _is_free(said: _Said, candidate: _Candidate, taken: Spans) -> bool:
    start, end = said.tokens[candidate.first].start, said.tokens[candidate.last].end
    return not any(a < end and start < b for a, b in taken) and not _NO_PLACE.search(
        said.after(candidate)
    )


def _believed(said: _Said, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that name a place here: by themselves, by a cue, or beside one that does."""
    sure = [_is_place(said, candidate) for candidate in candidates]
    for at, (one, two) in enumerate(itertools.pairwise(candidates)):
        # Codes are believed beside one another, or on the way to a name: "dub lhr", "dub to faro".
        codes = [_is_code(one), _is_code(two)]
        between = said.between(one, two)
        is_trip = _THEN_TO.match(between) or (all(codes) and not between.strip(" /"))
        if any(codes) and one.first <= 2 and is_trip:
            sure[at] = sure[at + 1] = True
    for at, candidate in enumerate(candidates):
        if sure[at]:
            continue
        left = at > 0 and sure[at - 1] and _is_joined(said, candidates[at - 1], candidate)
        right = (
            at + 1 < len(candidates)
            and sure[at + 1]
            and _is_joined(said, candidate, candidates[at + 1])
        )
        is_common = (
            candidate.first == candidate.last and said.tokens[candidate.first].word in COMMON
        )
        is_end = left and bool(_ENDS.match(said.after(candidate)))
        is_goal = is_end and bool(_THEN_TO.match(said.between(candidates[at - 1], candidate)))
        sure[at] = right or is_goal if is_common else left or right
    return [candidate for candidate, is_sure in zip(candidates, sure, strict=True) if is_sure]


def _is_code(candidate: _Candidate) -> bool:
    return candidate.sighting is not None and candidate.sighting.is_code


def _without_where_it_is(
    said: _Said, found: Sequence[_Candidate], gazetteer: Gazetteer
) -> list[_Candidate]:
    """ "Portland Oregon", "Valencia, Spain", "Valencia in Spain": the second says only where the first is; "San Jose,
    California" is that one."""
    left = list(found[:1])
    for one, two in itertools.pairwise(found):
        between = said.between(one, two).strip()
        is_named_so = between == "," or between in _IN_THE
        within = two.sighting.known.country if two.sighting and two.sighting.known.is_wide else None
        words = [token.word for token in said.tokens[one.first : one.last + 1]]
        there = gazetteer.alike_in(words, within) if within is not None else None
        is_wide = two.place.country is not None if is_named_so else two.place.place_id is None
        # "Bogotá San Andrés" with a ticket is a trip, not where the one is.
        is_between = between in (",", *_IN_THE) or (between == "" and not said.is_of_flights)
        is_inside = one.place.place_id is not None and (is_wide or there is not None)
        if not (is_between and is_inside and one.place.country is None and two.sighting):
            left.append(two)
        elif there is not None:
            left[-1] = replace(one, place=there)
    return left


def _is_joined(said: _Said, one: _Candidate, two: _Candidate) -> bool:
    between = said.between(one, two)
    if not between.strip(" ,/-"):
        return said.is_of_flights or bool(between.strip())
    return bool(_THEN_TO.match(between) or _AND.match(between))


def _is_place(said: _Said, candidate: _Candidate) -> bool:
    sighting, first = candidate.sighting, said.tokens[candidate.first]
    is_all = candidate.first == 0 and candidate.last == len(said.tokens) - 1
    if sighting is None or (is_all and said.asked in ("destination", "origin")):
        return True
    if sighting.is_sure or (first.word == "island" and said.language == "de" and first.is_capital):
        return True
    if first.word == "nice" and said.language == "fr":
        return True
    previous, before = said.previous(candidate), said.before(candidate)
    is_cued = previous in _IN or bool(_FROM.search(before) or _HOTEL_OF.search(before))
    if previous == "a" and said.language not in ("es", "fr"):
        is_cued = False
    is_shouted = said.text.isupper()
    if sighting.is_code:
        is_capital = said.text[first.start : said.tokens[candidate.last].end].isupper()
        return is_cued and is_capital and not is_shouted
    is_capital = (
        first.is_capital and not is_shouted and said.language != "de" and candidate.first > 0
    )
    if candidate.first == candidate.last and first.word in COMMON:
        # A word that is a name too: what follows must not be what the word would describe.
        after = said.after(candidate)
        is_clear = is_capital or said.is_of_journeys or previous in ("nach", "visit")
        return (
            is_cued
            and bool(_ENDS.match(after))
            and (is_clear or (previous == "in" and not after.strip(" ?!.")))
        )
    weight = sighting.known.weight
    return (
        is_cued
        or (is_capital and weight >= 1.0)
        or (weight >= 3.0 and (len(first.word) >= 4 or candidate.last > candidate.first))
    )


def _mention(said: _Said, candidate: _Candidate, before: str) -> Mention:
    start, end = said.tokens[candidate.first].start, said.tokens[candidate.last].end
    is_of_first = said.asked != "destination" and _OF_FIRST.match(before) and candidate.first <= 2
    if _FROM.search(before) or _LEAVING.search(before) or is_of_first:
        return Mention(candidate.place, start, end, "origin", True)
    word = re.search(r"([a-z]+)'? ?(?:the |la |le |les |die |el )?$", before)
    if word is not None and word[1] in _IN:
        return Mention(candidate.place, start, end, "destination", True)
    role: Role = "origin" if said.asked == "origin" else "destination"
    return Mention(candidate.place, start, end, role, False)


def _in_pairs(
    said: _Said, believed: Sequence[_Candidate], mentions: Sequence[Mention]
) -> list[Mention]:
    """ "Lisbon to Rome", "Lisbon - Rome", "de Lisboa a Roma": the first of two is where it begins."""
    found = list(mentions)
    for at, (one, two) in enumerate(itertools.pairwise(believed)):
        between, first, second = said.between(one, two), found[at], found[at + 1]
        before = said.before(one)
        is_destination = first.was_cued and first.role == "destination"
        is_from = second.was_cued and second.role == "origin"
        if is_destination or is_from:
            continue
        if _THEN_TO.match(between) or (_BETWEEN.search(before) and said.is_of_flights):
            found[at : at + 2] = _trip(first, second)
        elif _OF.search(before) and second.was_cued:
            found[at] = replace(first, role="origin", was_cued=True)
        elif first.was_cued and not second.was_cued and _AND.match(between):
            found[at + 1] = replace(second, role="origin")
        elif (
            not between.strip(" ,/")
            and not second.was_cued
            and (said.is_of_flights or (_is_code(one) and _is_code(two)))
            and len(found) == 2
        ):
            found[at : at + 2] = _trip(first, second)
    return found


def _trip(first: Mention, second: Mention) -> list[Mention]:
    return [
        replace(first, role="origin", was_cued=True),
        replace(second, role="destination", was_cued=True),
    ]


def _is_refused(said: _Said, candidate: _Candidate) -> bool:
    return bool(_NOT.search(said.before(candidate)) or _NOT_AFTER.match(said.after(candidate)))
