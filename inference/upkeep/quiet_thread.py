"""Work in a thread that gives way to all others."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import outcome
import trio

T = TypeVar("T")

NICENESS: Final = 15


async def run_quietly(work: Callable[[], T]) -> T:
    """`work()` in a thread of its own, which Linux runs when nothing else wants the processor. Cancelled:
    it goes on, and nobody hears of it."""
    token, ended = trio.lowlevel.current_trio_token(), trio.Event()
    results: list[outcome.Outcome[T]] = []

    def main() -> None:
        _give_way()
        results.append(outcome.capture(work))
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(ended.set)

    threading.Thread(target=main, name="models-upkeep", daemon=True).start()
    await ended.wait()
    return results[0].unwrap()


def _give_way() -> None:
    """Linux knows a niceness for each thread; elsewhere it is the whole process's, and stays."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
