"""The rung of what a character card says itself: its greeting, its examples, its lorebook.

A card is somebody's text: what it may not say (numbers, money, claims, placeholders of others) is not said,
and then nothing of that passage.
"""

import re
from hashlib import sha256
from typing import Final

import trio

from inference.understanding.language import is_frequent, is_in
from inference.wording.claims import FORBIDDEN, is_forbidden_word
from inference.wording.filling import Filler, WordingError
from inference.wording.rung import Patience, Send, Written
from inference.wording.template_rung import clauses
from protocol.understanding import Language
from protocol.wording import MAX_PASSAGE, MAX_PASSAGES, QUOTED, Plan, Tier

MODEL: Final = "card"
AFTER_A_MODEL: Final = Patience(begin_within=0.14)
AT_ONCE: Final = Patience(begin_within=1.0, first_within=1.0)
"""It computes for microseconds: what is late is so for everybody below it, and they would say less."""

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_WORD: Final = re.compile(r"[^\W\d_]+")


class RetrievedRung:
    """Says the first passage of a plan that may be said.

    It stands in the ladder twice: below the model, and as `is_first` above it, for what the card's
    author wrote for this very moment. A model with the compact prompt has not read the card: what it
    makes up in place of a greeting that its owner wrote, or of lore that was asked for by name, is
    worse, however well it speaks. An example that is merely alike is only better than a template.
    """

    tier: Tier = "retrieved"

    def __init__(self, *, is_first: bool = False) -> None:
        self._is_first = is_first
        self.name = "card" if is_first else "passages"
        self.patience = AT_ONCE if is_first else AFTER_A_MODEL

    def can_word(self, plan: Plan) -> bool:
        if not plan.passages or (self._is_first and not plan.card_first):
            return False
        return _sayable(plan) is not None

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        passage = _sayable(plan)
        if passage is None:
            raise WordingError("no passage that may be said")
        for clause in clauses(passage):
            send(clause)
            await trio.lowlevel.checkpoint()
        return Written(model=MODEL, version=sha256(passage.encode()).hexdigest()[:12])


def _sayable(plan: Plan) -> str | None:
    for passage in plan.passages[:MAX_PASSAGES]:
        if len(passage) <= MAX_PASSAGE and _may_be_said(plan, passage):
            return passage
    return None


def _may_be_said(plan: Plan, passage: str) -> bool:
    """In the plan's language, by its rules; and no claim in another one either, for words of two
    languages may stand in one passage."""
    if any(name not in QUOTED for name in _SLOT.findall(passage)):
        return False
    words = _SLOT.sub(" ", passage)
    if not is_in(words, plan.language):
        return False
    if any(_is_claim_elsewhere(word, plan.language) for word in _WORD.findall(words)):
        return False
    filler = Filler(plan)
    try:
        said = "".join(map(filler.take, clauses(passage))) + filler.end()
    except WordingError:
        return False
    return any(map(str.isalpha, said))


def _is_claim_elsewhere(word: str, language: Language) -> bool:
    others = (other for other in FORBIDDEN if other != language)
    return not is_frequent(word, language) and any(is_forbidden_word(word, one) for one in others)
