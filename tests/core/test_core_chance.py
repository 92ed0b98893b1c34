"""Randomness fetched in advance is as good as fetched each time."""

import os

import pytest

from core.chance import SystemChance


def test_numbers_stay_below_their_bound_and_reach_both_ends_of_it() -> None:
    chance = SystemChance()
    made = [chance.getrandbits(3) for _ in range(10_000)]
    assert set(made) == set(range(8))
    assert chance.getrandbits(0) == 0


def test_no_bytes_are_given_out_twice() -> None:
    chance = SystemChance()
    made = [chance.getrandbits(62) for _ in range(2_000)]
    assert len(set(made)) == 2_000


def test_fractions_lie_between_nothing_and_one() -> None:
    chance = SystemChance()
    made = [chance.random() for _ in range(1_000)]
    assert 0.0 <= min(made) < 0.1 < 0.9 < max(made) < 1.0


def test_a_number_wider_than_what_is_fetched_has_all_its_bits() -> None:
    bits = 8 * 10_000
    assert 0 < SystemChance().getrandbits(bits).bit_length() <= bits
    assert SystemChance().getrandbits(bits).bit_length() > bits - 64


def test_hundreds_of_numbers_take_one_system_call(monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = []

    def fetched(size: int) -> bytes:
        fetches.append(size)
        return bytes(size)

    monkeypatch.setattr(os, "urandom", fetched)
    chance = SystemChance()
    for _ in range(500):
        chance.getrandbits(62)
    assert len(fetches) == 1
