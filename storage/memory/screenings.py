"""The ports `Histories` and `Screenings` in memory, over the same tables as the bookings."""

from collections.abc import Mapping, Sequence

import trio

from core.ports.fraud import PastScreening, PayerHistory
from core.ports.repositories import Users
from storage.bookings import DAY_MS, MONTH_MS, MOST_COUNTED, MOST_SCREENED, made_at
from storage.memory.stored_bookings import StoredBookings, StoredRow


class MemoryHistories:
    """Borrows: the tables, and the users, who know since when they are registered."""

    def __init__(self, stored: StoredBookings, users: Users) -> None:
        self._stored, self._users = stored, users

    async def of(
        self, tenant_id: int, user_ids: Sequence[str], *, before: str, now: int
    ) -> Mapping[str, PayerHistory]:
        known = await self._users.many(tenant_id, sorted(set(user_ids)))
        rows = {
            booking_id: row
            for booking_id, row in self._stored.rows.items()
            if row.step.tenant_id == tenant_id and booking_id != before
        }
        return {
            user_id: _history(user_id, user.created_at, rows, now)
            for user_id, user in known.items()
        }


def _history(
    user_id: str, registered_at: int, rows: Mapping[str, StoredRow], now: int
) -> PayerHistory:
    mine = {
        booking_id: row
        for booking_id, row in rows.items()
        if user_id in {row.new.creator_id, *row.participants}
    }
    ages = [now - made_at(booking_id) for booking_id in mine]
    tried = [
        (now - at, attempt)
        for row in rows.values()
        for at, attempt in row.attempts
        if attempt.user_id == user_id and now - at < MONTH_MS
    ]
    return PayerHistory(
        registered_at=registered_at,
        bookings_day=min(sum(age < DAY_MS for age in ages), MOST_COUNTED),
        bookings_month=min(sum(age < MONTH_MS for age in ages), MOST_COUNTED),
        declines_day=sum(attempt.is_refused and age < DAY_MS for age, attempt in tried),
        declines_month=sum(attempt.is_refused for _, attempt in tried),
        methods_day=len({attempt.method for age, attempt in tried if age < DAY_MS}),
        completed=min(sum(row.step.status == "booked" for row in mine.values()), MOST_COUNTED),
    )


class MemoryScreenings:
    """What the screener's model is fitted to."""

    def __init__(self, stored: StoredBookings) -> None:
        self._stored = stored

    async def bookings(self, tenant_id: int) -> int:
        await trio.lowlevel.checkpoint()
        return min(len(self._screened(tenant_id)), MOST_SCREENED)

    async def recent(self, tenant_id: int, *, limit: int) -> Sequence[PastScreening]:
        await trio.lowlevel.checkpoint()
        newest = self._screened(tenant_id)[:limit]
        return [_past(row) for row in newest if row.screenings[-1].verdict != "deny"]

    def _screened(self, tenant_id: int) -> list[StoredRow]:
        """The newest first."""
        return [
            row
            for _, row in sorted(self._stored.rows.items(), reverse=True)
            if row.step.tenant_id == tenant_id and row.screenings
        ]


def _past(row: StoredRow) -> PastScreening:
    last, step = row.screenings[-1], row.step
    return PastScreening(
        at=last.at,
        features=tuple(last.features),
        verdict=last.verdict,
        ended_well=step.status == "booked" or step.is_called_off if step.is_terminal else None,
    )
