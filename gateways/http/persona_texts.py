"""How long a persona's name and texts may be, and what its texts lose, so that they look like what they
are beside others' words (pure). What its name may be: `protocol.names`.
"""

import re
from typing import Final

from protocol.names import UNSEEMLY, one_line_of, proper_name

MAX_NAME_BYTES: Final = 100
MAX_TEXT_BYTES: Final = 4_096

_UNSEEN_IN_TEXT: Final = re.compile(
    f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200e\u200f{UNSEEMLY}]"
)
_LINE_END: Final = re.compile("\r\n?|\u2028|\u2029")


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
    return proper_name(cut(one_line_of(text), MAX_NAME_BYTES)) or ""
