"""The `Bookings` and `LedgerAudit` ports in memory, with planned faults, for tests and the simulation."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import trio

from core.ports.bookings import (
    Audit,
    Balance,
    BookingEventRow,
    BookingSummary,
    IntentRecord,
    JournalStep,
    NewBooking,
    StoredBooking,
)
from core.ports.fraud import ScreeningRow
from protocol.ledger import Posting
from storage.durable_timers import tell_earliest
from storage.memory.durable_timers import NO_FAULTS, FaultPlan
from storage.memory.stored_bookings import StoredBookings, StoredRow


class MemoryBookings:
    """`Bookings` of one node over tables that all share. `on_stored`, `on_timer_set` as in the real one."""

    def __init__(
        self,
        stored: StoredBookings,
        *,
        plan: FaultPlan = NO_FAULTS,
        on_stored: Callable[[], None] = lambda: None,
        on_timer_set: Callable[[int], None] = lambda due_at: None,
    ) -> None:
        self.stored = stored
        self._plan = plan
        self._on_stored, self._on_timer_set = on_stored, on_timer_set

    async def open(self, booking: NewBooking, step: JournalStep) -> str | None:
        opened = await self._plan.cross("open", lambda: self.stored.open(booking, step))
        if opened is None:
            self._tell(step)
        return opened

    async def load(self, tenant_id: int, booking_id: str) -> StoredBooking | None:
        row = await self._row("load", tenant_id, booking_id)
        if row is None:
            return None
        return StoredBooking(
            booking_id=booking_id,
            tenant_id=tenant_id,
            creator_id=row.new.creator_id,
            room_id=row.new.room_id,
            revision=row.step.revision,
            snapshot=row.step.snapshot,
            unfinished=row.unfinished,
        )

    async def commit(self, step: JournalStep) -> None:
        await self._plan.cross("commit", lambda: self.stored.commit(step))
        self._tell(step)

    async def by_client_id(self, tenant_id: int, creator_id: str, client_id: str) -> str | None:
        return await self._plan.cross(
            "by_client_id", lambda: self.stored.by_client_id(tenant_id, creator_id, client_id)
        )

    async def events(
        self, tenant_id: int, booking_id: str, *, after: int, limit: int
    ) -> Sequence[BookingEventRow]:
        row = await self._row("events", tenant_id, booking_id)
        events = [] if row is None else sorted(row.events, key=lambda event: event.version)
        return [event for event in events if event.version > after][:limit]

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[BookingSummary]:
        rows = await self._plan.cross(
            "of_user", lambda: sorted(self.stored.rows.items(), reverse=True)
        )
        return [
            _summary(row)
            for booking_id, row in rows
            if row.step.tenant_id == tenant_id
            and user_id in {row.new.creator_id, *row.participants}
            and (before is None or booking_id < before)
        ][:limit]

    async def stuck(self, *, now: int, limit: int) -> Sequence[BookingSummary]:
        rows = await self._plan.cross("stuck", lambda: list(self.stored.rows.values()))
        stuck = [row for row in rows if row.stuck_from is not None and row.stuck_from <= now]
        stuck.sort(key=lambda row: (row.step.at, row.step.booking_id))
        return [_for_operators(row) for row in stuck[:limit]]

    async def intents(self, tenant_id: int, booking_id: str) -> Sequence[IntentRecord]:
        row = await self._row("intents", tenant_id, booking_id)
        return [] if row is None else [intent.record for _, intent in sorted(row.intents.items())]

    async def screenings(self, tenant_id: int, booking_id: str) -> Sequence[ScreeningRow]:
        row = await self._row("screenings", tenant_id, booking_id)
        return [] if row is None else list(row.screenings)

    async def balances(self, tenant_id: int, booking_id: str) -> Sequence[Balance]:
        row = await self._row("balances", tenant_id, booking_id)
        return [] if row is None else balances_of(row.postings.values())

    async def _row(self, name: str, tenant_id: int, booking_id: str) -> StoredRow | None:
        return await self._plan.cross(name, lambda: self.stored.row(tenant_id, booking_id))

    def _tell(self, step: JournalStep) -> None:
        if step.event is not None:
            self._on_stored()
        tell_earliest(step.timers, self._on_timer_set)


class MemoryLedger:
    """`LedgerAudit` over the same tables."""

    def __init__(self, stored: StoredBookings) -> None:
        self._stored = stored

    async def audit(self) -> Audit:
        await trio.lowlevel.checkpoint()
        rows = sorted(self._stored.rows.items())
        return Audit(
            balances=balances_of(p for _, row in rows for p in row.postings.values()),
            unbalanced=[
                f"{booking_id}/{posting.name}"
                for booking_id, row in rows
                for posting in sorted(row.postings.values(), key=lambda posting: posting.name)
                if sum(entry.amount for entry in posting.entries) != 0
            ],
            open_trips=[booking_id for booking_id, row in rows if _is_open(booking_id, row)],
        )


def balances_of(postings: Iterable[Posting]) -> Sequence[Balance]:
    """Without memos. By account and currency."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for posting in postings:
        if not posting.is_memo:
            for entry in posting.entries:
                sums[entry.account, posting.currency] += entry.amount
    return [
        Balance(account=account, currency=currency, amount=amount)
        for (account, currency), amount in sorted(sums.items())
    ]


def _is_open(booking_id: str, row: StoredRow) -> bool:
    return row.step.is_terminal and any(
        balance.amount != 0 and balance.account in (f"trip:{booking_id}", "suspense")
        for balance in balances_of(row.postings.values())
    )


def _for_operators(row: StoredRow) -> BookingSummary:
    is_shown = row.step.needs_operator and row.screenings
    return replace(_summary(row), screening=row.screenings[-1] if is_shown else None)


def _summary(row: StoredRow) -> BookingSummary:
    step = row.step
    return BookingSummary(
        booking_id=step.booking_id,
        room_id=row.new.room_id,
        creator_id=row.new.creator_id,
        status=step.status,
        state=step.state,
        step=step.step,
        version=step.version,
        total=row.new.total,
        created_at=row.new.created_at,
        changed_at=step.at,
        needs_operator=step.needs_operator,
        participants=list(row.participants.values()),
    )
