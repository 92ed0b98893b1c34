"""A step of the saga as it is stored, and what people are told of it (pure)."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from actors.booking.calls import Call
from actors.booking.leaving import who_left
from actors.booking.sites import op_of
from actors.booking.state import TERMINAL, Saga, Screening
from actors.booking.steps import Attempt, Sentence, Step
from actors.booking.views import needs_operator, view
from core.ports.bookings import (
    AttemptRow,
    BookingEventRow,
    IntentRow,
    JournalStep,
    ParticipantRow,
    ResultRow,
    SealedTraveller,
)
from core.ports.durable_timers import CancelTimer, SetTimer, TimerChange
from core.ports.fraud import ScreeningRow
from protocol.addresses import Address
from protocol.booking import BOOKING, BookingView, PaymentAction, Question
from protocol.cards import title_of
from protocol.frames import Value

WAKE: Final = "wake"
"""The one timer that a booking sets itself."""


class Told(Value, frozen=True, kw_only=True):
    """What people are told of a step: the body of its event row. `view` is nobody's in particular;
    `actions`, `notes` and the `question` with its `options` are filled in for whom they are told to.
    `titles`: of the parts, for the room's card. `has_card`: the room is told too. `left`: who does not travel any more, and
    reads no itinerary."""

    organiser_id: str
    view: BookingView
    note: Sentence
    notes: dict[str, Sentence]
    actions: dict[str, PaymentAction]
    options: dict[str, Sentence]
    question: Question | None
    titles: list[str]
    has_card: bool
    left: tuple[str, ...] = ()


def packed(saga: Saga) -> bytes:
    """As it is stored. JSON: an offer's token is its supplier's JSON, byte for byte."""
    return msgspec.json.encode(saga)


def unpacked(snapshot: bytes) -> Saga:
    """Raises `msgspec.DecodeError` for what another version stored."""
    return msgspec.json.decode(snapshot, type=Saga)


def told_of(body: bytes) -> Told:
    """What an event row says."""
    return msgspec.json.decode(body, type=Told)


def people_of(told: Told) -> set[str]:
    """Whom it concerns."""
    return {told.organiser_id, *(one.user_id for one in told.view.participants)}


def journal_step(
    step: Step,
    *,
    fence: int,
    at: int,
    told_at: int,
    timers: tuple[TimerChange, ...] = (),
    travellers: Sequence[SealedTraveller] = (),
) -> JournalStep:
    """`at`: wall clock; `told_at`: when it happened, as people see it. `travellers`: whom the step names."""
    saga = step.saga
    shown = view(saga, None)
    event = None
    if step.notice is not None:
        body = msgspec.json.encode(_told(step, shown))
        event = BookingEventRow(version=saga.version, at=told_at, body=body)
    return JournalStep(
        tenant_id=saga.tenant_id,
        booking_id=saga.booking_id,
        fence=fence,
        revision=saga.revision,
        version=saga.version,
        state=saga.state,
        status=shown.status,
        step=saga.step,
        snapshot=packed(saga),
        at=at,
        is_terminal=saga.state in TERMINAL,
        needs_operator=needs_operator(saga),
        deadline=shown.deadline,
        participants=[
            ParticipantRow(user_id=one.user_id, amount=one.amount, state=one.state)
            for one in shown.participants
        ],
        intents=[
            IntentRow(
                seq=intent.seq,
                op=op_of(intent.call),
                key=key_of(intent.call),
                body=msgspec.msgpack.encode(intent.call),
                committed_at=at,
            )
            for intent in step.intents
        ],
        results=[
            ResultRow(seq=seq, outcome=outcome, detail=detail, at=at)
            for seq, outcome, detail in step.ended
        ],
        postings=step.postings,
        event=event,
        timers=timers,
        screening=None if step.screening is None else _screening(step.screening, at),
        attempts=[_attempt(one) for one in step.attempts],
        is_called_off=saga.is_called_off,
        travellers=travellers,
    )


def _screening(screening: Screening, at: int) -> ScreeningRow:
    found = screening.found
    return ScreeningRow(
        at=at,
        verdict=found.verdict,
        reasons=found.reasons,
        score=found.score,
        model=found.model,
        features=found.features,
        by=screening.by,
    )


def _attempt(attempt: Attempt) -> AttemptRow:
    """Which method it was is only compared: a digest will do."""
    digest = sha256(f"{attempt.provider}:{attempt.method}".encode()).digest()[:16]
    return AttemptRow(user_id=attempt.user_id, method=digest, is_refused=attempt.is_refused)


def wake_timer(saga: Saga, due_at: int | None) -> TimerChange:
    """Set to that time, or none at all."""
    address = Address(BOOKING, saga.booking_id)
    if due_at is None:
        return CancelTimer(tenant_id=saga.tenant_id, address=address, name=WAKE)
    return SetTimer(tenant_id=saga.tenant_id, address=address, name=WAKE, due_at=due_at)


def key_of(call: Call) -> str:
    """By which the other side knows the call again."""
    for name in ("key", "reference", "order_id"):
        found = getattr(call, name, None)
        if isinstance(found, str):
            return found
    raise TypeError(f"{type(call).__name__} has nothing to be known by")


def titles_of(saga: Saga) -> list[str]:
    """Of its parts, as a card shows them. Several orders of one flight are one."""
    first = next((part.id for part in saga.parts if part.kind == "flight"), None)
    return [
        title_of(part.offer.details)
        for part in saga.parts
        if part.kind != "flight" or part.id == first
    ]


def options_of(saga: Saga) -> dict[str, Sentence]:
    """The open question's options, to be told in anybody's language."""
    options = () if saga.question is None else saga.question.options
    return {one.id: Sentence(text=one.text, params=one.params) for one in options}


def _told(step: Step, shown: BookingView) -> Told:
    saga, notice = step.saga, step.notice
    if notice is None:
        raise TypeError("nobody is told of this step")
    actions = {
        share.user_id: action
        for share in saga.shares
        if (action := view(saga, share.user_id).action) is not None
    }
    asked = saga.question
    to = asked.to if asked is not None else ()
    return Told(
        organiser_id=saga.organiser_id,
        view=msgspec.structs.replace(shown, action=None),
        note=notice.note,
        notes=dict(notice.notes),
        actions=actions,
        options=options_of(saga),
        question=view(saga, to[0]).question if to else None,
        titles=titles_of(saga),
        has_card=notice.has_card,
        left=who_left(saga),
    )
