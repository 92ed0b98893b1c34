"""The sentence encoder: a text becomes a direction in 384 dimensions, near to those of like meaning.

The model is all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), made by `make models`.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from inference.onnx import open_session

MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
MANIFEST: Final = "manifest.json"
MAX_TOKENS: Final = 64
"""What is beyond is not read: a prompt says what it wants in the first fifty words."""

MOST_KEPT: Final = 16
"""Texts whose numbers are at hand: what was read is asked about again, for its mood and for places like it."""

Floats = NDArray[np.float32]


class EncoderMissing(Exception):
    """There is no encoder here that can be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """`emb` [384], of length 1; `tap` [T, 384], a layer in the middle; `spans`: the characters of each
    of its T tokens (empty for the marks at both ends)."""

    emb: Floats
    tap: Floats
    spans: tuple[tuple[int, int], ...]


class Encoder:
    """Owns: session, tokenizer, and what it said of the last `MOST_KEPT` texts. For one thread at a time; about 3 ms
    for a message."""

    def __init__(self, session: Any, tokenizer: Tokenizer, version: str) -> None:
        self._session, self._tokenizer = session, tokenizer
        self.version = version
        self._kept: OrderedDict[str, Encoded] = OrderedDict()
        # As published it pads and cuts at 128: padding costs time, and would ask for a mask.
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, text: str) -> Encoded:
        """The same text gives the same numbers, whatever was encoded before."""
        kept = self._kept.get(text)
        if kept is None:
            kept = self._kept[text] = self._encoded(text)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept

    def _encoded(self, text: str) -> Encoded:
        encoding = self._tokenizer.encode(text)
        emb, tap = self._session.run(("emb", "tap"), {"ids": np.array([encoding.ids], np.int64)})
        return Encoded(emb, tap, tuple(encoding.offsets))


def load_encoder(folder: Path) -> Encoder:
    """From a folder as `make models` leaves it. Raises `EncoderMissing`."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        model, tokenizer = ((folder / name).read_bytes() for name in (MODEL, TOKENIZER))
        wanted, version = dict(manifest["sha256"]), str(manifest["version"])
    except FileNotFoundError:
        raise EncoderMissing(f"{folder} holds no encoder: `make models` makes one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderMissing(f"{folder} cannot be read: {error}") from None
    for name, content in ((MODEL, model), (TOKENIZER, tokenizer)):
        if wanted.get(name) != sha256(content).hexdigest():
            raise EncoderMissing(f"{folder / name} is not what its manifest names: `make models`")
    try:
        return Encoder(open_session(model), Tokenizer.from_buffer(tokenizer), version)
    except Exception as error:  # onnxruntime and tokenizers have their own
        raise EncoderMissing(f"{folder} cannot be run here: {error}") from None
