"""Small towns: not in the catalogue, but people want to go there. Only whether a name is one is known.

The file is made by inference/training/understanding/towns.py from GeoNames (data/SOURCES.md).
"""

from functools import cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np

FILE: Final = Path(__file__).with_name("towns.npy")
SAINTS: Final = ("saint", "sainte", "sankt", "san", "santa", "sant", "sao")


def hashed(name: str) -> int:
    """`name`: folded words with one space between."""
    return crc32(name.encode())


@cache
def _towns() -> Any:
    return np.load(FILE)


def is_town(name: str) -> bool:
    """Whether a town has this folded name; "st" stands for the saint of any language."""
    if name.startswith(("st ", "ste ")):
        rest = name.partition(" ")[2]
        return _is_listed(name) or any(_is_listed(f"{saint} {rest}") for saint in SAINTS)
    return _is_listed(name)


def _is_listed(name: str) -> bool:
    # Of the array's own type: else numpy would copy all of it into another.
    towns, wanted = _towns(), np.uint32(hashed(name))
    at = int(np.searchsorted(towns, wanted))
    return at < len(towns) and int(towns[at]) == wanted
