"""Training by the clock: as far as the time given leads, resumable, the same for the same seed and tokens."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from inference.training.chat.corpus_file import Corpus
from inference.training.chat.decoder import Decoder
from inference.training.chat.packing import FIRST, LAST, NOTHING, Batch, batches, lacking, sees
from inference.training.chat.threads import Threads
from inference.training.export.llama_graph import Shape

SHAPE: Final[Mapping[str, int]] = {
    "layers": 4,
    "hidden": 192,
    "heads": 4,
    "kv_heads": 2,
    "inner": 512,
    "positions": 160,
}
WARM: Final = 0.03
"""The share of the course in which the rate rises; then it falls as a cosine to `LEAST` of itself."""
LEAST: Final = 0.02
SAVE_EVERY: Final = 120.0
TELL_EVERY: Final = 15.0
JUDGE_EVERY: Final = 240.0
"""Seconds."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """It ends after `tokens` reply tokens or `minutes`, whichever comes first."""

    seed: int = 1
    rows: int = 8
    tokens: int = 12_000_000
    minutes: float = 65.0
    rate: float = 5e-3
    muon: float = 5e-3
    decay: float = 0.05
    legality: float = 10.0
    """How much a placeholder that the prompt has not is shunned at every place, beside what is said."""
    threads: int = 2
    """At most. Fewer where others need the processor, for threads wait for one another."""
    is_half: bool = True
    """Products in bfloat16: 1.4 times as fast where the processor knows it."""


class Training:
    """A decoder under way. `path`: of its checkpoint, which is read when it is there and `resume`."""

    def __init__(
        self, corpus: Corpus, held: Corpus, path: Path, course: Course, *, resume: bool = False
    ) -> None:
        self._corpus, self._path, self._course = corpus, path, course
        vocabulary = max(read for read in _numbers(corpus.tokenizer)) + 1
        torch.manual_seed(course.seed)
        self.model = Decoder(Shape(vocabulary=vocabulary, **SHAPE))
        self._optimizers = _optimizers(self.model, course)
        self.step = self.tokens = 0
        self.seconds = 0.0
        self.loss = self.held_loss = float("nan")
        self._held = list(batches(held, rows=course.rows, seed=0))
        self._missed = torch.zeros(())
        self._first = 0
        """The step at which this corpus was begun with."""
        if resume and path.is_file():
            self._go_on()

    @property
    def share(self) -> float:
        """Of the course, that is done."""
        course = self._course
        return max(self.tokens / course.tokens, self.seconds / (60 * course.minutes))

    def run(self, tell: Tell) -> None:
        begun = time.monotonic() - self.seconds
        told = judged = saved = self.seconds
        threads = Threads(self._course.threads)
        for batch in self._rest():
            with threads.step(batch.reply_tokens):
                self._learn(batch)
            self.seconds = time.monotonic() - begun
            if self.share >= 1:
                break
            if self.seconds - told >= TELL_EVERY:
                told = self.seconds
                tell(self._line())
            if self.seconds - saved >= SAVE_EVERY:
                saved = self.seconds
                self.save()
            if self.seconds - judged >= JUDGE_EVERY:
                judged = self.seconds
                self.judge(8)
        self.judge()
        self.save()
        tell(f"{self._line()}, done")

    def _line(self) -> str:
        left = self.seconds / self.share * (1 - self.share) if self.share else 0.0
        return (
            f"{min(self.share, 1):6.1%}  step {self.step:,}  {self.tokens:,} reply tokens"
            f"  {self.tokens / self.seconds:,.0f}/s  loss {self.loss:.4f}  held out {self.held_loss:.4f}"
            f"  {self.seconds / 60:.1f} min, {left / 60:.1f} to go"
        )

    def _rest(self) -> Iterator[Batch]:
        """Batches from where the course stands."""
        at = self._first
        for epoch in count():
            for batch in batches(
                self._corpus, rows=self._course.rows, seed=self._course.seed + epoch
            ):
                if at >= self.step:
                    yield batch
                at += 1

    def _learn(self, batch: Batch) -> None:
        self.model.train()
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["highest"] * rate_at(self.share)
        loss = self._loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self.tokens += batch.reply_tokens
        now = self._missed.item()
        self.loss = now if self.step == 1 else 0.98 * self.loss + 0.02 * now

    def _loss(self, batch: Batch) -> Tensor:
        """What is minimised; `_missed`: the part of it that is the loss per reply token."""
        course = self._course
        self._missed, loss = loss_of(
            self.model, batch, legality=course.legality, is_half=course.is_half
        )
        return loss

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is Any here
    def judge(self, at_most: int | None = None) -> float:
        """The loss per reply token on plans that are not trained on."""
        self.model.eval()
        total = tokens = 0.0
        for batch in self._held[:at_most]:
            self._loss(batch)
            total += self._missed.item() * batch.reply_tokens
            tokens += batch.reply_tokens
        self.held_loss = total / tokens
        return self.held_loss

    def save(self) -> None:
        new = self._path.with_suffix(".new")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizers": [one.state_dict() for one in self._optimizers],
                "step": self.step,
                "first": self._first,
                "tokens": self.tokens,
                "seconds": self.seconds,
                "loss": self.loss,
                "held_loss": self.held_loss,
                "course": asdict(self._course),
                "shape": asdict(self.model.shape),
                "tokenizer": self._corpus.tokenizer,
                "corpus": self._corpus.notes,
            },
            new,
        )
        os.replace(new, self._path)

    def _go_on(self) -> None:
        """Where the checkpoint is; with another corpus too, but not with another vocabulary: then a new
        course begins."""
        read = load_checkpoint(self._path)
        if read["tokenizer"] != self._corpus.tokenizer:
            return
        is_same = read["corpus"] == self._corpus.notes
        self._first = read["first"] if is_same else read["step"]
        self.model.load_state_dict(read["model"])
        for optimizer, state in zip(self._optimizers, read["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.tokens, self.seconds = read["step"], read["tokens"], read["seconds"]
        self.loss, self.held_loss = read["loss"], read["held_loss"]


def log_shares(model: Decoder, batch: Batch, *, is_half: bool) -> Tensor:
    """The logarithms of what the model deems likely at each target, in the order of rows, [targets, vocabulary]."""
    with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
        logits = model(
            torch.from_numpy(batch.tokens),
            torch.from_numpy(batch.at),
            torch.from_numpy(sees(batch)),
            torch.from_numpy(batch.target != NOTHING),
        )
    return functional.log_softmax(logits.float(), dim=-1)


def loss_of(
    model: Decoder, batch: Batch, *, legality: float, is_half: bool
) -> tuple[Tensor, Tensor]:
    """The loss per reply token; the same with what shuns placeholders that the prompts have not."""
    target = torch.from_numpy(batch.target)
    logs = log_shares(model, batch, is_half=is_half)
    missed = functional.nll_loss(logs, target[target != NOTHING])
    lacked = torch.from_numpy(lacking(batch))
    shares = logs[:, FIRST:LAST].exp().masked_fill(~lacked, 0.0).sum(dim=-1)
    unlikely = -torch.log1p(-shares.clamp(max=0.999)).mean()
    return missed, missed + legality * unlikely


def rate_at(share: float) -> float:
    """Of the highest rate."""
    if share < WARM:
        return max(share / WARM, 0.02)
    turn = torch.pi * (share - WARM) / (1 - WARM)
    return LEAST + (1 - LEAST) * 0.5 * (1 + float(torch.cos(torch.tensor(min(turn, torch.pi)))))


def load_checkpoint(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return read


def _numbers(tokenizer: str) -> Iterator[int]:
    from inference.training.chat.tokens import read_tokens

    yield from read_tokens(tokenizer).get_vocab().values()


def _optimizers(model: Decoder, course: Course) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for the table and the norms; `highest`: each group's
    rate at its highest."""
    named = dict(model.named_parameters())
    inner = [one for name, one in named.items() if one.dim() == 2 and name != "embed"]
    norms = [one for one in named.values() if one.dim() == 1]
    adam: list[dict[str, Any]] = [
        {"params": [model.embed], "weight_decay": course.decay, "highest": course.rate},
        {"params": norms, "weight_decay": 0.0, "highest": course.rate},
    ]
    if course.muon == 0:
        adam.append({"params": inner, "weight_decay": course.decay, "highest": course.rate})
        return [torch.optim.AdamW(adam, betas=(0.9, 0.98), fused=True)]
    return [
        torch.optim.AdamW(adam, betas=(0.9, 0.98), fused=True),
        torch.optim.Muon(
            [{"params": inner, "highest": course.muon}],
            lr=course.muon,
            weight_decay=course.decay,
            adjust_lr_fn="match_rms_adamw",
        ),
    ]
