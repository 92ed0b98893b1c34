"""What a name or a title may hold, so that it looks like what it is beside others' words: one line, in
which nothing hides or turns the text around. One rule for people, personas, rooms, and what a trip
board's items are called.
"""

import re
import unicodedata
from typing import Final

ONE_LINE: Final = "This must be a single line, without hidden control characters."

UNSEEMLY: Final = r"\ufeff\ufff9-\ufffb\u202a-\u202e\u2066-\u206f"
"""Marks of a text's beginning and of annotations; embeddings, overrides and isolates (UAX 9), and the
deprecated ones beside them. The joiners of emoji and Persian, a flag's tags, and the marks by which right
to left is written among other signs (U+200E, U+200F, U+061C) are fine: they move no letter."""

_NOT_ONE_LINE: Final = rf"\u0000-\u001f\u007f-\u009f\u2028\u2029{UNSEEMLY}"
PATTERN: Final = rf"^[^{_NOT_ONE_LINE}]*(?!\n)$"
"""The rule for machines; ECMAScript reads it alike."""

_UNSEEMLY: Final = re.compile(f"[{_NOT_ONE_LINE}]")
# What this Python knows no character for is shown as something: the newest emoji are among it.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Mn", "Me"})
_BLANK: Final = re.compile(
    "[\u115f\u1160\u3164\uffa0\u2800\U0001d159\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Letters and signs with nothing to see: fillers of Hangul, Braille without a dot, a note without a head; and
what Unicode leaves free for such (Default_Ignorable_Code_Point)."""


def is_one_line(text: str) -> bool:
    """Whether it holds no line end, no control character and nothing that turns the text around."""
    return _UNSEEMLY.search(text) is None


def is_visible(text: str) -> bool:
    """Whether anything in it can be seen."""
    return any(unicodedata.category(each) not in _INVISIBLE for each in _BLANK.sub("", text))


def proper_name(name: str) -> str | None:
    """Without white space around it; None where it is not one line, or nothing of it can be seen."""
    name = name.strip()
    return name if is_one_line(name) and is_visible(name) else None


def one_line_of(text: str) -> str:
    """Without what may not stand in a name."""
    return _UNSEEMLY.sub("", text).strip()
