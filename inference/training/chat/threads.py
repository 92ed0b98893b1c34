"""How many threads a step is given: as many as are faster now, beside whatever else the machine does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

TRY_EVERY: Final = 60.0
"""Seconds between looks whether another number were faster."""
TRIED: Final = 6
"""Steps of a look."""


class Threads:
    """One thread or `most`. Begins with one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 1
        self._rates = {1: 0.0, most: 0.0}
        self._seen: list[tuple[int, float]] = []
        self._is_look = False
        self._looked_at = time.monotonic() - TRY_EVERY / 2
        torch.set_num_threads(1)

    @contextmanager
    def step(self, tokens: int) -> Iterator[None]:
        begun = time.monotonic()
        yield
        now = time.monotonic()
        self._seen.append((tokens, now - begun))
        del self._seen[:-TRIED]
        if len(self._seen) < TRIED or self._most == 1:
            return
        self._rates[self._now] = sum(n for n, _ in self._seen) / sum(s for _, s in self._seen)
        if self._is_look:
            self._is_look = False
            self._looked_at = now
            self._use(max(self._rates, key=lambda one: self._rates[one]))
        elif now - self._looked_at > TRY_EVERY:
            self._is_look = True
            self._use(self._most if self._now == 1 else 1)

    def _use(self, count: int) -> None:
        if count != self._now:
            self._now = count
            self._seen.clear()
            torch.set_num_threads(count)
