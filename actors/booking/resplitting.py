"""When a share stays open: what the organiser may choose, and how amounts change (pure). APIS §10.5.

A higher share needs a payment for its whole new amount, authorised before the old one is let go; a share that
stays or falls carries its payment over. What an older split authorised is never captured otherwise.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from actors.booking.leaving import can_go_on, leave
from actors.booking.payments import is_being_taken, is_dead, is_ready, last
from actors.booking.questions import CANCEL, COVER, DROP, OTHERS, ask
from actors.booking.state import Option, Saga, Share
from actors.booking.turn import Turn
from protocol.frames import Money
from protocol.splitting import shared_out

CANCEL_TEXT = "Call the trip off: nobody pays."
COVER_TEXT = "You pay {missing_money} more, {own_money} in all, and everybody travels."
OTHERS_TEXT = (
    "The others share {missing_money} among them, if all of them agree, and everybody travels."
)
DROP_ONE = "Go on without {who_user}, priced anew for fewer travellers."
DROP_TWO = "Go on without {who_user} and {other_user}, priced anew for fewer travellers."
DROP_MANY = "Go on without {count} people, priced anew for fewer travellers."
DROP_ONE_PAID = (
    "Go on without {who_user}, if that costs the others no more; else everything is given back."
)
DROP_TWO_PAID = (
    "Go on without {who_user} and {other_user}, if that costs the others no more; else everything is "
    "given back."
)
DROP_MANY_PAID = (
    "Go on without {count} people, if that costs the others no more; else everything is given back."
)


def missing_shares(saga: Saga, now: int) -> tuple[Share, ...]:
    """Whose money is not there, or who said no."""
    return tuple(share for share in saga.shares if not is_ready(saga, share, now))


def given_up(saga: Saga, now: int) -> tuple[Share, ...]:
    """Those of the missing that are decided about: while there is time to pay, of who said no; then all."""
    missing = missing_shares(saga, now)
    if "collect" not in saga.deadlines:
        return missing
    return tuple(share for share in missing if share.is_out)


def missing_seats(saga: Saga) -> int:
    return sum(seat.digest is None for seat in saga.seats)


def options_for(saga: Saga, now: int) -> tuple[Option, ...]:
    """What the organiser may choose now."""
    found: list[Option] = []
    missing = given_up(saga, now)
    amount = sum(share.amount.amount for share in missing)
    if missing and amount:
        out = {share.id for share in missing}
        found += _cover(saga, out, amount)
        if not saga.no_resplit and saga.state != "CAPTURE_REPAIR":
            found += _others(saga, out, amount)
        most = saga.provider.most
        found = [one for one in found if max((one.shares or {}).values(), default=0) <= most]
        if can_go_on(saga, out):
            found.append(_drop(saga, [share.user_id for share in missing]))
    return (*found, Option(id=CANCEL, text=CANCEL_TEXT))


def plain(value: Money) -> dict[str, object]:
    """An amount as it is in a stored option: what is loaded again must be equal to it."""
    return {"amount": value.amount, "currency": value.currency}


def _money(saga: Saga, amount: int) -> Money:
    return Money(amount=amount, currency=saga.total.currency)


def _cover(saga: Saga, out: set[str], amount: int) -> list[Option]:
    own = next((share for share in saga.shares if share.user_id == saga.organiser_id), None)
    if own is None or own.id in out or own.is_out or is_being_taken(own):
        return []
    shares = {
        share.user_id: share.amount.amount + amount * (share.id == own.id)
        for share in saga.shares
        if share.id not in out
    }
    params: dict[str, object] = {
        "missing_money": plain(_money(saga, amount)),
        "own_money": plain(_money(saga, shares[own.user_id])),
    }
    return [Option(id=COVER, text=COVER_TEXT, params=params, shares=shares)]


def _others(saga: Saga, out: set[str], amount: int) -> list[Option]:
    rest = [share for share in saga.shares if share.id not in out and share.amount.amount]
    if not rest or [share.user_id for share in rest] == [saga.organiser_id]:
        return []
    if any(is_being_taken(share) for share in rest):
        return []
    amounts = shared_out(
        saga.total.amount, [share.amount.amount for share in rest], saga.provider.unit
    )
    shares = {share.user_id: a for share, a in zip(rest, amounts, strict=True)}
    params: dict[str, object] = {"missing_money": plain(_money(saga, amount))}
    return [Option(id=OTHERS, text=OTHERS_TEXT, params=params, shares=shares)]


def _drop(saga: Saga, people: Sequence[str]) -> Option:
    """Of those from whom money was taken already nobody can be asked for more."""
    is_paid = any(is_being_taken(share) for share in saga.shares)
    params: dict[str, object] = {"count": len(people)}
    match people:
        case [one]:
            text, params = (DROP_ONE, DROP_ONE_PAID)[is_paid], {"who_user": one}
        case [one, other]:
            text = (DROP_TWO, DROP_TWO_PAID)[is_paid]
            params = {"who_user": one, "other_user": other}
        case _:
            text = (DROP_MANY, DROP_MANY_PAID)[is_paid]
    return Option(id=DROP, text=text, params=params)


def drop(turn: Turn) -> None:
    """Go on without those whose money is not there. What the others have agreed to pay they pay still, until
    it is known what the trip costs them."""
    saga = turn.saga
    out = {share.id for share in given_up(saga, turn.now)}
    rest = {s.user_id: s.amount.amount for s in saga.shares if s.id not in out and s.amount.amount}
    leave(turn, out)
    apply_split(turn, rest)


def ask_organiser(turn: Turn, expires_at: int) -> None:
    """Put the question, or the same with what may be chosen by now."""
    options = options_for(turn.saga, turn.now)
    question = turn.saga.question
    if question is not None and question.kind == "resplit" and question.options == options:
        return
    ask(turn, "resplit", options, (turn.saga.organiser_id,), expires_at=expires_at)


def raised(saga: Saga, shares: Mapping[str, int]) -> tuple[str, ...]:
    """Who would pay more."""
    return tuple(
        share.user_id for share in saga.shares if shares.get(share.user_id, 0) > share.amount.amount
    )


def apply_split(turn: Turn, shares: Mapping[str, int]) -> None:
    """A new version of the split; who is not in it pays nothing and is out. Their sum is the total."""
    version = turn.saga.split_version + 1
    turn.update(split_version=version)
    for share in turn.saga.shares:
        amount = shares.get(share.user_id, 0)
        was_asked = share.amount.amount > 0
        changed = replace(
            share,
            amount=_money(turn.saga, amount),
            is_out=(share.is_out or was_asked) and not amount,
            consented=version if amount else share.consented,
            method=share.method if amount == share.amount.amount else None,
        )
        turn.put_share(_carried_over(changed, version))


def _carried_over(share: Share, version: int) -> Share:
    """Its newest payment counts under the new split if it covers the new amount."""
    payment = last(share)
    if payment is None or is_dead(payment) or payment.amount.amount < share.amount.amount:
        return share
    if payment.seen is None and payment.amount != share.amount:
        return share
    return replace(share, payments=(*share.payments[:-1], replace(payment, split_version=version)))
