"""Who flies on which order, where a flight is several: for more travellers than are booked at once (pure)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from actors.booking.state import Part, Seat
from protocol.booking import TravellerType
from protocol.parties import INFANT_BELOW
from protocol.travel import Party

Kind = tuple[TravellerType, int]
"""What a seat is quoted as; the age is that of a child or an infant."""


def assigned(parts: Sequence[Part], seats: Sequence[Seat]) -> tuple[Part, ...]:
    """Each flight with the travellers that it is for, where there are several; and their ages in the order
    of the seats. The flights' parties are those of the seats, by type."""
    flights = [part for part in parts if part.kind == "flight"]
    if len(flights) < 2:
        return tuple(parts)
    kinds = dict(kinds_of(seats, [flight.query.party for flight in flights]))
    places = placed(seats, [flight.query.party for flight in flights])
    own = {
        flight.id: replace(
            flight,
            seats=ids,
            query=replace(
                flight.query, party=party_of(flight.query.party, [kinds[id] for id in ids])
            ),
        )
        for flight, ids in zip(flights, places, strict=True)
    }
    return tuple(own.get(part.id, part) for part in parts)


def kinds_of(seats: Iterable[Seat], parties: Iterable[Party]) -> Iterator[tuple[str, Kind]]:
    """What each seat was quoted as: travellers are listed in the order of the ages that were said, those
    of children and those of infants."""
    ages = [age for party in parties for age in party.children_ages]
    children = iter([age for age in ages if age >= INFANT_BELOW])
    infants = iter([age for age in ages if age < INFANT_BELOW])
    for seat in seats:
        match seat.type:
            case "adult":
                yield seat.id, ("adult", 0)
            case "child":
                yield seat.id, ("child", next(children))
            case "infant":
                yield seat.id, ("infant", next(infants))


def placed(seats: Sequence[Seat], parties: Sequence[Party]) -> tuple[tuple[str, ...], ...]:
    """Ids of the seats of each party, in their order: as many of each kind as it was quoted for. Those whom one
    person pays for stay together wherever a whole such group finds room."""
    kinds = dict(kinds_of(seats, parties))
    room = [_room(party) for party in parties]
    chosen: dict[str, int] = {}

    def take(ids: Iterable[str], number: int) -> None:
        for id in ids:
            if id not in chosen and room[number][kinds[id]]:
                room[number][kinds[id]] -= 1
                chosen[id] = number

    def found(ids: Sequence[str], number: int) -> int:
        """How many of them find room there."""
        return (Counter(kinds[id] for id in ids) & room[number]).total()

    whole, torn = _families(seats), []
    for ids in whole:
        fits = [number for number in range(len(room)) if found(ids, number) == len(ids)]
        if fits:
            take(ids, min(fits, key=lambda number: (room[number].total(), number)))
        else:
            torn.append(ids)
    for ids in torn:
        while left := [id for id in ids if id not in chosen]:
            take(left, max(range(len(room)), key=lambda number: found(left, number)))
    return tuple(
        tuple(seat.id for seat in seats if chosen[seat.id] == number)
        for number in range(len(parties))
    )


def _families(seats: Iterable[Seat]) -> list[list[str]]:
    """Those whom one person pays for; the largest come first."""
    families: dict[str, list[str]] = {}
    for seat in seats:
        families.setdefault(seat.payer_id, []).append(seat.id)
    return sorted(families.values(), key=len, reverse=True)


def _room(party: Party) -> Counter[Kind]:
    kinds: list[Kind] = [("adult", 0)] * party.adults
    kinds += [("infant" if age < INFANT_BELOW else "child", age) for age in party.children_ages]
    return Counter(kinds)


def party_of(party: Party, kinds: Iterable[Kind]) -> Party:
    """The same but for who travels, in the order of `kinds`."""
    who = list(kinds)
    return replace(
        party,
        adults=sum(kind == "adult" for kind, _ in who),
        children_ages=tuple(age for kind, age in who if kind != "adult"),
    )
