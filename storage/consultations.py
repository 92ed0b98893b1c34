"""What both stores of appointments keep to: their refusals and reminders."""

from core.errors import Rejected
from core.ports.consultations import MAX_AHEAD, MAX_BOOKED, REMIND_BEFORE, Consultation
from core.ports.durable_timers import CancelTimer, SetTimer, TimerChange
from protocol.codec import encode
from protocol.user import USER, TellConsultation


def no_consultation() -> Rejected:
    return Rejected("not_found", "There is no such consultation.")


def is_own() -> Rejected:
    return Rejected("forbidden", "This time is your own.")


def is_taken() -> Rejected:
    return Rejected("conflict", "Somebody else has booked this time.")


def has_begun() -> Rejected:
    return Rejected("conflict", "It is too late for this: it has begun.")


def is_busy() -> Rejected:
    return Rejected("conflict", "There is another consultation at this time.")


def too_many_ahead() -> Rejected:
    return Rejected(
        "conflict",
        "At most {limit} times can be open or booked at once.",
        params={"limit": MAX_AHEAD},
    )


def too_many_booked() -> Rejected:
    return Rejected(
        "conflict", "You can have booked at most {limit} at once.", params={"limit": MAX_BOOKED}
    )


def reminders(tenant_id: int, booked: Consultation, *, now: int) -> list[TimerChange]:
    """Of both, unless the time for it has come already: then being told of the booking is enough."""
    due_at = booked.starts_at - REMIND_BEFORE
    if due_at <= now:
        return []
    payload = encode(TellConsultation(consultation_id=booked.id, state="soon"))
    return [
        SetTimer(
            tenant_id=tenant_id,
            address=USER.at(user_id),
            name=_name(booked),
            due_at=due_at,
            payload=payload,
        )
        for user_id in people_of(booked)
    ]


def no_reminders(tenant_id: int, cancelled: Consultation) -> list[TimerChange]:
    return [
        CancelTimer(tenant_id=tenant_id, address=USER.at(user_id), name=_name(cancelled))
        for user_id in people_of(cancelled)
    ]


def people_of(consultation: Consultation) -> list[str]:
    """Both."""
    both = consultation.professional_id, consultation.traveller_id
    return [user_id for user_id in both if user_id is not None]


def _name(consultation: Consultation) -> str:
    return f"consult:{consultation.id}"
