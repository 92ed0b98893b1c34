"""Train the n-gram model: `python -m inference.training.understanding.ngrams [--examples 400000]`.

Logistic regression (scikit-learn) on generated examples of all four languages. Temperature and a first shift come
from phrasings that were left out; then it is trained once more on all. The same call makes the same file. Where
`addressed` begins is then chosen by `threshold.py`.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from inference.training.artefacts import identity, packed, save
from inference.training.understanding.examples import Example, Part, examples
from inference.training.understanding.phrasings import LANGUAGES
from inference.training.understanding.places import gazetteer
from inference.understanding.dialogue import CHATTER
from inference.understanding.intents import Mark
from inference.understanding.ngrams import ARTEFACT, BUCKETS, buckets
from inference.understanding.slots import marks_in
from protocol.understanding import INTENTS, Language

FILE: Final = "ngrams.npz"
SHARE: Final[dict[Language, float]] = {"en": 0.43, "de": 0.19, "es": 0.19, "fr": 0.19}
CHATTER_ANSWERED: Final = 0.05
"""Of chatter in phrasings left out; the shift of `addressed` is chosen for it."""

TUNED_ON: Final = 3
"""A part of so many examples does for the fit that only temperature and shift are taken from."""

STRENGTH: Final = 3.0
STRENGTH_OF_MEANING: Final = 2.0
"""Inverses of regularisation: of intents, and of whether somebody talks to a persona."""


def generated(count: int, *, part: Part, seed: int, fold: int = 0) -> list[Example]:
    """So many in all."""
    return [
        example
        for language in LANGUAGES
        for example in examples(
            language, int(count * SHARE[language]), part=part, seed=seed, fold=fold
        )
    ]


def matrix(found: Sequence[Example]) -> Any:
    """[examples, BUCKETS], rows of length one."""
    rows = [sorted(set(buckets(e.text, e.setting, marks(e)))) for e in found]
    starts = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(row), len(row) ** -0.5, np.float32) for row in rows])
    return csr_matrix((values, np.concatenate(rows), starts), shape=(len(rows), BUCKETS))


def marks(example: Example) -> Sequence[Mark]:
    """What the rules see of an example: at work there is nothing better either."""
    return marks_in(example.text, example.setting, language=example.language, gazetteer=gazetteer())


def fit(found: Sequence[Example]) -> tuple[Any, Any]:
    """Weights [BUCKETS, 20] and biases [20]. Every second example does for the intents, which take longest."""
    inputs = matrix(found)
    intents = np.array([INTENTS.index(example.intent) for example in found])
    meant = np.array([example.is_meant for example in found])
    of_intents = LogisticRegression(C=STRENGTH, max_iter=100, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough after so many rounds
        of_intents.fit(inputs[::2], intents[::2])
    of_meaning = LogisticRegression(
        C=STRENGTH_OF_MEANING, solver="liblinear", tol=1e-3, random_state=0
    )
    of_meaning.fit(inputs, meant)
    weights = np.vstack([of_intents.coef_, of_meaning.coef_]).T
    return weights, np.concatenate([of_intents.intercept_, of_meaning.intercept_])


def tuned(weights: Any, biases: Any, held: Sequence[Example]) -> tuple[float, float, float]:
    """Temperature, shift, and the share of intents that are right, on phrasings left out."""
    logits = matrix(held) @ weights + biases
    intents = np.array([INTENTS.index(example.intent) for example in held])
    of_intents = logits[:, : len(INTENTS)]

    def loss(temperature: float) -> float:
        scaled = of_intents / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-logs[np.arange(len(held)), intents].mean())

    temperature = float(minimize_scalar(loss, bounds=(0.3, 10.0), method="bounded").x)
    chatter = np.array([not example.is_meant for example in held])
    scaled = of_intents / temperature
    rest = np.delete(scaled, CHATTER, axis=1)
    others = np.log(np.exp(rest).sum(axis=1))
    # What the reader makes of both opinions (dialogue.in_setting): the mean of their log odds.
    odds = (logits[:, -1] + others - scaled[:, CHATTER]) / 2
    over = np.sort(odds[chatter])[::-1]
    shift = -2.0 * float(over[int(CHATTER_ANSWERED * len(over))])
    right = float((of_intents.argmax(axis=1) == intents).mean())
    return temperature, shift, right


def main(arguments: Sequence[str]) -> int:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=400_000)
    count = parser.parse_args(arguments).examples
    began = time.monotonic()
    weights, biases = fit(generated(count // TUNED_ON, part="train", seed=1))
    temperature, shift, right = tuned(weights, biases, generated(count // 12, part="held", seed=2))
    print(
        f"left out: {right:.3f} of intents right, temperature {temperature:.2f}, shift {shift:.2f},"
        f" {time.monotonic() - began:.0f} s",
        flush=True,
    )
    weights, biases = fit(generated(count, part="all", seed=3))
    write(weights, biases, temperature=temperature, shift=shift, count=count)
    print(f"written after {time.monotonic() - began:.0f} s")
    return 0


def packed_arrays(weights: Any, biases: Any) -> dict[str, Any]:
    """In eight bits."""
    scales = (np.abs(weights).max(axis=0) / 127.0).astype(np.float32)
    return {
        "weights": np.rint(weights / scales).astype(np.int8),
        "scales": scales,
        "biases": biases.astype(np.float32),
    }


def write(weights: Any, biases: Any, *, temperature: float, shift: float, count: int) -> None:
    """Weights and the manifest."""
    body = packed(packed_arrays(weights, biases))
    manifest = {
        "file": FILE,
        **identity(body),
        "languages": list(LANGUAGES),
        "temperature": round(temperature, 4),
        "shift": round(shift, 4),
        "examples": count,
        "made_by": "python -m inference.training.understanding.ngrams",
    }
    save(ARTEFACT, FILE, body, manifest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
