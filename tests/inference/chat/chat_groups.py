"""Groups of random tokens."""

import numpy as np

from inference.training.chat.corpus_file import Corpus, Group

SAY = 4


def a_group(chance: np.random.Generator, replies: int = 3) -> Group:
    def tokens(length: int) -> np.ndarray:
        return chance.integers(80, 3_000, length).astype(np.uint16)

    prompt = np.concatenate([tokens(chance.integers(4, 30)), np.array([SAY], np.uint16)])
    return Group(prompt, tuple(tokens(chance.integers(3, 50)) for _ in range(replies)))


def corpus_of(groups: list[Group]) -> Corpus:
    parts = [part for group in groups for part in (group.prompt, *group.replies)]
    return Corpus(
        tokens=np.concatenate(parts),
        parts=np.array([len(part) for part in parts], np.uint16),
        sizes=np.array([1 + len(group.replies) for group in groups], np.uint8),
        sums=np.zeros(0, np.uint64),
        tokenizer="",
        notes={},
    )
