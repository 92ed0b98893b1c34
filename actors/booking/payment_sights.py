"""How what is known of a payment grows by what its provider says (pure).

What was said earlier never takes back what is final.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.attempts import note_refusal
from actors.booking.payments import doubt, is_replayable, left_to_refund
from actors.booking.postings import (
    post_authorised,
    post_captured,
    post_let_go,
    post_refund_failed,
    post_refunded,
)
from actors.booking.state import Payment
from actors.booking.timing import POLL_ACTION, POLL_HELD
from actors.booking.turn import Turn, payment_look
from protocol.payments import Declined, PaymentState, PaymentStatus

_NO_REASON: Final = Declined(code="processing_error")
_RANK: Final[dict[PaymentStatus, int]] = {
    "open": 0,
    "action_required": 0,
    "processing": 0,
    "authorized": 1,
    "captured": 2,
    "cancelled": 2,
}


def observe(
    turn: Turn, share_id: str, payment: Payment, state: PaymentState, *, is_answer: bool = False
) -> None:
    """Take in a payment as its provider has it. `is_answer`: to the newest attempt, not to a look."""
    seen = _merged(payment.seen, state)
    payment = replace(
        payment,
        payment_id=state.payment_id,
        seen=seen,
        is_fresh=True,
        is_void=False,
        is_doubtful=False,
        must_find=False,
    )
    was_declined = payment.declined is not None
    payment = _attempt_after(turn, payment, seen, is_answer=is_answer)
    if not was_declined:
        note_refusal(turn, share_id, payment)
    if seen.has_expired:
        payment = replace(payment, is_lost=True)
    if seen.status == "authorized" and not payment.was_held:
        payment = replace(payment, was_held=True)
        post_authorised(turn, share_id, payment)
    if seen.status == "captured" and not payment.captured:
        payment = replace(payment, captured=seen.captured, was_let_go=True)
        post_captured(turn, share_id, payment)
    if seen.status == "cancelled" and payment.was_held and not payment.was_let_go:
        payment = replace(payment, was_let_go=True)
        post_let_go(turn, share_id, payment)
    turn.put_payment(share_id, payment)
    if seen.refund_failed and _is_short(turn, share_id, payment, seen.refunded):
        refund_failed(turn, share_id, payment, seen.refunded)
    elif seen.refunded > payment.refunded:
        refunded(turn, share_id, payment, seen.refunded)
    _space(turn, share_id, payment, seen.status)


def _is_short(turn: Turn, share_id: str, payment: Payment, given_back: int) -> bool:
    """Whether a refund that failed is news: providers say for ever that one did, also when another was made
    since, or a person has settled the rest."""
    if payment.has_refund_failed:
        return False
    if given_back < max(payment.refunded, payment.refund_aim):
        return True
    if payment.is_settled:
        return False
    now = replace(payment, refunded=given_back)
    return left_to_refund(turn.saga, turn.share(share_id), now) > 0


def refunded(turn: Turn, share_id: str, payment: Payment, total: int) -> None:
    """`total` minor units of it have been given back by now."""
    if total <= payment.refunded:
        return
    post_refunded(turn, share_id, payment, total)
    is_ended = total >= payment.refund_aim
    turn.put_payment(
        share_id,
        replace(
            payment,
            refunded=total,
            refund_aim=max(total, payment.refund_aim),
            refunds=payment.refunds + is_ended,
        ),
    )


def refund_failed(turn: Turn, share_id: str, payment: Payment, refunded_now: int) -> None:
    """What was given back came back: a person has to pay it otherwise. Another refund is none under its key."""
    if refunded_now < payment.refunded:
        post_refund_failed(turn, share_id, payment, refunded_now)
    else:
        post_refunded(turn, share_id, payment, refunded_now)
    turn.put_payment(
        share_id,
        replace(
            payment,
            refunded=refunded_now,
            refund_aim=refunded_now,
            refunds=payment.refunds + 1,
            has_refund_failed=True,
        ),
    )


def lose(turn: Turn, share_id: str, payment: Payment) -> None:
    """Its authorisation is over, or will never do: another payment is needed. It is read once more,
    since what it still holds must be let go."""
    doubt(turn, share_id, replace(payment, is_lost=True, is_asked=False))


def decline(turn: Turn, share_id: str, payment: Payment, declined: Declined | None) -> None:
    """The newest attempt has ended without money being held."""
    was_declined = payment.declined is not None
    payment = replace(payment, is_asked=False, declined=declined or _NO_REASON)
    turn.put_payment(share_id, payment)
    if not was_declined:
        note_refusal(turn, share_id, payment)


def _merged(before: PaymentState | None, now: PaymentState) -> PaymentState:
    """A look that was slow never takes back what is final; that of a stray is no slow one."""
    if before is not None and before.status == "cancelled" and now.is_stray:
        return now
    if before is None or _RANK[now.status] >= _RANK[before.status]:
        if before is not None and before.status != now.status and _RANK[before.status] == 2:
            return before
        return now
    return before


def _attempt_after(turn: Turn, payment: Payment, seen: PaymentState, *, is_answer: bool) -> Payment:
    match seen.status:
        case "authorized" | "captured" | "action_required":
            return replace(payment, is_asked=False, declined=None)
        case "cancelled":
            return replace(payment, is_asked=False)
        case "processing":
            return payment
        case "open":
            if is_answer or (not payment.is_asked and payment.attempt and seen.decline):
                return replace(payment, is_asked=False, declined=seen.decline or _NO_REASON)
            if payment.is_asked and not is_replayable(
                turn.saga, payment, payment.asked_at, turn.now
            ):
                return replace(payment, is_asked=False, declined=seen.decline or _NO_REASON)
            return payment


def _space(turn: Turn, share_id: str, payment: Payment, status: PaymentStatus) -> None:
    """When it is read again, should no webhook come: soon at first, and ever more seldom."""
    look = payment_look(share_id, payment.version)
    turn.settled(look)
    if status in ("action_required", "processing"):
        age = turn.now - payment.asked_at
        turn.wait(look, min(max(POLL_ACTION, age // 8), POLL_HELD))
    elif status == "authorized":
        turn.wait(look, POLL_HELD)
