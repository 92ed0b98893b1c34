"""Names that come from outside: one of a foreign form is unknown, not wrong (protocol §1)."""

import re
from typing import Final

_UNHEARD_OF: Final = re.compile(r"[\x00\ud800-\udfff]")


def is_text(text: str) -> bool:
    """Whether a row can hold it: a word of the command line that is no UTF-8 has lone surrogates."""
    return _UNHEARD_OF.search(text) is None
