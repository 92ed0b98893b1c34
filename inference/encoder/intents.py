"""Intents by the sentence encoder and the n-grams together: each is right where the other errs.

A head on the encoder's tokens (`token_head.py`) tells both: its log-probabilities of intents are averaged with the n-grams',
and its log odds that a message is meant for a persona at all are added to theirs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from inference.encoder.encoder import Encoder, load_encoder
from inference.encoder.token_head import TokenHead, head_of
from inference.understanding.dialogue import CHATTER, odds_of, share_of
from inference.understanding.intents import Mark, Scores, setting_vector
from inference.understanding.ngrams import ModelDamaged, NgramModel, load_ngrams
from protocol.understanding import Language, Setting

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "heads"
LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class EncoderHeads:
    """`share`: of the encoder's word on intents, the rest is the n-grams'. `meant_share`: how much its log odds of
    `addressed` count beside the n-grams'; `shift` is added to both. About 4 ms a message."""

    encoder: Encoder
    ngrams: NgramModel
    head: TokenHead
    share: float
    meant_share: float
    shift: float
    version: str
    languages: frozenset[Language]
    name: Literal["encoder"] = "encoder"

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        """See `IntentModel`."""
        said, logits = self.head.read(self.encoder.encode(text), setting_vector(setting))
        logits = logits - logits.max()
        ours = logits - np.log(np.exp(logits).sum())
        theirs = self.ngrams.scores(text, setting, marks=marks)
        mixed = self.share * ours + (1 - self.share) * np.log(np.maximum(theirs.intents, LEAST))
        odds = np.exp(mixed - mixed.max())
        odds[CHATTER] = 0.0
        chatter = theirs.intents[CHATTER]
        intents = odds / odds.sum() * (1.0 - chatter)
        intents[CHATTER] = chatter
        meant = odds_of(theirs.addressed) + self.meant_share * said + self.shift
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
        head=head_of(arrays),
        share=float(manifest["share"]),
        meant_share=float(manifest["meant_share"]),
        shift=float(manifest["shift"]),
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
