"""A model whose time is told and whose words are known: what it says depends on its prompt alone."""

from collections.abc import Callable, Sequence

import numpy as np

from inference.engine.arena import Prefix
from inference.engine.request import Prompt, Request
from inference.engine.sampler import Mask, NothingAllowedError, Sampling

END = 1


class FakeModel:
    """Says its prompt's last token + 1, + 2, …; and the end after `says` tokens. Each run takes its time
    by `spend`. Rows are checked: none is stepped that was not started, or past a gap."""

    def __init__(
        self,
        spend: Callable[[float], None] = lambda seconds: None,
        *,
        slots: int = 4,
        says: int = 10,
        step_takes: float = 0.004,
        chunk_takes: float = 0.008,
        version: str = "1",
    ) -> None:
        self.name, self.version = "fake", version
        self.slots, self.positions, self.chunk = slots, 256, 64
        self.ends, self.vocabulary = frozenset({END}), 1_000
        self._spend = spend
        self._says, self._step_takes, self._chunk_takes = says, step_takes, chunk_takes
        self._rows: list[list[int] | None] = [None] * slots
        self._said = [0] * slots
        self._masks: list[Mask | None] = [None] * slots
        self.fails: list[Exception] = []
        """What the next runs raise."""
        self.runs: list[str] = []

    def start(self, row: int, sampling: Sampling) -> None:
        self._rows[row], self._said[row], self._masks[row] = [], 0, None

    def allow(self, row: int, mask: Mask | None) -> None:
        self._masks[row] = mask

    def read(self, row: int, tokens: Sequence[int]) -> None:
        assert 0 < len(tokens) <= self.chunk
        self._run(f"read {len(tokens)}", self._chunk_takes)
        self._row(row).extend(tokens)

    def first(self, row: int) -> int | NothingAllowedError:
        return self._next(row)

    def step(self, tokens: Sequence[int]) -> list[int | NothingAllowedError]:
        self._run(f"step {len(tokens)}", self._step_takes)
        for row, token in enumerate(tokens):
            self._row(row).append(token)
        return [self._next(row) for row in range(len(tokens))]

    def move(self, source: int, target: int) -> None:
        self._rows[target] = list(self._row(source))
        self._said[target], self._masks[target] = self._said[source], self._masks[source]

    def keep(self, row: int) -> Prefix:
        read = np.array(self._row(row), np.float32)
        return Prefix(read.reshape(1, 1, -1, 1))

    def restore(self, row: int, prefix: Prefix) -> None:
        assert self._rows[row] == []
        self._rows[row] = prefix.values.reshape(-1).astype(int).tolist()

    def _row(self, row: int) -> list[int]:
        held = self._rows[row]
        assert held is not None, f"row {row} was never started"
        return held

    def _run(self, what: str, takes: float) -> None:
        self.runs.append(what)
        self._spend(takes)
        if self.fails:
            raise self.fails.pop(0)

    def _next(self, row: int) -> int | NothingAllowedError:
        self._said[row] += 1
        token = END if self._said[row] > self._says else self._row(row)[-1] + 1
        mask = self._masks[row]
        if mask is not None and mask[token] < 0:
            allowed = np.flatnonzero(mask >= 0)
            return int(allowed[0]) if len(allowed) else NothingAllowedError()
        return token


def prompt(*tokens: int, **parts: object) -> Callable[[object], Prompt]:
    return lambda model: Prompt(tokens=tokens, **parts)  # type: ignore[arg-type]


def request(
    *tokens: int, room: str = "a", within: float = 0.120, now: float = 0.0, **parts: object
) -> Request:
    return Request(
        room_id=room,
        prepare=prompt(*(tokens or (100,)), **parts),
        prefill_by=now + within,
        reply_by=now + 10,
    )
