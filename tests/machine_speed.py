"""How fast this machine is right now, for tests that bound what something costs."""

import time
from typing import Final

ROUNDS: Final = 100_000


def work() -> float:
    """Seconds of this thread for a fixed piece of plain Python: 4 to 9 ms where nothing else runs.

    A neighbour on the same core slows this and what is bounded alike.
    """
    began = time.thread_time()
    sum(number * number for number in range(ROUNDS))
    return time.thread_time() - began
