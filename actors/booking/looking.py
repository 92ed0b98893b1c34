"""What the saga wants to see, and when it has to be woken (pure). Level-triggered: derived from the state."""

from collections.abc import Iterator
from typing import Final

from actors.booking.calls import (
    FindOrders,
    FindPayments,
    Look,
    ReadOrder,
    ReadPayment,
    Reprice,
    Screen,
)
from actors.booking.cards import cards_of, wants_screening
from actors.booking.orders import is_ticketed, reference
from actors.booking.payments import id_of, is_dead
from actors.booking.state import TERMINAL, Part, Payment, Saga, Share
from actors.booking.timing import AGAIN_AT_LATEST, DEAD_MAN, HOUR
from actors.booking.turn import (
    FIND,
    SCREEN,
    Turn,
    is_order_busy,
    is_payment_busy,
    order_look,
    payment_look,
    price_subject,
)
from actors.booking.watching import wants_afterwards

_LISTED_BEFORE: Final = HOUR
"""Clocks differ: lists begin that much before our first payment was asked for."""


def looks_wanted(saga: Saga, now: int) -> tuple[Look, ...]:
    """What should be looked at now; each until it is seen, and again when `next_look_at` says so."""
    return tuple(
        look for subject, look in _wants(saga) if saga.next_look_at.get(subject, now) <= now
    )


def hold_back(turn: Turn, look: Look) -> None:
    """What was just seen, and is wanted still, is not looked at again at once."""
    for subject, wanted in _wants(turn.saga):
        if wanted == look and turn.is_open(subject):
            turn.back_off(subject)


def wake_at(saga: Saga) -> int | None:
    """When time itself has something to do, at the latest; None: never. The timer's time."""
    times = [*saga.deadlines.values(), *saga.next_look_at.values()]
    if saga.pending or any(subject not in saga.next_look_at for subject, _ in _wants(saga)):
        # Whoever performs them may be gone by then.
        times.append(saga.touched_at + AGAIN_AT_LATEST)
    dead_men = [part.held_at + DEAD_MAN for part in saga.parts if part.is_doubtful]
    times.extend(at for at in dead_men if at > saga.touched_at)
    return min(times, default=None)


def _wants(saga: Saga) -> Iterator[tuple[str, Look]]:
    must_find = False
    for share in saga.shares:
        for payment in share.payments:
            if _wants_reading(saga, share, payment):
                look = ReadPayment(share_id=share.id, payment_id=id_of(payment))
                yield payment_look(share.id, payment.version), look
            must_find = must_find or payment.must_find
    if must_find:
        since = min(
            payment.opened_at
            for share in saga.shares
            for payment in share.payments
            if payment.must_find
        )
        yield FIND, FindPayments(since=since - _LISTED_BEFORE)
    if wants_screening(saga):
        yield SCREEN, Screen(cards=cards_of(saga))
    for part in saga.parts:
        yield from _wants_of(saga, part)


def _wants_reading(saga: Saga, share: Share, payment: Payment) -> bool:
    if payment.payment_id is None or is_payment_busy(saga, share.id, payment):
        return False
    if not payment.is_fresh:
        return True
    if saga.state in TERMINAL or is_dead(payment) or payment.seen is None:
        return False
    return payment.seen.status in ("action_required", "processing", "authorized")


def _wants_of(saga: Saga, part: Part) -> Iterator[tuple[str, Look]]:
    if saga.state == "REPRICING" and not part.is_priced and not part.is_dropped:
        yield price_subject(part.id), Reprice(part_id=part.id)
    if is_order_busy(saga, part):
        return
    if part.is_doubtful:
        if part.finds:
            yield (
                order_look(part.id),
                FindOrders(part_id=part.id, reference=reference(saga, part)),
            )
        return
    if saga.state == "COMPLETED":
        yield from wants_afterwards(saga, part)
        return
    if part.order is None or part.is_gone or saga.state in TERMINAL:
        return
    is_awaited = saga.state == "TICKETING" and part.kind == "flight" and part.is_released
    if saga.state == "TICKETING" and part.kind == "flight" and not part.holds:
        is_awaited = True
    if is_ticketed(saga, part):
        is_awaited = False
    if not part.is_fresh or part.order.status == "pending" or is_awaited:
        yield order_look(part.id), ReadOrder(part_id=part.id, order_id=part.order.order_id)
