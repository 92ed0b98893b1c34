"""Fit the encoder's head: `python -m inference.training.encoder.heads [--examples 10000]`.

Logistic regression (scikit-learn) on what the quantised encoder says of generated English examples, about
four minutes. How much it counts beside the n-grams was chosen on phrasings left out (0.5 of 0.3, 0.5, 0.7).
MiniLM reads English; for the other languages the n-grams alone are better.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from inference.encoder.encoder import load_encoder
from inference.encoder.intents import ARTEFACT, EMB_SCALE
from inference.training.understanding.examples import Example, examples
from inference.training.where import models_folder
from inference.understanding.intents import setting_vector
from protocol.understanding import INTENTS, Language

STRENGTH: Final = 0.1
"""Inverse of regularisation, chosen on phrasings left out."""

SHARE: Final = 0.5
LANGUAGES: Final[tuple[Language, ...]] = ("en",)


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


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000)
    count = parser.parse_args(arguments).examples
    found = [one for language in LANGUAGES for one in examples(language, count, seed=1)]
    intents = [INTENTS.index(example.intent) for example in found]
    model = LogisticRegression(C=STRENGTH, max_iter=300).fit(inputs(found), intents)
    packed = BytesIO()
    np.savez_compressed(
        packed,
        weights=model.coef_.astype(np.float16),
        biases=model.intercept_.astype(np.float32),
    )
    digest = sha256(packed.getvalue()).hexdigest()
    ARTEFACT.mkdir(parents=True, exist_ok=True)
    (ARTEFACT / "heads.npz").write_bytes(packed.getvalue())
    manifest = {
        "file": "heads.npz",
        "sha256": digest,
        "version": digest[:12],
        "languages": list(LANGUAGES),
        "share": SHARE,
        "examples": count,
        "made_by": "python -m inference.training.encoder.heads",
    }
    (ARTEFACT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
