"""What people send, as the saga's inputs; and what others leave with a booking's timers (pure)."""

from collections.abc import Sequence
from typing import Final, assert_never

import msgspec

from actors.booking.calls import FindOrders, FindPayments, Look, ReadOrder, ReadPayment
from actors.booking.steps import Answer, Approve, CallOff, Decline, Operate, Wake
from core.card_refusal import CARD_NUMBER
from core.errors import Rejected, Unavailable
from core.ports.payments import Payments
from core.texts import sentence
from protocol.booking import (
    ApproveBooking,
    CancelBooking,
    DecideBooking,
    DeclineBooking,
    OperateBooking,
)
from protocol.card_numbers import holds_card_number

_METHOD: Final = sentence("This is no payment method of the payment provider's.")


def input_of(
    command: ApproveBooking | DeclineBooking | DecideBooking | CancelBooking,
    user_id: str,
    providers: Sequence[Payments | None],
) -> Approve | Decline | Answer | CallOff:
    """Raises `Rejected`. `providers`: with whom a share may be paid; None: they are not there now."""
    match command:
        case ApproveBooking():
            return _approval(command, user_id, providers)
        case DeclineBooking():
            return Decline(user_id=user_id)
        case DecideBooking():
            return Answer(
                user_id=user_id, question_id=command.question_id, option_id=command.option_id
            )
        case CancelBooking():
            return CallOff(user_id=user_id)
        case _:
            assert_never(command)


def _approval(
    command: ApproveBooking, user_id: str, providers: Sequence[Payments | None]
) -> Approve:
    method = command.payment_method
    if holds_card_number(method):
        raise Rejected("bad_request", CARD_NUMBER, fields=[("paymentMethod", CARD_NUMBER)])
    there = [each for each in providers if each is not None]
    taker = next((each for each in there if each.takes_method(method)), None)
    if taker is not None:
        return Approve(
            user_id=user_id,
            method=method,
            client_id=command.client_id.lower(),
            provider=taker.name,
        )
    if len(there) < len(providers):
        raise Unavailable
    raise Rejected("bad_request", _METHOD, fields=[("paymentMethod", _METHOD)])


def woken_by(payload: bytes | None) -> Wake:
    """What a webhook's timer names: MessagePack `{paymentId}` or `{orderId}`; else anything may have changed."""
    found = msgspec.msgpack.decode(payload) if payload else {}
    names = found if isinstance(found, dict) else {}
    payment_id, order_id = names.get("paymentId"), names.get("orderId")
    if isinstance(payment_id, str):
        return Wake(payment_id=payment_id)
    if isinstance(order_id, str):
        return Wake(order_id=order_id)
    return Wake(is_unnamed=True)


def is_named(wake: Wake, look: Look) -> bool:
    """Whether what a look sees may be what somebody says has changed."""
    match look:
        case ReadPayment(payment_id=payment_id):
            return wake.is_unnamed or wake.payment_id == payment_id
        case FindPayments():
            return wake.is_unnamed or wake.payment_id is not None
        case ReadOrder(order_id=order_id):
            return wake.is_unnamed or wake.order_id == order_id
        case FindOrders():
            return wake.is_unnamed or wake.order_id is not None
        case _:
            return False


def operation_of(word: OperateBooking) -> Operate:
    """An operator's word, wherever it came from."""
    return Operate(
        operator=word.operator,
        action=word.action,
        note=word.note,
        part_id=word.part_id,
        amount=word.amount,
    )


def left_word(payload: bytes | None) -> OperateBooking:
    """An operator's word that was left with a timer."""
    return msgspec.msgpack.decode(payload or b"", type=OperateBooking)
