"""Features of any booking are finite, as many as named, and move the way that is promised."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fraud_cases import DAY_MS, NOW, alone, facts, histories, history, payer
from hypothesis import given
from hypothesis import strategies as st

from core.ports.fraud import BookingFacts, PayerHistory
from inference.fraud.amounts import PER_EURO, euros
from inference.fraud.features import AT, FEATURES, HOUR_MS, features_of, read, stored
from protocol.money import exponent

COUNTS = st.integers(0, 2**31)
TIMES = st.integers(-(2**45), 2**45)
PAYERS = st.builds(
    payer,
    user_id=st.sampled_from(["u0", "u1", "u2", "u9"]),
    amount=st.integers(-(2**40), 2**53),
    attempts=COUNTS,
    declines=COUNTS,
    methods=COUNTS,
)
HISTORIES = st.builds(
    PayerHistory,
    registered_at=TIMES,
    bookings_day=COUNTS,
    bookings_month=COUNTS,
    declines_day=COUNTS,
    declines_month=COUNTS,
    methods_day=COUNTS,
    completed=COUNTS,
)
BOOKINGS = st.builds(
    facts,
    now=TIMES,
    created_at=TIMES,
    departs_at=st.none() | TIMES,
    currency=st.sampled_from(["EUR", "JPY", "KWD", "XXX"]),
    total=st.integers(-(2**40), 2**53),
    payers=st.lists(PAYERS, max_size=4).map(tuple),
    travellers=COUNTS,
    participants=COUNTS,
    stays=COUNTS,
    is_one_way=st.booleans(),
)


def named(booking: BookingFacts, known: Any = None) -> dict[str, float]:
    known = histories() if known is None else known
    return dict(zip(FEATURES, features_of(booking, known, wall=NOW), strict=True))


@given(BOOKINGS, st.dictionaries(st.sampled_from(["u0", "u1", "u2"]), HISTORIES), TIMES)
def test_features_of_any_booking_are_finite_and_as_many_as_named(
    booking: BookingFacts, known: dict[str, PayerHistory], wall: int
) -> None:
    found = features_of(booking, known, wall=wall)
    assert len(found) == len(FEATURES) == len(set(FEATURES))
    assert all(math.isfinite(one) and 0.0 <= one <= 14.0 for one in found), found
    assert read(stored(found)) == found


@pytest.mark.parametrize("name", ["declines", "methods"])
@given(fewer=st.integers(1, 40), more=st.integers(1, 40))
def test_more_refusals_and_methods_are_never_less_strange(name: str, fewer: int, more: int) -> None:
    low, high = sorted((fewer, more))
    assert named(alone(**{name: low}))[name] <= named(alone(**{name: high}))[name]


@pytest.mark.parametrize(
    ("field", "feature"),
    [
        ("bookings_day", "bookings_day"),
        ("bookings_month", "bookings_month"),
        ("bookings_month", "unfinished"),
        ("declines_day", "declines"),
        ("declines_month", "declines_month"),
        ("methods_day", "methods"),
        ("completed", "completed"),
    ],
)
def test_histories_count(field: str, feature: str) -> None:
    found = [named(alone(), histories(history(**{field: count})))[feature] for count in (0, 2, 3)]
    assert found == sorted(found)
    assert found[2] > found[0]


@given(st.integers(0, 400), st.integers(0, 400))
def test_an_older_account_and_a_later_departure_are_never_stranger(one: int, other: int) -> None:
    low, high = sorted((one, other))
    young, old = (named(alone(), histories(history(days=days / 8))) for days in (low, high))
    assert young["payer_account"] <= old["payer_account"]
    assert young["new_money"] >= old["new_money"]
    soon, late = (named(facts(departs_at=NOW + hours * HOUR_MS)) for hours in (low, high))
    assert soon["lead_time"] <= late["lead_time"]
    assert soon["money_in_a_hurry"] >= late["money_in_a_hurry"]


def test_the_same_money_looks_the_same_in_any_currency_that_has_a_rate() -> None:
    found = {}
    for code, rate in PER_EURO.items():
        amount = round(750 * rate * 10 ** exponent(code))
        assert euros(amount, code) == pytest.approx(750, rel=0.02)
        found[code] = named(facts(currency=code, total=amount))["per_traveller"]
    assert max(found.values()) - min(found.values()) < 0.02


def test_what_is_not_known_stands_at_what_is_usual() -> None:
    usual = named(facts(), histories(history(days=90)))
    nobody = named(facts(), {})
    assert nobody["youngest_account"] == usual["youngest_account"]
    assert nobody["new_money"] == usual["new_money"]
    assert named(facts(departs_at=None))["lead_time"] == named(facts())["lead_time"]
    assert named(facts(currency="XXX"))["per_traveller"] == pytest.approx(math.log1p(300))
    assert len(named(facts(payers=()))) == len(FEATURES)


def test_who_pays_several_shares_is_one_payer() -> None:
    two = facts(payers=(payer("u0", declines=2), payer("u0", declines=3)), travellers=2)
    found = named(two)
    assert found["declines"] == math.log1p(5)
    assert found["travellers_per_payer"] == math.log(2)


def test_the_account_is_as_old_as_the_wall_says_however_far_business_time_has_leapt() -> None:
    leapt = replace(facts(), now=NOW + 400 * DAY_MS, created_at=NOW + 400 * DAY_MS)
    assert named(leapt)["payer_account"] == named(facts())["payer_account"]


def test_what_was_kept_under_another_list_is_not_read() -> None:
    kept = stored([0.0] * len(FEATURES))
    assert read(kept[:-1]) is None
    assert read((kept[0] + 1, *kept[1:])) is None
    assert read((*kept[:-1], math.nan)) is None
    assert read(()) is None
    assert AT[FEATURES[3]] == 3
