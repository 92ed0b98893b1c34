"""The message log in PostgreSQL: group commit without a timer (docs/architecture.md §4).

One flush is in flight; what queues up meanwhile is the next batch. Idle, a message is written at
once; under load, batches grow by themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
import trio

from core.errors import Unavailable
from core.ids import is_uuid
from core.ports.clock import Clock
from core.ports.message_log import Append, HistoryPage, LogRow, Missed, Outcome
from storage.append_queue import AppendQueue, Done
from storage.history_pages import window
from storage.months import Month
from storage.postgres import log_reader, log_writer
from storage.postgres.loop_connection import LoopConnection
from storage.postgres.pool import COMMAND_WITHIN, Database, OwnConnection

MONTHS_AHEAD: Final = 2
LEAVES_MADE_EVERY: Final = 24 * 3_600.0
LEAVES_TRIED_EVERY: Final = 60.0
DRAINED_WITHIN: Final = 10.0

log = structlog.get_logger()


class PostgresMessageLog:
    """Implements `core.ports.message_log.MessageLog`.

    Owns: the queue of appends, and the connections that write them: a flush does not queue behind
    reads. What a room appends usually is one statement, and goes over one that the loop waits for
    itself; the rest, and what that one refuses, over another (ADR 21). Borrows: the database and the
    clock, which outlive it. `on_stored` is called in the trio thread after each flush that stored
    something: the outbox has news.
    """

    _writer: OwnConnection

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        queue: AppendQueue | None = None,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._clock = database, clock
        self._on_stored = on_stored
        self._queue = AppendQueue() if queue is None else queue
        self._usual_writer = LoopConnection(database.dsn, command_within=COMMAND_WITHIN)
        self._is_stopping = False

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is queued, until cancelled; then write the rest (for at most 10 s) and end.

        Stop whoever appends first: once this is cancelled, an append is refused.
        """
        async with (
            self._database.own_connection(command_within=COMMAND_WITHIN) as self._writer,
            trio.open_nursery() as nursery,
        ):
            await self._make_leaves()
            nursery.start_soon(self._make_leaves_ahead)
            task_status.started()
            try:
                while True:
                    await self._queue.wait_filled()
                    await self._flush()
            finally:
                self._is_stopping = True
                await self._drain()
                self._usual_writer.close()

    async def _flush(self) -> None:
        """Shielded: a batch half reported would be a lie to its rooms."""
        batch = self._queue.take()
        with trio.CancelScope(shield=True):
            outcomes = await self._stored([queued.append for queued in batch])
        self._queue.settle(batch, outcomes)
        if Outcome.STORED in outcomes:
            self._on_stored()

    async def _stored(self, appends: Sequence[Append]) -> Sequence[Outcome]:
        try:
            return await self._store(appends)
        except Unavailable as error:
            log.warning("message_log.unknown", appends=len(appends), cause=repr(error.__cause__))
        except Exception as error:
            # Not one that we know how to pin on an append. Its text may quote a message.
            log.error("message_log.failed", appends=len(appends), error=type(error).__name__)
        return [Outcome.UNKNOWN] * len(appends)

    async def _store(self, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Raises `Unavailable`: nobody knows what was stored, and what else the writer raises."""
        usual = log_writer.usual_statement(appends)
        if usual is not None and await self._usual_writer.execute(*usual):
            return [Outcome.STORED] * len(appends)
        return await self._writer.call(log_writer.store, appends)

    async def _drain(self) -> None:
        give_up_at = trio.current_time() + DRAINED_WITHIN
        while self._queue and trio.current_time() < give_up_at:
            await self._flush()
        while self._queue:
            batch = self._queue.take()
            self._queue.settle(batch, [Outcome.UNKNOWN] * len(batch))

    async def _make_leaves(self) -> None:
        this = Month.of(self._clock.now_ms())
        months = [this.plus(ahead) for ahead in range(-1, MONTHS_AHEAD + 1)]
        await self._database.call(log_writer.ensure_leaves, months)

    async def _make_leaves_ahead(self) -> None:
        wait = LEAVES_MADE_EVERY
        while True:
            await trio.sleep(wait)
            try:
                await self._make_leaves()
                wait = LEAVES_MADE_EVERY
            except Unavailable:
                wait = LEAVES_TRIED_EVERY

    def append_nowait(self, append: Append, done: Done) -> None:
        if self._is_stopping:
            raise Unavailable
        self._queue.put_nowait(append, done)

    async def head(self, tenant_id: int, room_id: str) -> int:
        return await self._database.call(log_reader.head, tenant_id, room_id)

    async def read(
        self, tenant_id: int, room_id: str, *, after: int, limit: int, up_to: int | None = None
    ) -> Sequence[LogRow]:
        last = log_reader.LAST_SEQ if up_to is None else up_to
        return await self._database.call(
            log_reader.read, tenant_id, room_id, after=after, limit=limit, up_to=last
        )

    async def recent(self, tenant_id: int, room_id: str, *, limit: int) -> Sequence[LogRow]:
        return await self._database.call(log_reader.recent, tenant_id, room_id, limit)

    async def missed(self, tenant_id: int, room_id: str, *, after: int) -> Missed:
        """Counts at most 10,000 events: far more than any replay, and a bound on the work."""
        return await self._database.call(log_reader.missed, tenant_id, room_id, after)

    async def find(
        self, tenant_id: int, room_id: str, *, sender_id: str, client_id: str
    ) -> LogRow | None:
        now = self._clock.now_ms()
        return await self._database.call(
            log_reader.find, tenant_id, room_id, sender_id=sender_id, client_id=client_id, now=now
        )

    async def message(self, tenant_id: int, room_id: str, message_id: str) -> Sequence[LogRow]:
        if not is_uuid(message_id):
            return ()
        return await self._database.call(log_reader.message, tenant_id, room_id, message_id)

    async def of_member(
        self, tenant_id: int, user_id: str, message_id: str
    ) -> tuple[str, LogRow] | None:
        if not (is_uuid(user_id) and is_uuid(message_id)):
            return None
        return await self._database.call(log_reader.of_member, tenant_id, user_id, message_id)

    async def history(
        self,
        tenant_id: int,
        room_id: str,
        *,
        first: int,
        up_to: int,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int,
    ) -> HistoryPage:
        shown = window(up_to=up_to, before=before, after=after, around=around, limit=limit)
        return await self._database.call(
            log_reader.history, tenant_id, room_id, first=first, up_to=up_to, shown=shown
        )

    def statistics(self) -> Mapping[str, int | float]:
        """The queue's, see `AppendQueue.statistics`, and `usual_batches`: those of one statement."""
        return {**self._queue.statistics(), "usual_batches": self._usual_writer.executed}
