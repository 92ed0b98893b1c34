"""Fit the encoder's heads: `python -m inference.training.encoder.heads [--examples 30000]`.

On what the quantised encoder says of generated English examples (scikit-learn), about two minutes: logistic
regression tells intents, a perceptron whether a message is meant for a persona. How much they count beside the n-grams was chosen
on phrasings left out (intents: 0.5 of 0.3, 0.5, 0.7). MiniLM reads English; for the other languages the
n-grams alone are better. Where `addressed` begins is then chosen by `threshold.py`.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from inference.encoder.encoder import load_encoder
from inference.encoder.intents import ARTEFACT, EMB_SCALE
from inference.training.understanding.examples import Example, Part, examples
from inference.training.where import models_folder
from inference.understanding.intents import setting_vector
from protocol.understanding import INTENTS, Language

STRENGTH: Final = 0.1
"""Inverse of regularisation, chosen on phrasings left out."""

SHARE: Final = 0.5
MEANT_SHARE: Final = 1.0
"""Of its log odds, beside those of the n-grams' own model; of their sum the reader takes a half."""
HIDDEN: Final = 128
LEAST_SPREAD: Final = 0.05
"""Of an input, over the examples: a setting that none has says nothing."""
DECAY: Final = 1.0
ROUNDS: Final = 12
LANGUAGES: Final[tuple[Language, ...]] = ("en",)


def english(count: int, *, part: Part, seed: int, fold: int = 0) -> list[Example]:
    """So many, of the languages that the encoder reads."""
    return [
        one
        for language in LANGUAGES
        for one in examples(language, count, part=part, seed=seed, fold=fold)
    ]


def inputs(found: Sequence[Example]) -> Any:
    """[examples, 384 + setting]; says every minute how far it is."""
    encoder = load_encoder(models_folder() / "encoder")
    rows, told = [], time.monotonic()
    for number, example in enumerate(found):
        emb = encoder.encode(example.text).emb * EMB_SCALE
        rows.append(np.concatenate([emb, setting_vector(example.setting)]))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"{number} of {len(found)} encoded", flush=True)
    return np.array(rows, np.float32)


def manifest_of(count: int) -> dict[str, Any]:
    """What stands beside the heads of so many examples, but for their file; the shift comes later."""
    return {
        "version": "",
        "languages": list(LANGUAGES),
        "share": SHARE,
        "meant_share": MEANT_SHARE,
        "shift": 0.0,
        "examples": count,
        "made_by": "python -m inference.training.encoder.heads",
    }


def fit(found: Sequence[Example]) -> dict[str, Any]:
    """Both heads, as they are stored."""
    read = inputs(found)
    intents = [INTENTS.index(example.intent) for example in found]
    model = LogisticRegression(C=STRENGTH, max_iter=300).fit(read, intents)
    return {
        "weights": model.coef_.astype(np.float16),
        "biases": model.intercept_.astype(np.float32),
        **meant_head(read, np.array([example.is_meant for example in found])),
    }


def meant_head(read: Any, meant: Any) -> dict[str, Any]:
    """A perceptron on inputs [examples, 384 + setting], what they are scaled by folded into its weights."""
    middle, spread = read.mean(axis=0), np.maximum(read.std(axis=0), LEAST_SPREAD)
    model = MLPClassifier((HIDDEN,), alpha=DECAY, max_iter=ROUNDS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ended early on purpose
        model.fit((read - middle) / spread, meant)
    (inner, outer), (inner_biases, bias) = model.coefs_, model.intercepts_
    inner = inner / spread[:, None]
    return {
        "meant_inner": inner.T.astype(np.float16),
        "meant_inner_biases": (inner_biases - middle @ inner).astype(np.float32),
        "meant_outer": outer[:, 0].astype(np.float32),
        "meant_bias": np.float32(bias[0]),
    }


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=30_000)
    count = parser.parse_args(arguments).examples
    found = english(count, part="all", seed=1)
    packed = BytesIO()
    np.savez_compressed(packed, **fit(found))
    digest = sha256(packed.getvalue()).hexdigest()
    ARTEFACT.mkdir(parents=True, exist_ok=True)
    (ARTEFACT / "heads.npz").write_bytes(packed.getvalue())
    manifest = {**manifest_of(count), "file": "heads.npz", "sha256": digest, "version": digest[:12]}
    (ARTEFACT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
