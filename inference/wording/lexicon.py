"""A model's vocabulary, seen from the rules of wording: which tokens may follow which half-said word.

Words come in pieces, and what may not be said (`claims`) may come about across them: "ho" and "t". So
the word so far is a state of an automaton over the forbidden words, built once per vocabulary; and a
token that would complete one is masked, or, where it may go on ("hot" and "el"), must go on.
"""

import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.wording.claims import FORBIDDEN as FORBIDDEN_WORDS
from inference.wording.claims import folded, is_forbidden_character
from protocol.understanding import Language

Mask = NDArray[np.float32]
"""Added to the logits, [vocabulary]: 0 or `MASKED`. As in `inference.engine.sampler`, which imports us."""
MASKED: Final = -1e9

JOINERS: Final = frozenset("-'’‑")
SIGNS: Final = frozenset(' \n.,;:!?…–—()“”"&+') | JOINERS
"""What may be said beside letters. Neither markup nor what makes an address."""
ENDINGS: Final = frozenset(".!?…")
CLOSED: Final = frozenset(".,;:!?…)”")
"""Signs after which a space comes before a word."""
OPEN: Final = frozenset(' \n(“"')
"""What a fact may follow at once."""
GLUE: Final = frozenset(["and", "or", "at", "for", "with", "from"])
"""Words that may still stand between two facts when there is hardly any room left."""

MAX_PIECE: Final = 20
"""Letters of one token that continue a word; longer ones are not said."""
MAX_WORD: Final = 32
"""Characters after which a word ends: with one more piece it is still shorter than what is held back."""
MAX_MASK_BYTES: Final = 16 * 2**20
MAX_WORDS_KNOWN: Final = 4_096
"""States of half-said words whose limits are kept, with 16 MiB of masks; then all begin anew."""

ROOT: Final = 0
NOWHERE: Final = -1
"""No forbidden word goes on like this."""


class Phase(Enum):
    """Where in a word the text ends."""

    BETWEEN = 0
    IN_WORD = 1
    JOINED = 2
    """After a hyphen or apostrophe, with which the word may go on."""
    CLOSED = 3
    """After a fact, or a sign that wants a space."""


class Word(NamedTuple):
    """The word so far: nodes of the automaton for the whole (hyphens left out) and for its last part."""

    whole: int = ROOT
    part: int = ROOT
    phase: Phase = Phase.BETWEEN


BETWEEN: Final = Word()
AFTER_FACT: Final = Word(phase=Phase.CLOSED)


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
    LAST = "last"
    """A sentence's end."""
    NOT = "not"


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a half-said word forbids. `banned`: would complete what may not be said. `hasty`: would have to
    go on afterwards."""

    number: int
    banned: NDArray[np.int64]
    hasty: NDArray[np.int64]


class _Trie:
    """The forbidden words of a language, letter by letter as `folded` gives them."""

    def __init__(self, words: Collection[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self.is_end: list[bool] = [False]
        for word in sorted(words):
            node = ROOT
            for letter in word:
                if letter not in self._next[node]:
                    self._next[node][letter] = len(self._next)
                    self._next.append({})
                    self.is_end.append(False)
                node = self._next[node][letter]
            self.is_end[node] = True

    def after(self, node: int, letters: str) -> int:
        for letter in letters:
            if node == NOWHERE:
                break
            node = self._next[node].get(letter, NOWHERE)
        return node

    def is_word(self, node: int) -> bool:
        return node != NOWHERE and self.is_end[node]

    def endings(self, node: int, said: str = "") -> Iterator[str]:
        """All ways in which a forbidden word ends from here, the empty one included."""
        if node == NOWHERE:
            return
        if self.is_end[node]:
            yield said
        for letter, child in self._next[node].items():
            yield from self.endings(child, said + letter)


@dataclass(slots=True)
class _Pieces:
    """The tokens that may be said at all, by how they treat the word before them."""

    going_on: dict[str, list[int]] = field(default_factory=dict)
    """Nothing but letters: these, folded → tokens."""
    ending: dict[str, list[int]] = field(default_factory=dict)
    """First these letters (or none), then what ends a word."""
    joining: list[int] = field(default_factory=list)
    """With a hyphen or apostrophe after letters, or at once."""
    after: dict[int, tuple[Word, int]] = field(default_factory=dict)
    """Of those that end a word: the word begun after that, and its length."""


class Lexicon:
    """`texts`: what each token spells in the midst of a text; None: it may never be said. `spellings`:
    the ways to write each placeholder, the first token of which begins nothing else. `ends`: the ends.

    Made once per model; then used by one thread. Owns: its masks, the least recently used of which go.
    """

    def __init__(
        self,
        texts: Sequence[str | None],
        *,
        spellings: Mapping[str, Sequence[tuple[int, ...]]],
        ends: Collection[int],
        language: Language = "en",
    ) -> None:
        self.texts = texts
        self.spellings = {name: tuple(ways) for name, ways in spellings.items()}
        self.ends = frozenset(ends)
        self._trie = _Trie(FORBIDDEN_WORDS[language])
        self._pieces = _Pieces()
        starts = {way[0] for ways in self.spellings.values() for way in ways}
        for token, text in enumerate(texts):
            if text and token not in self.ends and token not in starts and _is_clean(text):
                self._add(token, text)
        self._hasty_ends = _numbers(
            [token for token, (word, _) in self._pieces.after.items() if self.must_go_on(word)]
        )
        self._with_letters_first = frozenset(
            token
            for tokens in (
                *self._pieces.going_on.values(),
                *(each for head, each in self._pieces.ending.items() if head),
                [one for one in self._pieces.joining if (texts[one] or "")[:1].isalpha()],
            )
            for token in tokens
        )
        self._limits: dict[Word, _Limits] = {}
        self._numbers: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        self._masks: OrderedDict[tuple[object, ...], Mask] = OrderedDict()
        self._most_masks = max(16, MAX_MASK_BYTES // (4 * len(texts)))
        self._can_hesitate = self._has_ways_out()
        self.endings = frozenset(
            token
            for token in self._pieces.ending.get("", ())
            if (texts[token] or "").strip() in ENDINGS
        )
        """Tokens that end a sentence and nothing else."""
        stops = [token for token in self._pieces.after if self._ends_with(token, ENDINGS)]
        has_spaced = any(texts[token] != (texts[token] or "").strip() for token in self.endings)
        self._last_stops = _numbers(stops if has_spaced else [])
        """Where sentences end with a space: what ends the last one, without."""
        off = self._pieces.ending.get("", ())
        self._apart = [
            token
            for token in off
            if self._ends_with(token, OPEN) and not any(map(str.isalpha, texts[token] or ""))
        ]
        self.spaced = frozenset(token for token in starts if (texts[token] or "")[:1] == " ")
        """First tokens of placeholders with the space before them."""
        self.is_tidy = bool(self._apart) or starts == self.spaced
        """Whether placeholders can be held apart from words."""
        self._open = self._by_mode()

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

    def _ends_with(self, token: int, signs: frozenset[str]) -> bool:
        return (self.texts[token] or "")[-1:] in signs

    # The word so far.

    def must_go_on(self, word: Word) -> bool:
        """Whether it may not be said as it is."""
        return word.phase is Phase.IN_WORD and (
            self._trie.is_word(word.whole) or self._trie.is_word(word.part)
        )

    def follow(self, word: Word, length: int, token: int) -> tuple[Word, int]:
        """The word so far and its length after that token, which must have been allowed."""
        known = self._pieces.after.get(token)
        if known is not None:
            return known
        word_after, length, _ = self._read(word, length, self.texts[token] or "")
        return word_after, length

    def _read(self, word: Word, length: int, text: str) -> tuple[Word, int, bool]:
        """And whether nothing was completed that may not be said."""
        whole, part, phase = word
        is_sayable = True
        for character in text:
            if character.isalpha():
                if phase in (Phase.BETWEEN, Phase.CLOSED):
                    is_sayable = is_sayable and phase is Phase.BETWEEN
                    whole, part, length = ROOT, ROOT, 0
                letters = folded(character)
                whole, part = self._trie.after(whole, letters), self._trie.after(part, letters)
                phase, length = Phase.IN_WORD, length + 1
                continue
            if self.must_go_on(Word(whole, part, phase)):
                is_sayable = False
            if character in JOINERS and phase in (Phase.IN_WORD, Phase.JOINED):
                # Two of them in a row would be a word that never ends, to whoever holds it back.
                is_sayable = is_sayable and phase is Phase.IN_WORD
                part, phase, length = ROOT, Phase.JOINED, length + 1
            else:
                whole, part, phase, length = *BETWEEN, 0
                if character in CLOSED:
                    phase = Phase.CLOSED
        return Word(whole, part, phase), length, is_sayable

    # What may follow.

    def mask(
        self,
        mode: Mode,
        word: Word,
        *,
        slots: frozenset[int],
        may_end: bool,
        may_go_on: bool = False,
        may_stop: bool = True,
    ) -> Mask:
        """`slots`: tokens that begin or continue placeholders. `may_go_on`: there is time for one more
        token after one that must be followed. `may_stop`: the last sentence may be over. The same
        object for the same answer."""
        limits = self._limits.get(word) or self._limit(word)
        is_hasty = may_go_on and self._can_hesitate and mode in (Mode.FREELY, Mode.AT_FIRST)
        if mode is Mode.HURRIED and word.phase in (Phase.IN_WORD, Phase.JOINED):
            mode = Mode.FINISHING
        key = (mode, limits.number, is_hasty, may_stop, slots, may_end)
        found = self._masks.get(key)
        if found is not None:
            self._masks.move_to_end(key)
            return found
        made = self._open[mode].copy()
        if mode is not Mode.NOT:
            made[limits.banned] = MASKED
            if not is_hasty:
                made[limits.hasty] = MASKED
                made[self._hasty_ends] = MASKED
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

    def _limit(self, word: Word) -> _Limits:
        banned: set[int] = set()
        hasty: set[int] = set()
        pieces = self._pieces
        for node in {word.whole, word.part}:
            for ending in self._trie.endings(node):
                hasty.update(pieces.going_on.get(ending, ()))
                if ending or word.phase is Phase.IN_WORD:
                    banned.update(pieces.ending.get(ending, ()))
        if word.phase is Phase.CLOSED:
            banned.update(self._with_letters_first)
        for token in pieces.joining:
            after, _, is_sayable = self._read(word, 0, self.texts[token] or "")
            if not is_sayable:
                banned.add(token)
            elif self.must_go_on(after):
                hasty.add(token)
        if len(self._limits) >= MAX_WORDS_KNOWN:
            self._limits.clear()
            self._numbers.clear()
            self._masks.clear()
        exceptions = (frozenset(banned), frozenset(hasty))
        number = self._numbers.setdefault(exceptions, len(self._numbers))
        limits = self._limits[word] = _Limits(number, *map(_numbers, exceptions))
        return limits

    # Made once.

    def _add(self, token: int, text: str) -> None:
        head = len(text) - len(text.lstrip(_letters_of(text)))
        letters, rest = folded(text[:head]), text[head:]
        if head > MAX_PIECE:
            return
        if not rest:
            self._pieces.going_on.setdefault(letters, []).append(token)
            return
        if rest[0] in JOINERS:
            if self._read(BETWEEN, 0, text)[2] and len(text) <= MAX_PIECE:
                self._pieces.joining.append(token)
            return
        after, length, is_sayable = self._read(BETWEEN, 0, rest)
        if is_sayable and length <= MAX_PIECE:
            self._pieces.ending.setdefault(letters, []).append(token)
            self._pieces.after[token] = after, length

    def _has_ways_out(self) -> bool:
        """Whether each forbidden word can be made another by one more letter, whatever it is a part of."""
        single = {letters for letters in self._pieces.going_on if len(letters) == 1}
        nodes = range(len(self._trie.is_end))
        most = max(
            sum(len(ending) == 1 for ending in self._trie.endings(node))
            for node in nodes
            if self._trie.is_end[node]
        )
        return len(single) > 2 * most

    def _by_mode(self) -> dict[Mode, Mask]:
        pieces, texts = self._pieces, self.texts
        off = pieces.ending.get("", [])
        going_on = [
            token
            for tokens in (
                *pieces.going_on.values(),
                *(each for head, each in pieces.ending.items() if head),
            )
            for token in tokens
        ]
        first = [
            token for token in (*going_on, *off) if (texts[token] or "").strip(' "“(')[:1].isalpha()
        ]
        glue = [
            token
            for token in (*off, *(self._of(GLUE)))
            if (word := (texts[token] or "").strip()) in GLUE or not any(map(str.isalpha, word))
        ]
        return {
            Mode.FREELY: self._only(self.sayable),
            Mode.AT_FIRST: self._only(first),
            Mode.ONLY_ON: self._only(going_on),
            Mode.ONLY_OFF: self._only(off),
            Mode.FINISHING: self._only(
                (*going_on, *(token for token in glue if token in set(off)))
            ),
            Mode.APART: self._only(self._apart),
            Mode.HURRIED: self._only(glue),
            Mode.LAST: self._only(self.endings),
            Mode.NOT: self._only(()),
        }

    def _of(self, words: Collection[str]) -> list[int]:
        return [token for word in words for token in self._pieces.ending.get(word, ())]

    def _only(self, tokens: Collection[int]) -> Mask:
        mask = np.full(len(self.texts), MASKED, np.float32)
        mask[list(tokens)] = 0.0
        return mask


def _numbers(tokens: Collection[int]) -> NDArray[np.int64]:
    return np.fromiter(tokens, np.int64, len(tokens))


def _letters_of(text: str) -> str:
    return "".join(filter(str.isalpha, text)) or "a"


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
