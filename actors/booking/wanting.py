"""From a quote to a booking: who is to travel and who pays what, judged (pure)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from actors.booking.quoting import kind_of
from actors.booking.state import Seat
from core.errors import Rejected
from core.ports.bookings import Quote
from core.texts import sentence
from protocol.booking import CreateBooking, TravellerType
from protocol.parties import INFANT_BELOW
from protocol.travel import Party

_PAYER: Final = sentence("Who pays for a traveller takes part in the booking.")
_SHARES: Final = sentence("Say a share for each participant, and for nobody else.")
_TWICE: Final = sentence("This is named twice.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A booking that somebody wants, in itself consistent. `split` as in `steps.Opening`."""

    participants: tuple[str, ...]
    seats: tuple[Seat, ...]
    split: Literal["equal"] | Mapping[str, int]


def wanted_booking(command: CreateBooking, quote: Quote) -> Wanted:
    """Raises `Rejected`, naming every field that is wrong."""
    wrong = [
        *_wrong_people(command),
        *_wrong_travellers(command, quote),
        *_wrong_split(command, quote),
    ]
    if wrong:
        raise Rejected("bad_request", wrong[0][1], fields=wrong)
    split: Literal["equal"] | dict[str, int] = "equal"
    if command.split != "equal":
        split = {share.user_id: share.amount.amount for share in command.split}
    return Wanted(
        participants=tuple(command.participants),
        seats=tuple(
            Seat(id=one.id, payer_id=one.payer_id, type=one.type) for one in command.travellers
        ),
        split=split,
    )


def _wrong_people(command: CreateBooking) -> list[tuple[str, str]]:
    return [(f"participants[{place}]", _TWICE) for place in _repeats(command.participants)]


def _wrong_travellers(command: CreateBooking, quote: Quote) -> list[tuple[str, str]]:
    wrong = [
        (f"travellers[{place}].id", _TWICE)
        for place in _repeats([one.id for one in command.travellers])
    ]
    wrong += [
        (f"travellers[{place}].payerId", _PAYER)
        for place, one in enumerate(command.travellers)
        if one.payer_id not in command.participants
    ]
    if Counter(one.type for one in command.travellers) != _everybody(quote):
        text = sentence("These travellers are not those for whom the quote was made.")
        wrong.append(("travellers", text))
    return wrong


def _wrong_split(command: CreateBooking, quote: Quote) -> list[tuple[str, str]]:
    if command.split == "equal":
        return []
    named = [share.user_id for share in command.split]
    if sorted(named) != sorted(command.participants):
        return [("split", _SHARES)]
    if any(share.amount.currency != quote.total.currency for share in command.split):
        return [("split", sentence("Say all shares in the quote's currency."))]
    if any(share.amount.amount < 0 for share in command.split):
        return [("split", sentence("No share can be less than nothing."))]
    if sum(share.amount.amount for share in command.split) != quote.total.amount:
        return [("split", sentence("The shares do not add up to the quote's total."))]
    return []


def _everybody(quote: Quote) -> Counter[TravellerType]:
    """A stay is for all, and so are the orders of a flight together."""
    flights = [item for item in quote.items if kind_of(item) == "flight"]
    parties = [item.query.party for item in flights or quote.items[:1]]
    return sum(map(party_of, parties), Counter())


def party_of(party: Party) -> Counter[TravellerType]:
    """How many of which type it has."""
    infants = sum(age < INFANT_BELOW for age in party.children_ages)
    types: Counter[TravellerType] = Counter()
    types.update(adult=party.adults, child=len(party.children_ages) - infants, infant=infants)
    return +types


def _repeats(named: Sequence[str]) -> list[int]:
    return [place for place, one in enumerate(named) if one in named[:place]]
