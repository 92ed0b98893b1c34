"""Parties that are too large for one order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.parties import INFANT_BELOW, MOST_AT_ONCE, components, seated
from protocol.travel import Party

PARTIES = st.builds(
    Party,
    adults=st.integers(1, 50),
    children_ages=st.lists(st.integers(0, 17), max_size=50).map(tuple),
    rooms=st.integers(1, 5),
)


def infants(party: Party) -> int:
    return sum(age < INFANT_BELOW for age in party.children_ages)


@given(PARTIES)
def test_a_large_party_is_several_that_can_fly_by_themselves(party: Party) -> None:
    found = components(party)
    if seated(party) <= MOST_AT_ONCE:
        assert found == (party,)
        return
    if found is None:
        # Every child flies with an adult, and every infant on the lap of one.
        everybody = party.adults + len(party.children_ages)
        assert infants(party) > party.adults or everybody > party.adults * (MOST_AT_ONCE - 1)
        return
    sizes = [seated(one) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
    assert sum(one.adults for one in found) == party.adults
    ages = Counter(age for one in found for age in one.children_ages)
    assert ages == Counter(party.children_ages)
    for one in found:
        assert one.adults + len(one.children_ages) <= MOST_AT_ONCE
        assert infants(one) <= one.adults
        assert one.rooms == party.rooms


@pytest.mark.parametrize(
    ("adults", "ages", "sizes"),
    [
        (9, (), [9]),
        (9, (1,), [10]),
        (10, (), [5, 5]),
        (11, (), [6, 5]),
        (18, (), [9, 9]),
        (18, (0, 1), [7, 7, 6]),
        (19, (), [7, 6, 6]),
        (50, (), [9, 9, 8, 8, 8, 8]),
        (2, (4,) * 10, [6, 6]),
        (9, (0, 0, 5, 6), [7, 6]),
    ],
)
def test_they_are_as_few_and_as_alike_as_can_be(
    adults: int, ages: tuple[int, ...], sizes: list[int]
) -> None:
    found = components(Party(adults=adults, children_ages=ages))
    assert found is not None
    assert [one.adults + len(one.children_ages) for one in found] == sizes


def test_children_without_enough_adults_are_no_parties() -> None:
    assert components(Party(adults=1, children_ages=(5,) * 9)) is None
    assert components(Party(adults=4, children_ages=(*(5,) * 9, *(0,) * 5))) is None
