"""What stands between us and every supplier: bulkhead, breaker, time limit, and retries of reads.

Only reads pass here. A call that changes something is made once, and an outcome that is not known is looked for.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar

import structlog
import trio

from core.errors import Rejected, Unavailable
from core.ports.clock import Chance
from gateways.partners.breaker import Breaker, BreakerPolicy, Permit, RetryBudget

T = TypeVar("T")

_log = structlog.get_logger("caravan.partners")
_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """Bounds of one supplier. Seconds, but for counts.

    `most_running` calls at a time, `most_waiting` for a place (at eight calls a second, those that come
    to one while people still wait). One attempt may take `call_within`; a call that its caller gives up
    counts against the supplier once it has taken `slow_after`. A read is repeated at most
    `most_retries` times, after `first_backoff`, doubled and spread by up to half.
    """

    most_running: int = 8
    most_waiting: int = 64
    call_within: float = 30.0
    slow_after: float = 5.0
    most_retries: int = 2
    first_backoff: float = 0.2
    retry_share: float = 0.2
    saved_retries: float = 10.0
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class CallFailed(Exception):
    """One attempt came to nothing. For the supplier's adapter, which raises it; `Guard.read` turns it
    into `Unavailable`.

    `detail` goes into the log: no key, no traveller. `may_retry`: whether the same read may succeed in
    a moment, and after `retry_after` seconds if the supplier said so. `is_fault`: whether the breaker
    counts it; a supplier that says "too many calls" is well.
    """

    def __init__(
        self,
        detail: str,
        *,
        may_retry: bool = False,
        retry_after: float | None = None,
        is_fault: bool = True,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.may_retry = may_retry
        self.retry_after = retry_after
        self.is_fault = is_fault


class Guard:
    """One supplier's door. Owns: its breaker, places and retry budget. Borrows: chance.

    Time is trio's, so that tests have it on a virtual clock.
    """

    def __init__(self, supplier: str, chance: Chance, policy: GuardPolicy | None = None) -> None:
        self._supplier, self._chance = supplier, chance
        self._policy = policy or GuardPolicy()
        self._breaker = Breaker(self._policy.breaker)
        self._budget = RetryBudget(share=self._policy.retry_share, most=self._policy.saved_retries)
        self._places = trio.CapacityLimiter(self._policy.most_running)
        self._calls = self._failures = self._retries = self._refused = 0

    def statistics(self) -> Mapping[str, int | float]:
        """`breaker` 0 closed, 1 half open, 2 open; `running` and `waiting` now; since the start
        `calls`, `failures`, `retries`, and how many were `refused` without a call."""
        places = self._places.statistics()
        return {
            "breaker": _STATES[self._breaker.state(trio.current_time())],
            "running": places.borrowed_tokens,
            "waiting": places.tasks_waiting,
            "calls": self._calls,
            "failures": self._failures,
            "retries": self._retries,
            "refused": self._refused,
        }

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns, which changes nothing at the supplier and so may be made again.

        Raises `Unavailable` when there is no place, the breaker is open, or no attempt came to
        something; no retry begins that could not be waited for until the caller's deadline. What
        else `call` raises passes, and counts as an answer if it is a `Rejected`. Cancelled: the
        attempt is cancelled, and its place is free when it has ended.
        """
        self._budget.earn()
        attempt = 0
        while True:
            try:
                return await self._attempt(call)
            except CallFailed as failure:
                pause = self._pause_before_retry(failure, attempt)
                if pause is None:
                    raise _unavailable(failure.retry_after) from failure
            self._retries += 1
            attempt += 1
            await trio.sleep(pause)

    async def _attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        self._refuse_early()
        async with self._places:
            permit = self._breaker.admit(trio.current_time())
            if permit is None:
                self._refuse()
            self._calls += 1
            began = trio.current_time()
            try:
                with trio.move_on_after(self._policy.call_within) as scope:
                    result = await call()
            except CallFailed as failure:
                self._settle(permit, failure)
                raise
            except Rejected:
                self._breaker.succeeded(permit)
                raise
            except BaseException:
                self._give_up(permit, began)
                raise
            if scope.cancelled_caught:
                silence = f"no answer within {self._policy.call_within:g} s"
                late = CallFailed(silence, may_retry=True)
                self._settle(permit, late)
                raise late
            self._breaker.succeeded(permit)
            return result

    def _settle(self, permit: Permit, failure: CallFailed) -> None:
        self._failures += 1
        was = self._breaker.state(trio.current_time())
        if failure.is_fault:
            self._breaker.failed(permit, trio.current_time())
        else:
            self._breaker.succeeded(permit)
        _log.warning(
            "supplier call failed",
            supplier=self._supplier,
            detail=failure.detail,
            breaker=self._breaker.state(trio.current_time()),
            breaker_before=was,
        )

    def _give_up(self, permit: Permit, began: float) -> None:
        now = trio.current_time()
        if now - began >= self._policy.slow_after:
            self._settle(permit, CallFailed(f"given up after {now - began:.1f} s"))
        else:
            self._breaker.abandoned(permit)

    def _refuse_early(self) -> None:
        """Nobody waits for a place to be told that the breaker is open."""
        is_full = (
            self._places.available_tokens == 0
            and self._places.statistics().tasks_waiting >= self._policy.most_waiting
        )
        if is_full or self._breaker.state(trio.current_time()) == "open":
            self._refuse()

    def _refuse(self) -> NoReturn:
        self._refused += 1
        raise _unavailable(self._breaker.wait_for(trio.current_time()))

    def _pause_before_retry(self, failure: CallFailed, attempt: int) -> float | None:
        if not failure.may_retry or attempt >= self._policy.most_retries:
            return None
        backoff = self._policy.first_backoff * 2**attempt * (0.5 + self._chance.random() / 2)
        pause = max(backoff, failure.retry_after or 0.0)
        if trio.current_time() + pause >= trio.current_effective_deadline():
            return None
        return pause if self._budget.spend() else None


def _unavailable(retry_after: float | None) -> Unavailable:
    return Unavailable(retry_after_ms=max(1_000, round((retry_after or 0.0) * 1_000)))
