"""`core.ports.fraud.Screener`: rules first, then the model, where there is one that may speak."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog
import trio

from core.ports.clock import Clock
from core.ports.fraud import BookingFacts, PayerHistory, Screened, Verdict
from inference.fraud.features import features_of, stored
from inference.fraud.model import FraudModel
from inference.fraud.rules import findings

WITHIN: Final = 0.8
"""Seconds in which the model speaks, or is not heard: the port's second, and some air."""

UNUSUAL: Final = "unusual"
RULES: Final = "rules"

_log = structlog.get_logger("inference.fraud")


class FraudScreener:
    """Owns: which model is in use. Borrows: the clock that accounts are registered by; `worker`, one thread
    for all small models.

    Rules review and deny. The model reviews from its threshold on, and never denies: that a booking is like no
    other is a question, not an answer, and whoever asks themselves what a luxury trip of twenty looks like knows that
    no score is so high that it settles it.
    """

    def __init__(self, clock: Clock, *, worker: trio.CapacityLimiter | None = None) -> None:
        self._clock = clock
        self._worker = worker or trio.CapacityLimiter(1)
        self._model: FraudModel | None = None
        self._is_told = False
        self._verdicts: dict[Verdict, int] = {"allow": 0, "review": 0, "deny": 0}
        self._scored = self._late = self._failed = 0

    def use(self, model: FraudModel | None) -> None:
        """From now on; None: rules alone."""
        self._model, self._is_told = model, False

    @property
    def speaks(self) -> str:
        """The version of the model in use, or `rules`."""
        return RULES if self._model is None else self._model.version

    async def screen(self, facts: BookingFacts, histories: Mapping[str, PayerHistory]) -> Screened:
        """As the port."""
        wall, model = self._clock.now_ms(), self._model
        features = features_of(facts, histories, wall=wall)
        found = findings(facts, histories, wall=wall)
        reasons = [one.reason for one in found]
        verdict: Verdict = found[0].verdict if found else "allow"
        score = None if model is None else await self._score(model, features)
        if model is not None and score is not None and score >= model.threshold:
            verdict = "review" if verdict == "allow" else verdict
            reasons += [UNUSUAL, *model.strangest(features)]
        self._verdicts[verdict] += 1
        return Screened(
            verdict=verdict,
            reasons=tuple(reasons),
            score=score,
            model=RULES if model is None or score is None else model.version,
            features=stored(features),
        )

    async def _score(self, model: FraudModel, features: tuple[float, ...]) -> float | None:
        """None: it is late or does not work, and rules alone have spoken."""
        score: float | None = None
        try:
            with trio.move_on_after(WITHIN) as waiting:
                score = await trio.to_thread.run_sync(
                    partial(_scored, model, features),
                    limiter=self._worker,
                    abandon_on_cancel=True,
                )
        except Exception as error:  # onnxruntime's own: a bad model ends no booking
            self._failed += 1
            self._tell(model, type(error).__name__)
            return None
        if waiting.cancelled_caught or score is None:
            self._late += 1
            self._tell(model, "it is late")
            return None
        self._scored += 1
        return score

    def _tell(self, model: FraudModel, why: str) -> None:
        """Once for each model that is put in use; the rest is counted."""
        if not self._is_told:
            self._is_told = True
            _log.warning("fraud.model_away", version=model.version, reason=why)

    def statistics(self) -> Mapping[str, int]:
        """Verdicts given, and how often the model spoke (`scored`), was late, or did not work."""
        return {
            **{str(verdict): count for verdict, count in self._verdicts.items()},
            "scored": self._scored,
            "late": self._late,
            "failed": self._failed,
            "model": int(self._model is not None),
        }


def _scored(model: FraudModel, features: tuple[float, ...]) -> float:
    """Raises `ValueError` for what is no number."""
    (score,) = model.scores([features])
    if not math.isfinite(score):
        raise ValueError("a score that is no number")
    return round(float(score), 6)
