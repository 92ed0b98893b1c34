"""Long work in threads, cut into slices: Python's threads share one interpreter."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

SLICE: Final = 0.001
"""Seconds of work, and of rest after it. Without rests the loop waits for the interpreter for 5 ms after each
call that the kernel answers, hundreds of times in a second of such work."""


def in_slices(
    items: Iterable[T],
    *,
    clock: Callable[[], float] = time.perf_counter,
    rest: Callable[[float], object] = time.sleep,
) -> Iterator[T]:
    """The items, with a rest after every `SLICE` of work on them; for a thread, whose work takes twice as long."""
    began = clock()
    for item in items:
        yield item
        if clock() - began >= SLICE:
            rest(SLICE)
            began = clock()
