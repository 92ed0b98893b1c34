"""What is worth reading at all: a filter of microseconds before any model."""

import re
from typing import Final

from inference.understanding.folding import fold
from inference.understanding.word_lists import WORDS

_WORDLESS: Final = re.compile(r"^[\W_]*$")
_LAUGHTER: Final = re.compile(
    r"^(?:(?:ha|he|hi|ja|je|ji|lo|mu|a|e|k|x|u|h|j|s|g|ks)*(?:haha|hehe|hihi|jaja|jeje|lol|rofl|lmao|lmfao|xd+|mdr+|ptdr|kkk+|555+|hahah|jajaj)"
    r"\w{0,12}[\W_]*)+$"
)
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
    if _LAUGHTER.match(folded) or _LINK.match(folded):
        return False
    return folded.strip(" .!?,") not in _IDLE
