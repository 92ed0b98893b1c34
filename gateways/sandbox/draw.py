"""Chance that can be asked again: a number from a seed and the name of what is drawn."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, TypeVar

T = TypeVar("T")

_RANGE: Final = 1 << 64


def draw(*parts: object) -> int:
    """0 ≤ n < 2**64, the same for the same parts, on every machine and in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def share(*parts: object) -> float:
    """0 ≤ x < 1."""
    return draw(*parts) / _RANGE


def between(low: int, high: int, *parts: object) -> int:
    """low ≤ n ≤ high."""
    return low + draw(*parts) % (high - low + 1)


def pick(choices: Sequence[T], *parts: object) -> T:
    """One of them."""
    return choices[draw(*parts) % len(choices)]


def letters(length: int, alphabet: str, *parts: object) -> str:
    """A word of that alphabet."""
    number, word, size = draw(*parts), "", len(alphabet)
    while number and len(word) < length:
        number, index = divmod(number, size)
        word += alphabet[index]
    return word.ljust(length, alphabet[0])  # as if 0 were divided on
