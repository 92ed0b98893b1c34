"""The end of every step (pure): numbers, words, and what people are told of it."""

from typing import Final

from msgspec.structs import replace

from actors.booking.collecting import NEW_ATTEMPT
from actors.booking.leaving import who_left
from actors.booking.looking import wake_at
from actors.booking.payments import given_back, last, taken
from actors.booking.standings import STATUS, standing
from actors.booking.state import Saga, Share
from actors.booking.steps import CallOutcome, Notice, Sentence, Step
from actors.booking.turn import Turn
from actors.booking.views import step_of, view
from protocol.booking import BookingView, PaymentAction
from protocol.frames import Money
from protocol.payments import DeclineCode, Declined, PaymentRefused, PaymentState
from protocol.suppliers import NotSent, Refused, Unknown

DECLINED: dict[DeclineCode, str] = {
    "card_declined": "Your bank declined the card. Please use another one.",
    "insufficient_funds": "There is not enough money on the card. Please use another one.",
    "card_lost_or_stolen": "This card cannot be used. Please use another one.",
    "expired_card": "The card has expired. Please use another one.",
    "incorrect_details": "The card's details are not right. Please check them or use another card.",
    "authentication_failed": "The payment was not confirmed with your bank. Please try again.",
    "limit_exceeded": "The card's limit is reached. Please use another one.",
    "processing_error": "The card could not be charged just now. Please try again.",
}


BANK_ASKS: Final = "Please confirm the payment with your bank."
PAYPAL_ASKS: Final = "Please agree to the payment on PayPal's page."
PAYPAL_DECLINED: Final = (
    "PayPal could not reserve the payment. Please approve again and choose another source there, "
    "or pay by card."
)
"""What stands behind it is chosen at PayPal's: of a bank or a card we know nothing."""


COMES_BACK: Final = (
    "Of the {paid_money} that you paid {back_money} come back: your bank may take some days."
)
BOOKED_WITHOUT: Final = "The trip is booked without you. You pay nothing."
CHANGED_WITHOUT: Final = "Something has changed about the trip that the others have booked."
NOT_ARRIVED: Final = (
    "What should come back to you did not arrive. Our team pays it to you in another way."
)


def opening_notice(saga: Saga) -> Step:
    """The first step: everybody hears that there is a booking."""
    saga = replace(saga, step=step_of(saga))
    params: dict[str, object] = {
        "who_user": saga.organiser_id,
        "until_at": saga.deadlines["collect"],
    }
    note = Sentence(
        text="A booking was opened by {who_user}: please approve your share until {until_at}.",
        params=params,
    )
    if saga.replaces is not None:
        text = (
            "Here is the flight in place of the one that the airline has changed: please approve "
            "your share until {until_at}."
        )
        note = Sentence(text=text, params=params)
    return Step(saga=saga, notice=Notice(note=note, has_card=True))


def finished(before: Saga, turn: Turn, *, is_wake: bool) -> Step:
    """Count the step, and say what there is to be said. One that changes nothing is not counted."""
    saga = turn.saga
    now = turn.now
    shares = tuple(replace(share, state=standing(saga, share, now)) for share in saga.shares)
    ahead = {subject: at for subject, at in saga.next_look_at.items() if at > now}
    saga = replace(saga, shares=shares, next_look_at=ahead)
    saga = replace(saga, step=step_of(saga))
    is_same = saga == before and not turn.intents and not turn.ended
    if is_same and not (is_wake and wake_at(saga) is not None):
        return Step(saga=before)
    notice = _notice(before, saga, turn)
    saga = replace(
        saga,
        revision=before.revision + 1,
        version=before.version + (notice is not None),
        touched_at=now,
    )
    return Step(
        saga=saga,
        intents=tuple(turn.intents),
        ended=tuple(turn.ended),
        postings=tuple(turn.postings),
        notice=notice,
        screening=turn.screening,
        attempts=tuple(turn.attempts),
    )


def _seen(saga: Saga) -> tuple[BookingView, list[object], object]:
    actions: list[object] = []
    for share in saga.shares:
        action: PaymentAction | None = None
        payment = last(share)
        if share.state == "action_required" and payment is not None and payment.seen is not None:
            action = payment.seen.action
        # Some providers name another moment at each look: no news to anybody.
        actions.append(None if action is None else replace(action, expires_at=0))
    return replace(view(saga, None), version=0), actions, saga.question


def _notice(before: Saga, saga: Saga, turn: Turn) -> Notice | None:
    if _seen(before) == _seen(saga) and not turn.is_reminder:
        return None
    notes = {**turn.notes, **_elsewhere(before, saga), **_personal(before, saga, turn.note)}
    note = turn.note or _plain(before, saga)
    has_card = turn.has_card or STATUS[before.state] != STATUS[saga.state]
    return Notice(note=note, notes=notes, has_card=has_card)


def _elsewhere(before: Saga, saga: Saga) -> dict[str, Sentence]:
    """What those hear without whom a trip was booked: its flights are not theirs."""
    if STATUS[saga.state] != "booked":
        return {}
    is_news = STATUS[before.state] != "booked"
    said = Sentence(text=BOOKED_WITHOUT if is_news else CHANGED_WITHOUT)
    return dict.fromkeys(who_left(saga), said)


def _personal(before: Saga, saga: Saga, note: Sentence | None) -> dict[str, Sentence]:
    """Why a card was declined, what is to be done at the bank, and what comes back: only to the person
    concerned. `note`: what everybody hears, and who gets money back as well."""
    found: dict[str, Sentence] = {}
    states = {share.id: share.state for share in before.shares}
    back = {share.id: given_back(share) for share in before.shares}
    for share in saga.shares:
        payment = last(share)
        if given_back(share) > back.get(share.id, 0):
            found[share.user_id] = Sentence(text=COMES_BACK, params=_comes_back(share), more=note)
        if states.get(share.id) == share.state:
            continue
        is_paypal = payment is not None and payment.method == "paypal"
        if share.state == "declined" and not share.is_out and payment and payment.declined:
            by_bank = DECLINED[payment.declined.code]
            found[share.user_id] = Sentence(text=PAYPAL_DECLINED if is_paypal else by_bank)
        elif share.state == "action_required":
            found[share.user_id] = Sentence(text=PAYPAL_ASKS if is_paypal else BANK_ASKS)
        elif share.state == "expired":
            found[share.user_id] = Sentence(
                text="Your card's reservation has ended. Please approve your share again."
            )
        elif share.state == "refund_failed":
            found[share.user_id] = Sentence(text=NOT_ARRIVED)
    return found


def _comes_back(share: Share) -> dict[str, object]:
    def money(amount: int) -> Money:
        return replace(share.amount, amount=amount)

    return {"back_money": money(given_back(share)), "paid_money": money(taken(share))}


def _plain(before: Saga, saga: Saga) -> Sentence:
    """What changed, where nobody has said it."""
    states = {share.id: share.state for share in before.shares}
    changed = [share for share in saga.shares if states.get(share.id) != share.state]
    until = saga.deadlines.get("collect", saga.deadlines.get("repair"))
    for share in changed:
        if share.state in NEW_ATTEMPT - {"action_required"} and until is not None:
            open_shares = sum(s.state in NEW_ATTEMPT for s in saga.shares if s.amount.amount)
            if open_shares == 1:
                return Sentence(
                    text="One share is still open until {until_at}: another card is needed.",
                    params={"until_at": until},
                )
            return Sentence(
                text="Shares are still open until {until_at} ({count}).",
                params={"count": open_shares, "until_at": until},
            )
        if share.state == "authorized":
            return Sentence(
                text="The share of {who_user} is reserved.", params={"who_user": share.user_id}
            )
        if share.state == "refunded":
            return Sentence(
                text="The money of {who_user} has been given back.",
                params={"who_user": share.user_id},
            )
    return Sentence(text=saga.step)


def words_of(outcome: CallOutcome) -> tuple[str, str]:
    """One word, and what operators may read: no card, no name."""
    match outcome:
        case PaymentState(status=status, payment_id=payment_id):
            return status, payment_id
        case Declined(code=code):
            return "declined", code
        case PaymentRefused(kind=kind, detail=detail):
            return "refused", f"{kind}: {detail}"
        case Refused(kind=kind, detail=detail):
            return "refused", f"{kind}: {detail}"
        case NotSent(detail=detail):
            return "not_sent", detail
        case Unknown(detail=detail):
            return "unknown", detail
        case _:
            return type(outcome).__name__.lower(), ""
