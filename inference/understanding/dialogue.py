"""What the state of a dialogue says of a message, before and after a model has read it.

A bare answer to a question needs no model; what a model says is weighed with who is in the room. Whether to act
on it is the policy's to decide.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from inference.understanding.folding import fold, words_of
from inference.understanding.intents import Mark, Scores
from inference.understanding.whom import Put
from inference.understanding.word_lists import WORDS
from protocol.understanding import INTENTS, MEANT_FROM, Intent, Setting, Slots

SURE: Final = 0.97
FAIRLY_SURE: Final = 0.85
HARDLY: Final = 0.15
MAX_ANSWER: Final = 6
"""Words beside the slot in a bare answer."""

CHATTER: Final = INTENTS.index("human_chatter")

MAX_BESIDE: Final = 1
"""Words beside the slots in a message that is hardly more than these: "this weekend"."""

HALF: Final = 0.5
"""Sure enough to ask "did you mean", too little to act."""

ALONE: Final = 0.98
"""How likely it is that somebody who is alone with a persona talks to it."""

_NO_WISHES: Final = frozenset[Intent]({"greet", "thanks", "smalltalk", "out_of_scope", "complaint"})

_QUESTIONS: Final = frozenset[Intent]({"ask_detail", "compare", "weather", "price_trend"})

_BEFORE_PLACES: Final = WORDS["before places"]
_YES: Final = WORDS["yes"]
_NO: Final = WORDS["no"]
_FILLERS: Final = WORDS["beside yes and no"]
_GOODBYES: Final = WORDS["goodbyes"]
_BESIDE_GOODBYES: Final = WORDS["beside goodbyes"]
_CANCELLABLE: Final = re.compile(
    r"\b(?:free (?:of charge )?cancell?ation|cancell?ation (?:is )?(?:for )?free|cancell?able|refundable|stornierbar\w*"
    r"|(?:kostenlos|gratis)\w* storn\w+|storn\w+ (?:kostenlos|gratis)|cancelacion (?:gratis|gratuita)|cancelable"
    r"|cancelar gratis|reembolsable|annulation (?:gratuite|sans frais)|annulable|remboursable)\b"
)
_ORDINAL: Final = re.compile(
    r"\b(?:first|second|third|fourth|last|1st|2nd|3rd|\d|one|two|three|middle|both|none|erste[nrs]?|zweite[nrs]?|dritte[nrs]?|letzte[nrs]?|"
    r"eins|zwei|drei|primer[oa]?|segund[oa]|tercer[oa]?|ultim[oa]|uno|dos|tres|premier|premiere|deuxieme|seconde?|troisieme|"
    r"dernier|derniere|un|deux|trois|cheapest|gunstigste[nrs]?|billigste[nrs]?|barat[oa]|moins cher|that one|ese|esa|celui|celle)\b"
)
_IS: Final = (
    r"\b(?:i'?m|we'?re|ich bin|bin ich|wir sind|sind wir|estoy|estamos|je suis|on est)(?: \w+)?"
)
_IS_AT: Final = re.compile(rf"{_IS}(?: \w+){{0,2}} (?:in|at|en|a|au) $")
_IS_WITH: Final = re.compile(
    rf"{_IS} (?:at|with|bei|con|chez) (?:my|our|the|meine\w*|den|mis?|los|m[aeo]\w*|les)\b"
)

_CONFIRMS: Final[dict[str, Intent]] = {
    "confirm_book": "book",
    "confirm_pay": "pay",
    "confirm_cancel": "cancel",
}


def plain_answer(
    text: str, setting: Setting, slots: Slots, marks: Sequence[Mark]
) -> tuple[Intent, float] | None:
    """What a bare answer to the question that was asked means; None: it is none."""
    asked = setting.asked
    if asked is None:
        return None
    words = words_of(text)
    if not words or len(words) > 14:
        return None
    if asked in _CONFIRMS:
        return _consent(words, _CONFIRMS[asked])
    if asked == "which":
        is_other = bool(slots.destination or slots.dates)  # "hotel in berlin 3-5 march"
        is_choice = len(words) <= MAX_ANSWER and "?" not in text and not is_other
        is_choice = is_choice and _ORDINAL.search(fold(text)) is not None
        return ("refine", FAIRLY_SURE) if is_choice and not _asks_others(words) else None
    said = {
        "destination": slots.destination,
        "origin": slots.origin,
        "dates": slots.dates,
        "budget": slots.budget,
        "party": slots.party,
    }[asked]
    if not said or "?" in text or (asked == "dates" and _is_elsewhere(text, marks)):
        return None
    beside = len(_beside(text, marks))
    if asked == "party":
        return ("refine", SURE) if len(words) <= 8 else None
    return ("refine", SURE if beside <= 3 else FAIRLY_SURE) if beside <= MAX_ANSWER else None


def bare_wish(
    intent: Intent, text: str, setting: Setting, slots: Slots, marks: Sequence[Mark]
) -> tuple[Intent, float] | None:
    """What a message means that is hardly more than slots and that a model took for small talk, or for a question
    that it does not ask; None: it is none. Places and days alone change what lies on the table or what was asked
    about, else they ask what there is."""
    beside = _beside(text, marks)
    if slots == Slots() or len(beside) > MAX_BESIDE:
        return None
    is_open = bool(setting.shown or setting.asked)
    # "New year in prague" names no weather; "in may?" may go on about it.
    is_unsaid = intent == "weather" and "?" not in text and _BEFORE_PLACES.issuperset(beside)
    if intent not in _NO_WISHES and not is_unsaid and not (intent == "refine" and is_open):
        return None
    return ("refine", FAIRLY_SURE) if is_open else ("ask_destination", HALF)


def in_plain_words(intent: Intent, text: str, setting: Setting) -> tuple[Intent, float] | None:
    """What a model tells from other things less well than a short list does: a goodbye, which it takes for small
    talk, and a room that can be cancelled, which is no wish to cancel one."""
    if intent == "cancel" and _CANCELLABLE.search(fold(text)):
        return "refine", FAIRLY_SURE
    words = set(words_of(text))
    is_goodbye = bool(words & _GOODBYES) and words <= _GOODBYES | _BESIDE_GOODBYES
    if intent in _NO_WISHES and is_goodbye and setting.last != "nobody":
        return "thanks", SURE
    return None


def _is_elsewhere(text: str, marks: Sequence[Mark]) -> bool:
    """ "In august I'm in Rome", "I'm at my parents' then": no days to travel."""
    folded = fold(text)
    places = (mark for mark in marks if mark.slot in ("destination", "origin"))
    days = [mark for mark in marks if mark.slot == "dates"]
    is_at = any(_IS_AT.search(_without(folded[: mark.start], days)) for mark in places)
    return is_at or _IS_WITH.search(folded) is not None


def _without(folded: str, marks: Sequence[Mark]) -> str:
    """What stands beside these, with one blank for each."""
    for mark in sorted(marks, key=lambda mark: -mark.start):
        folded = folded[: mark.start].rstrip() + " " + folded[mark.end :].lstrip()
    return folded


def _consent(words: Sequence[str], intent: Intent) -> tuple[Intent, float] | None:
    """Yes or no, and little beside it."""
    rest = [word for word in words if word not in _FILLERS]
    is_yes = any(word in _YES for word in words)
    is_no = any(word in _NO for word in words)
    others = [word for word in rest if word not in _YES and word not in _NO]
    if is_no and not is_yes and len(others) <= 3:
        return ("cancel", FAIRLY_SURE) if intent != "cancel" else None
    if is_yes and not is_no and len(others) <= 2:
        return intent, SURE
    return None


def _asks_others(words: Sequence[str]) -> bool:
    """Whether it is a question to somebody in the room, or calls them: "which one do you like, mum"."""
    dear = WORDS["to dear ones"]
    return words[0] in WORDS["whom asks what"] or words[0] in dear or words[-1] in dear


def _beside(text: str, marks: Sequence[Mark]) -> list[str]:
    """Words that say no slot."""
    rest, at = [], 0
    for mark in marks:
        rest.append(text[at : mark.start])
        at = max(at, mark.end)
    rest.append(text[at:])
    return words_of(" ".join(rest))


def as_put(intent: Intent, put: Put | None) -> tuple[Intent, float] | None:
    """What a message means by how it is put, where a model takes it for talk or for a question about things."""
    if put is None or put.intent is None or intent not in _NO_WISHES | _QUESTIONS:
        return None
    return put.intent, FAIRLY_SURE


def in_setting(scores: Scores, setting: Setting, put: Put | None = None) -> Scores:
    """Whether a message is meant for a persona is said by `addressed` and, as its opposite, by the
    intent human_chatter: the mean of both log odds is the better `addressed`. What is meant for one is no chatter,
    and what is not is. Who is alone with a persona chats with nobody else. `put`: what is surer than both."""
    chatter = scores.intents[CHATTER]
    if setting.people == 1:
        return Scores(_with_chatter(scores, 0.0), max(scores.addressed, ALONE))
    mean = (odds_of(scores.addressed) - odds_of(chatter)) / 2
    addressed = share_of(mean)
    if put is not None:
        is_ours = put.whom == "persona"
        addressed = max(addressed, FAIRLY_SURE) if is_ours else min(addressed, HARDLY)
    is_meant = addressed >= MEANT_FROM
    return Scores(_with_chatter(scores, 0.0 if is_meant else 1.0 - addressed), addressed)


def _with_chatter(scores: Scores, chatter: float) -> tuple[float, ...]:
    """The other intents share the rest as they did."""
    factor = (1.0 - chatter) / max(1.0 - scores.intents[CHATTER], 1e-6)
    intents = [value * factor for value in scores.intents]
    intents[CHATTER] = chatter
    return tuple(intents)


def odds_of(share: float) -> float:
    """Log odds, 14 at most."""
    inside = min(max(share, 1e-6), 1.0 - 1e-6)
    return math.log(inside / (1.0 - inside))


def share_of(odds: float) -> float:
    """A likelihood, of log odds."""
    return 1.0 / (1.0 + math.exp(-odds))
