"""One asyncio loop (uvloop) in one thread; trio crosses to it with `await bridge.call(fn, *args)`.

asyncpg is an asyncio library. A real loop costs a quarter of an emulated one, as long as
trio crosses once per transaction, with a whole asyncio function, and never once per statement.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Self, TypeVar

import outcome
import trio
import uvloop

T = TypeVar("T")


async def beside(fn: Callable[..., T], *args: Any) -> T:
    """`fn(*args)` in a worker thread, for what runs over there and computes: others' queries go on."""
    return await asyncio.to_thread(fn, *args)


class AsyncioBridge:
    """Runs asyncio functions for trio tasks.

    Owns: its thread and loop, for the length of its `async with`. Close pools and connections
    inside that block: their loop ends with it.
    """

    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event

    def __init__(self) -> None:
        self._is_open = False
        self._calls = 0
        self._in_flight = 0

    async def __aenter__(self) -> Self:
        self._trio = trio.lowlevel.current_trio_token()
        self._up, self._down = trio.Event(), trio.Event()
        threading.Thread(target=self._main, name="asyncio-bridge", daemon=True).start()
        with trio.CancelScope(shield=True):
            await self._up.wait()
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        self._loop.call_soon_threadsafe(self._stop.set)
        with trio.CancelScope(shield=True):
            await self._down.wait()

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                self._loop, self._stop = runner.get_loop(), asyncio.Event()
                self.to_trio(self._up.set)
                runner.run(self._stop.wait())
        finally:
            self.to_trio(self._down.set)

    def to_trio(self, fn: Callable[..., object], *args: object) -> None:
        """Call `fn(*args)` soon in the trio thread; for callbacks of listeners. It must not raise."""
        with contextlib.suppress(trio.RunFinishedError):
            self._trio.run_sync_soon(fn, *args)

    async def call(self, fn: Callable[..., Awaitable[T]], *args: Any) -> T:
        """`await fn(*args)` over there; what it raises is raised here, unchanged.

        Cancelling here cancels there and waits for it, so that no query outlives its caller; a
        result that beats the cancellation is returned. `fn` must bound its own waits.
        """
        if not self._is_open:
            raise RuntimeError("the asyncio bridge is closed")
        await trio.lowlevel.checkpoint_if_cancelled()
        crossing = _Crossing(self, self._loop, fn, args)
        self._calls += 1
        self._in_flight += 1
        # In nobody's context: what asyncpg keeps for later (a statement's timer, a connection) would keep
        # the request along with its context, which made it.
        self._loop.call_soon_threadsafe(crossing.start, context=Context())
        try:
            result: T = await trio.lowlevel.wait_task_rescheduled(crossing.abort)
            return result
        finally:
            self._in_flight -= 1

    def statistics(self) -> dict[str, int | float]:
        """`calls` so far, `in_flight` now."""
        return {"calls": self._calls, "in_flight": self._in_flight}


class _Crossing:
    """One call under way: started and finished over there, awaited and cancelled here."""

    def __init__(
        self,
        bridge: AsyncioBridge,
        loop: asyncio.AbstractEventLoop,
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
    ) -> None:
        self._bridge, self._loop, self._fn, self._args = bridge, loop, fn, args
        self._waiter = trio.lowlevel.current_task()
        self._task: asyncio.Task[Any] | None = None
        self._raise_cancel: Callable[[], Any] | None = None

    def start(self) -> None:
        """In the asyncio thread."""
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._done)
        if self._raise_cancel is not None:
            self._task.cancel()

    async def _run(self) -> Any:
        return await self._fn(*self._args)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        result: outcome.Outcome[Any]
        if task.cancelled():
            result = (
                outcome.capture(self._raise_cancel)
                if self._raise_cancel is not None
                else outcome.Error(RuntimeError("cancelled in the asyncio thread"))
            )
        elif (error := task.exception()) is not None:
            result = outcome.Error(error)
        else:
            result = outcome.Value(task.result())
        self._bridge.to_trio(trio.lowlevel.reschedule, self._waiter, result)

    def abort(self, raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        """In the trio thread. FAILED: `_done` wakes the waiter, so a commit that beats the
        cancellation is reported and not lost."""
        self._raise_cancel = raise_cancel
        self._loop.call_soon_threadsafe(lambda: self._task.cancel() if self._task else None)
        return trio.lowlevel.Abort.FAILED
