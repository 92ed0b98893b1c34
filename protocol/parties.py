"""Parties that are too large for one order: airlines' systems book nine travellers at once (pure).

Each order is for some of them and is an order like any other (APIS §10.6). They are as alike in size as can be: whatever
class of fares is left for one is most probably left for all.
"""

from typing import Final

from msgspec.structs import replace

from protocol.travel import Party

MOST_AT_ONCE: Final = 9
INFANT_BELOW: Final = 2
"""Years; infants sit on an adult's lap."""


def seated(party: Party) -> int:
    """Those that need a seat of their own."""
    return party.adults + sum(age >= INFANT_BELOW for age in party.children_ages)


def components(party: Party, most: int = MOST_AT_ONCE) -> tuple[Party, ...] | None:
    """The party itself where so many can be booked at once; else as few parties as possible, the largest
    first. In each there is an adult, and one for every infant; the ages of children, and those of infants, are
    dealt out in their order. None: there are too few adults for that.

    Infants take no seat, but a party of several has no more than `most` with them either: not every supplier
    leaves them out of account.
    """
    if seated(party) <= most:
        return (party,)
    everybody = party.adults + len(party.children_ages)
    for count in range(-(-everybody // most), party.adults + 1):
        found = _shared_among(party, count)
        if found is not None and all(one.adults + len(one.children_ages) <= most for one in found):
            return found
    return None


def _shared_among(party: Party, count: int) -> tuple[Party, ...] | None:
    """Into so many; None: an infant would have no adult's lap."""
    children = [age for age in party.children_ages if age >= INFANT_BELOW]
    infants = [age for age in party.children_ages if age < INFANT_BELOW]
    adults, seats = _evenly(party.adults, count), _evenly(seated(party), count)
    laps = [0] * count
    for _ in infants:
        free = [number for number in range(count) if laps[number] < adults[number]]
        if not free:
            return None
        laps[min(free, key=lambda number: seats[number] + laps[number])] += 1
    found, child, infant = [], 0, 0
    for grown, places, held in zip(adults, seats, laps, strict=True):
        own = children[child : child + places - grown], infants[infant : infant + held]
        child, infant = child + places - grown, infant + held
        found.append(replace(party, adults=grown, children_ages=(*own[0], *own[1])))
    return tuple(found)


def _evenly(whole: int, count: int) -> list[int]:
    """In falling order, none more than one above another."""
    each, more = divmod(whole, count)
    return [each + (number < more) for number in range(count)]
