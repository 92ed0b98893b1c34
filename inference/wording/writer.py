"""The port `Writer` as a ladder: the rungs are tried from the top, and the first that speaks goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from core.errors import Overloaded, Rejected, Unavailable
from core.ports.inference import Worded
from inference.wording.attempt import Attempt
from inference.wording.breaker import Breaker, BreakerPolicy, Permit
from inference.wording.filling import Filler, WordingError, check, fill
from inference.wording.rung import Patience, Rung, TooLate, Written
from protocol.persona import Voice
from protocol.understanding import Language
from protocol.wording import Act, Plan, Tier

Send = Callable[[str], None]

_LOG: FilteringBoundLogger = structlog.get_logger("inference.wording")
_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}

HANDOVER: Final = 0.010
"""Seconds that each further rung is left to say its first word in."""

LAST_WITHIN: Final = 1.0
"""Seconds for the last rung, after which there is none: it is late rather than silent."""

PROMPTS_KNOWN: Final = 4_096
"""Prompts whose first segment was asked for, to tell later ones by; the oldest are forgotten."""


@dataclass(slots=True)
class _RungCounts:
    written: int = 0
    errors: int = 0
    expired: int = 0
    refused: int = 0
    stalled: int = 0
    """It failed after its first word, so that nobody could go on."""
    skipped: int = 0
    """Its time was over, or its breaker open, before it was asked."""


@dataclass(frozen=True, slots=True)
class _Job:
    plan: Plan
    send: Send
    room_id: str
    counted_from: float


@dataclass(frozen=True, slots=True)
class _LastGood:
    words: str
    written: Written
    tier: Tier


class Ladder:
    """Words plans by the first rung that does so in time.

    A rung that has not said its first word when the next one must begin is cancelled; after its first
    word it is not replaced. A prompt's first segment has its time from when the prompt was read, each
    later one (a further call with the same room and `read_at`) from when it is asked for. When no
    rung speaks, the words that were last good for this act and voice are said again, with today's
    facts, and marked stale.

    Owns: a breaker and counts per rung, the last good words. Borrows: the rungs.
    """

    def __init__(self, rungs: Sequence[Rung], *, breaker: BreakerPolicy | None = None) -> None:
        policy = breaker or BreakerPolicy()
        self._rungs = tuple(rungs)
        self._breakers = {rung.name: Breaker(policy) for rung in self._rungs}
        self._counts = {rung.name: _RungCounts() for rung in self._rungs}
        self._tiers: dict[Tier, int] = dict.fromkeys(("generated", "retrieved", "template"), 0)
        self._stale = self._unanswered = 0
        self._last_good: dict[tuple[Act, Voice, Language], _LastGood] = {}
        self._begun: dict[tuple[str, float], None] = {}

    def statistics(self) -> Mapping[str, int | float]:
        """Segments by tier, `stale`, `unanswered`; and per rung `NAME_written`, `_errors`, `_expired`,
        `_refused`, `_stalled`, `_skipped`, `_breaker` (0 closed, 1 half open, 2 open)."""
        now = trio.current_time()
        found: dict[str, int | float] = {str(tier): count for tier, count in self._tiers.items()}
        found |= {"stale": self._stale, "unanswered": self._unanswered}
        for name, counts in self._counts.items():
            found |= {f"{name}_{field}": getattr(counts, field) for field in counts.__slots__}
            found[f"{name}_breaker"] = _STATES[self._breakers[name].state(now)]
        return found

    async def write(self, plan: Plan, *, read_at: float, send: Send, room_id: str) -> Worded:
        """As the port says."""
        if fault := _fault_of(plan):
            _LOG.error("plan_cannot_be_worded", act=plan.act, detail=fault)
            raise self._nothing_said()
        job = _Job(plan, send, room_id, self._counted_from(room_id, read_at))
        able = [rung for rung in self._rungs if rung.can_word(plan)]
        for place, rung in enumerate(able):
            worded = await self._tried(rung, job, after=len(able) - 1 - place)
            if worded is not None:
                return worded
        return self._again(job)

    def _counted_from(self, room_id: str, read_at: float) -> float:
        if (room_id, read_at) in self._begun:
            return trio.current_time()
        self._begun[room_id, read_at] = None
        if len(self._begun) > PROMPTS_KNOWN:
            del self._begun[next(iter(self._begun))]
        return read_at

    async def _tried(self, rung: Rung, job: _Job, *, after: int) -> Worded | None:
        """None: it did not speak, and the next one may. `after`: how many there are below it."""
        now, breaker = trio.current_time(), self._breakers[rung.name]
        by, speak_by = _deadlines(rung.patience, job.counted_from, now, after)
        permit = breaker.admit(now) if now < by else None
        if permit is None:
            self._counts[rung.name].skipped += 1
            return None
        scope = trio.CancelScope(deadline=speak_by)
        attempt = Attempt(job.plan, job.send, scope, stalled_after=rung.patience.stalled_after)
        written: Written | None = None
        failure: Exception | None = None
        try:
            with scope:
                written = await rung.write(job.plan, by=by, send=attempt.take, room_id=job.room_id)
                attempt.end()
        except Exception as error:
            failure = error
        except BaseException:
            breaker.abandoned(permit)
            raise
        finally:
            attempt.close()
        if attempt.broken is not None:
            breaker.abandoned(permit)
            raise attempt.broken
        if written is not None and attempt.is_complete:
            breaker.ended(permit, "done", trio.current_time())
            return self._noted(rung, job.plan, attempt.words, written)
        self._note_failure(rung, permit, attempt.fault or failure, has_spoken=attempt.has_spoken)
        if attempt.has_spoken:
            raise Unavailable
        return None

    def _noted(self, rung: Rung, plan: Plan, words: str, written: Written) -> Worded:
        self._counts[rung.name].written += 1
        self._tiers[rung.tier] += 1
        # Those that are retrieved are of one card, whose words no other persona says.
        if rung.tier != "retrieved" and not written.is_personal:
            good = _LastGood(words, written, rung.tier)
            self._last_good[plan.act, plan.voice, plan.language] = good
        return _worded(written, rung.tier)

    def _note_failure(
        self, rung: Rung, permit: Permit, failure: Exception | None, *, has_spoken: bool
    ) -> None:
        counts, breaker, now = (
            self._counts[rung.name],
            self._breakers[rung.name],
            trio.current_time(),
        )
        counts.stalled += has_spoken
        if not has_spoken and isinstance(failure, Overloaded):
            counts.refused += 1
            breaker.abandoned(permit)
        elif not has_spoken and (failure is None or isinstance(failure, TooLate)):
            counts.expired += 1
            breaker.ended(permit, "expired", now)
        else:
            counts.errors += 1
            breaker.ended(permit, "error", now)
            # Not its words: a model may have said again what a person wrote.
            kind = "silence" if failure is None else type(failure).__name__
            _LOG.warning("rung_failed", rung=rung.name, kind=kind, has_spoken=has_spoken)

    def _again(self, job: _Job) -> Worded:
        plan = job.plan
        last = self._last_good.get((plan.act, plan.voice, plan.language))
        if last is None or check(plan, last.words):
            raise self._nothing_said()
        job.send(fill(plan, last.words).lstrip())
        self._stale += 1
        self._tiers[last.tier] += 1
        return _worded(last.written, last.tier, is_stale=True)

    def _nothing_said(self) -> Rejected:
        self._unanswered += 1
        return Rejected(
            "model_failed", "I cannot find the words right now. Please try again in a moment."
        )


def _fault_of(plan: Plan) -> str | None:
    """Whether a fact is missing that its act requires: then no rung is to blame."""
    try:
        Filler(plan)
    except WordingError as error:
        return str(error)
    return None


def _deadlines(
    patience: Patience, counted_from: float, now: float, after: int
) -> tuple[float, float]:
    """By when a rung must have begun, and spoken. The last one's are never over."""
    if after == 0:
        return now + LAST_WITHIN, now + LAST_WITHIN
    speak_by = counted_from + patience.first_within - after * HANDOVER
    return min(counted_from + patience.begin_within, speak_by), speak_by


def _worded(written: Written, tier: Tier, *, is_stale: bool = False) -> Worded:
    return Worded(
        tier=tier,
        model=written.model,
        version=written.version,
        tokens=written.tokens,
        is_stale=is_stale,
    )
