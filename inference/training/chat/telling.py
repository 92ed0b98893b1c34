"""Who says it, and what is done: naive Bayes over n-grams of words, and which n-grams tell most."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

GAP: Final = "\u25a0"
"""What stands where n-grams were taken out: it makes none with its neighbours."""
_WORD: Final = re.compile(rf"{GAP}|\{{[^{{}}]*\}}|[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")
SMOOTHING: Final = 0.1


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def ngrams(found: Sequence[str]) -> list[str]:
    """Single words and pairs of neighbours."""
    singles = [one for one in found if one != GAP]
    return singles + [
        f"{one} {other}" for one, other in itertools.pairwise(found) if GAP not in (one, other)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """`logs`: of each n-gram's share with each label, [n-grams + 1 for unknown ones, labels]."""

    labels: tuple[str, ...]
    known: Mapping[str, int]
    logs: NDArray[np.float64]
    prior: NDArray[np.float64]

    def tell(self, found: Sequence[str]) -> str:
        """The label of a text's words."""
        numbers = [self.known[one] for one in set(ngrams(found)) if one in self.known]
        scores = self.prior + self.logs[numbers].sum(axis=0)
        return self.labels[int(scores.argmax())]

    def accuracy(self, said: Iterable[tuple[Sequence[str], str]]) -> float:
        told = [self.tell(found) == label for found, label in said]
        return sum(told) / len(told)

    def most_telling(self, count: int) -> dict[str, list[str]]:
        """Each label's n-grams whose presence says most for it: by their share there times how much
        more likely they are there than elsewhere."""
        shares = np.exp(self.logs)
        names = list(self.known)
        found = {}
        for column, label in enumerate(self.labels):
            others = np.delete(shares, column, axis=1).mean(axis=1)
            weight = shares[:, column] * np.log(shares[:, column] / others)
            found[label] = [names[at] for at in np.argsort(-weight)[:count].tolist()]
        return found


def learned(said: Sequence[tuple[Sequence[str], str]]) -> Teller:
    """From words and labels. N-grams that were read once are not kept."""
    labels = tuple(sorted({label for _, label in said}))
    column = {label: number for number, label in enumerate(labels)}
    counts: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    texts: Counter[str] = Counter(label for _, label in said)
    for found, label in said:
        for one in set(ngrams(found)):
            counts[one, label] += 1
            total[one] += 1
    known = {one: number for number, one in enumerate(sorted(n for n, c in total.items() if c > 1))}
    table = np.full((len(known), len(labels)), SMOOTHING)
    for (one, label), count in counts.items():
        if one in known:
            table[known[one], column[label]] += count
    size = np.array([texts[label] for label in labels], np.float64)
    return Teller(
        labels=labels,
        known=known,
        logs=np.log(table / (size + 2 * SMOOTHING)),
        prior=np.log(size / size.sum()),
    )


Taken = Mapping[str, Sequence[Sequence[str]]]
"""N-grams by their first words, longer ones first."""


def taken_out(grams: Iterable[str]) -> Taken:
    found: dict[str, list[Sequence[str]]] = {}
    for gram in sorted(grams, key=lambda one: -len(one.split(" "))):
        parts = gram.split(" ")
        found.setdefault(parts[0], []).append(parts)
    return found


def without(found: Sequence[str], taken: Taken) -> list[str]:
    """The words with gaps where one of the n-grams was."""
    left: list[str] = []
    at = 0
    while at < len(found):
        for gram in taken.get(found[at], ()):
            if list(found[at : at + len(gram)]) == gram:
                left.append(GAP)
                at += len(gram)
                break
        else:
            left.append(found[at])
            at += 1
    return left
