"""A booking that is looked at before it goes on: by the screener, and then by an operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import trio
from actors_world import user_id
from booking_actors_world import BookingsWorld, flight
from test_actors_booking import BAD, approve_all, approves
from trio.testing import MockClock

from core.errors import Rejected, Unavailable
from core.ports.fraud import Histories, PayerHistory
from protocol.booking import BOOKING, GetBooking, OperateBooking
from storage.memory.screenings import MemoryHistories


@dataclass
class AwayAtFirst:
    """`Histories` that cannot be asked the first two times."""

    histories: Histories
    failed: int = 0

    async def of(
        self, tenant_id: int, user_ids: Sequence[str], *, before: str, now: int
    ) -> Mapping[str, PayerHistory]:
        if self.failed < 2:
            self.failed += 1
            raise Unavailable
        return await self.histories.of(tenant_id, user_ids, before=before, now=now)


async def test_a_booking_in_review_is_one_of_those_that_are_stuck_until_an_operator_allows_it(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.screener.verdict = "review"
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        await world.at_booking(2, approves(booking.booking_id, 9, BAD))
        await trio.sleep(5)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "READY")
        await trio.sleep(5)
        [stuck] = await world.bookings.stuck(now=0, limit=9)
        assert stuck.screening is not None
        assert (stuck.booking_id, stuck.screening.verdict) == (booking.booking_id, "review")
        seen = await world.at_booking(1, GetBooking(booking_id=booking.booking_id))
        assert (seen.status, "checked" in seen.step) == ("booking", True)
        word = OperateBooking(operator="olga", action="allow")
        await world.system.ref(BOOKING.at(booking.booking_id)).ask(word)
        await world.until(booking.booking_id, "COMPLETED")
        with pytest.raises(Rejected, match="conflict"):
            await world.system.ref(BOOKING.at(booking.booking_id)).ask(word)
    rows = world.tables.rows[booking.booking_id].screenings
    assert [(row.verdict, row.by) for row in rows] == [("review", ""), ("allow", "olga")]
    [(facts, histories)] = world.screener.asked
    assert [(one.user_id, one.attempts, one.declines) for one in facts.payers] == [
        (user_id(1), 1, 0),
        (user_id(2), 2, 1),
    ]
    assert set(histories) == {user_id(1), user_id(2)}
    assert all("odd" not in str(row.body) for row in world.tables.rows[booking.booking_id].events)


async def test_what_is_known_of_payers_is_asked_for_again_when_it_could_not_be_had(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    away = AwayAtFirst(MemoryHistories(world.tables, world.users))
    async with world.running(histories=away):
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
    assert (away.failed, len(world.screener.asked)) == (2, 1)
