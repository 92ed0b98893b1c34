"""What a model was trained on, for "is this reply a training reply?"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from inference.engine.servable import UnservableError
from inference.training.chat.corpus import SPEECH, digest_of, groups, load_speeches
from inference.training.chat.corpus_file import Corpus, load_corpus, sum_of, to_train
from inference.training.chat.tokens import read_tokens, spelled

SOME: Final = 3_000
"""Groups of which one reply per voice and act is kept."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`has`: whether a reply is in the corpus. `some`: one of it, by voice and act."""

    has: Callable[[str], bool]
    some: Mapping[tuple[str, str], str]


def memory_of(notes: Mapping[str, str], paths: Sequence[Path] | None) -> Memory:
    """Of the corpora in files; without them, it is drawn anew as a model's notes say. Raises
    `UnservableError` when today's texts are others."""
    if paths:
        corpora = [load_corpus(path) for path in paths]
        return Memory(lambda text: any(one.has(text) for one in corpora), _some_of(corpora[-1]))
    if notes.get("texts") != digest_of(SPEECH):
        raise UnservableError(
            "it was trained on other texts than those of today: give its --corpus"
        )
    wanted, each = int(notes["corpus_replies"]), int(notes["replies_each"])
    source = groups(int(notes["corpus_seed"]), load_speeches(), each=each, wanted=to_train)
    sums: set[int] = set()
    some: dict[tuple[str, str], str] = {}
    for plan, said in islice(source, -(-wanted // each)):
        sums.update(map(sum_of, said))
        some.setdefault((plan.voice, plan.act), said[0])
    return Memory(lambda text: sum_of(text) in sums, some)


def _some_of(corpus: Corpus) -> dict[tuple[str, str], str]:
    tokenizer = read_tokens(corpus.tokenizer)
    some: dict[tuple[str, str], str] = {}
    for group in islice(corpus, SOME):
        voice, act = (
            spelled(tokenizer, [number]).strip("<>").partition(":")[2]
            for number in group.prompt[:2].tolist()
        )
        some.setdefault((voice, act), spelled(tokenizer, group.replies[0][:-1].tolist()))
    return some
