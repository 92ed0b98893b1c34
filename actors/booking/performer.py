"""Makes a booking's calls and looks: the saga's values become the ports' words, and their answers values."""

from collections.abc import Sequence
from typing import Final, assert_never

import structlog
import trio
from msgspec.structs import replace

from actors.booking.calls import (
    AcceptChange,
    Authorise,
    Call,
    CancelOrder,
    CancelPayment,
    Capture,
    Confirm,
    FindAlternative,
    FindOrders,
    FindPayments,
    Hold,
    Look,
    OpenPayment,
    OpenReplacement,
    QuoteRefund,
    ReadOrder,
    ReadPayment,
    Refund,
    Release,
    Reprice,
    Screen,
    TellReplaced,
)
from actors.booking.facts import facts_of
from actors.booking.orders import seats_of
from actors.booking.payments import PaymentCall, provider_of_call, providers_to_search
from actors.booking.ports import BookingPorts
from actors.booking.sites import after_call, before_call, op_of
from actors.booking.state import Part, Saga
from actors.booking.steps import (
    AlternativeFound,
    CallOutcome,
    LookOutcome,
    NotSeen,
    NotThere,
    OrdersFound,
    PaymentsFound,
    PricedToday,
)
from core.errors import Rejected
from core.ports.consolidator import Released
from core.ports.inventory import Inventory
from core.ports.payments import Payments
from protocol.payments import PaymentState
from protocol.suppliers import NotSent, Refused, Unknown, Unsupported
from protocol.travel import OrderState, Traveller

LEAVES_WITHIN: Final = 5.0
"""Seconds from an intent's commit in which its call must have left: whoever takes the shard over may
rely on it."""

PAYMENT_WITHIN: Final = 20.0
LOOK_WITHIN: Final = 20.0
ORDER_WITHIN: Final = 60.0
NOTE: Final = "Caravan"
"""What who pays reads on their statement."""

_PAYMENTS: Final = OpenPayment | Authorise | Capture | CancelPayment | Refund

log: Final = structlog.get_logger("caravan.bookings")


async def perform(ports: BookingPorts, saga: Saga, call: Call, *, leaves_by: float) -> CallOutcome:
    """Make a call once. `leaves_by`: trio time after which it must not leave any more. Never raises but
    for cancellation, after which it may have been executed."""
    travellers: Sequence[Traveller] | None = ()
    with trio.move_on_at(leaves_by) as waiting:
        if isinstance(call, Hold):
            try:
                travellers = await _travellers(ports, saga, part_of(saga, call.part_id))
            # Nothing has left, whatever is wrong with what is stored: another master key, or another version's.
            except Exception as error:
                if not isinstance(error, Rejected):
                    kind = type(error).__name__
                    log.error(
                        "booking.travellers_unreadable", booking_id=saga.booking_id, error=kind
                    )
                return NotSent(detail="the travellers' data cannot be read")
        if not isinstance(call, (_PAYMENTS, TellReplaced)):
            await ports.suppliers.ready()
        await ports.calls.acquire()
    if waiting.cancelled_caught:
        return NotSent(detail="it did not leave in time")
    try:
        if travellers is None:
            return Refused(
                kind="invalid", detail="the travellers' data are not those of the booking"
            )
        return await _made(ports, saga, call, travellers)
    finally:
        ports.calls.release()


async def _made(
    ports: BookingPorts, saga: Saga, call: Call, travellers: Sequence[Traveller]
) -> CallOutcome:
    op, within = op_of(call), PAYMENT_WITHIN if isinstance(call, _PAYMENTS) else ORDER_WITHIN
    ports.sites.reach(before_call(op))
    try:
        with trio.move_on_after(within):
            outcome = await _call(ports, saga, call, travellers)
            ports.sites.reach(after_call(op))
            return outcome
    # Whatever an adapter raises against its promise, the call may have been executed.
    except Exception as error:
        log.exception("booking.call_crashed", booking_id=saga.booking_id, op=op)
        return Unknown(detail=type(error).__name__)
    return Unknown(detail=f"no answer within {within:g} s")


async def _call(
    ports: BookingPorts, saga: Saga, call: Call, travellers: Sequence[Traveller]
) -> CallOutcome:
    match call:
        case OpenPayment() | Authorise() | Capture() | CancelPayment() | Refund():
            provider = ports.providers.provider(provider_of_call(saga, call))
            if provider is None:
                return NotSent(detail="the payment provider is not there")
            return await _pay(ports, saga, provider, call)
        case Hold() | Confirm() | CancelOrder() | AcceptChange():
            part = part_of(saga, call.part_id)
            inventory = ports.suppliers.inventory(part.offer.supplier)
            if inventory is None:
                return NotSent(detail="the supplier is not there")
            return await _order(inventory, part, call, travellers)
        case Release():
            return await _release(ports, part_of(saga, call.part_id), call)
        case OpenReplacement():
            if ports.rebooker is None:
                return Unsupported()
            return await ports.rebooker.open(saga, part_of(saga, call.part_id), call.key)
        case TellReplaced():
            return await ports.tell_replaced(call.booking_id, saga.booking_id, call.is_booked)
        case _:
            assert_never(call)


async def _pay(
    ports: BookingPorts,
    saga: Saga,
    provider: Payments,
    call: PaymentCall,
) -> CallOutcome:
    match call:
        case OpenPayment():
            return await provider.open(call.amount, call.reference, note=NOTE, key=call.key)
        case Authorise():
            return await provider.authorise(
                call.payment_id,
                call.method,
                return_url=ports.return_url(saga.booking_id),
                key=call.key,
            )
        case Capture():
            return await provider.capture(call.payment_id, call.amount, key=call.key)
        case CancelPayment():
            return await provider.cancel(call.payment_id, key=call.key)
        case Refund():
            return await provider.refund(
                call.payment_id, call.amount, reference=call.reference, key=call.key
            )
        case _:
            assert_never(call)


async def _order(
    inventory: Inventory,
    part: Part,
    call: Hold | Confirm | CancelOrder | AcceptChange,
    travellers: Sequence[Traveller],
) -> CallOutcome:
    match call:
        case Hold():
            return await inventory.hold(part.offer, travellers, call.reference)
        case Confirm():
            return await inventory.confirm(call.order_id, call.reference, at_most=call.at_most)
        case CancelOrder():
            return await inventory.cancel(call.order_id, at_least=call.at_least)
        case AcceptChange():
            return await inventory.accept_change(call.order_id, call.change_id)
        case _:
            assert_never(call)


async def _release(ports: BookingPorts, part: Part, call: Release) -> CallOutcome:
    consolidator = ports.suppliers.consolidator()
    if consolidator is None:
        return NotSent(detail="the consolidator is not there")
    result = await consolidator.release(call.order_id, call.reference)
    if not isinstance(result, Released):
        return result
    # It says nothing of the order, which is read next.
    return part.order or OrderState(
        supplier=part.offer.supplier,
        order_id=call.order_id,
        status="held",
        reference=call.reference,
    )


async def _travellers(ports: BookingPorts, saga: Saga, part: Part) -> Sequence[Traveller] | None:
    """Those whom a part is for, in the order of the seats, each infant with an adult. None: somebody's
    data are gone, or are others than those whose hash the booking has. Raises `Unavailable`."""
    stored = await ports.travellers.get(saga.tenant_id, saga.booking_id)
    found = []
    for seat in seats_of(saga, part):
        traveller, digest = stored.get(seat.id, (None, ""))
        if traveller is None or digest != seat.digest:
            return None
        found.append(traveller)
    adults = [one.id for one in found if one.kind == "adult"]
    infants = iter(adults)
    return [
        replace(one, with_adult=next(infants, None)) if one.kind == "infant" else one
        for one in found
    ]


async def look(ports: BookingPorts, saga: Saga, what: Look) -> LookOutcome:
    """Look once. Never raises but for cancellation."""
    try:
        with trio.move_on_after(LOOK_WITHIN):
            async with ports.calls:
                return await _look(ports, saga, what)
    except Rejected as refusal:
        if not refusal.temporary:
            log.warning("booking.look_refused", booking_id=saga.booking_id, op=op_of(what))
    except Exception:
        log.exception("booking.look_crashed", booking_id=saga.booking_id, op=op_of(what))
    return NotSeen()


async def _look(ports: BookingPorts, saga: Saga, what: Look) -> LookOutcome:
    match what:
        case ReadPayment():
            provider = ports.providers.provider(provider_of_call(saga, what))
            if provider is None:
                return NotSeen()
            return await provider.read(what.payment_id) or NotThere()
        case FindPayments():
            return await _find_payments(ports, saga, what)
        case Reprice():
            part = part_of(saga, what.part_id)
            priced = await ports.suppliers.reprice(part.offer, part.query, anew=part.must_search)
            return priced if isinstance(priced, Refused) else PricedToday(offer=priced.offer)
        case FindAlternative():
            if ports.rebooker is None:
                return Unsupported()
            found = await ports.rebooker.find(saga, part_of(saga, what.part_id))
            return AlternativeFound(alternative=found)
        case ReadOrder() | FindOrders() | QuoteRefund():
            part = part_of(saga, what.part_id)
            await ports.suppliers.ready()
            inventory = ports.suppliers.inventory(part.offer.supplier)
            if inventory is None:
                return NotSeen()
            if isinstance(what, ReadOrder):
                able = inventory.capabilities(part.kind)
                if able is not None and not able.shows_orders:
                    return Unsupported()
                return await inventory.get(what.order_id) or NotThere()
            if isinstance(what, QuoteRefund):
                return await inventory.quote_refund(what.order_id)
            return await _find_orders(ports, inventory, part, what)
        case Screen():
            return await _screen(ports, saga)
        case _:
            assert_never(what)


async def _screen(ports: BookingPorts, saga: Saga) -> LookOutcome:
    facts = facts_of(saga, ports.business.business_ms())
    histories = await ports.histories.of(
        saga.tenant_id,
        [payer.user_id for payer in facts.payers],
        before=saga.booking_id,
        now=ports.clock.now_ms(),
    )
    return await ports.screener.screen(facts, histories)


async def _find_payments(ports: BookingPorts, saga: Saga, what: FindPayments) -> LookOutcome:
    """At all of whose payments one is looked for; who has no list has none of them for sure."""
    found: list[PaymentState] = []
    for name in providers_to_search(saga):
        provider = ports.providers.provider(name)
        if provider is None:
            return NotSeen()
        payments = await provider.find(saga.booking_id, since=what.since)
        if not isinstance(payments, Unsupported):
            found.extend(payments)
    return PaymentsFound(payments=tuple(found))


async def _find_orders(
    ports: BookingPorts, inventory: Inventory, part: Part, what: FindOrders
) -> LookOutcome:
    """At the supplier, where it knows our references; else in the consolidator's queue."""
    asked_at = ports.business.business_ms()
    orders = await inventory.find(what.reference)
    if not isinstance(orders, Unsupported):
        return OrdersFound(orders=tuple(orders), complete_until=asked_at)
    consolidator = ports.suppliers.consolidator()
    if part.kind != "flight" or part.issues != "explicit":
        return orders
    if consolidator is None:
        return NotSeen()
    found, complete_until = await consolidator.find(what.reference)
    return OrdersFound(orders=tuple(found), complete_until=complete_until)


def part_of(saga: Saga, part_id: str) -> Part:
    """Raises `LookupError` for a part that the booking does not have: the machine is in error."""
    for part in saga.parts:
        if part.id == part_id:
            return part
    raise LookupError(f"booking {saga.booking_id} has no part {part_id}")
