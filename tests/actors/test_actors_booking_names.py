"""Who travels: named, renamed, and what becomes of a name that was not stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from booking_actors_world import BookingsWorld, flight, names
from fake_orders import FakeOrders
from test_actors_booking import approve_all
from trio.testing import MockClock

from core.errors import Rejected, Unavailable
from protocol.travel import SupplierOffer, Traveller
from storage.memory.durable_timers import Fault, FaultPlan


class Listing(FakeOrders):
    """A supplier that tells by which names orders were made."""

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> Any:
        self.names = [one.given_name for one in travellers]
        return await super().hold(priced, travellers, reference)


@dataclass
class Away:
    """A store that loses the next `commits`, before or after they happened."""

    commits: int = 0
    fault: Fault = Fault.LOST_BEFORE
    lost: list[str] = field(default_factory=list)

    def judge(self, name: str) -> Fault:
        if name != "commit" or not self.commits:
            return Fault.NONE
        self.commits -= 1
        self.lost.append(name)
        return self.fault


async def test_a_rename_that_was_not_stored_leaves_the_order_under_the_old_name(
    autojump_clock: MockClock,
) -> None:
    away = Away()
    world = BookingsWorld(bookings_plan=FaultPlan(judge=away.judge))
    world.suppliers.inventories["duffel"] = supplier = Listing(world.flights)
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        away.commits = 2
        with pytest.raises(Unavailable):
            await world.at_booking(
                1, names(booking.booking_id, booking.travellers[0].id, given_name="Augusta")
            )
        assert len(away.lost) == 2
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
    assert supplier.names == ["Ada", "Ada"]


async def test_a_rename_that_was_stored_and_not_answered_is_that_of_the_order(
    autojump_clock: MockClock,
) -> None:
    away = Away(fault=Fault.LOST_AFTER)
    world = BookingsWorld(bookings_plan=FaultPlan(judge=away.judge))
    world.suppliers.inventories["duffel"] = supplier = Listing(world.flights)
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        away.commits = 1
        renamed = names(booking.booking_id, booking.travellers[1].id, given_name="Augusta")
        await world.at_booking(1, renamed)
        assert len(away.lost) == 1
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
        assert (await world.at_booking(1, renamed)).status == "booked", "a repeat is harmless"
        with pytest.raises(Rejected, match=r"Who travels can no longer be changed\."):
            await world.at_booking(1, names(booking.booking_id, renamed.traveller_id))
        assert supplier.names == ["Ada", "Augusta"]
        stored = await world.travellers.get(1, booking.booking_id)
        assert stored[renamed.traveller_id][0].given_name == "Augusta"
