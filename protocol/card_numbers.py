"""Card numbers, which nobody may send us: clients send ids that the payment provider made (pure)."""

import re
from collections.abc import Mapping
from typing import Final

_RUN: Final = re.compile(r"[0-9](?:[ .\-_]?[0-9]){11,}")
_SHORTEST, _LONGEST = 12, 19  # ISO/IEC 7812-1
MAX_DEPTH: Final = 32


def holds_card_number(value: object) -> bool:
    """Whether a text, a number, or anything inside a list or map holds 12 to 19 digits, single spaces,
    dots, dashes or underscores between them or not, whose check digit is right (ISO/IEC 7812-1, Luhn).
    About one in ten of other numbers that long is taken for one."""
    return _holds(value, MAX_DEPTH)


def _holds(value: object, depth: int) -> bool:
    if depth < 0:
        return True
    if isinstance(value, str):
        return any(_has_luhn(run.group()) for run in _RUN.finditer(value))
    if isinstance(value, bytes):
        return _holds(value.decode("latin-1"), depth)
    if isinstance(value, int) and not isinstance(value, bool):
        return _SHORTEST <= len(str(abs(value))) <= _LONGEST and _luhn(str(abs(value)))
    if isinstance(value, Mapping):
        return any(_holds(part, depth - 1) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(_holds(part, depth - 1) for part in value)
    return False


def _has_luhn(run: str) -> bool:
    digits = "".join(letter for letter in run if letter.isdigit())
    return any(
        _luhn(digits[start : start + length])
        for start in range(len(digits) - _SHORTEST + 1)
        for length in range(_SHORTEST, min(_LONGEST, len(digits) - start) + 1)
    )


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
