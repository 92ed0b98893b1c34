"""Fit the head on tokens (torch): both of its tasks at once, a member from each of several seeds.

What a member may learn by heart is little: tokens, inputs and hidden ones are left out at random and weights decay. Filters, how
much is left out and how many rounds there are were chosen on hands left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.encoder.token_head import BESIDE
from protocol.understanding import INTENTS

FILTERS: Final = 96
HIDDEN: Final = 128
ROUNDS: Final = 6
ROWS: Final = 64
RATE: Final = 1e-3
WARM: Final = 0.1
"""The share of all steps in which the rate rises; then it falls as a cosine."""
DECAY: Final = 0.05
INTENTS_COUNT: Final = 0.5
"""Beside the loss of `addressed`."""
TOKENS_OUT: Final = 0.2
NUMBERS_OUT: Final = 0.1
"""Of tokens' numbers."""
INNER_OUT: Final = 0.3
LEAST_SPREAD: Final = 0.02
SCALED_BY: Final = 200_000
"""So many tokens tell how they spread."""
SORTED_TOGETHER: Final = 40
"""Rows of so many batches are sorted by length, so that little is padding."""

Half = NDArray[np.float16]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Messages:
    """`tokens` [all messages' tokens, 384]; `starts` [messages + 1] in it; `whole` [messages, 384 + setting]: the direction,
    scaled, and the setting; `meant` and `intents` [messages]: what is right."""

    tokens: Half
    starts: NDArray[np.int64]
    whole: Floats
    meant: NDArray[np.bool_]
    intents: NDArray[np.int64]


class Member(nn.Module):  # type: ignore[misc]  # torch is Any here
    """See `inference.encoder.token_head.TokenHead`, which is what it becomes."""

    def __init__(self, width: int, whole: int, setting: int) -> None:
        super().__init__()
        self.setting = setting
        self.filters = nn.Linear((2 * BESIDE + 1) * width, FILTERS)
        self.attention = nn.Linear(FILTERS, 1, bias=False)
        self.inner = nn.Linear(2 * FILTERS + whole, HIDDEN)
        self.outer = nn.Linear(HIDDEN, 1 + len(INTENTS))

    def forward(self, tokens: Tensor, is_there: Tensor, whole: Tensor) -> Tensor:
        """`tokens` [rows, T, width], scaled; `is_there` [rows, T]: False where a shorter message has ended."""
        tokens = tokens * is_there[..., None]
        if self.training:
            tokens = tokens * (torch.rand(is_there.shape) > TOKENS_OUT)[..., None]
            tokens = functional.dropout(tokens, NUMBERS_OUT)
        beyond = functional.pad(tokens, (0, 0, BESIDE, BESIDE))
        count = tokens.shape[1]
        found = torch.cat([beyond[:, at : at + count] for at in range(2 * BESIDE + 1)], dim=2)
        said = functional.relu(self.filters(found)) * is_there[..., None]
        weights = self.attention(said).masked_fill(~is_there[..., None], -1e9).softmax(dim=1)
        about = torch.cat([said.amax(dim=1), (said * weights).sum(dim=1), whole], dim=1)
        # Settings are few and plain: they are never left out.
        kept = functional.dropout(about[:, : -self.setting], INNER_OUT, self.training)
        hidden = self.inner(torch.cat([kept, about[:, -self.setting :]], dim=1))
        return self.outer(functional.dropout(functional.relu(hidden), INNER_OUT, self.training))


def fit(read: Messages, *, setting: int, members: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Arrays of a `TokenHead`. `setting`: how many of `read.whole` are that."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sample = read.tokens[:SCALED_BY].astype(np.float32)
        scales = sample.mean(axis=0), np.maximum(sample.std(axis=0), LEAST_SPREAD)
        found = [_member(read, scales, setting, rounds, seed) for seed in range(members)]
    finally:
        torch.set_num_threads(threads)
    return arrays_of(found, *scales)


def arrays_of(members: Sequence[Member], middle: Floats, spread: Floats) -> dict[str, Any]:
    """As a `TokenHead` has them, in half precision."""

    def stacked(name: str) -> Floats:
        # torch keeps a matrix as [out, in], a bias as [out].
        found = [one.get_parameter(name).detach().numpy() for one in members]
        return np.stack([np.atleast_2d(array.T) for array in found])

    arrays = {
        "middle": middle,
        "spread": spread,
        "filters": stacked("filters.weight"),
        "filter_biases": stacked("filters.bias"),
        "attention": stacked("attention.weight"),
        "inner": stacked("inner.weight"),
        "inner_biases": stacked("inner.bias"),
        "outer": stacked("outer.weight"),
        "outer_biases": stacked("outer.bias"),
    }
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def _member(
    read: Messages, scales: tuple[Floats, Floats], setting: int, rounds: int, seed: int
) -> Member:
    middle, spread = scales
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    member = Member(read.tokens.shape[1], read.whole.shape[1], setting)
    optimiser = torch.optim.AdamW(member.parameters(), lr=RATE, weight_decay=DECAY)
    order = [batch for _ in range(rounds) for batch in _batches(np.diff(read.starts), chance)]
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=len(order) + 1, pct_start=WARM
    )
    for batch in order:
        tokens, is_there = padded(read, batch)
        out = member(
            torch.from_numpy((tokens - middle) / spread),
            torch.from_numpy(is_there),
            torch.from_numpy(read.whole[batch]),
        )
        meant = torch.from_numpy(read.meant[batch].astype(np.float32))
        loss = functional.binary_cross_entropy_with_logits(out[:, 0], meant)
        intents = functional.cross_entropy(out[:, 1:], torch.from_numpy(read.intents[batch]))
        optimiser.zero_grad()
        (loss + INTENTS_COUNT * intents).backward()
        optimiser.step()
        rates.step()
    member.eval()
    return member


def _batches(lengths: NDArray[np.int64], chance: np.random.Generator) -> list[NDArray[np.int64]]:
    """Every message once, beside others of about its length."""
    order = chance.permutation(len(lengths))
    found = []
    for at in range(0, len(order), ROWS * SORTED_TOGETHER):
        near = order[at : at + ROWS * SORTED_TOGETHER]
        near = near[np.argsort(lengths[near], kind="stable")]
        found += [near[row : row + ROWS] for row in range(0, len(near), ROWS)]
    chance.shuffle(found)
    return found


def padded(read: Messages, batch: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    """[rows, T, width], and where something is; what is beyond a message's end is anything."""
    starts = read.starts[batch]
    lengths = read.starts[batch + 1] - starts
    places = np.arange(lengths.max())
    is_there = places < lengths[:, None]
    return read.tokens[np.where(is_there, starts[:, None] + places, 0)].astype(np.float32), is_there
