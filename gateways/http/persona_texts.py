"""What a persona's name and texts may hold, so that they look like what they are beside others' words.

Pure. Names are refused when they hold more; texts lose it.
"""

import re
import unicodedata
from typing import Final

MAX_NAME_BYTES: Final = 100
MAX_TEXT_BYTES: Final = 4_096

_DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
"""Marks, embeddings, overrides and isolates (UAX 9), and the deprecated ones beside them."""

_UNSEEN: Final = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ufeff\ufff9-\ufffb{_DIRECTIONS}]")
_UNSEEN_IN_TEXT: Final = re.compile(
    f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\ufeff\ufff9-\ufffb{_DIRECTIONS}]"
)
_LINE_END: Final = re.compile("\r\n?|\u2028|\u2029")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs", "Mn", "Me"})


def proper_name(name: str) -> str | None:
    """Without white space around it; None when nothing that can be seen is left, or it holds control
    or direction characters. The joiners that emoji and Persian need are fine."""
    name = name.strip()
    if _UNSEEN.search(name) or all(unicodedata.category(each) in _INVISIBLE for each in name):
        return None
    return name


def shown(text: str) -> str:
    """The text without control and direction characters; line ends are line feeds, tabs stay."""
    return _UNSEEN_IN_TEXT.sub("", _LINE_END.sub("\n", text))


def is_longer(text: str, limit: int) -> bool:
    """Whether it has more than so many bytes of UTF-8."""
    return len(text) * 4 > limit and len(text.encode()) > limit


def cut(text: str, limit: int) -> str:
    """Its beginning of at most so many bytes, split at a character."""
    return text.encode()[:limit].decode(errors="ignore") if is_longer(text, limit) else text


def name_of(text: str) -> str:
    """A proper name made of somebody else's: what may not stand in it left out. Empty: nothing is
    left."""
    name = cut(_UNSEEN.sub("", text).strip(), MAX_NAME_BYTES)
    return proper_name(name) or ""
