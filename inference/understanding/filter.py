"""What is worth reading at all: a filter of microseconds before any model."""

import re
from typing import Final

from inference.understanding.folding import fold
from inference.understanding.word_lists import WORDS

_WORD: Final = re.compile(r"\w+")
_WORDLESS: Final = re.compile(r"^[\W_]*$")
_SYLLABLES: Final = re.compile(r"(?:xd+|[hj]i?|[aekxusg]|lol?|mu|mdr+|ptdr+|lmf?ao|rofl|5{3,})*+")
_LAUGHS: Final = re.compile(r"haha|hehe|hihi|jaja|jeje|lol|rofl|lmao|lmfao|xd|mdr|ptdr|kkk|555")
_MOST_BESIDE: Final = 12
"""Letters behind laughter in its word."""
_LINK: Final = re.compile(r"^\s*https?://\S+\s*$")
_IDLE: Final = WORDS["idle"]


def may_be_prompt(text: str) -> bool:
    """False for what can be no wish: emoji alone, laughter, a lone link, a lone interjection. Short
    answers ("ok", "2", "no") may be: whether somebody was asked is not known here."""
    if len(text) > 40:
        return not _LINK.match(text) if text.startswith(("http", " http")) else True
    if _WORDLESS.match(text):
        return "?" in text or "👍" in text or "👎" in text or "🙏" in text
    folded = fold(text)
    if _is_laughter(folded) or _LINK.match(folded):
        return False
    return folded.strip(" .!?,") not in _IDLE


def _is_laughter(folded: str) -> bool:
    """Whether all words are, from the first letter on. Linear in the text, as no expression for a whole one would be: each
    syllable may be read in two ways."""
    words = _WORD.findall(folded)
    return bool(words) and folded.startswith(words[0]) and all(map(_laughs, words))


def _laughs(word: str) -> bool:
    begins = _SYLLABLES.match(word)
    end = 0 if begins is None else begins.end()
    return len(word) - end <= _MOST_BESIDE and _LAUGHS.search(word, 0, end) is not None
