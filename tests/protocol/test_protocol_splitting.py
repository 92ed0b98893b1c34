"""Splits are exact, fair and chargeable, in currencies with 0, 2 and 3 decimals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.splitting import gathered, lowered, shared_out

WEIGHTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=12).filter(sum)
UNITS = st.sampled_from([1, 10, 100])
"""EUR and JPY; KWD at Stripe; ISK."""


@given(units=st.integers(0, 10**8), weights=WEIGHTS, unit=UNITS)
def test_a_split_is_exact_and_nobody_is_a_whole_unit_off(
    units: int, weights: list[int], unit: int
) -> None:
    total = units * unit
    parts = shared_out(total, weights, unit)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part % unit == 0
        assert part or weight * total < sum(weights) * unit
        assert abs(part * sum(weights) - total * weight) < unit * sum(weights)
        assert weight or not part


@given(units=st.integers(0, 10**6), people=st.integers(1, 12))
def test_what_is_left_over_goes_to_those_who_are_listed_first(units: int, people: int) -> None:
    parts = shared_out(units, [1] * people)
    assert parts == sorted(parts, reverse=True)
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(
    ("total", "people", "unit", "parts"),
    [
        (10_000, 3, 1, [3334, 3333, 3333]),
        (5_120, 3, 10, [1710, 1710, 1700]),
        (100, 3, 1, [34, 33, 33]),
    ],
    ids=["EUR", "KWD", "JPY"],
)
def test_the_examples_of_the_specification(
    total: int, people: int, unit: int, parts: list[int]
) -> None:
    assert shared_out(total, [1] * people, unit) == parts


@pytest.mark.parametrize(
    ("total", "weights", "unit"),
    [(5, [1], 10), (-1, [1], 1), (5, [], 1), (5, [0], 1), (5, [-1, 2], 1)],
)
def test_what_cannot_be_split_is_refused(total: int, weights: list[int], unit: int) -> None:
    with pytest.raises(ValueError, match=r"unit|weight"):
        shared_out(total, weights, unit)


@given(amounts=WEIGHTS, new=st.integers(0, 10**8))
def test_a_lower_total_raises_nobody_and_a_higher_one_lowers_nobody(
    amounts: list[int], new: int
) -> None:
    parts = shared_out(new, amounts)
    if new <= sum(amounts):
        assert all(part <= amount for part, amount in zip(parts, amounts, strict=True))
    else:
        assert all(part >= amount for part, amount in zip(parts, amounts, strict=True))


@given(
    amounts=st.lists(st.integers(0, 400).map(lambda n: n * 10), min_size=1, max_size=8).filter(sum),
    fall=st.integers(0, 1000),
    unit=st.sampled_from([1, 10]),
    least=st.sampled_from([0, 50, 500]),
)
def test_shares_fall_with_the_price_but_not_below_what_can_be_charged(
    amounts: list[int], fall: int, unit: int, least: int
) -> None:
    amounts = [amount if not amount or amount >= least else 0 for amount in amounts]
    total = sum(amounts) - fall * unit
    if total < 0 or not sum(amounts):
        return
    parts = lowered(total, amounts, unit, least)
    floor = sum(least for amount in amounts if amount)
    if parts is None:
        assert total < floor
        return
    assert sum(parts) == total
    for part, amount in zip(parts, amounts, strict=True):
        assert part <= amount
        assert part % unit == 0
        assert part >= least or not amount


def test_a_share_that_is_too_small_already_cannot_fall() -> None:
    assert lowered(80, [60, 40], 1, 50) is None
    assert lowered(50, [50, 50], 1, 50) is None
    assert lowered(0, [0, 0], 1, 50) == [0, 0]
    assert lowered(160, [120, 60], 1, 50) == [107, 53]


@given(amounts=st.lists(st.integers(0, 200), min_size=1, max_size=8), least=st.integers(0, 100))
def test_small_shares_go_to_the_organiser(amounts: list[int], least: int) -> None:
    parts = gathered(amounts, least, 0)
    if parts is None:
        assert any(0 < amount < least for amount in amounts)
        return
    assert sum(parts) == sum(amounts)
    assert all(not 0 < part < least for part in parts)
    assert all(part in (0, amount) for part, amount in zip(parts[1:], amounts[1:], strict=True))


def test_without_an_organiser_who_pays_small_shares_cannot_be_gathered() -> None:
    assert gathered([100, 20], 50, None) is None
    assert gathered([100, 60], 50, None) == [100, 60]
    assert gathered([0, 20, 20], 50, 0) is None
