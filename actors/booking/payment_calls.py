"""How calls about payments ended, and what looks at them saw (pure). APIS §10.7, §10.8."""

from typing import Final, assert_never

from msgspec.structs import replace

from actors.booking.calls import (
    Authorise,
    CancelPayment,
    Capture,
    FindPayments,
    OpenPayment,
    ReadPayment,
    Refund,
)
from actors.booking.moves import manual
from actors.booking.payment_sights import decline, lose, observe, refunded
from actors.booking.payments import PaymentCall, doubt, is_replayable
from actors.booking.state import TERMINAL, Payment
from actors.booking.steps import (
    CallOutcome,
    LookOutcome,
    NotSeen,
    NotThere,
    PaymentsFound,
)
from actors.booking.timing import PROVEN_AFTER
from actors.booking.turn import (
    FIND,
    MOST_REMEMBERED,
    Turn,
    is_payment_busy,
    payment_look,
    payment_subject,
)
from protocol.payments import Busy, Declined, PaymentRefused, PaymentState, RefundMade
from protocol.suppliers import NotSent, Unknown, Unsupported

MAX_REFUSALS: Final = 6
"""Of one refund or cancellation in a row; then a person has to see to it."""


def _payment_of(turn: Turn, call: PaymentCall) -> Payment | None:
    for share in turn.saga.shares:
        for payment in share.payments:
            if share.id == call.share_id and (
                payment.version == call.reference.version
                if isinstance(call, OpenPayment)
                else payment.payment_id == call.payment_id
            ):
                return payment
    return None


def payment_call_ended(turn: Turn, call: PaymentCall, outcome: CallOutcome) -> None:
    payment = _payment_of(turn, call)
    if payment is None:
        return
    subject = payment_subject(call.share_id, payment.version)
    match outcome:
        case PaymentState():
            turn.settled(subject)
            observe(turn, call.share_id, payment, outcome, is_answer=isinstance(call, Authorise))
        case Busy() | NotSent():
            turn.back_off(subject)
        case Unknown():
            turn.back_off(subject)
            _unanswered(turn, call, payment)
        case Declined():
            turn.settled(subject)
            _declined(turn, call, payment, outcome)
        case RefundMade():
            turn.settled(subject)
            total = max(payment.refunded, payment.refund_aim)
            refunded(turn, call.share_id, payment, total)
        case PaymentRefused():
            tries = turn.back_off(subject)
            _refused(turn, call, payment, outcome, tries)
        case Unsupported():
            if isinstance(call, Refund):
                turn.put_payment(call.share_id, replace(payment, has_refund_failed=True))
            else:
                lose(turn, call.share_id, payment)
        case _:
            turn.back_off(subject)


def _unanswered(turn: Turn, call: PaymentCall, payment: Payment) -> None:
    if isinstance(call, OpenPayment):
        turn.put_payment(call.share_id, replace(payment, is_doubtful=True))
    else:
        doubt(turn, call.share_id, payment)


def _declined(turn: Turn, call: PaymentCall, payment: Payment, outcome: Declined) -> None:
    if not isinstance(call, Authorise):
        doubt(turn, call.share_id, payment)
        return
    decline(turn, call.share_id, payment, outcome)
    if outcome.is_final:
        share = turn.share(call.share_id)
        barred = (*share.barred, call.method)[-MOST_REMEMBERED:]
        turn.put_share(replace(share, barred=barred))


def _refused(
    turn: Turn, call: PaymentCall, payment: Payment, outcome: PaymentRefused, tries: int
) -> None:
    if outcome.kind == "config":
        return  # our own account's trouble: later, the same again
    match call:
        case OpenPayment():
            _open_refused(turn, call, payment)
        case Authorise():
            if outcome.kind in ("lost", "not_found"):
                lose(turn, call.share_id, payment)
            else:
                code: Declined | None = None
                if outcome.kind == "method":
                    code = Declined(code="incorrect_details")
                decline(turn, call.share_id, payment, code)
                if outcome.kind == "state":
                    _again(turn, call.share_id, payment.version)
        case Capture():
            if outcome.kind == "state" and tries < MAX_REFUSALS:
                doubt(turn, call.share_id, payment)
            else:
                lose(turn, call.share_id, payment)
        case CancelPayment():
            if outcome.kind == "not_found":
                turn.put_payment(call.share_id, replace(payment, is_void=True))
            else:
                doubt(turn, call.share_id, payment)
        case Refund():
            has_failed = tries >= MAX_REFUSALS
            # The next one is another: the key of this one stands for what was refused.
            another = replace(
                payment,
                refunds=payment.refunds + 1,
                refund_aim=payment.refunded,
                has_refund_failed=payment.has_refund_failed or has_failed,
            )
            doubt(turn, call.share_id, another)
        case _:
            assert_never(call)


def _again(turn: Turn, share_id: str, version: int) -> None:
    payment = next(p for p in turn.share(share_id).payments if p.version == version)
    doubt(turn, share_id, payment)


def _open_refused(turn: Turn, call: OpenPayment, payment: Payment) -> None:
    """Refused, so this call made none; one before it that was not answered may have."""
    if payment.is_doubtful:
        payment = replace(payment, must_find=True)
    else:
        payment = replace(payment, is_void=True, declined=Declined(code="processing_error"))
    turn.put_payment(call.share_id, payment)
    share = turn.share(call.share_id)
    turn.put_share(replace(share, method=None))


# ── looks ──


def payment_looked(turn: Turn, look: ReadPayment | FindPayments, outcome: LookOutcome) -> None:
    if isinstance(look, FindPayments):
        _list_seen(turn, outcome)
        return
    share = next((s for s in turn.saga.shares if s.id == look.share_id), None)
    payment = next(
        (p for p in share.payments if p.payment_id == look.payment_id) if share else iter(()), None
    )
    if share is None or payment is None:
        return
    if isinstance(outcome, NotSeen | Unsupported):
        turn.back_off(payment_look(share.id, payment.version))
    elif is_payment_busy(turn.saga, share.id, payment):
        return  # it may be older than the call; its own answer comes
    elif isinstance(outcome, PaymentState) and outcome.payment_id == look.payment_id:
        observe(turn, share.id, payment, outcome)
    elif isinstance(outcome, NotThere):
        if payment.captured > payment.refunded:
            turn.back_off(payment_look(share.id, payment.version))
        else:
            turn.settled(payment_look(share.id, payment.version))
            turn.put_payment(
                share.id, replace(payment, is_void=True, is_asked=False, is_fresh=True)
            )
    else:
        turn.back_off(payment_look(share.id, payment.version))


def suspect(turn: Turn) -> None:
    """Somebody speaks of a payment whose id nobody here knows: what was believed never to have been made is
    looked for once more. What was not answered yet is repeated or looked for anyway. APIS §10.8."""
    for share in turn.saga.shares:
        for payment in share.payments:
            if payment.payment_id is None and (payment.is_void or payment.must_find):
                turn.put_payment(share.id, replace(payment, must_find=True))
                turn.at_once(FIND)


def _repeat_young_keys(turn: Turn) -> None:
    """What no list has shown (yet) may be on its way: its key once more, later, as long as it is kept."""
    for share in turn.saga.shares:
        for payment in share.payments:
            is_lost = payment.must_find and not payment.is_void and payment.payment_id is None
            if is_lost and is_replayable(turn.saga, payment, payment.opened_at, turn.now):
                turn.put_payment(share.id, replace(payment, must_find=False))
                turn.back_off(payment_subject(share.id, payment.version))


def _list_seen(turn: Turn, outcome: LookOutcome) -> None:
    if not isinstance(outcome, PaymentsFound | Unsupported):
        turn.back_off(FIND)
        _repeat_young_keys(turn)
        return
    known = outcome.payments if isinstance(outcome, PaymentsFound) else ()
    for share in turn.saga.shares:
        for payment in share.payments:
            if payment.payment_id is not None or (payment.is_void and not payment.must_find):
                continue
            if is_payment_busy(turn.saga, share.id, payment):
                continue
            state = next(
                (
                    state
                    for state in known
                    if state.reference is not None
                    and state.reference.share_id == share.id
                    and state.reference.version == payment.version
                ),
                None,
            )
            if state is not None:
                observe(turn, share.id, payment, state)
                if turn.saga.state in TERMINAL and state.status == "captured":
                    manual(turn, "A payment was taken that nobody here asked for")
            elif payment.is_void:
                turn.put_payment(share.id, replace(payment, must_find=False))
            elif payment.must_find and turn.now >= payment.opened_at + PROVEN_AFTER:
                # Without its id nobody can have authorised it: it holds nothing.
                turn.put_payment(share.id, replace(payment, is_void=True, must_find=False))
    _repeat_young_keys(turn)
    if any(payment.must_find for share in turn.saga.shares for payment in share.payments):
        turn.back_off(FIND)
    else:
        turn.settled(FIND)
