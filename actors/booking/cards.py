"""With which cards a booking would be paid, and what was said of them (pure)."""

from actors.booking.calls import Card
from actors.booking.payments import is_held, is_paid, last, provider_of
from actors.booking.state import Saga
from protocol.fraud import Verdict


def cards_of(saga: Saga) -> tuple[Card, ...]:
    """Of each share that is to be paid the method of its newest payment. More money from the same one is no
    new card."""
    newest = [
        (share.id, payment)
        for share in saga.shares
        if share.amount.amount and not share.is_out and (payment := last(share)) is not None
    ]
    return tuple(
        Card(
            share_id=share_id,
            provider=provider_of(saga, payment).name,
            method=payment.method or "",
        )
        for share_id, payment in newest
    )


def verdict_of(saga: Saga) -> Verdict | None:
    """On the present cards; None: there is none yet."""
    screening = saga.screening
    if screening is None or screening.cards != cards_of(saga):
        return None
    return screening.found.verdict


def is_all_held(saga: Saga, now: int) -> bool:
    """Whether what is not paid yet is authorised."""
    return all(is_paid(share) or is_held(saga, share, now) for share in saga.shares)


def is_judged(saga: Saga) -> bool:
    """Whether it waits for nothing but a word on its cards."""
    if saga.state == "CAPTURE_REPAIR":
        return is_all_held(saga, saga.touched_at)
    return saga.state == "READY"


def wants_screening(saga: Saga) -> bool:
    return is_judged(saga) and verdict_of(saga) is None


def is_in_review(saga: Saga) -> bool:
    """Whether an operator's word is waited for."""
    return is_judged(saga) and verdict_of(saga) == "review"
