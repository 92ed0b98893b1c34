"""The `Consultations` port in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.ports.consultations import (
    ADVISERS,
    CHANGES,
    MAX_AHEAD,
    MAX_BOOKED,
    TOPIC,
    Cancelling,
    Consultation,
    Place,
    WantedTimes,
)
from core.ports.durable_timers import TimerChange
from core.ports.repositories import Users
from storage.consultations import (
    has_begun,
    is_busy,
    is_own,
    is_taken,
    no_consultation,
    no_reminders,
    people_of,
    reminders,
    too_many_ahead,
    too_many_booked,
)
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.stored_log import Appended


class MemoryConsultations:
    """Rows in a dictionary. Borrows: the users, the timers. `outbox`: where news are announced."""

    def __init__(
        self, users: Users, timers: MemoryDurableTimers, outbox: list[Appended] | None = None
    ) -> None:
        self._users, self._timers = users, timers
        self.outbox: list[Appended] = [] if outbox is None else outbox
        self._rows: dict[tuple[int, str], Consultation] = {}

    async def open(self, tenant_id: int, new: Consultation, *, now: int) -> Consultation:
        known = self._rows.get((tenant_id, new.id))
        if known is not None:
            return known
        own = [
            one
            for one in self._of(tenant_id)
            if one.professional_id == new.professional_id and one.state != "cancelled"
        ]
        if any(_overlap(one, new) for one in own):
            raise is_busy()
        if sum(one.starts_at > now for one in own) >= MAX_AHEAD:
            raise too_many_ahead()
        self._rows[tenant_id, new.id] = new
        return new

    async def close(self, tenant_id: int, professional_id: str, *, start: int, end: int) -> int:
        within = [
            one
            for one in self._of(tenant_id)
            if one.professional_id == professional_id and start <= one.starts_at < end
        ]
        for one in within:
            if one.state == "open":
                del self._rows[tenant_id, one.id]
            elif one.state == "booked":
                self._rows[tenant_id, one.id] = replace(one, reopens=False)
        return sum(one.state == "open" for one in within)

    async def find(
        self, tenant_id: int, wanted: WantedTimes, *, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        found = [
            one
            for one in self._of(tenant_id)
            if one.state == "open"
            and wanted.start <= one.starts_at
            and (wanted.end is None or one.starts_at < wanted.end)
            and wanted.professional_id in (None, one.professional_id)
            and set(wanted.tags) <= set(one.tags)
            and await self._advises(tenant_id, one.professional_id)
        ]
        return _page(found, after, limit)

    async def book(
        self, tenant_id: int, id: str, traveller_id: str, *, about: str, now: int
    ) -> Consultation:
        row = self._rows.get((tenant_id, id))
        if row is None:
            raise no_consultation()
        if row.professional_id == traveller_id:
            raise is_own()
        if not await self._advises(tenant_id, row.professional_id) or row.state == "cancelled":
            raise no_consultation()
        if row.state == "booked":
            if row.traveller_id != traveller_id:
                raise is_taken()
            return row
        if row.starts_at <= now:
            raise has_begun()
        booked = [one for one in self._of(tenant_id) if one.state == "booked"]
        both = {traveller_id, row.professional_id}
        if any(_overlap(one, row) and both & {*people_of(one)} for one in booked):
            raise is_busy()
        own = [one for one in booked if one.traveller_id == traveller_id and one.starts_at > now]
        if len(own) >= MAX_BOOKED:
            raise too_many_booked()
        made = replace(row, state="booked", traveller_id=traveller_id, about=about)
        self._change(tenant_id, made, "booked", reminders(tenant_id, made, now=now))
        return made

    async def cancel(self, tenant_id: int, id: str, by: Cancelling, *, now: int) -> Consultation:
        row = self._rows.get((tenant_id, id))
        if row is None or row.state == "open" or by.user_id not in people_of(row):
            raise no_consultation()
        if row.state == "cancelled":
            return row
        is_by_traveller = by.user_id == row.traveller_id
        if now >= (row.starts_at if is_by_traveller else row.ends_at):
            raise has_begun()
        if is_by_traveller and row.reopens:
            self._rows[tenant_id, by.again] = replace(
                row, id=by.again, state="open", traveller_id=None, about=""
            )
        made = replace(row, state="cancelled", cancelled_by=by.user_id, note=by.note)
        self._change(tenant_id, made, "cancelled", no_reminders(tenant_id, made))
        return made

    async def meter(self, tenant_id: int, id: str, ms: int) -> None:
        row = self._rows.get((tenant_id, id))
        if row is not None:
            self._rows[tenant_id, id] = replace(row, metered_ms=row.metered_ms + ms)

    async def get(self, tenant_id: int, id: str) -> Consultation | None:
        return self._rows.get((tenant_id, id))

    async def of_user(
        self, tenant_id: int, user_id: str, *, start: int, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        found = [
            one
            for one in self._of(tenant_id)
            if one.state != "open" and user_id in people_of(one) and one.ends_at > start
        ]
        return _page(found, after, limit)

    def _change(
        self, tenant_id: int, made: Consultation, change: str, timers: Sequence[TimerChange]
    ) -> None:
        self._timers.apply_now(timers)
        self._rows[tenant_id, made.id] = made
        place = CHANGES.index(change) + 1
        self.outbox.append(Appended(tenant_id, made.id, place, place, TOPIC))

    def _of(self, tenant_id: int) -> list[Consultation]:
        return [row for (tenant, _), row in self._rows.items() if tenant == tenant_id]

    async def _advises(self, tenant_id: int, user_id: str) -> bool:
        user = await self._users.get(tenant_id, user_id)
        return user is not None and user.role in ADVISERS


def _overlap(one: Consultation, other: Consultation) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _page(found: Iterable[Consultation], after: Place | None, limit: int) -> Sequence[Consultation]:
    ordered = sorted(found, key=lambda one: (one.starts_at, one.id))
    return [one for one in ordered if after is None or (one.starts_at, one.id) > after][:limit]
