"""A linear head on what the encoder says of a message and on the words that tell a mood."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inference.encoder.encoder import Encoder
from inference.sentiment.features import features_of
from inference.understanding.ngrams import ModelDamaged

Mood = Literal["negative", "neutral", "positive"]
MOODS: Final[tuple[Mood, ...]] = get_args(Mood)
WORTH: Final[dict[Mood, float]] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "sentiment"
FILE: Final = "sentiment.npz"
EMB_SCALE: Final = 4.0
"""Directions of length one are small beside counts."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MoodHead:
    """`weights` [3, 384 + 7]; `biases` [3]; `version`: of these. For one thread at a time, like its encoder."""

    encoder: Encoder
    weights: Floats
    biases: Floats
    version: str

    def mood_of(self, text: str) -> Mood:
        """About 3 ms; nothing where the encoder has just read the same text."""
        logits = self.weights @ inputs_of(self.encoder, text) + self.biases
        return MOODS[int(np.argmax(logits))]


def inputs_of(encoder: Encoder, text: str) -> Floats:
    """[384 + 7]."""
    return np.concatenate([encoder.encode(text).emb * EMB_SCALE, features_of(text)])


def load_mood_head(encoder: Encoder, folder: Path = ARTEFACT) -> MoodHead:
    """Raises `ModelDamaged` when the file is not the one that the manifest names, or was fitted on another
    encoder."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        found = sha256((folder / FILE).read_bytes()).hexdigest()
        if found != manifest["sha256"] or manifest["encoder"] != encoder.version:
            raise ModelDamaged(f"{FILE} is not for this encoder, or not what its manifest names")
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            return MoodHead(
                encoder,
                arrays["weights"].astype(np.float32),
                arrays["biases"].astype(np.float32),
                str(manifest["version"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise ModelDamaged(f"no head in {folder.name}: {error}") from error
