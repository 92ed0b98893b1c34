"""What people see of a booking (pure): docs/protocol-v1.md §6's words, and nobody else's business."""

from typing import Final

from msgspec import convert, to_builtins
from msgspec.structs import replace

from actors.booking.cards import is_judged
from actors.booking.leaving import who_left
from actors.booking.orders import flights_of
from actors.booking.payments import given_back, last
from actors.booking.resplitting import missing_seats
from actors.booking.standings import STATUS, needs_operator
from actors.booking.state import Saga, SagaState
from protocol.booking import (
    BookingView,
    ItineraryItem,
    ParticipantView,
    PaymentAction,
    Question,
    QuestionOption,
    TravellerView,
)
from protocol.booking import Share as ShownShare
from protocol.cards import title_of
from protocol.frames import Money
from protocol.money import decimal_text

_CHECKED: Final = "Everything is reserved on your cards. The booking is being checked."
"""Whether somebody has to look at it first is nobody's business."""

_STEPS: Final[dict[SagaState, str]] = {
    "RESPLIT": "A share is missing: the organiser decides how to go on.",
    "READY": _CHECKED,
    "REPRICING": _CHECKED,
    "RECONSENT": "The amounts have changed: whoever pays more is asked.",
    "ORDERING": "The flight is being reserved.",
    "ORDER_UNKNOWN": "The airline has not answered. We are finding out whether the seats are yours.",
    "HELD": "The seats are reserved.",
    "CAPTURE_REPAIR": "One payment could not be taken: another card is needed.",
    "LETTING_GO": "Some do not travel: the seats are being changed for the others.",
    "HOTEL": "Everything is paid. The stay is being booked.",
    "HOTEL_UNKNOWN": "The hotel has not answered. We are finding out whether the stay is booked.",
    "TICKETING": "Everything is paid. The tickets are being issued.",
    "COMPLETED": "Everything is booked.",
    "ADJUSTING": "A flight of this booking is being changed.",
    "UNWINDING": "The trip is being called off.",
    "CANCELLED": "The trip was called off.",
    "MANUAL": "Somebody of our team is looking into this booking.",
}


def step_of(saga: Saga) -> str:
    """An English sentence, key of the message catalogue."""
    if saga.state == "COLLECTING":
        waiting = sum(
            share.state not in ("authorized", "captured") and share.amount.amount > 0
            for share in saga.shares
        )
        seats = missing_seats(saga)
        if waiting and seats:
            return "Shares are still open, and details of travellers are missing."
        if waiting:
            return "One share is still open." if waiting == 1 else "Shares are still open."
        return (
            "Details of travellers are missing."
            if seats
            else "Everything is reserved on your cards."
        )
    if saga.state == "CAPTURING":
        if flights_of(saga):
            return "The seats are reserved. The payments are being taken."
        return "The payments are being taken."
    if saga.state == "CAPTURE_REPAIR" and is_judged(saga):
        return _CHECKED
    if saga.state == "COMPLETED":
        return _step_afterwards(saga)
    return _STEPS[saga.state]


def _step_afterwards(saga: Saga) -> str:
    if saga.question is not None and saga.question.kind == "supplier_change":
        return "The airline has changed a flight: whoever pays for a seat decides how to go on."
    if any(part.change is not None and not part.change.decision for part in saga.parts):
        return "The airline has changed a flight. We are finding out what can be done."
    if any(part.change is not None and part.change.replacement for part in saga.parts):
        return "Another flight is being booked in place of one that the airline has changed."
    if saga.wants_refund:
        return "The suppliers are asked what would come back."
    return _STEPS[saga.state]


def deadline_of(saga: Saga) -> int | None:
    """Until when people can do something, where anybody can."""
    names = {
        "COLLECTING": "collect",
        "RESPLIT": "resplit",
        "RECONSENT": "reconsent",
        "CAPTURE_REPAIR": "repair",
        "COMPLETED": "refund",
    }
    name = names.get(saga.state, "")
    if saga.state == "COMPLETED" and "change" in saga.deadlines:
        name = "change"
    if saga.state == "CAPTURE_REPAIR" and "resplit" in saga.deadlines:
        name = "resplit"
    return saga.deadlines.get(name)


def view(saga: Saga, user_id: str | None) -> BookingView:
    """As that person sees it; None: what the whole room may see. All who take part see whom a question
    waits for; what it asks, in words that speak to them, only those."""
    return BookingView(
        booking_id=saga.booking_id,
        room_id=saga.room_id,
        version=saga.version,
        status=STATUS[saga.state],
        step=saga.step,
        participants=[
            ParticipantView(
                user_id=share.user_id,
                amount=share.amount,
                state=share.state,
                refunded=replace(share.amount, amount=back)
                if (back := given_back(share))
                else None,
            )
            for share in saga.shares
        ],
        travellers=[
            TravellerView(
                id=seat.id, payer_id=seat.payer_id, type=seat.type, complete=seat.digest is not None
            )
            for seat in saga.seats
        ],
        total=saga.total,
        deadline=deadline_of(saga),
        question=None if user_id is None else seen_by(user_id, _shown(saga)),
        action=_action(saga, user_id),
        itinerary=_itinerary(saga)
        if saga.state in ("COMPLETED", "ADJUSTING") and user_id not in who_left(saga)
        else None,
    )


def _itinerary(saga: Saga) -> list[ItineraryItem]:
    """What there is to travel with."""
    return [
        ItineraryItem(
            part_id=part.id,
            kind=part.kind,
            title=title_of(part.offer.details),
            supplier=part.order.supplier,
            locator=part.order.locator,
            tickets=[ticket.number for ticket in part.order.tickets if ticket.is_valid],
            details=to_builtins(part.offer.details),
        )
        for part in saga.parts
        if part.order is not None and not part.is_gone and not part.is_dropped
    ]


def seen_by(user_id: str, question: Question | None) -> Question | None:
    """Without its options for who is not asked."""
    if question is None or user_id in question.to:
        return question
    return replace(question, options=[])


def _shown(saga: Saga) -> Question | None:
    question = saga.question
    if question is None:
        return None
    return Question(
        id=question.id,
        kind=question.kind,
        options=[
            QuestionOption(
                id=option.id,
                text=_filled(option.text, option.params),
                shares=[
                    ShownShare(
                        user_id=user_id, amount=Money(amount=amount, currency=saga.total.currency)
                    )
                    for user_id, amount in option.shares.items()
                ]
                if option.shares
                else None,
            )
            for option in question.options
        ],
        to=list(question.to),
        expires_at=question.expires_at,
        answered=tuple(user_id for user_id in question.to if user_id in question.answers),
    )


def _filled(text: str, params: dict[str, object]) -> str:
    """English; who tells it in another language has `Option.text` and `params`."""
    shown = {
        key: _amount(convert(value, Money)) if key.endswith("_money") else value
        for key, value in params.items()
    }
    return text.format_map(shown)


def _amount(value: Money) -> str:
    return f"{decimal_text(value)} {value.currency}"


def _action(saga: Saga, user_id: str | None) -> PaymentAction | None:
    """What that person has to do at the payment provider."""
    for share in saga.shares:
        payment = last(share)
        if share.user_id == user_id and share.state == "action_required" and payment is not None:
            return payment.seen.action if payment.seen is not None else None
    return None


__all__ = ["deadline_of", "needs_operator", "seen_by", "step_of", "view"]
