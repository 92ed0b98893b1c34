"""How a share and a booking stand, in the protocol's words (pure). docs/protocol-v1.md §6."""

from typing import Final

from actors.booking.calls import Capture, OpenPayment
from actors.booking.cards import is_in_review
from actors.booking.payments import given_back, is_dead, last, taken
from actors.booking.state import Saga, SagaState, Share
from protocol.booking import BookingStatus, ParticipantState

STATUS: Final[dict[SagaState, BookingStatus]] = {
    "COLLECTING": "collecting",
    "RESPLIT": "action_needed",
    "READY": "booking",
    "REPRICING": "booking",
    "RECONSENT": "action_needed",
    "ORDERING": "booking",
    "ORDER_UNKNOWN": "booking",
    "HELD": "booking",
    "CAPTURING": "booking",
    "CAPTURE_REPAIR": "action_needed",
    "LETTING_GO": "booking",
    "HOTEL": "booking",
    "HOTEL_UNKNOWN": "booking",
    "TICKETING": "booking",
    "COMPLETED": "booked",
    "ADJUSTING": "booked",
    "UNWINDING": "cancelling",
    "CANCELLED": "cancelled",
    "MANUAL": "manual",
}


def standing(saga: Saga, share: Share, now: int) -> ParticipantState:
    """The state of a share, from what is known of its payments."""
    captured, refunded = taken(share), given_back(share)
    if any(payment.has_refund_failed for payment in share.payments):
        return "refund_failed"
    if captured and refunded >= captured:
        return (
            "refunded"
            if saga.state in ("UNWINDING", "CANCELLED", "MANUAL")
            else _open(saga, share, now)
        )
    if captured and refunded:
        return "part_refunded"
    if any(payment.captured > payment.refunded for payment in share.payments[-1:]):
        return "captured"
    if saga.state in ("UNWINDING", "CANCELLED"):
        return _undone(share)
    return _open(saga, share, now)


def _undone(share: Share) -> ParticipantState:
    real = [payment for payment in share.payments if not payment.is_void]
    if any(not is_dead(payment) for payment in real):
        return "captured" if any(payment.captured for payment in real) else "voiding"
    if real:
        return "voided"
    return "declined" if share.is_out else "invited"


def _open(saga: Saga, share: Share, now: int) -> ParticipantState:
    if share.is_out:
        return "declined"
    if not share.amount.amount:
        return "accepted"
    if share.method is not None:
        return "accepted"
    payment = last(share)
    if payment is None:
        return "invited"
    busy = [p.call for p in saga.pending if getattr(p.call, "share_id", None) == share.id]
    if any(isinstance(call, Capture) for call in busy):
        return "capturing"
    if payment.is_asked or any(isinstance(call, OpenPayment) for call in busy):
        return "accepted"
    if payment.is_void:
        return "declined" if payment.declined else "invited"
    if payment.is_lost or is_dead(payment):
        return "expired"
    if payment.seen is None:
        return "invited"
    fits = payment.amount.amount >= share.amount.amount
    if payment.split_version != saga.split_version or not fits:
        return "invited"
    match payment.seen.status:
        case "authorized":
            until = payment.seen.capture_before
            if until is not None and until <= now:
                return "expired"
            return "capturing" if saga.state == "CAPTURING" else "authorized"
        case "action_required":
            return "action_required"
        case "processing":
            return "accepted"
        case "captured":
            return "captured"
        case _:
            return "declined" if payment.declined else "invited"


def needs_operator(saga: Saga) -> bool:
    """Whether somebody of the platform should look at it: for the list of stuck bookings."""
    if saga.state == "MANUAL" or saga.is_stuck or is_in_review(saga):
        return True
    return saga.state == "HOTEL_UNKNOWN" and any(
        part.is_doubtful and not part.finds for part in saga.parts
    )
