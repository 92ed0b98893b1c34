"""The decoder's session over the slot cache: prompts in chunks, then one token for all rows at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engine.arena import Arena
from inference.engine.servable import Layout
from inference.onnx import open_session

CHUNK = 64
"""Prompt tokens per run: what others wait for, at most, while one prompt is read."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A binding, and the arrays that are bound."""

    binding: Any
    ids: NDArray[np.int64]
    at: NDArray[np.int64]
    logits: NDArray[np.float32]


class Decoder:
    """Runs a checked graph over its own arena. Used by one thread at a time.

    Past and present are bound to the same memory: a run appends to the rows in place. The mask is
    bound at its full width, with ones as far as a row reaches: so the binding of n rows is made once.
    """

    def __init__(self, layout: Layout, *, slots: int, positions: int) -> None:
        self._layout = layout
        self._session = open_session(layout.model)
        self.arena = Arena(layout, slots=slots, positions=positions)
        self.logits: NDArray[np.float32] = np.zeros((slots, layout.vocabulary), np.float32)
        """Of each row's last run."""
        self._mask = np.zeros((slots, positions), np.int64)
        self._ids = np.zeros((slots, 1), np.int64)
        self._at = np.zeros((slots, 1), np.int64)
        self._steps: list[Any] = [None] * (slots + 1)
        self._reads: dict[tuple[int, int], _Chunk] = {}
        """By row and length, `slots` times `CHUNK` at most: to bind one anew costs 0.3 ms."""
        width = 1 if layout.is_pruned else CHUNK
        self._chunk_logits = np.zeros((1, width, layout.vocabulary), np.float32)

    def clear(self, row: int) -> None:
        """The row holds nothing."""
        self.arena.lengths[row] = 0
        self._mask[row] = 0

    def read(self, row: int, tokens: Sequence[int]) -> None:
        """Append a chunk (1 to `CHUNK` tokens) to one row; its logits follow the last of them. Raises
        what onnxruntime raises; the row is then as long as before."""
        start, count = self.arena.lengths[row], len(tokens)
        if (row, count) not in self._reads:
            self._reads[row, count] = self._chunk(row, count)
        chunk = self._reads[row, count]
        chunk.ids[0] = tokens
        chunk.at[0] = np.arange(start, start + count)
        self._mask[row, : start + count] = 1
        try:
            self._session.run_with_iobinding(chunk.binding)
        except Exception:
            self._mask[row, start:] = 0
            raise
        self.logits[row] = chunk.logits[0, -1]
        self.arena.lengths[row] = start + count

    def _chunk(self, row: int, count: int) -> "_Chunk":
        ids, at = (np.zeros((1, count), np.int64) for _ in range(2))
        logits = self._chunk_logits[:, : 1 if self._layout.is_pruned else count]
        return _Chunk(self._bound(row, ids, at, self._mask[row : row + 1], logits), ids, at, logits)

    def step(self, tokens: Sequence[int]) -> None:
        """Append `tokens[i]` to row i, for the first rows. Raises what onnxruntime raises; what the rows
        hold is then undefined."""
        rows = len(tokens)
        lengths = self.arena.lengths
        for row, token in enumerate(tokens):
            self._ids[row, 0] = token
            self._at[row, 0] = lengths[row]
            self._mask[row, lengths[row]] = 1
        if self._steps[rows] is None:
            logits = self.logits[:rows, None]
            self._steps[rows] = self._bound(
                0, self._ids[:rows], self._at[:rows], self._mask[:rows], logits
            )
        self._session.run_with_iobinding(self._steps[rows])
        for row in range(rows):
            lengths[row] += 1

    def move(self, source: int, target: int) -> None:
        self.arena.move(source, target)
        self._mask[target] = self._mask[source]
        self.logits[target] = self.logits[source]

    def restore(self, row: int, prefix: Any) -> None:
        self.arena.restore(row, prefix)
        self._mask[row, : prefix.length] = 1
        self._mask[row, prefix.length :] = 0

    def _bound(
        self,
        row: int,
        ids: NDArray[np.int64],
        at: NDArray[np.int64],
        mask: NDArray[np.int64],
        logits: NDArray[np.float32],
    ) -> Any:
        """A binding of as many rows, from `row` on, as there are `ids`. The arrays must outlive it."""
        layout = self._layout
        binding = self._session.io_binding()

        def take(name: str, array: NDArray[Any]) -> None:
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

        def give(name: str, array: NDArray[Any]) -> None:
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

        take(layout.ids, ids)
        take(layout.mask, mask)
        if layout.position_ids is not None:
            take(layout.position_ids, at)
        give(layout.logits, logits)
        for index, (past, present) in enumerate(zip(layout.past, layout.present, strict=True)):
            values = self.arena.values[index, row : row + len(ids)]
            take(past, values)
            give(present, values)
        return binding
