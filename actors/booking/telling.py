"""What each participant is told of a booking, in their own language."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.booking.inspecting import inspected
from actors.booking.journal import Told, options_of, people_of, told_of, unpacked
from actors.booking.state import Saga
from actors.booking.steps import Sentence
from actors.booking.views import seen_by, view
from actors.booking.wording import people_in, said, tzinfo_of, worded_view
from core.identity import Principal
from core.ports.bookings import BookingEventRow, Bookings
from core.ports.repositories import User, Users
from protocol.booking import BookingUpdated, BookingView


async def shown_to(principal: Principal, saga: Saga, users: Users) -> BookingView:
    """The booking as this participant sees it. Raises `Unavailable`."""
    shown, options = view(saga, principal.user_id), options_of(saga)
    names, zone = dict[str, str](), tzinfo_of(None)
    if shown.question is not None:
        wanted = {*people_in(options.values()), principal.user_id}
        found = await users.many(saga.tenant_id, sorted(wanted))
        names = {user_id: user.name for user_id, user in found.items()}
        zone = tzinfo_of(found.get(principal.user_id))
    return worded_view(shown, options, principal.locale, names, zone)


class BookingTellings:
    """Implements `core.ports.bookings.Tellings`. Borrows: bookings, users. `features`: what a screener's are
    called, in their order."""

    def __init__(self, bookings: Bookings, users: Users, *, features: Sequence[str] = ()) -> None:
        self._bookings, self._users, self._features = bookings, users, features

    async def update(
        self, tenant_id: int, user_id: str, booking_id: str, version: int
    ) -> BookingUpdated | None:
        rows = await self._bookings.events(tenant_id, booking_id, after=version - 1, limit=1)
        if not rows or rows[0].version != version:
            return None
        return (await self.worded(tenant_id, user_id, rows))[0]

    async def worded(
        self, tenant_id: int, user_id: str, rows: Sequence[BookingEventRow]
    ) -> list[BookingUpdated | None]:
        """One for each row."""
        tolds = [told_of(row.body) for row in rows]
        sentences = [one for told in tolds for one in _sentences(told, user_id)]
        wanted = {*people_in(sentences), user_id}
        found = await self._users.many(tenant_id, sorted(wanted))
        reader = found.get(user_id)
        names = {id: user.name for id, user in found.items()}
        return [_update(told, user_id, reader, names) for told in tolds]

    async def inspect(self, tenant_id: int, booking_id: str) -> Mapping[str, Any] | None:
        stored = await self._bookings.load(tenant_id, booking_id)
        return None if stored is None else inspected(unpacked(stored.snapshot), self._features)


def _sentences(told: Told, user_id: str) -> list[Sentence]:
    return [told.notes.get(user_id, told.note), *told.options.values()]


def _update(
    told: Told, user_id: str, reader: User | None, names: Mapping[str, str]
) -> BookingUpdated | None:
    if user_id not in people_of(told) or reader is None:
        return None
    zone = tzinfo_of(reader)
    asked = msgspec.structs.replace(told.view, question=seen_by(user_id, told.question))
    shown = worded_view(asked, told.options, reader.locale, names, zone)
    note = told.notes.get(user_id, told.note)
    fields = msgspec.structs.asdict(shown)
    if user_id in told.left:
        fields["itinerary"] = None
    return BookingUpdated(
        **{**fields, "action": told.actions.get(user_id)},
        note=said(note, reader.locale, names=names, zone=zone),
        inbox=0,
    )
