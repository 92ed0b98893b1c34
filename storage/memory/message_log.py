"""The message log in memory, with planned faults, for tests and the simulation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import trio

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.message_log import Append, EventKind, HistoryPage, LogRow, Missed, Outcome
from storage.append_queue import AppendQueue, Done, Flush
from storage.history_pages import window
from storage.memory.leases import MemoryShards
from storage.memory.stored_log import StoredLog
from storage.sharding import shard_of
from storage.standing_changes import standing


class Fault(Enum):
    """What befalls one flush.

    NONE: it commits. LOST_BEFORE: the connection broke, nothing was stored. LOST_AFTER: stored, but
    the reply was lost. LATE: as lost, and it lands at `land_late`, at the latest when one of its
    shards gets a new fence. FENCE_LOST: another node took the shards just before.
    """

    NONE = "none"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    LATE = "late"
    FENCE_LOST = "fence_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """`flush` judges each flush; `is_bad` says which appends the database refuses by their values;
    `takes`: how long a flush takes, in seconds."""

    flush: Callable[[Sequence[Append]], Fault] = lambda _: Fault.NONE
    is_bad: Callable[[Append], bool] = lambda _: False
    takes: Callable[[Sequence[Append]], float] = lambda _: 0.0


NO_FAULTS: Final = FaultPlan()


class MemoryMessageLog:
    """Implements `core.ports.message_log.MessageLog`.

    Owns: its queue. Borrows: the shards and what is stored, which outlive a simulated node.
    Flushes in `run`, as the real one does, or at once in `flush_now`.
    """

    def __init__(
        self,
        shards: MemoryShards,
        clock: Clock,
        *,
        stored: StoredLog | None = None,
        plan: FaultPlan = NO_FAULTS,
        queue: AppendQueue | None = None,
    ) -> None:
        self.stored = StoredLog(shards) if stored is None else stored
        self.is_away = False
        self._shards, self._clock, self._plan = shards, clock, plan
        self._queue = AppendQueue() if queue is None else queue
        self._late: list[Sequence[Append]] = []
        self._is_stopping = False
        shards.before_refence.append(self._land_before_refence)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is queued, until cancelled; then write the rest and end."""
        task_status.started()
        try:
            while True:
                await self._queue.wait_filled()
                batch = self._queue.take()
                appends = [queued.append for queued in batch]
                with trio.CancelScope(shield=True):
                    await trio.sleep(self._plan.takes(appends))
                self._queue.settle(batch, self._outcomes(appends))
        finally:
            self._is_stopping = True
            self.flush_now()

    def flush_now(self) -> None:
        """Write everything queued, in batches, for tests without a task."""
        while self._queue:
            batch = self._queue.take()
            self._queue.settle(batch, self._outcomes([queued.append for queued in batch]))

    def land_late(self) -> None:
        """What was `LATE` reaches the database now; each batch whole, or (fenced by now) not at all."""
        late, self._late = self._late, []
        for appends in late:
            self.stored.attempt(appends, [False] * len(appends))

    def _land_before_refence(self, shard: int) -> None:
        if self._late and any(
            shard_of(a.room_id) == shard for appends in self._late for a in appends
        ):
            self.land_late()

    def _outcomes(self, appends: Sequence[Append]) -> Sequence[Outcome]:
        fault = Fault.LOST_BEFORE if self.is_away else self._plan.flush(appends)
        if fault is Fault.FENCE_LOST:
            for shard in {shard_of(append.room_id) for append in appends}:
                self._shards.take(shard, "another node")
        flush = Flush(appends)
        if fault in (Fault.LOST_BEFORE, Fault.LATE):
            if fault is Fault.LATE:
                self._late.append(appends)
            return [Outcome.UNKNOWN] * len(appends)
        while left := flush.left:
            culprits = self.stored.attempt(left, [self._plan.is_bad(append) for append in left])
            if culprits is None:
                break
            flush.refuse(culprits)
        if fault is Fault.LOST_AFTER:
            return [Outcome.UNKNOWN] * len(appends)
        return flush.outcomes

    def append_nowait(self, append: Append, done: Done) -> None:
        if self._is_stopping:
            raise Unavailable
        self._queue.put_nowait(append, done)

    async def head(self, tenant_id: int, room_id: str) -> int:
        await self._answering()
        room = self.stored.room(tenant_id, room_id)
        return max([*room.rows, room.first - 1])

    async def read(
        self, tenant_id: int, room_id: str, *, after: int, limit: int, up_to: int | None = None
    ) -> Sequence[LogRow]:
        rows = await self._rows(tenant_id, room_id)
        return [r for r in rows if r.seq > after and (up_to is None or r.seq <= up_to)][:limit]

    async def recent(self, tenant_id: int, room_id: str, *, limit: int) -> Sequence[LogRow]:
        rows = await self._rows(tenant_id, room_id)
        return rows[len(rows) - min(limit, len(rows)) :]

    async def missed(self, tenant_id: int, room_id: str, *, after: int) -> Missed:
        sizes = [len(r.body) for r in await self._rows(tenant_id, room_id) if r.seq > after]
        return Missed(events=len(sizes), bytes=sum(sizes))

    async def find(
        self, tenant_id: int, room_id: str, *, sender_id: str, client_id: str
    ) -> LogRow | None:
        await self._answering()
        now = self._clock.now_ms()
        return self.stored.find((tenant_id, room_id), sender_id, client_id, now)

    async def message(self, tenant_id: int, room_id: str, message_id: str) -> Sequence[LogRow]:
        rows = await self._rows(tenant_id, room_id)
        own = [r for r in rows if r.kind is EventKind.MESSAGE and r.message_id == message_id]
        return [*own, *standing(r for r in rows if own and r.target_seq == own[0].seq)]

    async def of_member(
        self, tenant_id: int, user_id: str, message_id: str
    ) -> tuple[str, LogRow] | None:
        for room_id in self.stored.rooms_of(tenant_id, user_id):
            found = await self.message(tenant_id, room_id, message_id)
            if found:
                return room_id, found[0]
        return None

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
        rows = [r for r in await self._rows(tenant_id, room_id) if r.seq <= up_to]
        texts = [r for r in rows if r.kind is EventKind.MESSAGE and r.seq >= first]
        lower = [r for r in reversed(texts) if r.seq <= shown.place][: shown.below + 1]
        upper = [r for r in texts if r.seq > shown.place][: shown.above + 1]
        messages, has_before, has_after = shown.cut(lower, upper)
        changes: dict[int, list[LogRow]] = {}
        seqs = {message.seq for message in messages}
        for row in standing(row for row in rows if row.target_seq in seqs):
            if row.target_seq is not None:
                changes.setdefault(row.target_seq, []).append(row)
        return HistoryPage(
            messages=messages, changes=changes, has_before=has_before, has_after=has_after
        )

    async def _rows(self, tenant_id: int, room_id: str) -> list[LogRow]:
        await self._answering()
        rows = self.stored.room(tenant_id, room_id).rows
        return [rows[seq] for seq in sorted(rows)]

    async def _answering(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise Unavailable

    def statistics(self) -> Mapping[str, int | float]:
        return {**self._queue.statistics(), "late": len(self._late)}
