"""Ids that come from outside: one of a foreign form is unknown, not wrong (protocol §1)."""

import re
from typing import Final

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def is_uuid(text: str) -> bool:
    """Whether `text` is the canonical lower-case form that the server's own ids have."""
    return _UUID.match(text) is not None
