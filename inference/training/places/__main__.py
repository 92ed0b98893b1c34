"""Make them: `python -m inference.training.places`, ten seconds; needs the encoder of `make models`.

Name and description, each without what all have in common, added: the name alone knows that sushi is Japanese, the
description that a town is small and cheap (right ones among the first ten of twenty wishes: 0.67, 0.74, together 0.75).
"""

import sys
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from inference.encoder.encoder import Encoder, load_encoder
from inference.places.meanings import ARTEFACT, FILE
from inference.training.artefacts import identity, packed, save
from inference.training.places.texts import all_texts, description_of, destinations, name_of
from inference.training.where import models_folder


def main() -> int:
    encoder = load_encoder(models_folder() / "encoder")
    places = destinations()
    directions = _apart(encoder, [name_of(place) for place in places])
    directions += _apart(encoder, [description_of(place) for place in places])
    scales = np.abs(directions).max(axis=1) / 127
    body = packed(
        {
            "ids": np.array([place.id for place in places]),
            "steps": np.rint(directions / scales[:, None]).astype(np.int8),
            "scales": scales.astype(np.float32),
        }
    )
    manifest = {
        **identity(body),
        "encoder": encoder.version,
        "texts": sha256(all_texts(places).encode()).hexdigest(),
        "made_by": "python -m inference.training.places",
    }
    save(ARTEFACT, FILE, body, manifest)
    return 0


def _apart(encoder: Encoder, texts: Sequence[str]) -> Any:
    """[texts, 384]."""
    found = np.array([encoder.encode(text).emb for text in texts])
    return found - found.mean(axis=0)


if __name__ == "__main__":
    sys.exit(main())
