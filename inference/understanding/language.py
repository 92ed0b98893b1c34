"""Which of four languages a message is in, by its frequent words, letters and endings."""

from pathlib import Path
from typing import Final

from inference.understanding.folding import WORD
from protocol.understanding import Language

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "es", "fr")
_OWN_WEIGHT: Final = 2.0
_SHARED_WEIGHT: Final = 0.7
_LETTERS: Final = {"ñ": 2, "¿": 2, "¡": 2, "á": 2, "í": 2, "ó": 2, "ú": 2} | {
    "ä": 1,
    "ö": 1,
    "ü": 1,
    "ß": 1,
    "ç": 3,
    "è": 3,
    "ê": 3,
    "à": 3,
    "ù": 3,
    "œ": 3,
    "î": 3,
    "ô": 3,
    "û": 3,
}
_ENDINGS: Final = (
    ("ing", 0),
    ("tion", 3),
    ("ght", 0),
    ("ung", 1),
    ("sch", 1),
    ("cht", 1),
    ("ción", 2),
    ("amos", 2),
    ("ito", 2),
    ("ando", 2),
    ("eux", 3),
    ("ons", 3),
    ("ez", 3),
    ("ait", 3),
    ("ois", 3),
    ("lich", 1),
    ("chen", 1),
    ("keit", 1),
)


def _weights() -> dict[str, tuple[float, ...]]:
    lists = Path(__file__).with_name("language_words.txt").read_text("utf-8").splitlines()
    own: list[set[str]] = [set(), set(), set(), set()]
    for line in lists:
        head, _, words = line.partition(":")
        if head in _LANGUAGES:
            own[_LANGUAGES.index(head)].update(words.split())
    weights = {}
    for word in set().union(*own):
        hits = [word in words for words in own]
        weight = _OWN_WEIGHT if sum(hits) == 1 else _SHARED_WEIGHT
        weights[word] = tuple(weight * hit for hit in hits)
    return weights


_WEIGHTS: Final = _weights()


def language_of(text: str, *, default: Language = "en") -> Language:
    """`default`: when nothing tells, as in a lone name."""
    scores = [0.0, 0.0, 0.0, 0.0]
    lower = text.lower()
    for word in WORD.findall(lower)[:60]:
        weights = _WEIGHTS.get(word)
        if weights is not None:
            for at in range(4):
                scores[at] += weights[at]
        elif len(word) > 4:
            for ending, at in _ENDINGS:
                if word.endswith(ending):
                    scores[at] += 0.6
                    break
    if not lower.isascii():
        for letter in lower:
            at = _LETTERS.get(letter, -1)
            if at >= 0:
                scores[at] += 1.0
            elif letter == "é":
                scores[2] += 0.4
                scores[3] += 0.6
    best = max(scores)
    if best == 0.0 or scores[_LANGUAGES.index(default)] == best:
        return default
    return _LANGUAGES[scores.index(best)]
