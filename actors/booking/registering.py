"""From what was quoted to a booking that is stored: what the desk and who rebooks have in common."""

from collections.abc import Sequence

from actors.booking import quoting
from actors.booking.journal import journal_step, wake_timer
from actors.booking.machine import wake_at
from actors.booking.ports import DeskPorts
from actors.booking.sites import AFTER_COMMIT, BEFORE_COMMIT
from actors.booking.state import Part
from actors.booking.steps import Step
from core.ports.bookings import NewBooking, QuotedItem, SealedTraveller


def part_of(ports: DeskPorts, item: QuotedItem) -> Part:
    """Raises `Rejected` where it cannot be booked."""
    inventory = ports.suppliers.inventory(item.offer.supplier)
    found = None if inventory is None else inventory.capabilities(quoting.kind_of(item))
    return quoting.part_of_item(item, found, is_issued=ports.suppliers.consolidator() is not None)


async def store(
    ports: DeskPorts, new: NewBooking, step: Step, travellers: Sequence[SealedTraveller] = ()
) -> str:
    """The booking's id: of this one, or of who was faster with the same client id. Raises as
    `Bookings.open`."""
    saga = step.saga
    row = journal_step(
        step,
        fence=ports.leases.fence(saga.booking_id),
        at=ports.clock.now_ms(),
        told_at=ports.business.business_ms(),
        timers=(wake_timer(saga, wake_at(saga)),),
        travellers=travellers,
    )
    ports.sites.reach(BEFORE_COMMIT)
    opened = await ports.bookings.open(new, row)
    ports.sites.reach(AFTER_COMMIT)
    return saga.booking_id if opened is None else opened
