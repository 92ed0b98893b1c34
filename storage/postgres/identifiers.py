"""Ids and names that come from outside: one of a foreign form is unknown, not wrong (protocol §1)."""

import re
from typing import Final

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_UNHEARD_OF: Final = re.compile(r"[\x00\ud800-\udfff]")


def is_uuid(text: str) -> bool:
    """Whether `text` is the canonical lower-case form that the server's own ids have."""
    return _UUID.match(text) is not None


def is_text(text: str) -> bool:
    """Whether a row can hold it: a word of the command line that is no UTF-8 has lone surrogates."""
    return _UNHEARD_OF.search(text) is None
