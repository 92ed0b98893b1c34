"""Card numbers, which nobody may send us: clients send ids that the payment provider made (pure)."""

import re
from collections.abc import Collection, Mapping
from typing import Final

_RUN: Final = re.compile(r"[0-9](?:[ .\-_]?[0-9]){11,}")
_EVERY: Final = range(12, 20)  # ISO/IEC 7812-1
_LIKELY: Final = frozenset({13, 14, 15, 16, 17, 19})
"""Not twelve and eighteen: so long are people's identity numbers in India and China, and hardly a card."""

DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""What every second digit counts for (Luhn)."""

_WITHOUT_SIGNS: Final = dict.fromkeys(map(ord, " .-_"))

MAX_DEPTH: Final = 32


def holds_card_number(text: str) -> bool:
    """Whether 12 to 19 digits whose check digit is right (ISO/IEC 7812-1, Luhn) stand anywhere in it, with
    single spaces, dots, dashes or underscores between them or not. For ids, which seldom have so many
    digits in a row: of other numbers that long most are taken for one."""
    for run in _RUN.finditer(text):
        digits = _digits(run.group())
        for start in range(len(digits)):
            if any(_is_luhn(digits[start : start + length], _EVERY) for length in _EVERY):
                return True
    return False


def is_card_number_in(value: object) -> bool:
    """Whether a text or a number, also one inside lists and maps, holds a run of digits that is as long as
    a card's number and has its check digit. For what people write themselves: one in ten of other
    numbers of those lengths is taken for one. True for what is nested too deep to look at."""
    return _holds(value, MAX_DEPTH)


def _holds(value: object, depth: int) -> bool:
    if depth < 0:
        return True
    if isinstance(value, str):
        return any(_is_luhn(_digits(run.group()), _LIKELY) for run in _RUN.finditer(value))
    if isinstance(value, bytes):
        return _holds(value.decode("latin-1"), depth)
    if isinstance(value, int) and not isinstance(value, bool):
        return _is_luhn(str(abs(value)), _LIKELY)
    if isinstance(value, Mapping):
        return any(_holds(part, depth - 1) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(_holds(part, depth - 1) for part in value)
    return False


def _digits(run: str) -> str:
    return run.translate(_WITHOUT_SIGNS)


def _is_luhn(digits: str, lengths: Collection[int]) -> bool:
    if len(digits) not in lengths:
        return False
    counted = digits[::-2] + digits[-2::-2].translate(DOUBLED)
    return sum(map(int, counted)) % 10 == 0
