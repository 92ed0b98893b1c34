"""What would come back, and what could be flown instead: asked before people are (pure).

Nothing here is waited for long: after two minutes people are asked with what is known by then.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from actors.booking.calls import FindAlternative, QuoteRefund
from actors.booking.postings import returned_by
from actors.booking.state import Part, Saga
from actors.booking.steps import AlternativeFound, LookOutcome
from actors.booking.timing import INQUIRE_WITHIN
from actors.booking.turn import Turn, other_subject, quote_subject
from actors.booking.watching import is_quoted, is_sought
from protocol.suppliers import RefundQuoted, Refused, Unsupported

FORECAST = "forecast"
INQUIRY = "inquiry:"
"""Names of deadlines; the second one's goes on with a part's id."""


def begin_inquiry(turn: Turn, part: Part) -> None:
    """About a part that its supplier has changed; what was known before is asked anew."""
    _forget(turn, part)
    turn.settled(other_subject(part.id))
    turn.set_deadline(f"{INQUIRY}{part.id}", turn.now + INQUIRE_WITHIN)


def begin_forecast(turn: Turn, parts: Iterable[Part]) -> None:
    """About all that would be called off."""
    for part in parts:
        _forget(turn, part)
    turn.update(wants_refund=True)
    turn.set_deadline(FORECAST, turn.now + INQUIRE_WITHIN)


def wait_for_suppliers(turn: Turn, name: str) -> None:
    """Two minutes more, where something else came between that forgot how long."""
    if name not in turn.saga.deadlines:
        turn.set_deadline(name, turn.now + INQUIRE_WITHIN)


def _forget(turn: Turn, part: Part) -> None:
    turn.settled(quote_subject(part.id))
    turn.put_part(replace(part, is_quoted=False, quoted=None, promised=None))


def inquired(turn: Turn, look: QuoteRefund | FindAlternative, outcome: LookOutcome) -> None:
    part = next((part for part in turn.saga.parts if part.id == look.part_id), None)
    if part is None or turn.saga.state != "COMPLETED":
        return
    if isinstance(look, QuoteRefund):
        if part.order is not None and part.order.order_id == look.order_id and not is_quoted(part):
            _quoted(turn, part, outcome)
    elif part.change is not None and not is_sought(part):
        _found(turn, part, outcome)


def _quoted(turn: Turn, part: Part, outcome: LookOutcome) -> None:
    subject = quote_subject(part.id)
    match outcome:
        case RefundQuoted(refund=refund) if refund.currency == part.total.currency:
            turn.settled(subject)
            amount = min(refund.amount, part.total.amount)
            turn.put_part(replace(part, is_quoted=True, quoted=amount))
        case RefundQuoted() | Unsupported():
            turn.settled(subject)
            turn.put_part(replace(part, is_quoted=True))
        case Refused(kind=kind) if kind != "quota":
            turn.settled(subject)
            turn.put_part(replace(part, is_quoted=True))
        case _:
            turn.back_off(subject)


def _found(turn: Turn, part: Part, outcome: LookOutcome) -> None:
    subject, change = other_subject(part.id), part.change
    if change is None:
        return
    match outcome:
        case AlternativeFound(alternative=alternative):
            turn.settled(subject)
            if alternative is not None and alternative.offer.total.currency != part.total.currency:
                alternative = None  # everybody is asked about amounts in one currency
            change = replace(change, is_sought=True, alternative=alternative)
            turn.put_part(replace(part, change=change))
        case Unsupported():
            turn.settled(subject)
            turn.put_part(replace(part, change=replace(change, is_sought=True)))
        case _:
            turn.back_off(subject)


def inquiry_ran_out(turn: Turn, name: str) -> None:
    """People are asked with what is known."""
    for part in turn.saga.parts:
        if name not in (FORECAST, f"{INQUIRY}{part.id}"):
            continue
        change = part.change
        if change is not None and name != FORECAST:
            change = replace(change, is_sought=True)
        turn.put_part(replace(part, is_quoted=True, change=change))


# ── in numbers ──


def known_return(part: Part) -> int | None:
    """Minor units that would come back of it; None: nobody knows."""
    return part.returned if part.is_gone else part.quoted


def forecast(
    saga: Saga, parts: Iterable[Part], *, is_alone: bool = False
) -> Mapping[str, int] | None:
    """User id → minor units that they would get back. None: that is not known of all parts. `is_alone`: the
    rest stays booked."""
    spent = {share.id: share.spent for share in saga.shares}
    back = dict.fromkeys(spent, 0)
    for part in parts:
        amount = known_return(part)
        if amount is None:
            return None
        returned = returned_by(saga, part, amount, spent, is_alone=is_alone)
        for share_id, portion in returned.items():
            spent[share_id] -= portion
            back[share_id] += portion
    return {share.user_id: back[share.id] for share in saga.shares if back[share.id]}
