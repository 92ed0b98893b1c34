"""The hourly run: what bookings usually look like, fitted anew by a program of the training group."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import trio
from numpy.typing import NDArray

from core.ports.clock import Clock
from core.ports.fraud import PastScreening, Screenings
from core.ports.models import Model, Models
from inference.fraud.features import FEATURES, read
from inference.fraud.model import FraudModel, unpacked
from inference.upkeep.candidates import NOTHING_NEW, is_there, offer
from inference.upkeep.jobs import Result
from inference.upkeep.prior import day_of
from inference.upkeep.quiet_thread import run_quietly
from inference.upkeep.trainer import NOT_INSTALLED, Train, lacking, training_folder

WITHIN: Final = 1_200.0
NEEDED: Final = ("sklearn", "skl2onnx")
PROGRAM: Final = "inference.training.fraud.retrain"
REAL: Final = "real.npz"
MADE: Final = "fraud.model"
"""What the program finds in its folder, and what it leaves there."""

ENOUGH: Final = 500
"""Bookings, below which rules alone screen."""

ENDED_ENOUGH: Final = 250
"""Of them that ended well: of the newest fifth, 50, one may be strange for no half percent."""

MOST_READ: Final = 5_000

CLEAN_REVIEWED: Final = "clean_reviewed"
PLANTED_STOPPED: Final = "planted_stopped"
MOST_REVIEWED: Final = 0.005
LEAST_STOPPED: Final = 0.8
"""Shares of played traffic, by rules and model together, which the program measures; the first is also asked
of the newest fifth of real bookings."""

TOO_FEW: Final = "{count} of {enough} bookings: rules alone"
TOO_FEW_ENDED: Final = "{count} of {enough} bookings that ended well"
NOTHING_SINCE: Final = "no other booking has ended since the last one"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learnt:
    """Features [n, F] of bookings that ended well: what is fitted to, older, and nobody had to look at; the
    newest fifth, whatever was said of them: to have been stopped once must not excuse the next model."""

    fitted: Floats
    tail: Floats


class HourlyRun:
    """Owns: what it was last fitted to. Borrows: the rows, the screenings; `train`. `work_dir`: where its files are
    while it runs."""

    def __init__(
        self,
        models: Models,
        screenings: Screenings,
        *,
        train: Train,
        work_dir: Path,
        clock: Clock,
        tenant_id: int,
        lacks: Callable[[], Sequence[str]] = lambda: lacking(NEEDED),
    ) -> None:
        self._models, self._screenings = models, screenings
        self._train, self._work_dir = train, work_dir
        self._clock, self._tenant_id, self._lacks = clock, tenant_id, lacks
        self._last = ""

    async def __call__(self) -> Result:
        if names := self._lacks():
            return Result(outcome="skipped", why=NOT_INSTALLED.format(names=", ".join(names)))
        count = await self._screenings.bookings(self._tenant_id)
        if count < ENOUGH:
            return Result(outcome="skipped", why=TOO_FEW.format(count=count, enough=ENOUGH))
        rows = await self._screenings.recent(self._tenant_id, limit=MOST_READ)
        learnt, ended = learnt_of(rows)
        if ended < ENDED_ENOUGH:
            why = TOO_FEW_ENDED.format(count=ended, enough=ENDED_ENOUGH)
            return Result(outcome="skipped", why=why)
        digest = sha256(learnt.fitted.tobytes() + learnt.tail.tobytes()).hexdigest()
        if digest == self._last:
            return Result(outcome="skipped", why=NOTHING_SINCE)
        with training_folder(self._work_dir) as folder:
            await trio.to_thread.run_sync(_write, folder, learnt.fitted)
            paused = await self._train([sys.executable, "-m", PROGRAM, "--folder", str(folder)])
            body = await trio.to_thread.run_sync((folder / MADE).read_bytes)
        result = await self._judge(body, learnt, {"paused": float(paused)})
        self._last = digest
        return result

    async def _judge(self, body: bytes, learnt: Learnt, figures: dict[str, float]) -> Result:
        at, digest = self._clock.now_ms(), sha256(body).hexdigest()
        if await is_there(self._models, self._tenant_id, "fraud", digest):
            return Result(outcome="skipped", why=NOTHING_NEW, figures=figures)
        model = await run_quietly(lambda: unpacked(body))
        real = await run_quietly(lambda: _reviewed(model, learnt.tail))
        figures |= dict(model.figures) | {
            "real_reviewed": round(real, 5),
            "real_judged": float(len(learnt.tail)),
            "fitted_to": float(len(learnt.fitted)),
        }
        row = Model(
            kind="fraud",
            version=f"{day_of(at)}-{digest[:8]}",
            digest=digest,
            figures=figures,
            made_at=at,
        )
        said = (
            f"{figures[PLANTED_STOPPED]:.1%} of what was planted stopped, "
            f"{figures[CLEAN_REVIEWED]:.2%} of clean and {real:.2%} of real bookings reviewed"
        )
        stood = await offer(
            self._models,
            self._tenant_id,
            row,
            body,
            objection=objection_to(figures),
            why=said,
            figures=figures,
        )
        return stood.result


def learnt_of(rows: Sequence[PastScreening]) -> tuple[Learnt, int]:
    """Of `rows`, the newest first; and how many of them ended well and can be read."""
    well = [
        (row.verdict, features)
        for row in rows
        if row.ended_well and (features := read(row.features)) is not None
    ]
    newest = len(well) // 5
    tail = [features for _, features in well[:newest]]
    older = [features for verdict, features in well[newest:] if verdict == "allow"]
    return Learnt(_array(older), _array(tail)), len(well)


def objection_to(figures: Mapping[str, float]) -> str:
    """Why it is not to be used; empty: nothing is against it."""
    clean, stopped = figures.get(CLEAN_REVIEWED, 1.0), figures.get(PLANTED_STOPPED, 0.0)
    if clean > MOST_REVIEWED:
        return f"{clean:.2%} of clean bookings reviewed"
    if stopped < LEAST_STOPPED:
        return f"{stopped:.1%} of planted fraud stopped"
    if figures.get("controls_passed", 1.0):
        return "its judge lets a control pass"
    real = figures["real_reviewed"]
    return f"{real:.2%} of real bookings reviewed" if real > MOST_REVIEWED else ""


def _reviewed(model: FraudModel, tail: Floats) -> float:
    return float((model.scores(tail) >= model.threshold).mean())


def _array(rows: Sequence[Sequence[float]]) -> Floats:
    return np.array(rows, np.float64).reshape(len(rows), len(FEATURES))


def _write(folder: Path, real: Floats) -> None:
    np.savez(folder / REAL, features=real)
