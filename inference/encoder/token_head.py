"""A head on the encoder's tokens: whom a message is for, and what it wants.

One convolution over neighbouring tokens of the layer in the middle, and of each filter what it says at most and what it
says where attention lies (Kim 2014; attention as by Yang et al. 2016), beside the direction of the whole and the setting.
The middle layer still knows who is spoken to and in which mood of the verb; what the last one is averaged to has lost that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from inference.encoder.encoder import Encoded

BESIDE: Final = 1
"""Tokens to either side that a filter sees."""

EMB_SCALE: Final = 20.0
"""Of a direction in 384 dimensions each number is about a twentieth; the head was fitted on ones."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TokenHead:
    """Several members' weights, each fitted from another seed; what they say is averaged.

    `middle`, `spread` [384]: what tokens are scaled by; `filters` [members, 3 * 384, C] and `filter_biases` [members, 1, C], rectified;
    `attention` [members, C, 1]; `inner` [members, 2 * C + 384 + setting, hidden] and `inner_biases` [members, 1, hidden], rectified;
    `outer` [members, hidden, 1 + intents] and `outer_biases` [members, 1, 1 + intents].
    """

    middle: Floats
    spread: Floats
    filters: Floats
    filter_biases: Floats
    attention: Floats
    inner: Floats
    inner_biases: Floats
    outer: Floats
    outer_biases: Floats

    def read(self, encoded: Encoded, setting: Sequence[float]) -> tuple[float, Floats]:
        """Log odds of being meant for a persona, and logits of the intents. About 0.3 ms."""
        found = windows((encoded.tap - self.middle) / self.spread)
        said = np.maximum(found @ self.filters + self.filter_biases, 0.0)
        weights = said @ self.attention
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        whole = np.concatenate([encoded.emb * EMB_SCALE, np.array(setting, np.float32)])
        parts = [said.max(axis=1), (said * weights).sum(axis=1)]
        parts.append(np.broadcast_to(whole, (len(said), len(whole))))
        about = np.concatenate(parts, axis=1)[:, None]
        hidden = np.maximum(about @ self.inner + self.inner_biases, 0.0)
        out = (hidden @ self.outer + self.outer_biases).mean(axis=(0, 1))
        return float(out[0]), out[1:]


def windows(tokens: Floats) -> Floats:
    """[T, width] → [T, 3 * width]: each token between its neighbours; beyond the ends there is nothing."""
    beyond = np.pad(tokens, ((BESIDE, BESIDE), (0, 0)))
    return np.concatenate([beyond[at : at + len(tokens)] for at in range(2 * BESIDE + 1)], axis=1)


def head_of(arrays: Mapping[str, Any]) -> TokenHead:
    """As training leaves it, in half precision."""
    return TokenHead(**{one.name: arrays[one.name].astype(np.float32) for one in fields(TokenHead)})
