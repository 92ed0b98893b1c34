"""A job's run: taken by one process of all, alive as long as it says so, and a row whatever becomes of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog
import trio

from core.errors import Rejected
from core.ports.clock import Clock
from core.ports.models import GONE_AFTER, Job, ModelRun, Models, Outcome
from inference.upkeep.schedule import due_at

BEATS_EVERY: Final = GONE_AFTER / 4
LAST_WORDS_WITHIN: Final = 2.0
STOPPED: Final = "the server stopped"
TOO_LONG: Final = "it took too long"
BROKEN: Final = "it broke: {error}"

_log = structlog.get_logger("inference.upkeep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a run, for operators."""

    outcome: Literal["done", "skipped"] = "done"
    why: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


class JobRunner:
    """One job of one node. Borrows: the rows. `work` does it, within `within` seconds. `quiet_hour`: UTC."""

    def __init__(
        self,
        models: Models,
        job: Job,
        work: Callable[[], Awaitable[Result]],
        *,
        within: float,
        quiet_hour: int,
        clock: Clock,
        node: str,
        tenant_id: int,
    ) -> None:
        self._models, self._job, self._work = models, job, work
        self._within, self._quiet_hour = within, quiet_hour
        self._clock, self._node, self._tenant_id = clock, node, tenant_id

    async def turn(self) -> ModelRun | None:
        """Do the run that is due, unless another process does; the run as it was taken. Call it every few
        minutes."""
        now = self._clock.now_ms()
        due = due_at(self._job, now=now, quiet_hour=self._quiet_hour)
        if due is None:
            return None
        run = await self._models.begin(
            self._tenant_id, self._job, node=self._node, due_at=due, at=now
        )
        if run is not None:
            await self._done(run)
        return run

    async def _done(self, run: ModelRun) -> None:
        # So that a cancelled one says so, too.
        outcome: Outcome = "failed"
        why, figures = STOPPED, {}
        try:
            with trio.move_on_after(self._within) as scope:
                result = await self._watched(run)
                outcome, why, figures = result.outcome, result.why, dict(result.figures)
            if scope.cancelled_caught:
                why = TOO_LONG
        except Exception as error:
            _log.warning("models.run_failed", job=self._job, exc_info=error)
            why = BROKEN.format(error=type(_innermost(error)).__name__)
        finally:
            with trio.move_on_after(LAST_WORDS_WITHIN, shield=True):
                await self._end(run, outcome, why, figures)

    async def _watched(self, run: ModelRun) -> Result:
        """The work, given up when the row says that we are gone: another may do it by now."""
        result = Result(outcome="skipped", why=STOPPED)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat, run, nursery.cancel_scope)
            result = await self._work()
            nursery.cancel_scope.cancel()
        return result

    async def _beat(self, run: ModelRun, working: trio.CancelScope) -> None:
        is_ours = True
        while is_ours:
            await trio.sleep(BEATS_EVERY)
            try:
                is_ours = await self._models.beat(self._tenant_id, run, at=self._clock.now_ms())
            except Rejected:
                continue  # the database is away; whether we are gone it says when it is back
        working.cancel()

    async def _end(
        self, run: ModelRun, outcome: Outcome, why: str, figures: Mapping[str, float]
    ) -> None:
        at = self._clock.now_ms()
        try:
            await self._models.end(
                self._tenant_id, run, at=at, outcome=outcome, why=why, figures=figures
            )
        except Rejected:
            _log.warning("models.run_not_ended", job=self._job)
            return
        _log.info("models.run", job=self._job, outcome=outcome, why=why)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
