"""Words that come about piece by piece: which may be said, and how far one has come.

Two ways to know: by the words that are known (those of a model's corpus: then no name, number or claim can
be spelled at all), or, for a model whose words are not listed, by those that are forbidden.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

from inference.wording.claims import FORBIDDEN, folded, is_forbidden_word
from protocol.understanding import Language

JOINERS: Final = frozenset("-'’‑")
CLOSED: Final = frozenset(".,;:!?…)”")
"""Signs after which a space comes before a word."""

MAX_PIECE: Final = 20
"""Letters of one token that continue a word; longer ones are not said."""
MAX_WORD: Final = 32
"""Characters after which a word ends: with one more piece it is still shorter than what is held back."""
MAX_NEED: Final = 4
"""Tokens that a word may still need to be one, once it was begun."""

MONTHS: Final = frozenset(
    "january february april june july august september october november december".split()  # noqa: SIM905
)
"""Said in values alone, as all that is known of time; the two that are also other words may stand."""

ROOT: Final = 0
NOWHERE: Final = -1
"""No listed word goes on like this."""


class Phase(Enum):
    """Where in a word the text ends."""

    BETWEEN = 0
    IN_WORD = 1
    JOINED = 2
    """After a hyphen or apostrophe, with which the word may go on."""
    CLOSED = 3
    """After a fact, or a sign that wants a space."""
    SPACED = 4
    """After a space, which no other one follows, nor what belongs to the word before."""


class Word(NamedTuple):
    """The word so far: nodes of a trie for the whole and, where parts count, for its last part."""

    whole: int = ROOT
    part: int = ROOT
    phase: Phase = Phase.BETWEEN


BETWEEN: Final = Word()
AFTER_FACT: Final = Word(phase=Phase.CLOSED)
AFTER_SPACE: Final = Word(phase=Phase.SPACED)
_OUTSIDE: Final = (Phase.BETWEEN, Phase.CLOSED, Phase.SPACED)


@dataclass(slots=True)
class Pieces:
    """The tokens that may be said at all, by how they treat the word before them."""

    texts: dict[int, str] = field(default_factory=dict)
    going_on: dict[str, list[int]] = field(default_factory=dict)
    """Nothing but letters: these, folded → tokens."""
    ending: dict[str, list[int]] = field(default_factory=dict)
    """First these letters (or none), then what ends a word."""
    joining: list[int] = field(default_factory=list)
    """With a hyphen or apostrophe after letters, or at once."""


class Spelling(Protocol):
    """What words may be said."""

    def read(self, word: Word, text: str) -> tuple[Word, bool]:
        """The word so far after more text; and whether all that ended in it may be said."""

    def need(self, word: Word) -> int:
        """Tokens that it takes, at least, until the word may end; more than `MAX_NEED`: too many."""

    def learn(self, pieces: Pieces) -> None:
        """The tokens, before anything else is asked."""

    def banned(self, word: Word, level: int) -> frozenset[int] | None:
        """Tokens that may not follow, for what they complete or leave to be completed in more than
        `level` tokens. Those that begin with another sign than a joiner, and what they begin after it,
        count only for what they end. None: ask `allowed`."""

    def allowed(self, word: Word, level: int) -> frozenset[int]:
        """The same the other way round, of tokens that begin with a letter or joiner."""


class Trie:
    """Words, letter by letter."""

    def __init__(self, words: Collection[str]) -> None:
        self.children: list[dict[str, int]] = [{}]
        self.is_end: list[bool] = [False]
        for word in sorted(words):
            node = ROOT
            for letter in word:
                if letter not in self.children[node]:
                    self.children[node][letter] = len(self.children)
                    self.children.append({})
                    self.is_end.append(False)
                node = self.children[node][letter]
            self.is_end[node] = True

    def after(self, node: int, letters: str) -> int:
        for letter in letters:
            if node == NOWHERE:
                break
            node = self.children[node].get(letter, NOWHERE)
        return node

    def is_word(self, node: int) -> bool:
        return node != NOWHERE and self.is_end[node]

    def shared(self, node: int, other: "Trie") -> Iterator[tuple[str, int]]:
        """The words of `other` that can be spelled from here, and where they lead."""
        todo = [(node, ROOT, "")] if node != NOWHERE else []
        while todo:
            here, there, said = todo.pop()
            if said and other.is_end[there]:
                yield said, here
            mine, theirs = self.children[here], other.children[there]
            todo += [(mine[one], theirs[one], said + one) for one in theirs if one in mine]

    def below(self, node: int, said: str = "") -> Iterator[tuple[str, int]]:
        """What can be spelled from here in one piece, and where that leads; nothing, too."""
        if node == NOWHERE or len(said) > MAX_PIECE:
            return
        yield said, node
        for letter, child in self.children[node].items():
            yield from self.below(child, said + letter)


class Unforbidden:
    """Every word but the forbidden ones of a language, and those with a forbidden part."""

    def __init__(self, language: Language) -> None:
        self._trie = Trie(FORBIDDEN[language] | MONTHS)
        self._pieces = Pieces()
        self._can_hesitate = False

    def learn(self, pieces: Pieces) -> None:
        self._pieces = pieces
        single = {letters for letters in pieces.going_on if len(letters) == 1}
        most = max(
            sum(len(ending) == 1 for ending in self._endings(node))
            for node, is_end in enumerate(self._trie.is_end)
            if is_end
        )
        # Each forbidden word can then be made another by one more letter, whatever it is a part of.
        self._can_hesitate = len(single) > 2 * most

    def need(self, word: Word) -> int:
        is_word = self._trie.is_word
        if word.phase is Phase.IN_WORD and (is_word(word.whole) or is_word(word.part)):
            return 1 if self._can_hesitate else MAX_NEED + 1
        return 0

    def read(self, word: Word, text: str) -> tuple[Word, bool]:
        whole, part, phase = word
        is_sayable = True
        for character in text:
            if character.isalpha():
                if phase in _OUTSIDE:
                    is_sayable = is_sayable and phase is not Phase.CLOSED
                    whole, part = ROOT, ROOT
                letters = folded(character)
                whole, part = self._trie.after(whole, letters), self._trie.after(part, letters)
                phase = Phase.IN_WORD
                continue
            if self.need(Word(whole, part, phase)):
                is_sayable = False
            if character in JOINERS and phase in (Phase.IN_WORD, Phase.JOINED):
                # Two of them in a row would be a word that never ends, to whoever holds it back.
                is_sayable = is_sayable and phase is Phase.IN_WORD
                part, phase = ROOT, Phase.JOINED
            else:
                whole, part, phase = _after_sign(character)
        return Word(whole, part, phase), is_sayable

    def banned(self, word: Word, level: int) -> frozenset[int]:
        found: set[int] = set()
        pieces = self._pieces
        for node in {word.whole, word.part}:
            for ending in self._endings(node):
                if level < 1 or not self._can_hesitate:
                    found.update(pieces.going_on.get(ending, ()))
                if ending or word.phase is Phase.IN_WORD:
                    found.update(pieces.ending.get(ending, ()))
        if self.need(word):
            # It goes on with the next token, to something that may be said.
            for node in {word.whole, word.part}:
                for ending in self._endings(node):
                    found.update(pieces.going_on.get(ending, ()))
        for token in pieces.joining:
            after, is_sayable = self.read(word, pieces.texts[token])
            if not is_sayable or self.need(after) > level:
                found.add(token)
        return frozenset(found)

    def allowed(self, word: Word, level: int) -> frozenset[int]:
        raise NotImplementedError

    def _endings(self, node: int) -> Iterator[str]:
        """All ways in which a forbidden word ends from here, the empty one included."""
        return (said for said, end in self._trie.below(node) if self._trie.is_end[end])


class Known:
    """The words of a list and no others; of these, none that is forbidden."""

    def __init__(self, words: Collection[str], language: Language) -> None:
        """`words`: with hyphens and apostrophes as they are written; case does not count."""
        self._trie = Trie(
            {
                _spelled(word)
                for word in words
                if 0 < len(word) < MAX_WORD
                and folded(word) not in MONTHS
                and not is_forbidden_word(word, language)
            }
        )
        self._pieces = Pieces()
        self._heads = Trie(())
        self._joining: dict[str, list[int]] = {}
        """By their first letter or sign, folded."""
        self._needs = [0 if is_end else MAX_NEED + 1 for is_end in self._trie.is_end]

    def learn(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._heads = Trie({one for one in (*pieces.going_on, *pieces.ending) if one})
        for token in pieces.joining:
            spelled = _spelled(pieces.texts[token])
            self._joining.setdefault(spelled[0], []).append(token)
        whole = Trie({*pieces.going_on, *(_spelled(pieces.texts[one]) for one in pieces.joining)})
        # Children have higher numbers than their parents, and so are known before them.
        for node in range(len(self._needs) - 1, -1, -1):
            if self._needs[node]:
                ways = (self._needs[end] for _, end in self._trie.shared(node, whole))
                self._needs[node] = min(MAX_NEED, min(ways, default=MAX_NEED)) + 1

    def need(self, word: Word) -> int:
        if word.phase not in (Phase.IN_WORD, Phase.JOINED):
            return 0
        return MAX_NEED + 1 if word.whole == NOWHERE else self._needs[word.whole]

    def read(self, word: Word, text: str) -> tuple[Word, bool]:
        node, _, phase = word
        is_sayable = True
        for character in text:
            is_in = phase in (Phase.IN_WORD, Phase.JOINED)
            if character.isalpha():
                # A capital begins a word, if anything.
                is_sayable = is_sayable and not (is_in and character.isupper())
                if not is_in:
                    is_sayable = is_sayable and phase is not Phase.CLOSED
                    node = ROOT
                node, phase = self._trie.after(node, folded(character)), Phase.IN_WORD
                continue
            if character in JOINERS and phase is Phase.IN_WORD:
                joined = self._trie.after(node, _spelled(character))
                if joined != NOWHERE:
                    node, phase = joined, Phase.JOINED
                    continue
            if is_in and (character in "-‑" or not self._trie.is_word(node)):
                is_sayable = False
            # (After "travellers’" a letter would make another word of it.)
            is_joiner = is_in and character in JOINERS
            node, _, phase = AFTER_FACT if is_joiner else _after_sign(character)
        return Word(node, ROOT, phase), is_sayable

    def banned(self, word: Word, level: int) -> None:
        return None

    def allowed(self, word: Word, level: int) -> frozenset[int]:
        if word.phase is Phase.CLOSED:
            return frozenset(self._joined(word, level))
        pieces, found = self._pieces, set[int]()
        node = ROOT if word.phase in _OUTSIDE else word.whole
        for said, end in self._trie.shared(node, self._heads):
            if self._needs[end] <= level:
                found.update(pieces.going_on.get(said, ()))
            if self._trie.is_end[end]:
                found.update(pieces.ending.get(said, ()))
        if word.phase in _OUTSIDE:
            found = {one for one in found if not _has_inner_capital(pieces.texts[one])}
        else:
            found = {one for one in found if not any(map(str.isupper, pieces.texts[one]))}
        return frozenset(found.union(self._joined(word, level)))

    def _joined(self, word: Word, level: int) -> Iterator[int]:
        node = ROOT if word.phase in _OUTSIDE else word.whole
        for first, tokens in self._joining.items():
            if first.isalpha() and first not in self._trie.children[node]:
                continue
            for token in tokens:
                after, is_sayable = self.read(word, self._pieces.texts[token])
                if is_sayable and self.need(after) <= level:
                    yield token


def _has_inner_capital(text: str) -> bool:
    return any(one.isalpha() and two.isupper() for one, two in pairwise(text))


def _after_sign(character: str) -> Word:
    if character == " ":
        return AFTER_SPACE
    return AFTER_FACT if character in CLOSED else BETWEEN


def _spelled(word: str) -> str:
    """Folded letters, with one sign for all hyphens and one for all apostrophes."""
    return "".join("-" if each in "-‑" else "’" if each in "'’" else folded(each) for each in word)
