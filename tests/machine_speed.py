"""How fast this machine is right now, for tests that bound what something costs."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ROUNDS: Final = 100_000


def work() -> float:
    """Seconds of this thread for a fixed piece of plain Python: 4 to 9 ms where nothing else runs.

    A neighbour on the same core slows this and what is bounded alike.
    """
    began = time.thread_time()
    sum(number * number for number in range(ROUNDS))
    return time.thread_time() - began


@contextmanager
def garbage_of_others_ignored() -> Iterator[None]:
    """As in a server: collections do not walk through what was there before, here thousands of tests."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
