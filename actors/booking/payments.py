"""What is known of the payments of shares, and what is asked of their providers (pure)."""

from typing import Final

from msgspec.structs import replace

from actors.booking.calls import (
    Authorise,
    CancelPayment,
    Capture,
    OpenPayment,
    ReadPayment,
    Refund,
)
from actors.booking.state import Payment, Provider, Saga, Share
from actors.booking.timing import LISTED_EVERY, REPLAY_MARGIN
from actors.booking.turn import Turn, is_payment_busy, payment_look, payment_subject
from protocol.frames import Money
from protocol.payments import PaymentReference, PaymentStatus

PaymentCall = OpenPayment | Authorise | Capture | CancelPayment | Refund

_UNDOING: Final = frozenset({"UNWINDING", "CANCELLED"})


def last(share: Share) -> Payment | None:
    return share.payments[-1] if share.payments else None


def id_of(payment: Payment) -> str:
    """Only for those that are known to exist."""
    if payment.payment_id is None:
        raise LookupError("a payment without an id")
    return payment.payment_id


def is_dead(payment: Payment) -> bool:
    """It holds nothing and never will."""
    return payment.is_void or (payment.seen is not None and payment.seen.status == "cancelled")


def is_stray(payment: Payment) -> bool:
    """Of a booking that has ended: whether it may hold money, which nobody will take any more."""
    return payment.payment_id is not None and not payment.captured and not is_dead(payment)


def status_of(payment: Payment) -> PaymentStatus | None:
    """None: it is not known to exist."""
    return None if payment.is_void or payment.seen is None else payment.seen.status


def is_held(saga: Saga, share: Share, now: int) -> bool:
    """Whether what its share costs is authorised, under the present split."""
    payment = last(share)
    if payment is None or payment.seen is None or status_of(payment) != "authorized":
        return False
    until = payment.seen.capture_before
    return (
        payment.amount.amount >= share.amount.amount
        and payment.split_version == saga.split_version
        and not payment.is_lost
        and (until is None or until > now)
    )


def is_ready(saga: Saga, share: Share, now: int) -> bool:
    """Nothing is missing of it before the trip may be ordered."""
    if not share.amount.amount:
        return True
    return not share.is_out and (is_held(saga, share, now) or is_kept(share))


def is_kept(share: Share) -> bool:
    """Whether what it costs was taken, and is not being given back."""
    payment = last(share)
    if payment is None:
        return not share.amount.amount
    back = max(payment.refunded, payment.refund_aim)
    return payment.captured - back >= share.amount.amount


def is_being_taken(share: Share) -> bool:
    """Whether money of it was taken, or may be by a call that was sent: it cannot be asked for more then,
    since that is another payment, and for a while both would be taken."""
    return any(
        payment.captured > payment.refunded
        or (payment.taking and not payment.is_lost and not is_dead(payment))
        for payment in share.payments
    )


def is_paid(share: Share) -> bool:
    payment = last(share)
    return not share.amount.amount or (payment is not None and payment.captured > 0)


def provider_of(saga: Saga, payment: Payment) -> Provider:
    """With whom it is made."""
    return next((each for each in saga.others if each.name == payment.provider), saga.provider)


def provider_of_call(saga: Saga, call: PaymentCall | ReadPayment) -> str:
    """The name of whom it is asked of."""
    for share in saga.shares:
        for payment in share.payments:
            if share.id == call.share_id and (
                payment.version == call.reference.version
                if isinstance(call, OpenPayment)
                else payment.payment_id == call.payment_id
            ):
                return provider_of(saga, payment).name
    return saga.provider.name


def providers_to_search(saga: Saga) -> tuple[str, ...]:
    """Names of those whose lists alone can say whether a payment exists."""
    lost = (p for share in saga.shares for p in share.payments if p.must_find)
    return tuple(sorted({provider_of(saga, payment).name for payment in lost}))


def is_replayable(saga: Saga, payment: Payment, sent_at: int, now: int) -> bool:
    """Whether the provider still answers a key as it did then."""
    return now < sent_at + provider_of(saga, payment).replays_for - REPLAY_MARGIN


def left_to_refund(saga: Saga, share: Share, payment: Payment) -> int:
    """Minor units that were captured and are to be given back: of the newest all but what the share costs,
    or, when the trip is undone, what suppliers keep; of older ones all."""
    newest = last(share)
    state = saga.manual_from if saga.state == "MANUAL" else saga.state
    kept = share.spent if state in _UNDOING else share.amount.amount
    if newest is None or newest.version != payment.version:
        kept = 0
    return max(0, payment.captured - payment.refunded - payment.by_hand - kept)


def has_refund_failed(saga: Saga) -> bool:
    """Whether somebody has to be paid otherwise."""
    return any(payment.has_refund_failed for share in saga.shares for payment in share.payments)


def given_back(share: Share) -> int:
    """Minor units that its owner has back."""
    return sum(payment.refunded + payment.by_hand for payment in share.payments)


def taken(share: Share) -> int:
    """Minor units that its owner has paid, whatever came back."""
    return sum(payment.captured for payment in share.payments)


# ── keys (APIS §10.2) ──


def _key(saga: Saga, share_id: str, what: str) -> str:
    return f"cv:{saga.booking_id}:{share_id}:{what}"


def reference_of(saga: Saga, share: Share, payment: Payment) -> PaymentReference:
    return PaymentReference(
        booking_id=saga.booking_id,
        share_id=share.id,
        split_version=payment.split_version,
        version=payment.version,
    )


# ── calls ──


def open_payment(turn: Turn, share: Share) -> None:
    """A new one, for the share's whole amount."""
    newest = last(share)
    payment = Payment(
        version=newest.version + 1 if newest else 1,
        amount=share.amount,
        split_version=turn.saga.split_version,
        opened_at=turn.now,
        provider=share.provider,
    )
    turn.put_payment(share.id, payment)
    call_open(turn, turn.share(share.id), payment)


def call_open(turn: Turn, share: Share, payment: Payment) -> None:
    """Also again: the same call under the same key."""
    seq = turn.call(
        OpenPayment(
            share_id=share.id,
            amount=payment.amount,
            reference=PaymentReference(
                booking_id=turn.saga.booking_id,
                share_id=share.id,
                split_version=payment.split_version,
                version=payment.version,
            ),
            key=_key(turn.saga, share.id, f"pi:v{payment.version}"),
        )
    )
    turn.put_payment(share.id, replace(payment, intent=payment.intent or seq))


def call_authorise(turn: Turn, share: Share, payment: Payment, method: str, attempt: int) -> None:
    """A new attempt, or the newest again."""
    is_new = attempt != payment.attempt
    seq = turn.call(
        Authorise(
            share_id=share.id,
            payment_id=id_of(payment),
            method=method,
            key=_key(turn.saga, share.id, f"confirm:v{payment.version}.{attempt}"),
        )
    )
    turn.put_payment(
        share.id,
        replace(
            payment,
            method=method,
            attempt=attempt,
            is_asked=True,
            asked_at=turn.now if is_new else payment.asked_at,
            declined=None,
            intent=seq,
        ),
    )


def call_capture(turn: Turn, share: Share, payment: Payment) -> None:
    """A key stands for its amount: one that was not answered, and is asked for again when the share has
    fallen, has another. Of the two one takes effect."""
    amount = share.amount.amount
    what = f"capture:v{payment.version}"
    if payment.taking not in (0, amount):
        what = f"{what}:{amount}"
    seq = turn.call(
        Capture(
            share_id=share.id,
            payment_id=id_of(payment),
            amount=share.amount,
            key=_key(turn.saga, share.id, what),
        )
    )
    turn.put_payment(share.id, replace(payment, intent=seq, taking=payment.taking or amount))


def call_refund(turn: Turn, share: Share, payment: Payment, amount: int) -> None:
    """A refund that was begun is ended first, as it was: its key stands for its amount."""
    if payment.refund_aim <= payment.refunded:
        payment = replace(payment, refund_aim=payment.refunded + amount)
    value = Money(amount=payment.refund_aim - payment.refunded, currency=payment.amount.currency)
    seq = turn.call(
        Refund(
            share_id=share.id,
            payment_id=id_of(payment),
            amount=value,
            reference=reference_of(turn.saga, share, payment),
            key=_key(turn.saga, share.id, f"refund:v{payment.version}:{payment.refunds + 1}"),
        )
    )
    turn.put_payment(share.id, replace(payment, intent=seq))


# ── undoing (APIS §10.4: always read first) ──


def undo(turn: Turn, share_id: str, payment: Payment) -> bool:
    """One thing more towards nothing being held or kept of it; whether that is reached."""
    share = turn.share(share_id)
    subject = payment_subject(share_id, payment.version)
    if is_payment_busy(turn.saga, share_id, payment):
        return False
    if is_dead(payment):
        return True
    if payment.payment_id is None:
        resolve_open(turn, share, payment)
        return False
    if not payment.is_fresh or payment.seen is None:
        return False
    status = payment.seen.status
    if status == "captured":
        left = left_to_refund(turn.saga, share, payment)
        # Of one that failed a person sees to the rest: it would come back twice.
        if left and not payment.has_refund_failed and turn.is_open(subject):
            call_refund(turn, share, payment, left)
        return not left
    if status != "processing" and turn.is_open(subject):
        turn.call(
            CancelPayment(
                share_id=share_id,
                payment_id=id_of(payment),
                key=_key(turn.saga, share_id, f"cancel:v{payment.version}"),
            )
        )
    return False


def resolve_open(turn: Turn, share: Share, payment: Payment) -> None:
    """Its making was not answered: the same call again while the key is young, and a list after that; and
    each third time, because a provider may answer a key with the same error for ever (APIS §7.2)."""
    subject = payment_subject(share.id, payment.version)
    if payment.must_find or is_payment_busy(turn.saga, share.id, payment):
        return
    is_open, tries = turn.is_open(subject), turn.saga.tries.get(subject, 0)
    is_stubborn = is_open and payment.is_doubtful and tries > 0 and tries % LISTED_EVERY == 0
    if is_stubborn or not is_replayable(turn.saga, payment, payment.opened_at, turn.now):
        turn.put_payment(share.id, replace(payment, must_find=True))
    elif is_open:
        call_open(turn, share, payment)


def doubt(turn: Turn, share_id: str, payment: Payment) -> None:
    """Something may have happened to it: it is read before anything else is done."""
    turn.put_payment(share_id, replace(payment, is_fresh=False))
    turn.at_once(payment_look(share_id, payment.version))


def doubt_all(turn: Turn) -> None:
    for share in turn.saga.shares:
        for payment in share.payments:
            if payment.payment_id is not None and not is_dead(payment):
                doubt(turn, share.id, payment)
