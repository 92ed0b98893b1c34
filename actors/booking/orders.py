"""What is known of the parts' orders, and the calls that make and undo them (pure). APIS §4.4, §10.7.

An order is never sent twice: the next attempt begins when the one before is proven never to have been made.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.calls import CancelOrder, Confirm, Hold, Release
from actors.booking.flights import watch_every
from actors.booking.state import Part, Saga, Seat
from actors.booking.timing import DEAD_MAN, POLL_ORDER, PROVEN_AFTER
from actors.booking.turn import Turn, is_hold_pending, is_order_busy, order_look, order_subject
from protocol.frames import Money
from protocol.travel import OrderState

LIVE: Final = frozenset({"held", "confirmed", "ticketed"})

_BY_HAND: Final = "by-hand:"


def flights_of(saga: Saga) -> tuple[Part, ...]:
    """The orders that its flight consists of, as they are made: one, but for a large group."""
    return tuple(part for part in saga.parts if part.kind == "flight" and not part.is_dropped)


def stays_of(saga: Saga) -> tuple[Part, ...]:
    return tuple(part for part in saga.parts if part.kind == "hotel" and not part.is_dropped)


def seats_of(saga: Saga, part: Part) -> tuple[Seat, ...]:
    """The travellers that a part is for."""
    return tuple(seat for seat in saga.seats if not part.seats or seat.id in part.seats)


def reference(saga: Saga, part: Part) -> str:
    """What an order carries (a PNR's remark): one for each attempt."""
    return f"CARAVAN SAGA {saga.booking_id} {part.id} ATT {part.attempt}"


def order_of(part: Part) -> OrderState:
    """Only where there is one."""
    if part.order is None:
        raise LookupError("a part without an order")
    return part.order


def order_by_hand(part: Part) -> OrderState:
    """Of a stay that an operator says is booked: no supplier knows it by this id."""
    return OrderState(
        supplier=part.offer.supplier,
        order_id=f"{_BY_HAND}{part.id}:{part.attempt}",
        status="confirmed",
        locator=None if part.order is None else part.order.locator,
        total=part.total,
    )


def is_by_hand(part: Part) -> bool:
    """Whether it stands on an operator's word alone: nobody is asked for it, and nobody can undo it here."""
    return part.order is not None and part.order.order_id.startswith(_BY_HAND)


def is_live(part: Part) -> bool:
    return part.order is not None and not part.is_gone and part.order.status in LIVE


def is_booked(part: Part) -> bool:
    """Bought: a stay that is confirmed, a flight that is ticketed or was bought at once."""
    if part.order is None or part.is_gone:
        return False
    if part.order.status == "ticketed":
        return True
    return part.order.status == "confirmed" and (part.kind == "hotel" or not part.holds)


def is_ticketed(saga: Saga, part: Part) -> bool:
    """A valid ticket for every traveller whom it is for."""
    if part.order is None or part.is_gone or part.order.status != "ticketed":
        return False
    valid = {ticket.traveller_id for ticket in part.order.tickets if ticket.is_valid}
    return len(valid) >= len(seats_of(saga, part))


def may_exist(saga: Saga, part: Part) -> bool:
    """Whether an order of it lives, or may live, or may yet be made."""
    if is_hold_pending(saga, part) or part.is_doubtful:
        return True
    return part.order is not None and not part.is_gone


def may_be_bought(saga: Saga, part: Part) -> bool:
    """Whether money may have been spent on it: until that is known nothing is given back."""
    if not may_exist(saga, part):
        return False
    return part.is_released or not part.holds or is_booked(part)


def call_hold(turn: Turn, part: Part) -> None:
    part = replace(
        part,
        attempt=part.attempt + 1,
        held_at=turn.now,
        order=None,
        is_gone=False,
        is_fresh=True,
        is_doubtful=False,
        is_released=False,
        refusal="",
    )
    seq = turn.call(
        Hold(part_id=part.id, attempt=part.attempt, reference=reference(turn.saga, part))
    )
    turn.put_part(replace(part, intent=seq))


def call_issue(turn: Turn, part: Part) -> None:
    """Have tickets made of a held order, for no more than was agreed to."""
    id, ours = order_of(part).order_id, reference(turn.saga, part)
    call: Release | Confirm = Release(part_id=part.id, order_id=id, reference=ours)
    if part.issues == "by_supplier":
        call = Confirm(part_id=part.id, order_id=id, reference=ours, at_most=part.total)
    seq = turn.call(call)
    turn.put_part(replace(part, is_released=True, intent=seq))


def undo_order(turn: Turn, part: Part) -> bool:
    """One thing more towards no order of it being left; whether that is reached. Always read first."""
    if is_order_busy(turn.saga, part):
        return False
    if not may_exist(turn.saga, part):
        return True
    if part.is_doubtful or not part.is_fresh or part.order is None:
        return False
    if part.order.status != "pending" and turn.is_open(order_subject(part.id)):
        turn.call(
            CancelOrder(part_id=part.id, order_id=part.order.order_id, at_least=_promised(part))
        )
    return False


def _promised(part: Part) -> Money | None:
    if part.promised is None:
        return None
    return Money(amount=part.promised, currency=part.total.currency)


def _returned(part: Part, order: OrderState) -> int | None:
    """Minor units that its supplier gives back, once somebody has said so."""
    back = order.returned
    if part.returned is not None or order.status != "cancelled" or not part.is_paid:
        return part.returned
    return back.amount if back is not None and back.currency == part.total.currency else None


def observe_order(turn: Turn, part: Part, order: OrderState) -> None:
    """Take in an order as its supplier has it. What is final stays; tickets are not unissued."""
    before, returned = part.order, _returned(part, order)
    if before is not None and before.order_id == order.order_id:
        if (
            part.is_gone
            or (before.status == "ticketed" and order.status in ("pending", "held", "confirmed"))
            or (before.status == "confirmed" and order.status in ("pending", "held"))
        ):
            ways = order.itineraries or before.itineraries
            order = replace(before, itineraries=ways, change_id=order.change_id)
        if order.hold_until is None and before.hold_until is not None:
            order = replace(order, hold_until=before.hold_until)
    part = replace(
        part,
        order=order,
        is_doubtful=False,
        is_fresh=True,
        is_gone=part.is_gone or order.status == "cancelled",
        returned=returned,
    )
    turn.put_part(part)
    turn.settled(order_look(part.id))
    if order.status != "cancelled":
        is_over = turn.saga.state == "COMPLETED"
        turn.wait(order_look(part.id), watch_every(part, turn.now) if is_over else POLL_ORDER)


def order_gone(turn: Turn, part: Part) -> None:
    turn.settled(order_look(part.id))
    turn.put_part(replace(part, is_gone=True, is_fresh=True, is_doubtful=False))


def doubt_order(turn: Turn, part: Part) -> None:
    """It is read before anything else is done; what stands on an operator's word is not."""
    if is_by_hand(part):
        turn.put_part(part)
        return
    turn.put_part(replace(part, is_fresh=False))
    turn.at_once(order_look(part.id))


def is_proven_none(turn: Turn, part: Part, complete_until: int | None) -> bool:
    """Whether an attempt that was not answered, and is not in a list that is complete until then, was
    never made and never will be. None: nobody keeps a list; one that is only held dies by itself."""
    if complete_until is not None and complete_until >= part.held_at + PROVEN_AFTER:
        return True
    return part.holds and not part.is_released and turn.now >= part.held_at + DEAD_MAN
