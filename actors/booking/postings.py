"""What a step writes into the ledger (pure). Debits are positive; accounts as in `protocol.ledger`.

Captured money is owed to who paid it until it is spent. What is authorised moves nothing: memo rows.
"""

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from actors.booking.state import Part, Payment, Saga
from actors.booking.turn import Turn
from protocol.frames import Money
from protocol.splitting import shared_out


def _psp(turn: Turn, payment: Payment) -> str:
    return f"psp:{payment.provider or turn.saga.provider.name}"


def _participant(turn: Turn, share_id: str) -> str:
    return f"participant:{turn.share(share_id).user_id}"


def _move(
    turn: Turn, name: str, share_id: str, payment: Payment, amount: int, *, is_memo: bool = False
) -> None:
    """From who pays to the provider's account; negative: back."""
    turn.post(
        f"{name}:{share_id}:v{payment.version}",
        payment.intent,
        [(_psp(turn, payment), amount), (_participant(turn, share_id), -amount)],
        is_memo=is_memo,
    )


def post_authorised(turn: Turn, share_id: str, payment: Payment) -> None:
    _move(turn, "authorise", share_id, payment, payment.amount.amount, is_memo=True)


def post_let_go(turn: Turn, share_id: str, payment: Payment) -> None:
    _move(turn, "let_go", share_id, payment, -payment.amount.amount, is_memo=True)


def post_captured(turn: Turn, share_id: str, payment: Payment) -> None:
    _move(turn, "capture", share_id, payment, payment.captured)
    if payment.was_held:
        _move(turn, "taken", share_id, payment, -payment.amount.amount, is_memo=True)


def post_refunded(turn: Turn, share_id: str, payment: Payment, total: int) -> None:
    """`total` minor units have been given back by now."""
    turn.post(
        f"refund:{share_id}:v{payment.version}:{payment.refunds + 1}:{total}",
        payment.intent,
        [
            (_participant(turn, share_id), total - payment.refunded),
            (_psp(turn, payment), payment.refunded - total),
        ],
    )


def post_refund_failed(turn: Turn, share_id: str, payment: Payment, refunded: int) -> None:
    back = payment.refunded - refunded
    turn.post(
        f"refund_failed:{share_id}:v{payment.version}:{payment.refunds + 1}:{refunded}",
        payment.intent,
        [(_psp(turn, payment), back), (_participant(turn, share_id), -back)],
    )


def post_by_hand(turn: Turn, share_id: str, payment: Payment, amount: int) -> None:
    """What a refund that failed had left was paid to its owner by our team, otherwise; `payment.by_hand` is
    all of that by now."""
    turn.post(
        f"by_hand:{share_id}:v{payment.version}:{payment.by_hand}",
        payment.intent,
        [(_participant(turn, share_id), amount), ("by_hand", -amount)],
    )


def portions(turn: Turn, amount: int) -> Mapping[str, int]:
    """Share id → its part of an amount, by what of each is left to spend (APIS §9). Raises `ValueError`
    when there is less than that."""
    rest = {share.id: share.amount.amount - share.spent for share in turn.saga.shares}
    if amount > sum(rest.values()):
        raise ValueError("more than there is")
    unit = turn.saga.provider.unit
    parts = shared_out(amount, list(rest.values()), unit if amount % unit == 0 else 1)
    return dict(zip(rest, parts, strict=True))


def spend(turn: Turn, part: Part) -> None:
    """A part is booked: participants → trip → supplier."""
    if part.is_paid:
        return
    amount = part.total.amount
    trip = f"trip:{turn.saga.booking_id}"
    parts = portions(turn, amount)
    for share_id, portion in parts.items():
        share = turn.share(share_id)
        turn.put_share(replace(share, spent=share.spent + portion))
    turn.post(
        f"spend:{part.id}",
        part.intent,
        [
            *((_participant(turn, share_id), portion) for share_id, portion in parts.items()),
            (trip, -amount),
        ],
    )
    turn.post(
        f"pay:{part.id}",
        part.intent,
        [(trip, amount), (f"supplier:{part.offer.supplier}", -amount)],
    )
    turn.put_part(replace(part, is_paid=True))


def take_back(turn: Turn, part: Part, *, is_alone: bool = False) -> None:
    """A supplier returns some of what a part cost: supplier → trip → participants, as `returned_by` says."""
    trip = f"trip:{turn.saga.booking_id}"
    spent = {share.id: share.spent for share in turn.saga.shares}
    back = returned_by(turn.saga, part, part.returned or 0, spent, is_alone=is_alone)
    amount = sum(back.values())
    if amount:
        supplier = f"supplier:{part.offer.supplier}"
        turn.post(f"returned:{part.id}", part.intent, [(supplier, amount), (trip, -amount)])
        owners = [(_participant(turn, share_id), -portion) for share_id, portion in back.items()]
        turn.post(f"owed:{part.id}", part.intent, [(trip, amount), *owners])
        for share_id, portion in back.items():
            turn.put_share(replace(turn.share(share_id), spent=spent[share_id] - portion))
    turn.put_part(replace(part, is_paid=False, returned=amount))


def returned_by(
    saga: Saga, part: Part, amount: int, spent: Mapping[str, int], *, is_alone: bool = False
) -> Mapping[str, int]:
    """Share id → its part of what a supplier returns of a part, by what of each was `spent`, in units
    that can be given back. `is_alone`: the rest stays booked; then, of one order of several for a flight, who pays
    for its seats gets it back, by their number, and the others what is more than those had spent."""
    unit = saga.provider.unit
    amount = min(amount, part.total.amount, sum(spent.values()))
    amount -= amount % unit
    back = dict.fromkeys(spent, 0)
    if is_alone and part.seats:
        amount -= _to_its_own(saga, part, amount, spent, back)
    rest = [spent[share_id] - back[share_id] for share_id in spent]
    if amount:
        for share_id, portion in zip(spent, shared_out(amount, rest, unit), strict=True):
            back[share_id] += portion
    return {share_id: portion for share_id, portion in back.items() if portion}


def _to_its_own(
    saga: Saga, part: Part, amount: int, spent: Mapping[str, int], back: dict[str, int]
) -> int:
    """Fill `back` by the seats that each pays for, nobody's beyond what they have spent; how much that is."""
    unit, left = saga.provider.unit, amount
    seats = Counter(seat.payer_id for seat in saga.seats if seat.id in part.seats)
    own = {share.id: seats[share.user_id] for share in saga.shares}
    while left:
        room = {share_id: (spent[share_id] - back[share_id]) // unit * unit for share_id in spent}
        weights = [own[share_id] if room[share_id] else 0 for share_id in spent]
        if not any(weights):
            break
        for share_id, portion in zip(spent, shared_out(left, weights, unit), strict=True):
            given = min(portion, room[share_id])
            back[share_id] += given
            left -= given
    return amount - left


def lower_to_kept(turn: Turn, part: Part) -> None:
    """It was given up after all was booked, and the rest stays: from now on it costs what its supplier
    keeps, and everybody's share is what of it was spent."""
    if part.is_paid:
        take_back(turn, part, is_alone=True)
        part = turn.part(part.id)
    back, currency = part.returned or 0, turn.saga.total.currency
    for share in turn.saga.shares:
        turn.put_share(replace(share, amount=Money(amount=share.spent, currency=currency)))
    kept = Money(amount=part.total.amount - back, currency=currency)
    turn.put_part(replace(part, total=kept, is_given_back=True))
    total = Money(amount=turn.saga.total.amount - back, currency=currency)
    turn.update(total=total)
