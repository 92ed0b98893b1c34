"""Going on without some: their travellers are taken off every part of the trip, which is priced anew for the
others (pure). APIS §10.5."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from actors.booking.grouping import kinds_of, party_of
from actors.booking.orders import seats_of
from actors.booking.state import Part, Saga, Seat
from actors.booking.turn import Turn
from protocol.frames import Money
from protocol.splitting import shared_out


def seats_gone(saga: Saga, out: Collection[str]) -> tuple[Seat, ...]:
    """The travellers for whom the owners of these shares pay."""
    payers = {share.user_id for share in saga.shares if share.id in out}
    return tuple(seat for seat in saga.seats if seat.payer_id in payers)


def can_go_on(saga: Saga, out: Collection[str]) -> bool:
    """Whether there is a trip without the owners of these shares: somebody else pays, an adult travels on each
    order, and every infant has one's lap."""
    gone = seats_gone(saga, out)
    pays = sum(share.amount.amount for share in saga.shares if share.id not in out)
    groups = [
        [seat for seat in seats_of(saga, part) if seat not in gone]
        for part in saga.parts
        if not part.is_dropped
    ]
    return bool(gone) and pays > 0 and any(groups) and all(map(_can_travel, groups))


def _can_travel(seats: Collection[Seat]) -> bool:
    adults = sum(seat.type == "adult" for seat in seats)
    infants = sum(seat.type == "infant" for seat in seats)
    return not seats or (adults > 0 and infants <= adults)


def leave(turn: Turn, out: Collection[str]) -> None:
    """Without the travellers of these shares, and without what the shares were to pay. What the trip costs the
    others is found out later; until then it is what they have agreed to. The shares themselves are left to
    who splits anew."""
    saga = turn.saga
    gone = {seat.id for seat in seats_gone(saga, out)}
    parts = [_without(saga, part, gone) for part in saga.parts]
    rest = sum(share.amount.amount for share in saga.shares if share.id not in out)
    turn.update(
        seats=tuple(seat for seat in saga.seats if seat.id not in gone),
        parts=tuple(_shared(parts, rest, saga.provider.unit)),
        total=Money(amount=rest, currency=saga.total.currency),
        left=(*saga.left, *(share.user_id for share in saga.shares if share.id in out)),
    )


def who_left(saga: Saga) -> tuple[str, ...]:
    """Those whom others' references are no concern of any more. The organiser sees to the whole trip."""
    return tuple(user_id for user_id in saga.left if user_id != saga.organiser_id)


def _without(saga: Saga, part: Part, gone: Collection[str]) -> Part:
    """An order of a large group that nobody is left of falls away."""
    seats = seats_of(saga, part)
    left = [seat.id for seat in seats if seat.id not in gone]
    if part.is_dropped or len(left) == len(seats):
        return part
    kinds = dict(kinds_of(seats, [part.query.party]))
    if not left:
        return replace(part, is_dropped=True)
    party = party_of(part.query.party, [kinds[id] for id in left])
    return replace(
        part,
        seats=tuple(left) if part.seats else (),
        query=replace(part.query, party=party),
        must_search=True,
        is_priced=False,
    )


def _shared(parts: Iterable[Part], total: int, unit: int) -> Iterable[Part]:
    """The parts are the total, always."""
    whole = list(parts)
    live = [part for part in whole if not part.is_dropped]
    amounts = shared_out(total, [part.total.amount for part in live], unit)
    new = {
        part.id: Money(amount=amount, currency=part.total.currency)
        for part, amount in zip(live, amounts, strict=True)
    }
    return [replace(part, total=new.get(part.id, part.total)) for part in whole]
