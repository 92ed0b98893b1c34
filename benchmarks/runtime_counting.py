"""What both sides of the runtime's comparison are given, and how it is counted."""

import gc
import time
import tracemalloc
from collections.abc import Callable

import trio
import trio.testing

from protocol.frames import Done

BOUND = 960
"""Of the actor's normal lane, and of every channel."""
DONE = Done()


class Note:
    """A message. `last`: of its burst, to wake the sender."""

    __slots__ = ("last",)

    def __init__(self, last: trio.Event | None = None) -> None:
        self.last = last


NOTE = Note()


class Countdown:
    """Set when so many have come."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = trio.Event()

    def one(self) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


async def in_bursts(hand_over: Callable[[Note], object], count: int, burst: int) -> float:
    """What handing over one cost, in seconds of processor time."""
    last = trio.Event()
    hand_over(Note(last))
    await last.wait()
    await trio.testing.wait_all_tasks_blocked()
    began = time.process_time()
    for _ in range(count // burst):
        for _ in range(burst - 1):
            hand_over(NOTE)
        last = trio.Event()
        hand_over(Note(last))
        await last.wait()
    return (time.process_time() - began) / count


def allocated() -> int:
    """Bytes, as `tracemalloc` sees them."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
