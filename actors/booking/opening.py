"""Opening a booking: is it payable, by whom, until when (pure)? Raises `core.errors.Rejected`."""

from collections.abc import Mapping

from actors.booking.flights import begins_by
from actors.booking.state import Part, Saga, Share
from actors.booking.steps import Opening
from actors.booking.timing import BEFORE_TICKETING, COLLECT_LEAST, COLLECT_MOST, MINUTE, collecting
from core.errors import Rejected
from protocol.frames import Money
from protocol.money import decimal_text
from protocol.splitting import gathered, shared_out


def opened(opening: Opening, now: int) -> Saga:
    """The saga as it begins: COLLECTING, step 1."""
    total = _total(opening)
    amounts = _amounts(opening, total)
    collect_by = _collect_by(opening, now)
    _check_people(opening)
    payers = sum(amount > 0 for amount in amounts)
    flights = [part for part in opening.parts if part.kind == "flight"]
    for part in flights:
        if len(flights) > 1 and not part.holds:
            raise Rejected(
                "conflict",
                "So many travellers need several orders, and these seats cannot be reserved until "
                "there are all of them. Choose another flight.",
            )
        if not part.holds and payers > 1:
            raise Rejected(
                "conflict",
                "These seats cannot be reserved before everybody has paid. "
                "Choose another flight, or let one person pay.",
            )
    until = collect_by
    if opening.collect_until is not None:
        until = min(until, opening.collect_until)
    if until < now + COLLECT_LEAST:
        raise Rejected(
            "conflict",
            "There is no time left to collect the shares: at least {minutes} minutes are needed.",
            params={"minutes": COLLECT_LEAST // MINUTE},
        )
    return Saga(
        booking_id=opening.booking_id,
        tenant_id=opening.tenant_id,
        room_id=opening.room_id,
        organiser_id=opening.organiser_id,
        created_at=now,
        revision=1,
        version=1,
        state="COLLECTING",
        step="",
        split_version=1,
        shares=tuple(
            Share(
                id=f"s{number}",
                user_id=user_id,
                amount=Money(amount=amount, currency=total.currency),
                state="invited" if amount else "accepted",
            )
            for number, (user_id, amount) in enumerate(
                zip(opening.participants, amounts, strict=True), start=1
            )
        ),
        parts=opening.parts,
        seats=opening.seats,
        total=total,
        provider=opening.provider,
        others=opening.others,
        deadlines=collecting(until, now),
        collect_by=collect_by,
        replaces=opening.replaces,
        entered_at=now,
        touched_at=now,
    )


def _bad(field: str, text: str, **params: object) -> Rejected:
    return Rejected("bad_request", text, fields=((field, text),), params=params)


def _text(amount: int, currency: str) -> str:
    return f"{decimal_text(Money(amount=amount, currency=currency))} {currency}"


def _total(opening: Opening) -> Money:
    if not opening.parts:
        raise _bad("quoteId", "There is nothing to book.")
    flights = [part for part in opening.parts if part.kind == "flight"]
    if len(flights) > 1 and not _is_one_flight(flights, opening):
        raise Rejected("conflict", "A booking has at most one flight.")
    currencies = {part.total.currency for part in opening.parts}
    if len(currencies) != 1:
        raise Rejected("conflict", "Everything in one booking must have one currency.")
    if any(part.total.amount <= 0 for part in opening.parts):
        raise Rejected("conflict", "Something in this quote has no price.")
    if any(part.total.amount % opening.provider.unit for part in opening.parts):
        raise Rejected("conflict", "The payment provider cannot take exactly this price.")
    return Money(amount=sum(part.total.amount for part in opening.parts), currency=currencies.pop())


def _is_one_flight(flights: list[Part], opening: Opening) -> bool:
    """Whether they are the orders of one: each for travellers of its own, and together for all."""
    ids = [id for flight in flights for id in flight.seats]
    return all(flight.seats for flight in flights) and sorted(ids) == sorted(
        seat.id for seat in opening.seats
    )


def _check_people(opening: Opening) -> None:
    payers = set(opening.participants) | {opening.organiser_id}
    if any(seat.payer_id not in payers for seat in opening.seats):
        raise _bad("travellers", "Who pays for a traveller must take part.")
    if len({seat.id for seat in opening.seats}) != len(opening.seats):
        raise _bad("travellers", "Two travellers have the same id.")
    if not opening.seats:
        raise _bad("travellers", "Somebody must travel.")


def _amounts(opening: Opening, total: Money) -> list[int]:
    people = opening.participants
    if not people:
        raise _bad("participants", "Somebody must take part.")
    if len(set(people)) != len(people):
        raise _bad("participants", "Somebody is named twice.")
    unit, least = opening.provider.unit, opening.provider.least
    if opening.split == "equal":
        amounts = shared_out(total.amount, [1] * len(people), unit)
    else:
        amounts = _own(opening.split, people, total, unit)
    organiser = people.index(opening.organiser_id) if opening.organiser_id in people else None
    whole = gathered(amounts, least, organiser)
    if whole is None:
        raise _bad(
            "split",
            "A share is smaller than the {least} that can be charged, and nobody takes it over.",
            least=_text(least, total.currency),
        )
    if max(whole) > opening.provider.most:
        raise _bad(
            "split",
            "A share is more than the {most} that can be charged at once. More people must share it.",
            most=_text(opening.provider.most, total.currency),
        )
    return whole


def _own(split: Mapping[str, int], people: tuple[str, ...], total: Money, unit: int) -> list[int]:
    if any(user_id not in people for user_id in split):
        raise _bad("split", "Somebody has a share and does not take part.")
    if any(amount < 0 for amount in split.values()):
        raise _bad("split", "A share cannot be less than nothing.")
    if any(amount % unit for amount in split.values()):
        raise _bad("split", "A share must be a multiple of {unit} minor units.", unit=unit)
    if sum(split.values()) != total.amount:
        raise _bad(
            "split", "The shares must add up to {total}.", total=_text(total.amount, total.currency)
        )
    return [split.get(user_id, 0) for user_id in people]


def _collect_by(opening: Opening, now: int) -> int:
    """Five days, a day before tickets must be issued, and before anything that was quoted begins."""
    limits = [now + COLLECT_MOST]
    limits += [at for part in opening.parts if (at := begins_by(part)) is not None]
    if opening.last_ticketing_at is not None:
        limits.append(opening.last_ticketing_at - BEFORE_TICKETING)
    return min(limits)
