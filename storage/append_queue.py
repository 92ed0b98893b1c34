"""The queue before a message log's writer, and the rule that keeps every room's log a prefix.

Both implementations of the log share it: what is refused, and in which order everybody hears of it,
does not depend on where the rows go.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from core.errors import Overloaded
from core.ports.message_log import Append, Outcome

MAX_QUEUED_ROWS: Final = 20_000
MAX_BATCH_ROWS: Final = 1_000

Done = Callable[[Outcome], None]
log = structlog.get_logger()


@dataclass(slots=True, eq=False, frozen=True)
class Queued:
    """An append and who waits for its outcome."""

    append: Append
    done: Done


class Flush:
    """One batch on its way into the log: outcomes of all, and who is still to be written."""

    def __init__(self, appends: Sequence[Append]) -> None:
        self._appends = tuple(appends)
        self._left = list(range(len(self._appends)))
        self.outcomes = [Outcome.STORED] * len(self._appends)

    @property
    def left(self) -> list[Append]:
        """Not refused, in order."""
        return [self._appends[index] for index in self._left]

    def refuse(self, culprits: Mapping[int, Outcome]) -> None:
        """Take the appends at these places of `left` out, and with each the later ones of its room."""
        if not culprits:
            raise ValueError("a flush that stores nothing must say who is to blame")
        blamed = {self._left[place]: outcome for place, outcome in culprits.items()}
        broken: dict[str, Outcome] = {}
        for index, append in enumerate(self._appends):
            if index in blamed:
                broken.setdefault(append.room_id, blamed[index])
            if append.room_id in broken:
                self.outcomes[index] = broken[append.room_id]
        self._left = [i for i in self._left if self.outcomes[i] is Outcome.STORED]


class AppendQueue:
    """Bounded by rows, those in flight included. One consumer."""

    def __init__(
        self, *, max_rows: int = MAX_QUEUED_ROWS, max_batch_rows: int = MAX_BATCH_ROWS
    ) -> None:
        self._max_rows, self._max_batch_rows = max_rows, max_batch_rows
        self._queue: deque[Queued] = deque()
        self._rows = self._rows_in_flight = 0
        self._wake = trio.Event()
        self._counts = dict.fromkeys(Outcome, 0)
        self._batches = self._overloaded = 0

    def put_nowait(self, append: Append, done: Done) -> None:
        """Raises `Overloaded`; then nothing was queued."""
        if not append.rows:
            raise ValueError("an append without rows decides nothing")
        if self._rows + self._rows_in_flight + len(append.rows) > self._max_rows:
            self._overloaded += 1
            raise Overloaded
        self._queue.append(Queued(append, done))
        self._rows += len(append.rows)
        self._wake.set()

    async def wait_filled(self) -> None:
        """Until there is something to take."""
        while not self._queue:
            self._wake = trio.Event()
            await self._wake.wait()

    def __len__(self) -> int:
        return len(self._queue)

    def take(self) -> list[Queued]:
        """The next batch: what queued up meanwhile, at least one append; `settle` it."""
        batch: list[Queued] = []
        rows = 0
        while self._queue:
            size = len(self._queue[0].append.rows)
            if batch and rows + size > self._max_batch_rows:
                break
            rows += size
            batch.append(self._queue.popleft())
        self._rows -= rows
        self._rows_in_flight += rows
        return batch

    def settle(self, batch: Sequence[Queued], outcomes: Sequence[Outcome]) -> None:
        """Tell everybody, in order; a room that was refused loses what it has queued as well.

        The queue is purged before anybody hears of it: what a caller appends in reaction is new.
        """
        results = list(zip(batch, outcomes, strict=True))
        self._rows_in_flight -= sum(len(queued.append.rows) for queued in batch)
        self._batches += 1
        broken = {q.append.room_id: result for q, result in results if result is not Outcome.STORED}
        if broken:
            results += [(q, broken[q.append.room_id]) for q in self._purge(broken)]
        for queued, result in results:
            self._counts[result] += 1
            try:
                queued.done(result)
            except Exception:
                log.exception("message_log.callback_failed", room_id=queued.append.room_id)

    def _purge(self, broken: Mapping[str, Outcome]) -> list[Queued]:
        refused = [queued for queued in self._queue if queued.append.room_id in broken]
        if refused:
            self._queue = deque(q for q in self._queue if q.append.room_id not in broken)
            self._rows -= sum(len(queued.append.rows) for queued in refused)
        return refused

    def statistics(self) -> dict[str, int | float]:
        """`rows` queued, `rows_in_flight`, `batches`, `overloaded`, and appends per outcome."""
        return {
            "rows": self._rows,
            "rows_in_flight": self._rows_in_flight,
            "max_rows": self._max_rows,
            "batches": self._batches,
            "overloaded": self._overloaded,
            **{outcome.value: count for outcome, count in self._counts.items()},
        }
