"""Stays whose supplier shows none once it is booked, as Amadeus does: what was answered is all that is known."""

from types import SimpleNamespace
from typing import Any

import pytest
import trio
from booking_world import MINUTE, World, flight, stay, world
from msgspec.structs import replace
from test_booking_edges import pay_all_up_to_hold
from test_booking_ordering import pay_all, run

from actors.booking.calls import ReadOrder
from actors.booking.machine import looks_wanted
from actors.booking.performer import look
from actors.booking.state import Part
from actors.booking.steps import CallEnded, NotSeen, Operate
from actors.booking.views import needs_operator
from core.errors import Unavailable
from core.ports.inventory import Capabilities
from protocol.suppliers import Unsupported


class Rooms:
    """A supplier of rooms who shows none."""

    def __init__(self, shows_orders: bool) -> None:
        self._shows_orders = shows_orders

    def capabilities(self, kind: str) -> Capabilities:
        return Capabilities(
            hold="none", cancel="none", issue="by_supplier", shows_orders=self._shows_orders
        )

    async def get(self, order_id: str) -> None:
        raise Unavailable

    def inventory(self, supplier: str) -> "Rooms":
        return self

    async def ready(self) -> bool:
        return True


@pytest.mark.parametrize(("shows_orders", "seen"), [(False, Unsupported()), (True, NotSeen())])
async def test_a_supplier_that_shows_no_rooms_is_asked_for_none(
    shows_orders: bool, seen: object
) -> None:
    ports: Any = SimpleNamespace(calls=trio.Semaphore(1), suppliers=Rooms(shows_orders))
    assert await look(ports, world(stay()).saga, ReadOrder(part_id="h1", order_id="o")) == seen


def unseen(*parts: Part) -> World:
    w = world(*parts)
    see = w.see

    def instead(wanted: Any) -> Any:
        is_stay = isinstance(wanted, ReadOrder) and wanted.part_id.startswith("h")
        return Unsupported() if is_stay else see(wanted)

    w.see = instead  # type: ignore[method-assign]
    return w


def word(w: World, action: Any) -> None:
    w.put(Operate(operator="op", action=action, note="by telephone"))


def no_tickets() -> World:
    """The stay is booked, and no ticket is issued."""
    w = unseen(flight(), stay())
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "MANUAL"
    return w


def test_who_had_a_booked_stay_called_off_by_telephone_gets_everything_back() -> None:
    w = no_tickets()
    for order_id, order in w.orders.items():
        w.orders[order_id] = replace(order, status="cancelled")
    word(w, "compensate")
    assert run(w) == "CANCELLED"
    assert w.balance("psp:stripe") == 0
    assert all(share.state == "refunded" for share in w.saga.shares)


def test_a_booked_stay_that_nobody_can_look_at_is_booked_still_when_it_goes_on() -> None:
    w = no_tickets()
    w.issue = "ok"
    word(w, "retry")
    assert run(w) == "COMPLETED"
    assert not [one for one in looks_wanted(w.saga, w.now) if isinstance(one, ReadOrder)]


def on_request() -> World:
    """The hotel has not said yes, and nobody can look whether it has since."""
    w = unseen(stay())
    pay_all_up_to_hold(w)
    hold = w.saga.pending[0]
    made = w.execute(hold.call)
    pending = replace(made.order, status="pending")
    w.put(CallEnded(seq=hold.seq, outcome=replace(made, order=pending)))
    w.pass_time(w.now + MINUTE)
    return w


@pytest.mark.parametrize(
    ("action", "end"),
    [("settle", "COMPLETED"), ("compensate", "CANCELLED"), ("retry", "COMPLETED")],
)
def test_a_stay_on_request_waits_for_an_operator_within_a_minute(action: str, end: str) -> None:
    w = on_request()
    assert w.saga.state == "HOTEL_UNKNOWN"
    assert needs_operator(w.saga)
    if action != "settle":
        for order_id, order in w.orders.items():
            w.orders[order_id] = replace(order, status="cancelled")
    word(w, action)
    assert run(w) == end


def test_a_stay_on_request_that_nobody_sees_to_is_for_a_person() -> None:
    w = on_request()
    w.pass_time(w.now + 6 * 60 * MINUTE)
    assert w.saga.state == "MANUAL"
    for order_id, order in w.orders.items():
        w.orders[order_id] = replace(order, status="cancelled")
    word(w, "compensate")
    assert run(w) == "CANCELLED"
    assert w.balance("psp:stripe") == 0
