"""Batches hold every reply once, and no token sees a stranger."""

import numpy as np
import pytest
from chat_groups import SAY, a_group, corpus_of

from inference.training.chat.corpus_file import Group
from inference.training.chat.packing import (
    FIRST,
    LAST,
    NOTHING,
    batches,
    lacking,
    laid,
    length_of,
    sees,
    split,
)


def test_each_reply_is_laid_behind_its_prompt() -> None:
    group = a_group(np.random.default_rng(1))
    batch = laid([[group]], 256)
    shared = len(group.prompt) - 1
    for branch, reply in enumerate(group.replies, 1):
        here = batch.branch[0] == branch
        assert batch.tokens[0, here].tolist() == [SAY, *reply[:-1].tolist()]
        assert batch.target[0, here].tolist() == reply.tolist()
        assert batch.at[0, here].tolist() == list(range(shared, shared + len(reply)))
    assert batch.reply_tokens == sum(map(len, group.replies))
    assert (batch.target[0, :shared] == NOTHING).all()


def test_a_token_sees_its_prompt_and_its_own_reply_so_far() -> None:
    chance = np.random.default_rng(2)
    batch = laid([[a_group(chance, 2), a_group(chance, 1)]], 256)
    seen = sees(batch)[0]
    for at in range(256):
        group, branch = batch.group[0, at], batch.branch[0, at]
        expected = [
            other
            for other in range(at + 1)
            if batch.group[0, other] == group and batch.branch[0, other] in (0, branch)
        ]
        assert np.flatnonzero(seen[at]).tolist() == expected
        assert seen[at, at]  # else its softmax were of nothing


def test_an_epoch_has_every_group_at_most_once_and_nearly_all() -> None:
    chance = np.random.default_rng(3)
    corpus = corpus_of([a_group(chance) for _ in range(600)])
    said = list(batches(corpus, rows=4, seed=1))
    total = sum(batch.reply_tokens for batch in said)
    assert 0.9 * corpus.reply_tokens < total <= corpus.reply_tokens
    filled = np.mean([(batch.group > 0).mean() for batch in said])
    assert filled > 0.85
    again = list(batches(corpus, rows=4, seed=1))
    assert all((a.tokens == b.tokens).all() for a, b in zip(said, again, strict=True))
    other = next(iter(batches(corpus, rows=4, seed=2)))
    assert (other.tokens != said[0].tokens).any()


def test_a_group_that_is_too_long_is_split_and_loses_nothing() -> None:
    group = a_group(np.random.default_rng(4), 7)
    parts = split(group, 100)
    assert all(length_of(part) <= 100 for part in parts)
    assert [reply for part in parts for reply in part.replies] == list(group.replies)
    with pytest.raises(ValueError, match="row"):
        split(Group(group.prompt, group.replies[:1]), 5)


def test_what_a_prompt_has_not_is_known_at_every_target_of_its_replies() -> None:
    chance = np.random.default_rng(6)
    had = Group(np.array([6, 14, FIRST, FIRST + 3, SAY], np.uint16), a_group(chance, 2).replies)
    none = Group(np.array([6, 14, SAY], np.uint16), a_group(chance, 1).replies)
    batch = laid([[none, had], [had]], 256)
    lacked = lacking(batch)
    of_group = batch.group[batch.target != NOTHING]
    of_row = np.indices(batch.target.shape)[0][batch.target != NOTHING]
    assert lacked.shape == (batch.reply_tokens, LAST - FIRST)
    for row, group, lack in zip(of_row, of_group, lacked, strict=True):
        there = [] if (row, group) == (0, 1) else [0, 3]
        assert np.flatnonzero(~lack).tolist() == there
