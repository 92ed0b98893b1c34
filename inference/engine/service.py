"""The engine at work: one thread runs the models, trio tasks ask and are told."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from core.errors import Rejected, Unavailable
from inference.engine.request import Model, Progress, Reply, Request
from inference.engine.scheduler import Expired, Scheduler

Send = Callable[[int], None]
M = TypeVar("M", bound=Model)

IDLE_LOOKS_EVERY: Final = 1.0
"""Seconds after which the thread looks whether it may end, with nothing to do."""
CROSS_EVERY: Final = 0.01
"""Seconds for which tokens that nobody waits for are gathered: a third of the time between two frames of text. Each
crossing wakes the loop; at ten replies a second it is woken a tenth less often."""

_LOG: FilteringBoundLogger = structlog.get_logger("inference.engine")


class Drive(Protocol):
    """Takes the turns. The real one has a thread; under virtual time a task does it."""

    def wake(self) -> None:
        """There may be work. From the trio thread."""

    async def run(self, scheduler: Scheduler, deliver: Callable[[list[Progress]], None]) -> None:
        """Take turns until cancelled; `deliver` what each brought, in the trio thread, in order."""


class ThreadDrive:
    """Turns in a thread of its own. First tokens and ends cross to trio at once, with all that was gathered before;
    the tokens between, every `CROSS_EVERY`. `clock`: seconds, asked in that thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._work = threading.Event()
        self._is_over = False
        self._clock = clock

    def wake(self) -> None:
        self._work.set()

    async def run(self, scheduler: Scheduler, deliver: Callable[[list[Progress]], None]) -> None:
        self._is_over = False
        token = trio.lowlevel.current_trio_token()
        ended = trio.Event()

        def main() -> None:
            with suppress(trio.RunFinishedError):
                try:
                    self._turns(scheduler, lambda progress: token.run_sync_soon(deliver, progress))
                finally:
                    token.run_sync_soon(ended.set)

        threading.Thread(target=main, name="chat-model", daemon=True).start()
        try:
            await ended.wait()
            raise RuntimeError("the engine's thread ended")
        finally:
            self._is_over = True
            self.wake()
            with trio.CancelScope(shield=True):  # for the length of a run: its models may go then
                await ended.wait()

    def _turns(self, scheduler: Scheduler, post: Callable[[list[Progress]], object]) -> None:
        gathered: list[Progress] = []
        crossed_at = self._clock()
        while not self._is_over:
            if not scheduler.has_work:
                self._work.wait(IDLE_LOOKS_EVERY)
                self._work.clear()
                continue
            progress = safe_turn(scheduler)
            gathered += progress
            now = self._clock()
            is_due = any(step.is_awaited for step in progress) or now - crossed_at >= CROSS_EVERY
            if gathered and is_due:
                post(gathered)
                gathered, crossed_at = [], now


def safe_turn(scheduler: Scheduler) -> list[Progress]:
    """A turn; when it is wrong itself, everyone has the error and the next one begins anew."""
    try:
        return scheduler.turn()
    except Exception as error:
        _LOG.exception("engine_turn_failed")
        return scheduler.fail_all(error)


class _Stream:
    """One who waits: where tokens go, and what came of it."""

    __slots__ = ("ended", "is_send_broken", "outcome", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.is_send_broken = False
        self.ended = trio.Event()
        self.outcome: Reply | Exception | None = None

    def end(self, outcome: Reply | Exception) -> None:
        self.outcome = outcome
        self.ended.set()


class Engine(Generic[M]):
    """Replies by the current model. Run `run` for its life; the rest is asked from tasks. `load` reads
    a folder into a model that was proved, in a thread; it raises `UnservableError`.

    Owns: the scheduler and who waits. Borrows: nothing. Lets crash: the thread's own end.
    """

    def __init__(
        self,
        model: M,
        *,
        load: Callable[[Path], M],
        drive: Drive | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        clock = trio.lowlevel.current_clock()
        self._model = model
        self._previous: M | None = None
        self._load = load
        self._scheduler = scheduler or Scheduler(model, clock=clock.current_time)
        self._drive = drive or ThreadDrive()
        self._streams: dict[Request, _Stream] = {}
        self._swapping = trio.Lock()
        self._is_running = False
        self._swaps_refused = 0

    @property
    def model(self) -> M:
        """The one that answers what is asked now."""
        return self._model

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; whoever still waits then has `Unavailable`."""
        self._is_running = True
        task_status.started()
        try:
            await self._drive.run(self._scheduler, self._deliver)
        finally:
            self._is_running = False
            self._deliver(self._scheduler.fail_all(Unavailable()))

    async def reply(self, request: Request, send: Send) -> Reply:
        """Call `send` with each token as it comes, in the trio thread; return when it is all said.

        Raises `Overloaded` at once when it could not begin in time, `Expired` at `prefill_by` when it
        has not begun, `Unavailable` when it fails or is not done at `reply_by`, and what `send`
        raises. Cancelled: nothing is sent any more, and the row is gone before the next step.
        """
        if not self._is_running:
            raise Unavailable
        self._scheduler.submit(request)
        stream = self._streams[request] = _Stream(send)
        self._drive.wake()
        try:
            with trio.move_on_at(request.prefill_by):
                await stream.ended.wait()
            if stream.outcome is None and self._scheduler.expire(request):
                raise Expired
            with trio.move_on_at(request.reply_by):
                await stream.ended.wait()
        finally:
            del self._streams[request]
            if stream.outcome is None:
                self._scheduler.withdraw(request)
        outcome = stream.outcome
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, Rejected):
            raise outcome
        if stream.is_send_broken and outcome is not None:
            raise outcome
        raise Unavailable from outcome

    def _deliver(self, progress: list[Progress]) -> None:
        """In the trio thread, from outside of any task: nothing may be raised."""
        for step in progress:
            stream = self._streams.get(step.request)
            if stream is None or stream.outcome is not None:
                continue
            if step.token is not None:
                try:
                    stream.send(step.token)
                except Exception as error:
                    self._scheduler.withdraw(step.request)
                    stream.is_send_broken = True
                    stream.end(error)
                    continue
            if step.outcome is not None:
                if not isinstance(step.outcome, Reply | Rejected):
                    _LOG.warning("reply_failed", error=type(step.outcome).__name__)
                stream.end(step.outcome)

    async def swap(self, path: Path) -> M:
        """Load the folder and prove it on its golden prompts, beside the one at work; then it answers
        what begins from now on, and the old one ends what it began. Raises `UnservableError`: nothing
        has changed. Cancelled while it loads: so too."""
        async with self._swapping:
            try:
                model = await trio.to_thread.run_sync(self._load, path, abandon_on_cancel=True)
            except Exception:
                self._swaps_refused += 1
                raise
            self._activate(model)
            return model

    async def roll_back(self) -> M:
        """The previous model again, at once. Raises `LookupError` when there is none."""
        async with self._swapping:
            if self._previous is None:
                raise LookupError("no model was there before")
            self._activate(self._previous)
            return self._model

    def _activate(self, model: M) -> None:
        self._previous, self._model = self._model, model
        self._scheduler.activate(model)
        self._drive.wake()

    def statistics(self) -> dict[str, int | float]:
        """The scheduler's, and `waiting` tasks, `swaps_refused`."""
        return {
            **self._scheduler.statistics(),
            "waiting": len(self._streams),
            "swaps_refused": self._swaps_refused,
        }
