"""A corpus as numbers, in one file: prompts, each with its replies, and a sum of every reply's text."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from inference.training.chat.corpus import Speeches, groups
from inference.training.chat.held_out import is_held_out
from inference.training.chat.tokens import ids_of
from inference.wording.compact import END, MAX_PROMPT, MAX_REPLY, compact_prompt
from protocol.wording import Plan

EACH: Final = 3
"""Replies to one prompt: its tokens are read once for all of them."""
CHUNK: Final = 2_000
"""Groups that are tokenised at once."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A prompt with `<say>` at its end; replies with `<end>` at theirs."""

    prompt: NDArray[np.uint16]
    replies: tuple[NDArray[np.uint16], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """`tokens` of all groups, one after the other: prompt, reply, reply, …; `parts`: how long each of
    those is; `sizes`: how many parts each group has. `sums`: of the replies' texts, sorted. `tokenizer`:
    its JSON. `notes`: how it was drawn."""

    tokens: NDArray[np.uint16]
    parts: NDArray[np.uint16]
    sizes: NDArray[np.uint8]
    sums: NDArray[np.uint64]
    tokenizer: str
    notes: dict[str, Any]

    def __iter__(self) -> Iterator[Group]:
        ends = np.cumsum(self.parts, dtype=np.int64)
        at = part = 0
        for size in self.sizes.tolist():
            cut = []
            for end in ends[part : part + size].tolist():
                cut.append(self.tokens[at:end])
                at = end
            part += size
            yield Group(cut[0], tuple(cut[1:]))

    @property
    def reply_tokens(self) -> int:
        firsts = np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)[:-1]])
        return int(self.parts.sum(dtype=np.int64) - self.parts[firsts].sum(dtype=np.int64))

    def has(self, text: str) -> bool:
        """Whether a reply is spelled like this."""
        wanted = np.uint64(sum_of(text))
        at = int(np.searchsorted(self.sums, wanted))
        return at < self.sums.size and self.sums[at] == wanted

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(
                file,
                tokens=self.tokens,
                parts=self.parts,
                sizes=self.sizes,
                sums=self.sums,
                tokenizer=np.array(self.tokenizer),
                notes=np.array(json.dumps(self.notes)),
            )


def load_corpus(path: Path) -> Corpus:
    """Raises `OSError`, `ValueError`."""
    with np.load(path) as file:
        return Corpus(
            tokens=file["tokens"],
            parts=file["parts"],
            sizes=file["sizes"],
            sums=file["sums"],
            tokenizer=str(file["tokenizer"]),
            notes=json.loads(str(file["notes"])),
        )


def sum_of(text: str) -> int:
    """Of a reply, for "was it in the corpus?": 64 bits."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def to_train(plan: Plan) -> bool:
    return not is_held_out(plan)


def to_validate(plan: Plan) -> bool:
    """With control tokens that are not trained on."""
    return is_held_out(plan)


def drawn_corpus(
    speeches: Speeches,
    tokenizer: Tokenizer,
    *,
    replies: int,
    seed: int,
    notes: dict[str, Any],
    wanted: Callable[[Plan], bool] = to_train,
    tell: Tell = lambda line: None,
) -> Corpus:
    """About `replies` replies, those that are too long for the model left out."""
    tokens: list[NDArray[np.uint16]] = []
    parts: list[int] = []
    sizes: list[int] = []
    sums: list[int] = []
    left_out = 0
    source = groups(seed, speeches, each=EACH, wanted=wanted)
    (end,) = ids_of(tokenizer, [END])
    count, begun = -(-replies // EACH), time.monotonic()
    for start in range(0, count, CHUNK):
        chunk = list(islice(source, min(CHUNK, count - start)))
        texts = [text for _, said in chunk for text in said]
        encoded = iter(tokenizer.encode_batch(texts, add_special_tokens=False))
        for plan, said in chunk:
            prompt = ids_of(tokenizer, compact_prompt(plan))
            read = [(text, [*next(encoded).ids, end]) for text in said]
            kept = [(text, ids) for text, ids in read if len(ids) <= MAX_REPLY]
            left_out += len(said) - len(kept)
            if not kept or len(prompt) > MAX_PROMPT:
                continue
            group: list[list[int]] = [prompt, *(ids for _, ids in kept)]
            for part in group:
                tokens.append(np.array(part, np.uint16))
                parts.append(len(part))
            sizes.append(1 + len(kept))
            sums += [sum_of(text) for text, _ in kept]
        done = start + len(chunk)
        tell(f"{done * EACH:,} replies, {time.monotonic() - begun:.0f} s, {left_out} too long")
    return Corpus(
        tokens=np.concatenate(tokens),
        parts=np.array(parts, np.uint16),
        sizes=np.array(sizes, np.uint8),
        sums=np.unique(np.array(sums, np.uint64)),
        tokenizer=tokenizer.to_str(),
        notes={**notes, "seed": seed, "replies": replies, "each": EACH, "too_long": left_out},
    )
