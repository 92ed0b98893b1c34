"""How somebody wants to fly beside from where to where: with whom, and at what time of the day (pure).

Words of four languages, folded (`hints.folded`), all searched at once. What is not found here is not guessed.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from protocol.travel import FlightDetails, Itinerary

End = Literal["departs", "arrives"]
NOON, DAY = 12 * 60, 24 * 60

CARRIERS: Final[dict[str, tuple[str, ...]]] = {
    r"lufthansa": ("LH",),
    r"ryan ?air": ("FR",),
    r"easy ?jet": ("U2", "EC", "DS"),
    r"british airways|ba": ("BA",),
    r"klm": ("KL",),
    r"air france": ("AF",),
    r"iberia": ("IB",),
    r"vueling": ("VY",),
    r"wizz( ?air)?": ("W6", "W4", "W9"),
    r"eurowings": ("EW",),
    r"tap( air portugal)?": ("TP",),
    r"swiss( ?air)?": ("LX",),
    r"austrian": ("OS",),
    r"turkish": ("TK",),
    r"emirates": ("EK",),
    r"qatar": ("QR",),
    r"etihad": ("EY",),
    r"united": ("UA",),
    r"delta": ("DL",),
    r"american": ("AA",),
    r"sas|scandinavian": ("SK",),
    r"norwegian": ("DY", "D8"),
    r"finnair": ("AY",),
    r"aer lingus": ("EI",),
    r"ita": ("AZ",),
    r"condor": ("DE",),
    r"tui": ("X3", "BY"),
    r"jet ?2": ("LS",),
    r"transavia": ("HV", "TO"),
    r"aegean": ("A3",),
    r"air canada": ("AC",),
    r"singapore airlines": ("SQ",),
}
"""Names as they are said → codes."""

_AIRLINES: Final = r"(?: (?:air ?lines?|airways|flights?))?"
_NAMES: Final = "|".join(f"(?P<n{at}>{name})" for at, name in enumerate(CARRIERS))
_CARRIER: Final = re.compile(
    r"\b(?P<no>(?:not|no|nicht|keine?[nr]?|sin|pas|ohne|without|anything but|avoid) )?"
    r"(?P<by>(?:only|just|nur|solo|seulement|uniquement) |(?:(?:only|just|nur|solo|que|seulement) )?"
    rf"(?:with|by|on|via|mit|bei|con|en|avec|chez|sur) )?(?:{_NAMES}){_AIRLINES}"
    r"(?=\W*$|\W*[,.;!?]|\W+(?:please|pls|only|bitte|nur|por favor|solo|s'il|and|und|y|et|or|oder|o|ou)\b)"
)
"""Of all at once: each by itself would go through the text as often as there are carriers. The group that closes
last says which."""
_CODES: Final = {f"n{at}": codes for at, codes in enumerate(CARRIERS.values())}
_PARTS: Final[dict[str, tuple[int, int]]] = {
    r"(?<!good )mornings?|morgens|am morgen|vormittags?|(por|de) la manana|le matin|matinale?": (
        4 * 60,
        NOON,
    ),
    r"(?<!good )afternoons?|nachmittags?|(por|de) la tarde|l'apres[- ]midi": (NOON, 18 * 60),
    r"(?<!good )evenings?|abends|am abend|(por|de) la noche|le soir|en soiree": (17 * 60, DAY),
}
_PART: Final = [(re.compile(rf"\b(?:{words})\b"), span) for words, span in _PARTS.items()]
_CLOCK: Final = (
    r"(?:(?P<noon>noon|midday|mittags?|mediodia|midi)|(?:las )?(?P<h>[012]?\d)(?:[:.](?P<m>[0-5]\d)| ?h ?(?P<mh>[0-5]\d)?\b)?"
    r" ?(?P<unit>am\b|pm\b|a\.m\.|p\.m\.|uhr\b|o'?clock|de la (?:manana|tarde|noche))?)"
)
_LIMIT: Final = re.compile(
    r"\b(?:(?P<before>before|by|until|no later than|not later than|vor|bis|spatestens(?: um)?|antes del?|hasta|avant)"
    rf"|after|no earlier than|not before|nach|ab|fruhestens(?: um)?|despues del?|a partir de|apres) (?:the |dem |les? )?{_CLOCK}"
)
_ARRIVES: Final = re.compile(
    r"\b(?:arriv\w*|land(?:s|ing)?|get(?:ting)? (?:in|there)|be there|ankomm\w*|ankunft|landen|lleg\w*|aterriz\w*|atterri\w*)\b"
)
_DEPARTS: Final = re.compile(
    r"\b(?:leav\w*|depart\w*|fly(?:ing)? out|tak\w+ off|set off|abflieg\w*|abflug|losflieg\w*|sal(?:ir|e|ga|iendo|ida)\w*|par(?:t|s|tir|tant)\b)"
)
_BACK: Final = re.compile(
    r"\b(?:back|return\w*|zuruck|ruckflug|ruckreise|vuelta|volver|retour|revenir)\b"
)

_THEN_BACK: Final = re.compile(r" ?(?:flights? )?(?:back|home|zuruck|retour|de vuelta)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When the outward (0) or homeward (1) way departs or arrives: minutes of that day, from…to."""

    way: int
    end: End
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flying:
    """`carriers`: only these; `not_with`: none of these; both by code. Empty: any."""

    carriers: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()


ANYHOW: Final = Flying()


def gone_on(before: Flying, said: Flying) -> Flying:
    """What was said before, but for what is said anew: with whom, or when the same end of a way is to be. "Any airline"
    takes back all of it."""
    if said == ANYHOW:
        return ANYHOW
    anew = {(one.way, one.end) for one in said.windows}
    kept = tuple(one for one in before.windows if (one.way, one.end) not in anew)
    who = said if said.carriers or said.not_with else before
    return Flying(carriers=who.carriers, not_with=who.not_with, windows=(*kept, *said.windows))


def flying(plain: str) -> Flying:
    """What a folded text says of it."""
    only: list[str] = []
    never: list[str] = []
    for match in _CARRIER.finditer(plain):
        codes = _CODES[match.lastgroup or ""]
        if match["no"]:
            never += codes
        elif match["by"]:
            only += codes
    return Flying(
        carriers=tuple(dict.fromkeys(only)),
        not_with=tuple(dict.fromkeys(never)),
        windows=tuple(_windows(plain)),
    )


def flies_so(wanted: Flying, details: FlightDetails) -> bool:
    """Whether all that is wanted is true of it. What does not say is not what was wanted."""
    carriers = {one.carrier for way in details.itineraries for one in way.segments}
    is_by = not wanted.carriers or (bool(carriers) and carriers <= set(wanted.carriers))
    is_spared = not carriers.intersection(wanted.not_with)
    ways = details.itineraries
    return is_by and is_spared and all(_is_within(one, ways) for one in wanted.windows)


def minute_of(details: FlightDetails) -> int | None:
    """Of its day, when the way there departs; None: that is not told."""
    ways = details.itineraries
    return _minute(ways[0].segments[0].departs) if ways and ways[0].segments else None


def _minute(moment: str) -> int:
    return int(moment[11:13]) * 60 + int(moment[14:16])


def _is_within(window: Window, ways: tuple[Itinerary, ...] | list[Itinerary]) -> bool:
    """A way that is not flown keeps every time; on another day than it set out it arrives too late."""
    if window.way >= len(ways):
        return True
    segments = ways[window.way].segments
    if not segments:
        return False
    left, moment = segments[0].departs, segments[-1].arrives
    if window.end == "departs":
        moment = left
    return moment[:10] == left[:10] and window.span[0] <= _minute(moment) <= window.span[1]


def _windows(plain: str) -> Iterator[Window]:
    verbs = _verbs(plain)
    for words, span in _PART:
        for match in words.finditer(plain):
            yield Window(way=_way(verbs, match), end=_end(verbs, match), span=span)
    for match in _LIMIT.finditer(plain):
        at = _minutes(match)
        if at is not None:
            span = (0, at) if match["before"] else (at, DAY)
            yield Window(way=_way(verbs, match), end=_end(verbs, match), span=span)


@dataclass(frozen=True, slots=True)
class _Verbs:
    """Where those of a text end, in order; and where the first word for the way back does."""

    arrive: list[int]
    depart: list[int]
    back: float


def _verbs(plain: str) -> _Verbs:
    back = _BACK.search(plain)
    return _Verbs(
        arrive=[match.end() for match in _ARRIVES.finditer(plain)],
        depart=[match.end() for match in _DEPARTS.finditer(plain)],
        back=inf if back is None else back.end(),
    )


def _minutes(match: "re.Match[str]") -> int | None:
    """None: a number that may be anything but a time of the day."""
    if match["noon"]:
        return NOON
    unit, hour = match["unit"] or "", int(match["h"])
    is_time = bool(unit or match["m"] or match["mh"]) or match[0].rstrip().endswith("h")
    if not is_time or hour >= DAY // 60:
        return None
    is_later = unit.startswith("p") or unit.endswith(("tarde", "noche"))
    if is_later and hour < NOON // 60:
        hour += NOON // 60
    return hour * 60 + int(match["m"] or match["mh"] or 0)


def _way(verbs: _Verbs, match: "re.Match[str]") -> int:
    """ "Back in the evening", "an evening flight back"."""
    is_back = verbs.back <= match.start() or _THEN_BACK.match(match.string, match.end())
    return 1 if is_back else 0


def _end(verbs: _Verbs, match: "re.Match[str]") -> End:
    """By the verb that stands last before it; one that departs where none does."""
    arrives, departs = (
        ends[before - 1] if (before := bisect(ends, match.start())) else -1
        for ends in (verbs.arrive, verbs.depart)
    )
    return "arrives" if arrives > departs else "departs"
