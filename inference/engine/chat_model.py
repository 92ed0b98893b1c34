"""A model that was loaded from its folder and proved on its golden prompts."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from inference.engine.arena import Prefix
from inference.engine.decoder import CHUNK, Decoder
from inference.engine.folder import Folder, Golden, read_folder
from inference.engine.sampler import GREEDY, Mask, NothingAllowedError, Sampler, Sampling
from inference.engine.servable import UnservableError

SLOTS: Final = 8
"""Rows decoded at once: beyond eight, two cores gain little."""


class ChatModel:
    """The engine's `Model` on onnxruntime. Owns: its sessions and its arena, as long as it lives."""

    chunk = CHUNK

    def __init__(self, folder: Folder, *, slots: int = SLOTS) -> None:
        self.folder = folder
        self.name = folder.manifest.name
        self.version = folder.manifest.version
        self.slots = slots
        self.positions = folder.manifest.positions
        self.ends = folder.layout.ends
        self.vocabulary = folder.layout.vocabulary
        self.tokenizer = Tokenizer.from_file(str(folder.tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self._decoder = Decoder(folder.layout, slots=slots, positions=self.positions)
        self._sampler = Sampler(slots=slots, vocabulary=self.vocabulary)

    def start(self, row: int, sampling: Sampling) -> None:
        self._decoder.clear(row)
        self._sampler.start(row, sampling)
        self._sampler.allow(row, None)

    def allow(self, row: int, mask: Mask | None) -> None:
        if mask is not None and (mask.shape != (self.vocabulary,) or mask.dtype != np.float32):
            raise ValueError(f"a mask is float32 [{self.vocabulary}]")
        self._sampler.allow(row, mask)

    def read(self, row: int, tokens: Sequence[int]) -> None:
        self._decoder.read(row, tokens)

    def first(self, row: int) -> int | NothingAllowedError:
        return self._sampler.draw(self._decoder.logits, row, 1)[0]

    def step(self, tokens: Sequence[int]) -> list[int | NothingAllowedError]:
        self._decoder.step(tokens)
        return self._sampler.draw(self._decoder.logits, 0, len(tokens))

    def move(self, source: int, target: int) -> None:
        self._decoder.move(source, target)
        self._sampler.move(source, target)

    def keep(self, row: int) -> Prefix:
        return self._decoder.arena.keep(row)

    def restore(self, row: int, prefix: Prefix) -> None:
        self._decoder.restore(row, prefix)

    def logits(self, row: int) -> NDArray[np.float32]:
        """A copy of what the row's last run gave, [vocabulary]."""
        copy: NDArray[np.float32] = self._decoder.logits[row].copy()
        return copy


def load_model(path: Path, *, slots: int = SLOTS) -> ChatModel:
    """Checked, loaded, and proved. Seconds of work: call it in a thread.

    Raises `UnservableError` with the reason.
    """
    folder = read_folder(path)
    try:
        model = ChatModel(folder, slots=slots)
    except Exception as error:  # onnxruntime and tokenizers have their own
        raise UnservableError(f"it cannot be loaded: {error}") from error
    if model.tokenizer.get_vocab_size() > model.vocabulary:
        raise UnservableError(
            f"the tokenizer knows {model.tokenizer.get_vocab_size()} tokens, the model {model.vocabulary}"
        )
    _prove(model)
    return model


def _prove(model: ChatModel) -> None:
    manifest = model.folder.manifest
    if not manifest.golden:
        raise UnservableError("caravan.json has no golden prompt")
    begun = time.monotonic()
    for number, golden in enumerate(manifest.golden, 1):
        try:
            reply = greedy(model, golden)
        except UnservableError:
            raise
        except Exception as error:  # whatever a graph that loads may still do
            raise UnservableError(f"golden prompt {number} fails: {error}") from error
        if reply != list(golden.reply):
            raise UnservableError(f"golden prompt {number} is answered otherwise than expected")
    if (taken := (time.monotonic() - begun) * 1_000) > manifest.golden_within_ms:
        raise UnservableError(f"the golden prompts took {taken:.0f} ms")


def greedy(model: ChatModel, golden: Golden) -> list[int]:
    """As many tokens as the golden reply has. Raises `UnservableError` when logits are not finite."""
    if len(golden.prompt) + len(golden.reply) > model.positions:
        raise UnservableError("a golden prompt is longer than the cache")
    model.start(0, GREEDY)
    for at in range(0, len(golden.prompt), CHUNK):
        model.read(0, golden.prompt[at : at + CHUNK])
    reply: list[int] = []
    token = _finite(model, model.first(0))
    while len(reply) < len(golden.reply):
        reply.append(token)
        if len(reply) < len(golden.reply):
            token = _finite(model, model.step([token])[0])
    return reply


def _finite(model: ChatModel, token: int | NothingAllowedError) -> int:
    if isinstance(token, NothingAllowedError) or not np.isfinite(model.logits(0)).all():
        raise UnservableError("a golden prompt gives numbers that are none")
    return token
