"""The daily run: what most like and what items show beyond that, fitted anew, and in use when it is not worse than what
was."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from core.ports.clock import Clock
from core.ports.models import Model, Models
from inference.recommender.most_liked import MostLiked
from inference.recommender.refit import (
    TooLittle,
    Verdict,
    compared,
    enough,
    most_liked,
    statistics,
)
from inference.recommender.taste import Floats
from inference.recommender.tower import Tower
from inference.recommender.voices import Voices
from inference.upkeep.candidates import NOTHING_NEW, is_there, offer
from inference.upkeep.gathering import Gathering
from inference.upkeep.jobs import Result
from inference.upkeep.prior import PriorDamaged, day_of, packed, unpacked
from inference.upkeep.quiet_thread import run_quietly

WITHIN: Final = 600.0
NO_TOWER: Final = "there is no item tower"

InUse = Callable[[], Awaitable[tuple[Tower, MostLiked] | None]]
"""The tower and what most like, here and now."""


@dataclass(frozen=True, slots=True)
class _Refit:
    figures: dict[str, float]
    why: str = ""
    most: MostLiked | None = None
    verdict: Verdict | None = None


class DailyRun:
    """Borrows: the rows, what is gathered, what is in use."""

    def __init__(
        self,
        models: Models,
        gathering: Gathering,
        *,
        in_use: InUse,
        clock: Clock,
        tenant_id: int,
    ) -> None:
        self._models, self._gathering, self._in_use = models, gathering, in_use
        self._clock, self._tenant_id = clock, tenant_id

    async def __call__(self) -> Result:
        now = await self._in_use()
        if now is None:
            return Result(outcome="skipped", why=NO_TOWER)
        tower, most = now
        voices, shown = await self._gathering.voices(), await self._gathering.shown()
        refit = await run_quietly(lambda: _refit(voices, shown, tower, most))
        if refit.most is None or refit.verdict is None:
            return Result(outcome="skipped", why=refit.why, figures=refit.figures)
        return await self._judge(refit.most, refit.verdict, refit.figures, tower.version)

    async def _judge(
        self, most: MostLiked, verdict: Verdict, figures: dict[str, float], tower: str
    ) -> Result:
        at = self._clock.now_ms()
        prior = packed(most, tower=tower, day=day_of(at))
        is_known = await is_there(self._models, self._tenant_id, "prior", prior.digest)
        if is_known and not await self._is_of_another(tower):
            return Result(outcome="skipped", why=NOTHING_NEW, figures=figures)
        shadow = {
            name: figures[name]
            for name in ("loss", "in_use", "held_out", "people", "items", "items_gain")
        }
        model = Model(
            kind="prior", version=prior.version, digest=prior.digest, figures=shadow, made_at=at
        )
        objection = "" if verdict.is_good else verdict.why
        stood = await offer(
            self._models,
            self._tenant_id,
            model,
            prior.body,
            objection=objection,
            why=verdict.why,
            figures=figures,
        )
        return stood.result

    async def _is_of_another(self, tower: str) -> bool:
        """Whether the one that should be in use counts for nothing, as after a tower was rolled back."""
        row = await self._models.active(self._tenant_id, "prior")
        if row is None:
            return False
        body = await self._models.body(self._tenant_id, "prior", row.version) or b""
        try:
            return unpacked(body, version=row.version, digest=row.digest).tower != tower
        except PriorDamaged:
            return True


def _refit(voices: Voices, shown: Floats, tower: Tower, in_use: MostLiked) -> _Refit:
    figures = statistics(voices, shown)
    try:
        head, tail = enough(voices)
    except TooLittle as reason:
        return _Refit(figures, why=str(reason))
    most, gain = most_liked(head, tail, tower)
    verdict = compared(tail, tower, new=most, in_use=in_use)
    figures |= {
        "loss": round(verdict.loss, 5),
        "in_use": round(verdict.in_use, 5),
        "fitted_to": float(len(head)),
        "held_out": float(len(tail)),
        "items": float(0 if most.items is None else most.items.known),
        "items_gain": round(gain, 5),
    }
    return _Refit(figures, most=most, verdict=verdict)
