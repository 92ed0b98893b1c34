"""The ports of trip boards in memory, with planned faults, for tests and the simulation."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from core.ports.plans import (
    MAX_KEPT,
    CalendarAddress,
    CapturedShare,
    PlanChange,
    PlanStep,
    StalePlan,
    StoredPlan,
)
from storage.durable_timers import tell_earliest
from storage.memory.durable_timers import NO_FAULTS, FaultPlan, MemoryDurableTimers
from storage.memory.leases import MemoryShards
from storage.memory.stored_bookings import StoredBookings
from storage.sharding import shard_of

PARTICIPANT: Final = "participant:"


@dataclass(slots=True)
class PlanTable:
    """What survives every process."""

    rows: dict[tuple[int, str], StoredPlan] = field(default_factory=dict)
    """`changes`: all that are kept."""


class MemoryPlans:
    """`Plans` of one node."""

    def __init__(
        self,
        shards: MemoryShards,
        timers: MemoryDurableTimers,
        *,
        table: PlanTable | None = None,
        plan: FaultPlan = NO_FAULTS,
        on_timer_set: Callable[[int], None] = lambda due_at: None,
    ) -> None:
        self.table = PlanTable() if table is None else table
        self._shards, self._timers, self._plan = shards, timers, plan
        self._on_timer_set = on_timer_set

    async def load(self, tenant_id: int, room_id: str) -> StoredPlan | None:
        row = await self._plan.cross("load", lambda: self.table.rows.get((tenant_id, room_id)))
        if row is None:
            return None
        since = [each for each in row.changes if each.version > row.snapshot_version]
        return replace(row, changes=since)

    async def commit(self, step: PlanStep) -> None:
        await self._plan.cross("commit", lambda: self._commit(step))
        tell_earliest(step.timers, self._on_timer_set)

    async def by_client_id(
        self, tenant_id: int, room_id: str, by: str, client_id: str
    ) -> PlanChange | None:
        changes = await self._changes("by_client_id", tenant_id, room_id)
        return next((one for one in changes if (one.by, one.client_id) == (by, client_id)), None)

    async def changes(
        self, tenant_id: int, room_id: str, *, after: int, limit: int
    ) -> Sequence[PlanChange]:
        changes = await self._changes("changes", tenant_id, room_id)
        return [one for one in changes if one.version > after][:limit]

    async def _changes(self, name: str, tenant_id: int, room_id: str) -> Sequence[PlanChange]:
        row = await self._plan.cross(name, lambda: self.table.rows.get((tenant_id, room_id)))
        return () if row is None else row.changes

    def _commit(self, step: PlanStep) -> None:
        key, change = (step.tenant_id, step.room_id), step.change
        row = self.table.rows.get(key) or StoredPlan(
            version=0, snapshot=None, snapshot_version=0, changes=()
        )
        is_used = change.client_id is not None and any(
            (one.by, one.client_id) == (change.by, change.client_id) for one in row.changes
        )
        is_stale = self._shards.fence(shard_of(step.room_id)) != step.fence
        if is_used or is_stale or row.version != change.version - 1:
            raise StalePlan
        self._timers.apply_now(step.timers)
        has_snapshot = step.snapshot is not None
        kept_from = change.version - MAX_KEPT
        self.table.rows[key] = StoredPlan(
            version=change.version,
            snapshot=step.snapshot if has_snapshot else row.snapshot,
            snapshot_version=change.version if has_snapshot else row.snapshot_version,
            changes=[
                one
                for one in (*row.changes, change)
                if one.version > min(kept_from, row.snapshot_version)
            ],
        )


class MemoryCalendars:
    """`Calendars`. Its secrets are numbered."""

    def __init__(self) -> None:
        self._addresses: dict[str, CalendarAddress] = {}
        self._shared = 0

    async def share(self, address: CalendarAddress, *, at: int) -> str:
        await self.end(address)
        self._shared += 1
        secret = f"secret-{self._shared}"
        self._addresses[secret] = address
        return secret

    async def end(self, address: CalendarAddress) -> bool:
        ended = [secret for secret, one in self._addresses.items() if one == address]
        for secret in ended:
            del self._addresses[secret]
        return bool(ended)

    async def find(self, secret: str) -> CalendarAddress | None:
        return self._addresses.get(secret)


def _is_outside(account: str) -> bool:
    """Whose money it was before it was ours, or is again."""
    return account.startswith("psp:") or account == "by_hand"


class MemoryCapturedShares:
    """`CapturedShares` over the bookings' tables."""

    def __init__(self, stored: StoredBookings) -> None:
        self._stored = stored

    async def captured(
        self, tenant_id: int, room_id: str, booking_ids: Sequence[str]
    ) -> Sequence[CapturedShare]:
        await trio.lowlevel.checkpoint()
        sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        for booking_id in {*booking_ids}:
            row = self._stored.row(tenant_id, booking_id)
            if row is None or row.new.room_id != room_id:
                continue
            for posting in row.postings.values():
                accounts = {entry.account for entry in posting.entries}
                if posting.is_memo or not any(map(_is_outside, accounts)):
                    continue
                for entry in posting.entries:
                    if entry.account.startswith(PARTICIPANT):
                        user_id = entry.account.removeprefix(PARTICIPANT)
                        sums[booking_id, posting.currency, user_id] -= entry.amount
        return [
            CapturedShare(booking_id=booking, currency=currency, user_id=user_id, amount=amount)
            for (booking, currency, user_id), amount in sorted(sums.items())
            if amount
        ]

    async def is_of(self, tenant_id: int, room_id: str, booking_id: str, user_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        row = self._stored.row(tenant_id, booking_id)
        if row is None or row.new.room_id != room_id:
            return False
        return user_id in {row.new.creator_id, *row.participants}
