"""Intents by the sentence encoder and the n-grams together: each is right where the other errs.

Two heads on `emb` and the setting. A linear one tells intents: its log-probabilities are averaged with the n-grams'.
One with a hidden layer tells whether a message is meant for a persona at all: its log odds are added to the n-grams',
which know that better alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.encoder.encoder import Encoder, load_encoder
from inference.understanding.dialogue import CHATTER, odds_of, share_of
from inference.understanding.intents import Mark, Scores, setting_vector
from inference.understanding.ngrams import ModelDamaged, NgramModel, load_ngrams
from protocol.understanding import Language, Setting

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "heads"
LEAST: Final = 1e-6
EMB_SCALE: Final = 4.0
"""What the head was fitted on: directions of length one are small beside ones and noughts."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MeantHead:
    """A perceptron: `inner` [hidden, 384 + setting] and `inner_biases` [hidden], rectified, then `outer` [hidden]
    and `bias`. `share`: how much its log odds count beside the n-grams'; `shift` is added to both."""

    inner: Floats
    inner_biases: Floats
    outer: Floats
    bias: float
    share: float
    shift: float

    def odds(self, about: Floats) -> float:
        """What is added to the n-grams' log odds of `addressed`."""
        hidden = np.maximum(self.inner @ about + self.inner_biases, 0.0)
        return self.share * float(self.outer @ hidden + self.bias) + self.shift


@dataclass(frozen=True, slots=True)
class EncoderHeads:
    """`weights` [19, 384 + setting]; `biases` [19]; `share`: of the encoder's word on intents, the rest is the
    n-grams'. About 4 ms a message."""

    encoder: Encoder
    ngrams: NgramModel
    weights: Floats
    biases: Floats
    share: float
    meant: MeantHead
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
        meant = odds_of(theirs.addressed) + self.meant.odds(about)
        return Scores(tuple(intents.tolist()), share_of(meant))


def load_heads(models: Path, folder: Path = ARTEFACT) -> EncoderHeads:
    """With the encoder that `make models` left in `models`. Raises `EncoderMissing` when none is there,
    which is normal, and `ModelDamaged` when the committed heads are not what their manifest names."""
    encoder = load_encoder(models / "encoder")
    manifest, packed = _read(folder)
    with np.load(packed, allow_pickle=False) as arrays:
        return made_of(arrays, manifest, encoder=encoder, ngrams=load_ngrams())


def made_of(
    arrays: Mapping[str, Any], manifest: Mapping[str, Any], *, encoder: Encoder, ngrams: NgramModel
) -> EncoderHeads:
    """Heads as training leaves them."""
    return EncoderHeads(
        encoder=encoder,
        ngrams=ngrams,
        weights=arrays["weights"].astype(np.float32),
        biases=arrays["biases"].astype(np.float32),
        share=float(manifest["share"]),
        meant=MeantHead(
            inner=arrays["meant_inner"].astype(np.float32),
            inner_biases=arrays["meant_inner_biases"].astype(np.float32),
            outer=arrays["meant_outer"].astype(np.float32),
            bias=float(arrays["meant_bias"]),
            share=float(manifest["meant_share"]),
            shift=float(manifest["shift"]),
        ),
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
