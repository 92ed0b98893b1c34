"""The slot cache: keys and values of every row that is being decoded, in one block of memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engine.servable import Layout


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of the first `length` positions of a row, copied out: [2·layers, kv heads,
    length, head size]."""

    values: NDArray[np.float32]

    @property
    def length(self) -> int:
        return int(self.values.shape[2])


class Arena:
    """`values`: [2·layers, slots, kv heads, positions, head size], keys and values in turn.

    Rows that are decoded lie at 0, 1, …, without a gap: then any number of them is one view of the
    block, and past and present of a graph can be bound to it. `lengths`: positions filled, per row.
    """

    def __init__(self, layout: Layout, *, slots: int, positions: int) -> None:
        sizes = (2 * layout.layers, slots, layout.kv_heads, positions, layout.head_size)
        self.values: NDArray[np.float32] = np.zeros(sizes, np.float32)
        self.lengths: list[int] = [0] * slots
        self.positions = positions

    def move(self, source: int, target: int) -> None:
        """What row `source` holds is row `target`'s."""
        length = self.lengths[source]
        self.values[:, target, :, :length] = self.values[:, source, :, :length]
        self.lengths[target] = length

    def keep(self, row: int) -> Prefix:
        """A copy of all that the row holds."""
        return Prefix(self.values[:, row, :, : self.lengths[row]].copy())

    def restore(self, row: int, prefix: Prefix) -> None:
        """The row holds the prefix, and no more."""
        self.values[:, row, :, : prefix.length] = prefix.values
        self.lengths[row] = prefix.length
