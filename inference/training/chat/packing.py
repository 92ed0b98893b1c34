"""Batches: groups laid side by side in rows of one width, each token seeing its own prompt and reply alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.training.chat.corpus_file import Group
from inference.wording.compact import SPECIALS
from protocol.wording import PLACEHOLDERS

WIDTH: Final = 256
OPEN: Final = 24
"""Rows that are filled at the same time; more waste less and take longer to lay."""
NOTHING: Final = -1
FIRST: Final = len(SPECIALS) - len(PLACEHOLDERS)
LAST: Final = len(SPECIALS)
"""The numbers of placeholders: from `FIRST` to before `LAST`."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """All [rows, width]. `group`: 1, 2, … in a row, 0 where nothing is; `branch`: 0 for a prompt, 1, 2, …
    for its replies; `at`: the position within prompt and reply; `target`: what follows, or `NOTHING`."""

    tokens: Numbers
    group: Numbers
    branch: Numbers
    at: Numbers
    target: Numbers

    @property
    def reply_tokens(self) -> int:
        return int((self.target != NOTHING).sum())


@dataclass(slots=True, eq=False)
class _Row:
    groups: list[Group]
    length: int


def length_of(group: Group) -> int:
    """`<say>` stands at the head of each reply, for what follows it differs."""
    return len(group.prompt) - 1 + sum(map(len, group.replies))


def split(group: Group, width: int) -> list[Group]:
    """The group, or parts of it that fit. Raises `ValueError` when a single reply does not."""
    if length_of(group) <= width:
        return [group]
    if len(group.replies) == 1:
        raise ValueError(f"{length_of(group)} tokens are more than a row of {width}")
    half = len(group.replies) // 2
    return [
        part
        for replies in (group.replies[:half], group.replies[half:])
        for part in split(Group(group.prompt, replies), width)
    ]


def batches(
    corpus: Iterable[Group], *, rows: int, seed: int, width: int = WIDTH
) -> Iterator[Batch]:
    """All groups once, in an order that the seed decides. What fills no whole batch is left."""
    groups = [part for group in corpus for part in split(group, width)]
    order = np.random.default_rng(seed).permutation(len(groups))
    full: list[_Row] = []
    filling: list[_Row] = []
    for number in order.tolist():
        group = groups[number]
        length = length_of(group)
        fitting = [row for row in filling if row.length + length <= width]
        if fitting:
            row = max(fitting, key=lambda one: one.length)
        else:
            row = _Row([], 0)
            filling.append(row)
        row.groups.append(group)
        row.length += length
        if row.length > width - 12 or len(filling) > OPEN:
            fullest = max(filling, key=lambda one: one.length)
            filling.remove(fullest)
            full.append(fullest)
        if len(full) == rows:
            yield laid([row.groups for row in full], width)
            full = []


def laid(rows: Sequence[Sequence[Group]], width: int) -> Batch:
    tokens, group, branch, at = (np.zeros((len(rows), width), np.int64) for _ in range(4))
    target = np.full((len(rows), width), NOTHING, np.int64)
    for number, groups in enumerate(rows):
        column = 0
        for index, one in enumerate(groups, 1):
            shared = len(one.prompt) - 1
            for which, part in enumerate((one.prompt[:-1], *one.replies)):
                here = slice(column, column + len(part))
                if which:
                    tokens[number, column] = one.prompt[-1]
                    tokens[number, column + 1 : here.stop] = part[:-1]
                    target[number, here] = part
                else:
                    tokens[number, here] = part
                group[number, here], branch[number, here] = index, which
                at[number, here] = np.arange(len(part)) + (shared if which else 0)
                column = here.stop
    return Batch(tokens, group, branch, at, target)


def lacking(batch: Batch) -> NDArray[np.bool_]:
    """For each target, in the order of rows: which placeholders (from `FIRST` on) its prompt has not,
    [targets, placeholders]."""
    rows = np.broadcast_to(np.arange(len(batch.tokens))[:, None], batch.tokens.shape)
    there = np.zeros((len(batch.tokens), int(batch.group.max()) + 1, LAST - FIRST), np.bool_)
    named = (batch.branch == 0) & (batch.tokens >= FIRST) & (batch.tokens < LAST)
    there[rows[named], batch.group[named], batch.tokens[named] - FIRST] = True
    asked = batch.target != NOTHING
    lacked: NDArray[np.bool_] = ~there[rows[asked], batch.group[asked]]
    return lacked


def sees(batch: Batch) -> NDArray[np.bool_]:
    """Which token may attend to which, [rows, width, width]. Where nothing is, to itself."""
    width = batch.tokens.shape[1]
    same = batch.group[:, :, None] == batch.group[:, None, :]
    own = (batch.branch[:, None, :] == 0) | (batch.branch[:, :, None] == batch.branch[:, None, :])
    earlier = np.tri(width, dtype=np.bool_)
    seen: NDArray[np.bool_] = same & own & earlier
    return seen
