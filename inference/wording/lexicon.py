"""A model's vocabulary, seen from the rules of wording: which tokens may follow which half-said word.

Words come in pieces, and what may not be said may come about across them: "ho" and "t". So the word so
far is a state, and a token that would complete what may not be said is masked; or, where it may go on
("hot" and "el"), it must.
"""

import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.wording.claims import folded, is_forbidden_character
from inference.wording.spelling import (
    AFTER_FACT,
    AFTER_SPACE,
    BETWEEN,
    CLOSED,
    JOINERS,
    MAX_NEED,
    MAX_PIECE,
    Known,
    Phase,
    Pieces,
    Spelling,
    Unforbidden,
    Word,
)
from protocol.understanding import Language

Mask = NDArray[np.float32]
"""Added to the logits, [vocabulary]: 0 or `MASKED`. As in `inference.engine.sampler`, which imports us."""
MASKED: Final = -1e9

SIGNS: Final = frozenset(' \n.,;:!?…–—()“”"&+') | JOINERS
"""What may be said beside letters. Neither markup nor what makes an address."""
ENDINGS: Final = frozenset(".!?…")
OPEN: Final = frozenset(' \n(“"')
"""What a fact may follow at once."""
GLUE: Final = frozenset(["and", "or", "at", "for", "with", "from"])
"""Words that may still stand between two facts when there is hardly any room left."""

MAX_MASK_BYTES: Final = 16 * 2**20
MAX_WORDS_KNOWN: Final = 4_096
"""States of half-said words of which it is known what may follow; then all begin anew."""


class Mode(Enum):
    """What may come beside placeholders and the end."""

    FREELY = "freely"
    AT_FIRST = "at first"
    """Something that can be seen."""
    ONLY_ON = "only on"
    """The word must go on, for it may not be said as it is."""
    ONLY_OFF = "only off"
    """The word must end, for it is too long."""
    APART = "apart"
    """What a fact can follow."""
    HURRIED = "hurried"
    """What holds facts together."""
    FINISHING = "finishing"
    """The same, or the rest of the word."""
    NEARLY_LAST = "nearly last"
    """What a sentence's end can follow."""
    LAST = "last"
    """A sentence's end."""
    NOT = "not"


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a half-said word forbids: these tokens, or, of those that begin with a letter or joiner, all
    but `allowed`."""

    number: int
    banned: NDArray[np.int64]
    allowed: NDArray[np.int64] | None


class Lexicon:
    """`texts`: what each token spells in the midst of a text; None: it may never be said. `spellings`:
    the ways to write each placeholder, the first token of which begins nothing else. `ends`: the ends.
    `words`: the only ones that may be said; None: all but the forbidden ones.

    Made once per model; then used by one thread. Owns: its masks, the least recently used of which go.
    """

    def __init__(
        self,
        texts: Sequence[str | None],
        *,
        spellings: Mapping[str, Sequence[tuple[int, ...]]],
        ends: Collection[int],
        words: Collection[str] | None = None,
        language: Language = "en",
    ) -> None:
        self.texts = texts
        self.spellings = {name: tuple(ways) for name, ways in spellings.items()}
        self.ends = frozenset(ends)
        self._words: Spelling = Known(words, language) if words else Unforbidden(language)
        self.is_listed = bool(words)
        """Whether words are bounded by being listed."""
        self._pieces = Pieces()
        self._after: dict[int, tuple[Word, int]] = {}
        """Of tokens that end a word: the one begun after that, and its length."""
        starts = {way[0] for ways in self.spellings.values() for way in ways}
        self._add_all(starts)
        self._words.learn(self._pieces)
        self._begin_words()
        self._note_signs(starts)
        self._limits: dict[tuple[Word, int], _Limits] = {}
        self._numbers: dict[object, int] = {}
        self._masks: OrderedDict[tuple[object, ...], Mask] = OrderedDict()
        self._most_masks = max(16, MAX_MASK_BYTES // (4 * len(texts)))
        self._open = self._by_mode()
        for word in (BETWEEN, AFTER_SPACE, AFTER_FACT):
            # The longest to find out, and what every reply needs.
            self._limit(word, MAX_NEED)

    @property
    def sayable(self) -> frozenset[int]:
        """Tokens of words and signs that may be said somewhere."""
        pieces = self._pieces
        return frozenset(
            token
            for tokens in (*pieces.going_on.values(), *pieces.ending.values(), pieces.joining)
            for token in tokens
        )

    def opens(self, token: int) -> bool:
        """Whether a fact may follow it at once."""
        return self._ends_with(token, OPEN)

    def must_go_on(self, word: Word) -> bool:
        """Whether it may not be said as it is."""
        return self._words.need(word) > 0

    def follow(self, word: Word, length: int, token: int) -> tuple[Word, int]:
        """The word so far and its length after that token, which must have been allowed."""
        known = self._after.get(token)
        if known is not None:
            return known
        text = self.texts[token] or ""
        after, _ = self._words.read(word, text)
        return after, _length(text, length)

    def mask(
        self,
        mode: Mode,
        word: Word,
        *,
        slots: frozenset[int],
        may_end: bool,
        spare: int = 0,
        may_stop: bool = True,
    ) -> Mask:
        """`slots`: tokens that begin or continue placeholders. `spare`: tokens that there is time for
        afterwards, to make a begun word one. `may_stop`: the last sentence may be over. The same object
        for the same answer."""
        level = max(0, min(spare, MAX_NEED))
        limits = self._limits.get((word, level)) or self._limit(word, level)
        if mode is Mode.HURRIED and word.phase in (Phase.IN_WORD, Phase.JOINED):
            mode = Mode.FINISHING
        key = (mode, limits.number, level, may_stop, slots, may_end)
        found = self._masks.get(key)
        if found is not None:
            self._masks.move_to_end(key)
            return found
        made = self._open[mode].copy()
        if mode is not Mode.NOT:
            if limits.allowed is not None:
                kept = made[limits.allowed]
                made[self._with_letters_first] = MASKED
                made[limits.allowed] = kept
            made[limits.banned] = MASKED
            made[self._needing_more[level]] = MASKED
            if not may_stop:
                made[self._last_stops] = MASKED
        made[list(slots)] = 0.0
        if may_end:
            made[list(self.ends)] = 0.0
        made.flags.writeable = False
        self._masks[key] = made
        if len(self._masks) > self._most_masks:
            self._masks.popitem(last=False)
        return made

    def _limit(self, word: Word, level: int) -> _Limits:
        if len(self._limits) >= MAX_WORDS_KNOWN:
            self._limits.clear()
            self._numbers.clear()
            self._masks.clear()
        banned, allowed = self._words.banned(word, level), None
        if banned is None:
            # Signs end the word, if it may end.
            signs = frozenset(self._pieces.ending.get("", ()))
            banned = signs if self.must_go_on(word) else frozenset[int]()
            allowed = self._words.allowed(word, level)
        elif word.phase is Phase.CLOSED:
            banned |= frozenset(self._closed_to)
        if word.phase is Phase.SPACED:
            banned |= frozenset(self._not_spaced)
        number = self._numbers.setdefault((banned, allowed), len(self._numbers))
        limits = self._limits[word, level] = _Limits(
            number, _numbers(banned), None if allowed is None else _numbers(allowed)
        )
        return limits

    # Made once.

    def _add_all(self, starts: set[int]) -> None:
        for token, text in enumerate(self.texts):
            if text and token not in self.ends and token not in starts and _is_clean(text):
                self._add(token, text)

    def _add(self, token: int, text: str) -> None:
        head = _letters(text)
        letters, rest = folded(text[:head]), text[head:]
        if head > MAX_PIECE:
            return
        pieces = self._pieces
        pieces.texts[token] = text
        if not rest:
            pieces.going_on.setdefault(letters, []).append(token)
        elif rest[0] in JOINERS:
            if len(text) <= MAX_PIECE:
                pieces.joining.append(token)
        else:
            pieces.ending.setdefault(letters, []).append(token)

    def _begin_words(self) -> None:
        """What tokens begin after what they end; those that say what may not be said are taken out."""
        for head, tokens in [*self._pieces.ending.items()]:
            able: list[int] = []
            for token in tokens:
                rest = self._pieces.texts[token][_letters(self._pieces.texts[token]) :]
                after, is_sayable = self._words.read(BETWEEN, rest)
                length = _length(rest, 0)
                if is_sayable and length <= MAX_PIECE and self._words.need(after) <= MAX_NEED:
                    self._after[token] = after, length
                    able.append(token)
            self._pieces.ending[head] = able
        self._needing_more = [
            _numbers(
                [one for one, (word, _) in self._after.items() if self._words.need(word) > level]
            )
            for level in range(MAX_NEED + 1)
        ]

    def _note_signs(self, starts: set[int]) -> None:
        pieces, texts = self._pieces, self.texts
        off = pieces.ending.get("", [])
        self.endings = frozenset(token for token in off if (texts[token] or "").strip() in ENDINGS)
        """Tokens that end a sentence and nothing else."""
        stops = [token for token in self._after if self._ends_with(token, ENDINGS)]
        has_spaced = any(texts[token] != (texts[token] or "").strip() for token in self.endings)
        self._last_stops = _numbers(stops if has_spaced else [])
        """Where sentences end with a space: what ends the last one, without."""
        self._apart = [
            token
            for token in off
            if self._ends_with(token, OPEN) and not any(map(str.isalpha, texts[token] or ""))
        ]
        self.spaced = frozenset(token for token in starts if (texts[token] or "")[:1] == " ")
        """First tokens of placeholders with the space before them."""
        self.is_tidy = bool(self._apart) or starts == self.spaced
        """Whether placeholders can be held apart from words."""
        self._not_spaced = [token for token in off if (texts[token] or "")[:1] in CLOSED | {" "}]
        self._goes_on = [
            token
            for tokens in (
                *pieces.going_on.values(),
                *(each for head, each in pieces.ending.items() if head),
            )
            for token in tokens
        ]
        self._with_letters_first = _numbers([*self._goes_on, *pieces.joining])
        self._closed_to = [
            *self._goes_on,
            *(one for one in pieces.joining if (texts[one] or "")[:1].isalpha()),
        ]

    def _ends_with(self, token: int, signs: frozenset[str]) -> bool:
        return (self.texts[token] or "")[-1:] in signs

    def _by_mode(self) -> dict[Mode, Mask]:
        pieces, texts = self._pieces, self.texts
        off = pieces.ending.get("", [])
        on = [*self._goes_on, *pieces.joining]
        first = [
            token
            for token in (*self._goes_on, *off, *pieces.joining)
            if (texts[token] or "").strip(' "“(')[:1].isalpha()
        ]
        linking = [token for word in GLUE for token in pieces.ending.get(word, ())]
        glue = [
            token
            for token in (*off, *linking)
            if (word := (texts[token] or "").strip()) in GLUE or not any(map(str.isalpha, word))
        ]
        return {
            Mode.FREELY: self._only(self.sayable),
            Mode.AT_FIRST: self._only(first),
            Mode.ONLY_ON: self._only(on),
            Mode.ONLY_OFF: self._only(off),
            Mode.APART: self._only(self._apart),
            Mode.FINISHING: self._only((*on, *(token for token in glue if token in set(off)))),
            Mode.HURRIED: self._only(glue),
            Mode.NEARLY_LAST: self._only(
                [token for token in self.sayable if not self._ends_with(token, frozenset(" "))]
            ),
            Mode.LAST: self._only(self.endings),
            Mode.NOT: self._only(()),
        }

    def _only(self, tokens: Collection[int]) -> Mask:
        mask = np.full(len(self.texts), MASKED, np.float32)
        mask[list(tokens)] = 0.0
        return mask


def _numbers(tokens: Collection[int]) -> NDArray[np.int64]:
    return np.fromiter(tokens, np.int64, len(tokens))


def _letters(text: str) -> int:
    """How many it begins with."""
    return next((at for at, each in enumerate(text) if not each.isalpha()), len(text))


def _length(text: str, before: int) -> int:
    """Of the word that the text ends in, `before` characters of which were there."""
    for character in text:
        is_part = character.isalpha() or (character in JOINERS and before > 0)
        before = before + 1 if is_part else 0
    return before


def _is_clean(text: str) -> bool:
    """Whether it is letters and signs of which each is judged by itself: composed, Latin, without
    figures."""
    return all(
        character in SIGNS
        or (
            character.isalpha()
            and not is_forbidden_character(character)
            and unicodedata.normalize("NFKC", character) == character
            and unicodedata.name(character, "").startswith("LATIN ")
        )
        for character in text
    )
