"""Intents by the sentence encoder and the n-grams together: each is right where the other errs.

A linear head on `emb` and the setting, whose log-probabilities are averaged with the n-grams'. Whether a message is
meant for a persona at all (`addressed`, and the share of human_chatter) is the n-grams' to say: wording tells that
better than meaning does, and one threshold serves both readers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.encoder.encoder import Encoder, load_encoder
from inference.understanding.dialogue import CHATTER
from inference.understanding.intents import Mark, Scores, setting_vector
from inference.understanding.ngrams import ModelDamaged, NgramModel, load_ngrams
from protocol.understanding import Language, Setting

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "heads"
LEAST: Final = 1e-6
EMB_SCALE: Final = 4.0
"""What the head was fitted on: directions of length one are small beside ones and noughts."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderHeads:
    """`weights` [19, 384 + setting]; `biases` [19]; `share`: of the encoder's word, the rest is the
    n-grams'. About 4 ms a message."""

    encoder: Encoder
    ngrams: NgramModel
    weights: Floats
    biases: Floats
    share: float
    version: str
    languages: frozenset[Language]
    name: Literal["encoder"] = "encoder"

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        """See `IntentModel`."""
        emb = self.encoder.encode(text).emb * EMB_SCALE
        about = np.concatenate([emb, np.array(setting_vector(setting), np.float32)])
        logits = self.weights @ about + self.biases
        logits -= logits.max()
        ours = logits - np.log(np.exp(logits).sum())
        theirs = self.ngrams.scores(text, setting, marks=marks)
        mixed = self.share * ours + (1 - self.share) * np.log(np.maximum(theirs.intents, LEAST))
        odds = np.exp(mixed - mixed.max())
        odds[CHATTER] = 0.0
        chatter = theirs.intents[CHATTER]
        intents = odds / odds.sum() * (1.0 - chatter)
        intents[CHATTER] = chatter
        return Scores(tuple(intents.tolist()), theirs.addressed)


def load_heads(models: Path, folder: Path = ARTEFACT) -> EncoderHeads:
    """With the encoder that `make models` left in `models`. Raises `EncoderMissing` when none is there,
    which is normal, and `ModelDamaged` when the committed heads are not what their manifest names."""
    encoder = load_encoder(models / "encoder")
    manifest, packed = _read(folder)
    with np.load(packed, allow_pickle=False) as arrays:
        return EncoderHeads(
            encoder=encoder,
            ngrams=load_ngrams(),
            weights=arrays["weights"].astype(np.float32),
            biases=arrays["biases"].astype(np.float32),
            share=float(manifest["share"]),
            version=manifest["version"],
            languages=frozenset(manifest["languages"]),
        )


def _read(folder: Path) -> tuple[dict[str, Any], Path]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        packed = folder / manifest["file"]
        found = sha256(packed.read_bytes()).hexdigest()
    except (OSError, KeyError, ValueError) as error:
        raise ModelDamaged(f"no heads in {folder.name}: {error}") from error
    if found != manifest["sha256"]:
        raise ModelDamaged(f"{manifest['file']} is not the file that the manifest speaks of")
    return manifest, packed
