"""Commands that wait for their answer, across sockets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import trio

from loadtest.wire import Frame

MAX_PENDING: Final = 1_000


class Refused(Exception):
    """The server answered a command with `error` (§7)."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(str(frame.get("message") or frame.get("code")))
        self.code = str(frame.get("code", "internal"))
        self.message = str(self)
        self.is_temporary = bool(frame.get("temporary"))
        self.retry_after = frame.get("retryAfterMs", 0) / 1000
        self.fields = frame.get("fields", [])
        self.quote: Frame | None = frame.get("quote")


class SessionStopped(Exception):
    """The session ended for good before the command was answered."""


class TooManyPendingError(RuntimeError):
    """More than `MAX_PENDING` commands wait for an answer."""


@dataclass(slots=True, eq=False)
class Pending:
    """One command under its `ref`, and its answer once that has come; `told` hears of it at once."""

    frame: Frame
    awaited: bool
    answered: trio.Event = field(default_factory=trio.Event)
    outcome: Frame | Exception = field(default_factory=dict)
    told: Callable[[Frame | Exception], None] | None = None

    async def answer(self) -> Frame:
        await self.answered.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def settle(self, outcome: Frame | Exception) -> None:
        self.outcome = outcome
        self.answered.set()
        if self.told is not None:
            self.told(outcome)


class PendingCommands:
    """Owns: the refs. In the order issued, which is the order to repeat them in."""

    def __init__(self) -> None:
        self._by_ref: dict[int, Pending] = {}
        self._last_ref = 0
        self._stopped: SessionStopped | None = None

    def add(
        self,
        frame: Frame,
        *,
        awaited: bool = True,
        told: Callable[[Frame | Exception], None] | None = None,
    ) -> Pending:
        """Give a command its ref. Raises `SessionStopped`, and `TooManyPendingError` for what is awaited:
        our own joins are as few as our rooms."""
        if self._stopped is not None:
            raise self._stopped
        if awaited and len(self._by_ref) >= MAX_PENDING:
            raise TooManyPendingError(f"{MAX_PENDING} commands wait for an answer")
        self._last_ref = self._last_ref % (2**32 - 1) + 1
        pending = Pending({**frame, "ref": self._last_ref}, awaited, told=told)
        self._by_ref[self._last_ref] = pending
        return pending

    def take(self, ref: int) -> Pending | None:
        """The command that an answer belongs to; None when nobody waits any more."""
        return self._by_ref.pop(ref, None)

    def forget(self, pending: Pending) -> None:
        self._by_ref.pop(pending.frame["ref"], None)

    def unanswered(self) -> list[Pending]:
        return list(self._by_ref.values())

    def drop_unawaited(self) -> None:
        """Forget our own joins: a new socket decides anew which it needs."""
        for pending in self.unanswered():
            if not pending.awaited:
                self.forget(pending)

    def stop(self, reason: str) -> None:
        """Nothing will be answered any more."""
        self._stopped = SessionStopped(reason)
        for pending in self.unanswered():
            pending.settle(self._stopped)
        self._by_ref.clear()

    def statistics(self) -> dict[str, int]:
        return {"pending": len(self._by_ref), "limit": MAX_PENDING}
