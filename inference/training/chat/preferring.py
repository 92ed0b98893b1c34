"""The decoder unlearns what it says freely and may not, from its own replies.

A corpus cannot show it: "my log is too short for" is a good beginning where a plan has a destination, and where it
has none, all that could follow is bad. So it is asked for replies with nothing that holds them, and where one has a
placeholder that its plan has not, it learns to prefer another one of its own to the same plan: direct preference
optimization (Rafailov et al. 2023, arXiv:2305.18290), each step with one on the corpus, which keeps the rest as it was.
"""

import copy
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from msgspec.structs import replace
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from inference.engine.chat_model import load_model
from inference.training.chat.corpus import SPEECH, Speeches, load_speeches
from inference.training.chat.corpus_file import Corpus, Group, to_train
from inference.training.chat.decoder import Decoder
from inference.training.chat.exporting import export_checkpoint
from inference.training.chat.judging import is_illegal
from inference.training.chat.packing import NOTHING, Batch, batches
from inference.training.chat.plans import drawn
from inference.training.chat.saying import Said, say_all, unmasked
from inference.training.chat.speaker import Speaker
from inference.training.chat.tokens import ids_of, read_tokens
from inference.training.chat.training import load_checkpoint, log_shares, loss_of
from inference.training.export.llama_graph import Shape
from inference.wording.compact import END, MAX_REPLY, VOICES, compact_prompt
from protocol.wording import ACTS, Plan

TRIES: Final = 3
"""Other replies that it is asked for where one was illegal; then one of the corpus is drawn."""
OTHER: Final = 104_729
PER_BATCH: Final = 8
"""Rows of 256 tokens, of pairs and of the corpus."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """`rounds`, in each of which it replies to `plans` and learns `times` from what was illegal. `strength`: DPO's
    beta, how fast a preference counts as learned. `weight`: of that beside the loss on the corpus."""

    rounds: int = 3
    plans: int = 12_000
    times: int = 2
    rate: float = 3e-4
    strength: float = 0.1
    weight: float = 1.0
    legality: float = 10.0
    seed: int = 1
    is_half: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replies of its own to a plan; the worse one has a placeholder that the plan has not."""

    plan: Plan
    better: str
    worse: str


def prefer(checkpoint: Path, out: Path, corpus: Corpus, lessons: Lessons, tell: Tell) -> None:
    """Write `out`: the checkpoint after its lessons. Raises `ValueError` when it was trained with another vocabulary
    than the corpus has."""
    read = load_checkpoint(checkpoint)
    if read["tokenizer"] != corpus.tokenizer:
        raise ValueError(f"{checkpoint} has another vocabulary than the corpus: give its --corpus")
    tokenizer = read_tokens(read["tokenizer"])
    model = Decoder(Shape(**read["shape"]))
    model.load_state_dict(read["model"])
    speeches = load_speeches(Path(corpus.notes["folder"] or SPEECH))
    rest = _forever(corpus, lessons.seed + 1_000)
    _save(read, model, out, rounds=0)
    for number in range(1, lessons.rounds + 1):
        begun = time.monotonic()
        dice = random.Random(lessons.seed * 1_000 + number)  # noqa: S311 - words, not secrets
        with tempfile.TemporaryDirectory() as folder:
            export_checkpoint(out, Path(folder))
            served = load_model(Path(folder))
            say = partial(say_all, served, compose=unmasked(served))
            pairs = list(pairs_of(say, drawn_plans(lessons.plans, dice), speeches, dice))
        share = len(pairs) / lessons.plans
        tell(
            f"round {number} of {lessons.rounds}: {share:.2%} of {lessons.plans:,} replies are illegal,"
            f" {time.monotonic() - begun:.0f} s"
        )
        _learn(model, [group_of(tokenizer, pair) for pair in pairs], rest, lessons, tell)
        _save(read, model, out, rounds=number)


def drawn_plans(count: int, dice: random.Random) -> list[Plan]:
    """To train on, of every voice and act alike."""
    drawing = (drawn(dice, dice.choice(VOICES), dice.choice(ACTS)) for _ in iter(int, 1))
    return list(islice(filter(to_train, drawing), count))


def pairs_of(
    say: Callable[[list[Plan]], list[Said]],
    plans: list[Plan],
    speeches: Speeches,
    dice: random.Random,
) -> Iterator[Pair]:
    """For each illegal reply, another to the same plan that is not. `say`: a reply to each plan."""
    worse = {
        number: said.text
        for number, said in enumerate(say(plans))
        if is_illegal(said.plan, said.text)
    }
    waiting = dict(worse)
    for turn in range(1, TRIES + 1):
        again = [
            replace(plans[number], seed=(plans[number].seed + turn * OTHER) % 2**53)
            for number in waiting
        ]
        for number, one in zip(tuple(waiting), say(again), strict=True):
            if one.is_whole and not is_illegal(one.plan, one.text):
                yield Pair(plans[number], one.text, worse[number])
                del waiting[number]
    for number in waiting:
        plan = plans[number]
        yield Pair(plan, Speaker(speeches[plan.voice]).say(plan, dice), worse[number])


def group_of(tokenizer: Tokenizer, pair: Pair) -> Group:
    """The better reply first."""
    (end,) = ids_of(tokenizer, [END])
    prompt = np.array(ids_of(tokenizer, compact_prompt(pair.plan)), np.uint16)
    replies = (
        [*tokenizer.encode(text, add_special_tokens=False).ids[: MAX_REPLY - 1], end]
        for text in (pair.better, pair.worse)
    )
    better, worse = (np.array(one, np.uint16) for one in replies)
    return Group(prompt, (better, worse))


def _learn(
    model: Decoder, groups: list[Group], rest: Iterator[Batch], lessons: Lessons, tell: Tell
) -> None:
    before = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=lessons.rate, weight_decay=0.0, betas=(0.9, 0.98), fused=True
    )
    taught = [
        batch
        for turn in range(lessons.times)
        for batch in batches(groups, rows=PER_BATCH, seed=lessons.seed + turn)
    ]
    begun = time.monotonic()
    told = begun
    model.train()
    for step, batch in enumerate(taught, 1):
        for each in optimizer.param_groups:
            each["lr"] = lessons.rate * (1 - (step - 1) / len(taught))
        missed, loss = loss_of(
            model, next(rest), legality=lessons.legality, is_half=lessons.is_half
        )
        unlearned, gained = preference_loss(model, before, batch, lessons)
        (loss + lessons.weight * unlearned).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        now = time.monotonic()
        if now - told > 15 or step == len(taught):
            told = now
            left = (now - begun) / step * (len(taught) - step)
            tell(
                f"  step {step} of {len(taught)}  corpus {missed.item():.4f}  preference"
                f" {unlearned.item():.4f}, {gained:.0%} preferred  {left:.0f} s to go"
            )
    model.eval()


def preference_loss(
    model: Decoder, before: Decoder, batch: Batch, lessons: Lessons
) -> tuple[Tensor, float]:
    """DPO's loss over a batch of pairs, and the share of them in which the better is more likely, beside the
    worse, than it was before the round."""
    now, there = pair_scores(model, batch, lessons.is_half)
    with torch.no_grad():
        then, _ = pair_scores(before, batch, lessons.is_half)
    gained = ((now - then)[..., 0] - (now - then)[..., 1])[there]
    loss = -functional.logsigmoid(lessons.strength * gained).mean()
    return loss, float((gained > 0).float().mean())


def pair_scores(model: Decoder, batch: Batch, is_half: bool) -> tuple[Tensor, Tensor]:
    """The log likelihoods of each group's two replies, [rows, groups, 2], and where there is a group."""
    logs = log_shares(model, batch, is_half=is_half)
    asked = batch.target != NOTHING
    said = logs.gather(1, torch.from_numpy(batch.target[asked])[:, None])[:, 0]
    rows = np.broadcast_to(np.arange(len(batch.tokens))[:, None], batch.tokens.shape)[asked]
    at = (rows, batch.group[asked] - 1, batch.branch[asked] - 1)
    places = tuple(torch.from_numpy(np.ascontiguousarray(one)) for one in at)
    scores = torch.zeros(len(batch.tokens), int(batch.group.max()), 2)
    scores = scores.index_put(places, said, accumulate=True)
    there = torch.zeros(scores.shape[:2], dtype=torch.bool)
    there[places[0], places[1]] = True
    return scores, there


def _forever(corpus: Corpus, seed: int) -> Iterator[Batch]:
    for epoch in count():
        yield from batches(corpus, rows=PER_BATCH, seed=seed + epoch)


def _save(read: dict[str, Any], model: Decoder, out: Path, *, rounds: int) -> None:
    new = out.with_suffix(".new")
    torch.save({**read, "model": model.state_dict(), "lessons": rounds}, new)
    os.replace(new, out)
