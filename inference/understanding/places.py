"""Where to and where from: the places of a message and the roles that words around them give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from inference.understanding.folding import Token, tokens_of
from inference.understanding.gazetteer import COMMON, Gazetteer, Sighting
from protocol.understanding import Language, PlaceMention, Question

Role = Literal["destination", "origin"]

_TO: Final = frozenset(
    """to in at into near around towards visit visiting see seeing explore explored toward for about is via then like than
    nach richtung bei um fur nahe besuchen uber in zwischen vs or oder o ou y und and et con mit
    a al hacia hasta para en por cerca visitar conocer entre sobre
    vers pour au aux dans chez sur jusqu visiter autour contre a""".split()
)
_FROM: Final = frozenset("from ex leaving departing out ab von aus desde depuis saliendo partant".split())
_OF: Final = frozenset("de d del du des of".split())
_CUES: Final = _TO | _FROM | _OF | frozenset("the la le les el los las l die der das downtown central greater".split())
_SAID_BEFORE: Final = 26
"""Characters before a name in which its cue is looked for."""

_FROM_BEFORE: Final = re.compile(
    r"(?:\bfrom|\bex|\bleav(?:e|ing)(?: from)?|\bdepart\w*(?: from)?|\bout of|\bstart\w* (?:in|from|at)|\b(?:fly|flying) out of|"
    r"\blive in|\bliving in|\bbased in|\bwe'?re in|\bi'?m in|\bhome is|\bliv near|\blive near|\blive close to|\bhome airport(?: is)?|"
    r"\bab|\bvon|\baus|\bwohn\w* in|\bwohn\w*(?: bei| nahe| in der nahe von)?|\bstarten in|\babflug(?: ab| in| von)?|\bleb\w* in|"
    r"\bdesde|\bsal(?:go|imos|ida|iendo|ir|e|en|dria\w*)(?: de| desde)|\bvivo en|\bvivimos en|\bpartiendo de|\bestoy en|\bestamos en|\bvuelos? de|\bvolar de|\baviones? de|\bbilletes? de|"
    r"\bdepuis|\bau depart d[e']|\bdepart(?: de| d'|:)?|\bpart(?:ant|ir|ons|e|s)? (?:de|d')|\bhabit\w* (?:a|en|au|pres de)|\bon est (?:a|de)|\bje suis (?:a|de)|\bvols? (?:de|d'|depuis)|\bdecoll\w* (?:de|d'))"
    r" ?(?:the |la |le |el |den |dem |der )?$"
)
_OF_BEFORE: Final = re.compile(r"(?:\bde|\bd'|\bdel|\bdu) ?(?:la |l')?$")
_THEN_TO: Final = re.compile(
    r"^\s*(?:airport |,? ?(?:flughafen|aeropuerto|aeroport) )?(?:\([a-z]{3}\) ?)?(?:-+>?|>+|to|nach|a|al|vers|pour|hacia|para|hasta|bis|y luego a|>)\s*(?:the |la |le |les |die |el )?$"
)
_NOT_TO: Final = re.compile(r"\b(?:not|nicht|instead of|statt|anstatt|en vez de|en lugar de|pas|plutot que|rather than|no) ?(?:to |in |nach |a )?$")
_NO_PLACE_AFTER: Final = re.compile(r"^'?s? ?(?:airlines?|airways|street|bank|united|style|food|restaurant|pizza|coffee)\b")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text. `start`…`end`: its characters. `role`: None where nothing tells; callers say what
    that means. `was_cued`: a word before it gave the role."""

    place: PlaceMention
    start: int
    end: int
    role: Role | None
    was_cued: bool


def mentions_in(
    text: str,
    folded: str,
    gazetteer: Gazetteer,
    *,
    language: Language,
    asked: Question | None = None,
    taken: Sequence[tuple[int, int]] = (),
) -> list[Mention]:
    """Places from left to right. `taken`: characters that are dates or money."""
    tokens = tokens_of(text, folded)
    found: list[Mention] = []
    for sighting in gazetteer.sightings(tokens, text):
        start, end = tokens[sighting.first].start, tokens[sighting.last].end
        if any(a < end and start < b for a, b in taken):
            continue
        if not _is_believed(sighting, tokens, folded, text, language, asked, found):
            continue
        since = found[-1].end if found else 0
        before = folded[max(since, start - _SAID_BEFORE) : start]
        found.append(_mention(sighting, start, end, before, asked))
    return _with_pairs(found, folded, asked)


def _mention(
    sighting: Sighting, start: int, end: int, before: str, asked: Question | None
) -> Mention:
    place = sighting.known.mention
    if _FROM_BEFORE.search(before):
        return Mention(place, start, end, "origin", True)
    word = re.search(r"([a-z]+)'? ?(?:the |la |le |les |die |el )?$", before)
    if word is not None and word[1] in _TO - {"is", "and", "or", "und", "oder", "y", "o", "ou", "et", "about"}:
        return Mention(place, start, end, "destination", True)
    return Mention(place, start, end, "origin" if asked == "origin" else None, False)


def _with_pairs(found: list[Mention], folded: str, asked: Question | None) -> list[Mention]:
    """"Lisbon to Rome", "Lisbon - Rome", "de Lisboa a Roma": the first of two is where it begins."""
    roles: list[Role | None] = [mention.role for mention in found]
    for at, (one, two) in enumerate(zip(found, found[1:], strict=False)):
        between = folded[one.end : two.start]
        before = folded[max(0, one.start - _SAID_BEFORE) : one.start]
        joined = _THEN_TO.match(between)
        if joined and roles[at] != "destination" and two.role != "origin":
            roles[at], roles[at + 1] = "origin", "destination"
        elif _OF_BEFORE.search(before) and roles[at] is None and two.was_cued and two.role == "destination":
            roles[at] = "origin"
        elif roles[at] == "origin" and roles[at + 1] is None and re.fullmatch(r"\s*(?:or|oder|o|ou|and|und|y|et|/|,)\s*", between):
            roles[at + 1] = "origin"
    if len(found) == 2 and roles[0] is None and roles[1] is None and _is_flight(folded):
        between = folded[found[0].end : found[1].start]
        if re.fullmatch(r"[\s,/]*", between):
            roles[0], roles[1] = "origin", "destination"
    return [
        Mention(mention.place, mention.start, mention.end, role or "destination", mention.was_cued)
        for mention, role in zip(found, roles, strict=True)
    ]


_FLIGHT: Final = re.compile(
    r"\b(?:fl(?:y|ight|ights|ug|uge|uege|ieg\w*)|plane|air ?fare|tickets?|vuelos?|volar|avion|billetes?|pasajes?|vols?|one way|return|ida|"
    r"aller|direct|nonstop|hin und)\b"
)


def _is_flight(folded: str) -> bool:
    return bool(_FLIGHT.search(folded))


def _is_believed(
    sighting: Sighting,
    tokens: Sequence[Token],
    folded: str,
    text: str,
    language: Language,
    asked: Question | None,
    found: Sequence[Mention],
) -> bool:
    """Whether these words name a place here."""
    first, last = tokens[sighting.first], tokens[sighting.last]
    if _NO_PLACE_AFTER.search(folded[last.end :]):
        return False
    if sighting.is_sure or (first.word == "island" and language == "de" and first.is_capital):
        return True
    if len(tokens) == sighting.last - sighting.first + 1 and asked in ("destination", "origin"):
        return True
    before = folded[max(0, first.start - _SAID_BEFORE) : first.start]
    after = folded[last.end :]
    previous = tokens[sighting.first - 1].word if sighting.first else ""
    follows_place = bool(found) and bool(
        re.fullmatch(r"\s*(?:-+>?|>+|to|nach|a|or|oder|o|ou|vs\.?|and|und|y|et|,|/)\s*", folded[found[-1].end : first.start])
    )
    if sighting.is_code:
        return previous in _CUES or follows_place or bool(re.match(r"\s*(?:-|>|to |nach |a )", after))
    is_cued = bool(_FROM_BEFORE.search(before)) or previous in (
        _TO - {"is", "and", "or", "und", "o", "y", "et", "ou", "about", "like", "con", "mit", "um", "than", "para", "for", "por", "then"}
    )
    is_capital = first.is_capital and not text.isupper() and language != "de" and sighting.first > 0
    is_word = sighting.first == sighting.last and sighting.known.weight > 0 and first.word in COMMON
    if not is_word:
        return is_cued or follows_place or (is_capital and sighting.known.weight >= 1.0) or (
            sighting.known.weight >= 3.0 and (len(first.word) >= 4 or is_capital)
        )
    # A word that is a name too: what follows must not be what the word would describe.
    ends = bool(re.match(r"\s*(?:$|[?!.,;:)\-]|(?:in|on|for|from|this|next|under|with|w|or|and|to|im|am|fur|ab|en|por|pour|avec|con|y|\d))", after))
    is_clear = is_capital or _is_flight(folded) or previous in ("nach", "visit", "in") and not after.strip(" ?!.")
    return (is_cued and ends and is_clear) or (
        follows_place and (is_capital or ends)
    )

