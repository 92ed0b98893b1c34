"""Which of four languages a message is in: by its frequent words, and by three letters in a row.

The method of Cavnar and Trenkle (1994), made small: words that a language has to itself weigh most, the letters
decide where there are none.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from inference.understanding.folding import WORD
from protocol.understanding import Language

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "es", "fr")
_OWN_WEIGHT: Final = 2.0
_SHARED_WEIGHT: Final = 0.7
_LETTERS_WEIGHT: Final = 0.02
"""Of a tenth of log odds, beside the weights of words."""

_MAX_WORDS: Final = 30
_LEAST: Final = 0.35
_LEAST_OF_LETTERS: Final = 1.0
"""Less before the default tells nothing, the latter where no word is a language's own: it may be a name, or "surprise
me", of which both words are French as well."""

_LETTERS: Final = (
    dict.fromkeys("ñ¿¡áíóú", 2) | dict.fromkeys("äöüß", 1) | dict.fromkeys("çèêàùœîôû", 3)
)
_OF_ALL: Final = frozenset(
    ("bravo", "chau", "ciao", "kk", "ok", "okay", "pls", "plz", "super", "thx", "wow")
)
"""People write these in all four: they tell nothing."""

_LAST_LATIN: Final = "\u024f"
_LEAST_TELLING: Final = 2
_FEW_WORDS: Final = 4
_SHARE_OF_FREQUENT: Final = 0.2

HERE: Final = Path(__file__).parent
WORD_LISTS: Final = HERE / "language_words.txt"
TRIGRAMS: Final = HERE / "language_trigrams.txt"


def trigrams_of(word: str) -> Iterator[str]:
    """With its ends marked."""
    marked = f"_{word}_"
    for at in range(len(marked) - 2):
        yield marked[at : at + 3]


def _word_weights() -> dict[str, tuple[float, ...]]:
    own: list[set[str]] = [set(), set(), set(), set()]
    for line in WORD_LISTS.read_text("utf-8").splitlines():
        head, _, words = line.partition(":")
        if head in _LANGUAGES:
            own[_LANGUAGES.index(head)].update(words.split())
    weights = {}
    for word in set().union(*own):
        hits = [word in words for words in own]
        weight = _OWN_WEIGHT if sum(hits) == 1 else _SHARED_WEIGHT
        weights[word] = tuple(weight * hit for hit in hits)
    return weights


def _trigram_weights() -> dict[str, tuple[float, ...]]:
    if not TRIGRAMS.exists():
        return {}
    lines = (line.split() for line in TRIGRAMS.read_text("utf-8").splitlines())
    return {piece: tuple(int(w) * _LETTERS_WEIGHT for w in weights) for piece, *weights in lines}


_WORDS: Final = _word_weights()
_TRIGRAMS: Final = _trigram_weights()


def is_frequent(word: str, language: Language) -> bool:
    """Whether it is one of the frequent words by which this language is known, maybe of others too."""
    weights = _WORDS.get(word.lower())
    return weights is not None and weights[_LANGUAGES.index(language)] > 0


def is_of_some(word: str) -> bool:
    """Whether it is a frequent word of any of the four."""
    return word in _WORDS


def most_own(words: Collection[str]) -> int:
    """How many of them are frequent words of the one of the four that has most of them to itself."""
    own = [0, 0, 0, 0]
    for word in words:
        weights = _WORDS.get(word)
        if weights is not None and _OWN_WEIGHT in weights:
            own[weights.index(_OWN_WEIGHT)] += 1
    return max(own)


def is_foreign_script(text: str) -> bool:
    """Whether most letters are of none of the alphabets that the four languages are written in."""
    if text.isascii():
        return False
    letters = [letter for letter in text if letter.isalpha()]
    return sum(letter > _LAST_LATIN for letter in letters) * 2 > len(letters)


def is_in(text: str, language: Language) -> bool:
    """Whether a text is in this language at all. `language_of` has four to choose from, and takes what is in none of
    them for the default; this asks for words of the language's own: one in five, of 1,120 texts of ours all but five have that.
    Of less than four words nothing is asked but letters. Of the nearest neighbours (Portuguese beside Spanish) some pass."""
    if is_foreign_script(text):
        return False
    if language_of(text, default=language) != language:
        return False
    words = WORD.findall(text.lower())[:_MAX_WORDS]
    frequent = sum(is_frequent(word, language) for word in words)
    return len(words) < _FEW_WORDS or frequent >= _SHARE_OF_FREQUENT * len(words)


def tells(text: str, language: Language, *, against: Language) -> bool:
    """Whether a text is clearly in a language rather than in the other: at least two of its words are more like it,
    one of them a frequent one. `text`: without names of places and people; what is written as a name is none of these words
    ("La Casa del Mar"), but for German nouns."""
    one, other = _LANGUAGES.index(language), _LANGUAGES.index(against)
    words = WORD.findall(text.lower() if text.isupper() else text)[:_MAX_WORDS]
    if language != "de":
        is_title = any(word[0].isupper() for word in words[1:])
        words = [
            word
            for at, word in enumerate(words)
            if not word[0].isupper() or (at == 0 and not is_title)
        ]
    found, is_known = 0, False
    for word in {word.lower() for word in words} - _OF_ALL:
        weights = _WORDS.get(word)
        if weights is not None:
            is_more = weights[one] > weights[other]
            is_known = is_known or is_more
        else:
            is_more = _by_letters(word, one) - _by_letters(word, other) >= _LEAST_OF_LETTERS
        found += is_more
    return is_known and found >= _LEAST_TELLING


def _by_letters(word: str, at: int) -> float:
    """How much the letters of a word speak for a language."""
    pieces = (_TRIGRAMS.get(piece) for piece in trigrams_of(word))
    marked = sum(_LETTERS.get(letter) == at for letter in word)
    return marked + sum(weights[at] for weights in pieces if weights is not None)


def language_of(text: str, *, default: Language = "en") -> Language:
    """`default`: when nothing tells, as in a lone name."""
    is_known, lower = False, text.lower()
    # Four names instead of a list: this loop is most of what a message costs before its model.
    en = de = es = fr = 0.0
    for word in WORD.findall(lower)[:_MAX_WORDS]:
        if word in _OF_ALL:
            continue
        weights = _WORDS.get(word)
        if weights is not None:
            is_known = is_known or max(weights) == _OWN_WEIGHT
            en, de, es, fr = en + weights[0], de + weights[1], es + weights[2], fr + weights[3]
            continue
        for piece in trigrams_of(word):
            weights = _TRIGRAMS.get(piece)
            if weights is not None:
                en, de, es, fr = en + weights[0], de + weights[1], es + weights[2], fr + weights[3]
    scores = [en, de, es, fr]
    if not lower.isascii():
        for letter in lower:
            at = _LETTERS.get(letter, -1)
            if at >= 0:
                scores[at] += 1.0
            elif letter == "é":
                scores[2] += 0.4
                scores[3] += 0.6
    best = max(scores)
    least = _LEAST if is_known else _LEAST_OF_LETTERS
    if best - scores[_LANGUAGES.index(default)] < least:
        return default
    return _LANGUAGES[scores.index(best)]
