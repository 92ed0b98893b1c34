"""REPRICING and RECONSENT: what the trip costs now, and who agrees (pure). APIS §10.3, tolerance 0."""

from typing import Final

from msgspec.structs import replace

from actors.booking.collecting import keep_payments
from actors.booking.moves import (
    QUOTE_AGAIN,
    capture,
    collect_again,
    order,
    resplit,
    unwind,
)
from actors.booking.orders import flights_of
from actors.booking.payments import is_being_taken
from actors.booking.questions import ACCEPT, REFUSE, ask, close, is_agreed, shares_of
from actors.booking.resplitting import apply_split, missing_shares, plain, raised
from actors.booking.state import Option, Saga
from actors.booking.timing import RECONSENT_AFTER
from actors.booking.turn import Turn
from protocol.frames import Money
from protocol.splitting import lowered, shared_out

NO_PRICE: Final = "The price could not be confirmed. Ask for a new quote: nobody pays for this one."
NO_HOLD: Final = "The seats cannot be reserved any more before everybody has paid. Nobody pays."
DEARER: Final = "It costs more for fewer travellers, and some have paid already. Everything is being given back."
ACCEPT_TEXT: Final = "I agree to the new amounts."
REFUSE_TEXT: Final = "I do not agree."


def total_now(saga: Saga) -> int:
    """Minor units, of what the parts cost by today's offers."""
    return sum(part.offer.total.amount for part in saga.parts if not part.is_dropped)


def is_about_price(saga: Saga) -> bool:
    """Whether the question is about a price, and not about who pays for whom."""
    return bool(saga.parts) and all(part.is_priced for part in saga.parts if not part.is_dropped)


def advance_repricing(turn: Turn) -> None:
    keep_payments(turn)
    saga = turn.saga
    parts = [part for part in saga.parts if not part.is_dropped]
    refusals = {part.refusal for part in parts if part.refusal}
    if refusals:
        unwind(turn, NO_PRICE if refusals == {"unpriced"} else QUOTE_AGAIN)
        return
    if not all(part.is_priced for part in parts):
        return
    if any(part.offer.total.currency != saga.total.currency for part in parts) or any(
        part.offer.total.amount % saga.provider.unit for part in parts
    ):
        unwind(turn, NO_PRICE)
    elif not _can_still_hold(turn):
        unwind(turn, NO_HOLD)
    elif total_now(saga) > saga.total.amount and any(map(is_being_taken, saga.shares)):
        unwind(turn, DEARER)
    elif total_now(saga) > saga.total.amount:
        _ask(turn)
    elif total_now(saga) < saga.total.amount and not lower(turn, total_now(saga)):
        unwind(turn, QUOTE_AGAIN)
    else:
        settle_prices(turn)
        _on(turn)


def _can_still_hold(turn: Turn) -> bool:
    """A flight that cannot be held any more is bought after all was paid, for one payer only."""
    flights = flights_of(turn.saga)
    unheld = [flight for flight in flights if flight.holds and not flight.offer.can_hold]
    if not unheld:
        return True
    if len(flights) > 1 or sum(share.amount.amount > 0 for share in turn.saga.shares) > 1:
        return False
    turn.put_part(replace(unheld[0], holds=False))
    return True


def settle_prices(turn: Turn) -> None:
    """Today's prices are what was agreed to."""
    for part in turn.saga.parts:
        if not part.is_dropped:
            turn.put_part(replace(part, total=part.offer.total))


def _on(turn: Turn) -> None:
    turn.set_deadline("reprice", None)
    if missing_shares(turn.saga, turn.now):
        resplit(turn)  # a card's reservation has ended meanwhile
    elif any(flight.holds for flight in flights_of(turn.saga)):
        order(turn)
    else:
        capture(turn)


def lower(turn: Turn, total: int) -> bool:
    """It costs less: shares fall in proportion, and less will be captured. False: that cannot be."""
    saga = turn.saga
    amounts = lowered(
        total,
        [share.amount.amount for share in saga.shares],
        saga.provider.unit,
        saga.provider.least,
    )
    if amounts is None:
        return False
    turn.update(total=Money(amount=total, currency=saga.total.currency))
    apply_split(
        turn,
        {share.user_id: amount for share, amount in zip(saga.shares, amounts, strict=True)},
    )
    turn.say_news(
        "It costs less by now: the new total is {total_money}.", total_money=turn.saga.total
    )
    return True


def _ask(turn: Turn) -> None:
    saga = turn.saga
    total = total_now(saga)
    amounts = shared_out(total, [share.amount.amount for share in saga.shares], saga.provider.unit)
    if max(amounts) > saga.provider.most:
        unwind(turn, QUOTE_AGAIN)
        return
    shares = {s.user_id: amount for s, amount in zip(saga.shares, amounts, strict=True) if amount}
    until = turn.now + RECONSENT_AFTER
    turn.go("RECONSENT", deadlines={"reconsent": until})
    ask_all(turn, shares, total, until)
    turn.say(
        "It costs more by now: {total_money}. Whoever pays more is asked until {until_at}.",
        total_money=Money(amount=total, currency=saga.total.currency),
        until_at=until,
    )


def ask_all(
    turn: Turn, shares: dict[str, int], total: int, until: int, agreed: tuple[str, ...] = ()
) -> None:
    """Everybody who would pay more; who has agreed already is not asked again."""
    params: dict[str, object] = {
        "total_money": plain(Money(amount=total, currency=turn.saga.total.currency))
    }
    to = raised(turn.saga, shares)
    ask(
        turn,
        "reconsent",
        (
            Option(id=ACCEPT, text=ACCEPT_TEXT, params=params, shares=shares),
            Option(id=REFUSE, text=REFUSE_TEXT),
        ),
        to,
        expires_at=until,
        answers={user_id: ACCEPT for user_id in agreed if user_id in to},
    )


def advance_reconsent(turn: Turn) -> None:
    keep_payments(turn)
    saga = turn.saga
    question = saga.question
    if question is None:
        return
    if REFUSE in question.answers.values():
        close(turn)
        if is_about_price(saga):
            turn.update(is_called_off=True)
            unwind(turn, "Somebody does not agree to the new price. Nobody pays.")
        else:
            turn.update(no_resplit=True)
            resplit(turn)
    elif is_agreed(question):
        shares = dict(shares_of(saga, ACCEPT))
        close(turn)
        if is_about_price(saga):
            total = Money(amount=total_now(saga), currency=saga.total.currency)
            settle_prices(turn)
            turn.update(total=total)
        apply_split(turn, shares)
        for part in turn.saga.parts:
            turn.put_part(replace(part, is_priced=False))
        collect_again(turn)
