"""Fit the head: `python -m inference.training.sentiment`, ten seconds (scikit-learn, and the encoder of `make models`).

How strongly it is held back was chosen by ten-fold comparison within the half that trains.
"""

import sys
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from inference.encoder.encoder import load_encoder
from inference.sentiment.head import ARTEFACT, FILE, MOODS, inputs_of
from inference.training.artefacts import identity, packed, save
from inference.training.sentiment.messages import labelled
from inference.training.where import models_folder

STRENGTH: Final = 0.1
"""Inverse of regularisation."""


def main() -> int:
    encoder = load_encoder(models_folder() / "encoder")
    found = labelled("train")
    inputs = np.array([inputs_of(encoder, one.text) for one in found])
    moods = [MOODS.index(one.mood) for one in found]
    model = LogisticRegression(C=STRENGTH, max_iter=500).fit(inputs, moods)
    body = packed(
        {
            "weights": model.coef_.astype(np.float16),
            "biases": model.intercept_.astype(np.float32),
        }
    )
    manifest = {
        **identity(body),
        "encoder": encoder.version,
        "examples": len(found),
        "made_by": "python -m inference.training.sentiment",
    }
    save(ARTEFACT, FILE, body, manifest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
