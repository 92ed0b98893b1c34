"""The weekly run: another tower, trained by a program of the training group where that is installed."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import trio

from core.ports.clock import Clock
from core.ports.models import Model, Models
from inference.recommender.most_liked import MostLiked
from inference.recommender.refit import TooLittle, Verdict, compared_towers, enough, fitted
from inference.recommender.taste import Floats
from inference.recommender.tower import Tower, packed, unpacked
from inference.recommender.voices import Voices
from inference.upkeep import prior as priors
from inference.upkeep.candidates import NOTHING_NEW, is_there, offer
from inference.upkeep.daily import NO_TOWER, InUse
from inference.upkeep.gathering import Gathering
from inference.upkeep.jobs import Result
from inference.upkeep.prior import day_of
from inference.upkeep.quiet_thread import run_quietly
from inference.upkeep.trainer import NOT_INSTALLED, Train, lacking, training_folder

WITHIN: Final = 3 * 3_600.0
NEEDED: Final = ("sklearn", "onnx")
PROGRAM: Final = "inference.training.recommender.retrain"
VOICES: Final = "voices.npz"
IN_USE: Final = "in-use.tower"
"""What the program finds in its folder; it leaves a tower's two files there."""

LEAST_GAIN: Final = -0.02
"""NDCG@5 that the new one may lose on the played people against the one in use."""


def missing() -> list[str]:
    """What of the training group is not installed here; it is not imported."""
    return lacking(NEEDED)


class WeeklyRun:
    """Borrows: the rows, what is gathered, what is in use; `body_in_use`: the tower in use as it is packed;
    `train`. `work_dir`: where its files are while it runs; nobody else reads them."""

    def __init__(
        self,
        models: Models,
        gathering: Gathering,
        *,
        in_use: InUse,
        body_in_use: Callable[[], Awaitable[bytes]],
        train: Train,
        work_dir: Path,
        clock: Clock,
        tenant_id: int,
        lacking: Callable[[], Sequence[str]] = missing,
    ) -> None:
        self._models, self._gathering, self._in_use = models, gathering, in_use
        self._body_in_use, self._train, self._work_dir = body_in_use, train, work_dir
        self._clock, self._tenant_id, self._lacking = clock, tenant_id, lacking

    async def __call__(self) -> Result:
        if names := self._lacking():
            return Result(outcome="skipped", why=NOT_INSTALLED.format(names=", ".join(names)))
        now = await self._in_use()
        if now is None:
            return Result(outcome="skipped", why=NO_TOWER)
        voices = await self._gathering.voices()
        try:
            head, tail = enough(voices)
        except TooLittle as reason:
            return Result(outcome="skipped", why=str(reason))
        with training_folder(self._work_dir) as folder:
            body = await self._body_in_use()
            await trio.to_thread.run_sync(_write, folder, head, body)
            command = [sys.executable, "-m", PROGRAM, "--folder", str(folder)]
            paused = float(await self._train(command))
            made = await trio.to_thread.run_sync(packed, folder)
        return await self._judge(made, (head, tail), now, {"paused": paused})

    async def _judge(
        self,
        body: bytes,
        voices: tuple[Voices, Voices],
        in_use: tuple[Tower, MostLiked],
        figures: dict[str, float],
    ) -> Result:
        at, tower, digest = self._clock.now_ms(), unpacked(body), sha256(body).hexdigest()
        if await is_there(self._models, self._tenant_id, "tower", digest):
            return Result(outcome="skipped", why=NOTHING_NEW, figures=figures)
        verdict, most = await run_quietly(lambda: _compared(tower, voices, in_use[0]))
        figures |= _said_by_program(body) | {
            "loss": round(verdict.loss, 5),
            "in_use": round(verdict.in_use, 5),
            "held_out": float(len(voices[1])),
        }
        model = Model(
            kind="tower",
            version=tower.version,
            digest=digest,
            figures=figures,
            made_at=at,
        )
        stood = await offer(
            self._models,
            self._tenant_id,
            model,
            body,
            objection=_objection(verdict, figures),
            why=verdict.why,
            figures=figures,
        )
        if stood.is_active:
            await self._add_prior(most, tower.version, at, figures)
        return stood.result

    async def _add_prior(
        self, most: Floats, tower: str, at: int, figures: Mapping[str, float]
    ) -> None:
        """What it was compared with: without it people would begin from a guess until the next day."""
        prior = priors.packed(MostLiked(most), tower=tower, day=day_of(at))
        model = Model(
            kind="prior",
            version=prior.version,
            digest=prior.digest,
            figures=figures,
            made_at=at,
        )
        await self._models.add(self._tenant_id, model, prior.body)
        await self._models.promote(self._tenant_id, "prior", prior.version, at=at, by="run")


def _compared(tower: Tower, voices: tuple[Voices, Voices], in_use: Tower) -> tuple[Verdict, Floats]:
    """Each with the prior that it would be used with; that of the new one."""
    head, tail = voices
    most, before = fitted(head, tower), fitted(head, in_use)
    return compared_towers(head, tail, new=(tower, most), in_use=(in_use, before)), most


def _objection(verdict: Verdict, figures: Mapping[str, float]) -> str:
    """Why it is not to be used; empty: nothing is against it."""
    if not verdict.is_good:
        return verdict.why
    gain = figures.get("played_gain", 0.0)
    return f"{gain:+.3f} NDCG@5 with played people" if gain < LEAST_GAIN else ""


def _said_by_program(body: bytes) -> dict[str, float]:
    """The figures of its manifest."""
    said = json.loads(body.partition(b"\n")[0]).get("figures", {})
    return {str(name): float(value) for name, value in said.items()}


def _write(folder: Path, head: Voices, body: bytes) -> None:
    """What the program reads: judgements of numbered people, without a name or a text, and the tower."""
    np.savez(folder / VOICES, person=head.person, features=head.features, liked=head.liked)
    (folder / IN_USE).write_bytes(body)
