"""GCRA: what a rate allows, and how many keys it remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.rate_limits import ProcessRateLimits


class ManualClock:
    def __init__(self):
        self.at = 1_000.0

    def now_ms(self):
        return int(self.at * 1_000)

    def monotonic(self):
        return self.at


@pytest.fixture
def clock():
    return ManualClock()


def test_a_burst_of_the_whole_limit_passes_and_then_one_per_spacing(clock):
    limits = ProcessRateLimits(clock)
    remaining = [limits.take("k", limit=3, period=30).remaining for _ in range(3)]
    assert remaining == [2, 1, 0]
    refused = limits.take("k", limit=3, period=30)
    assert (refused.allowed, refused.remaining, refused.retry_after) == (False, 0, 10.0)
    clock.at += 9.9
    assert not limits.take("k", limit=3, period=30).allowed
    clock.at += 0.1
    assert limits.take("k", limit=3, period=30).allowed
    assert not limits.take("k", limit=3, period=30).allowed


def test_a_refused_call_costs_nothing(clock):
    limits = ProcessRateLimits(clock)
    limits.take("k", limit=1, period=10)
    for _ in range(100):
        assert limits.take("k", limit=1, period=10).retry_after == 10.0
    clock.at += 10
    assert limits.take("k", limit=1, period=10).allowed


def test_a_call_may_cost_more_than_one(clock):
    limits = ProcessRateLimits(clock)
    assert limits.take("k", limit=10, period=10, cost=7).remaining == 3
    assert not limits.take("k", limit=10, period=10, cost=4).allowed
    assert limits.take("k", limit=10, period=10, cost=3).remaining == 0


def test_reset_tells_when_the_whole_limit_is_back(clock):
    limits = ProcessRateLimits(clock)
    assert limits.take("k", limit=4, period=40).reset_after == 10.0
    assert limits.take("k", limit=4, period=40).reset_after == 20.0
    clock.at += 20
    assert limits.take("k", limit=4, period=40).remaining == 3


def test_keys_do_not_share(clock):
    limits = ProcessRateLimits(clock)
    assert limits.take("a", limit=1, period=10).allowed
    assert limits.take("b", limit=1, period=10).allowed


def test_keys_are_bounded_and_the_most_recovered_goes_first(clock):
    limits = ProcessRateLimits(clock, max_keys=2)
    limits.take("heavy", limit=10, period=100, cost=10)
    limits.take("light", limit=10, period=100)
    limits.take("new", limit=10, period=100, cost=5)
    assert limits.statistics() == {"keys": 2, "taken": 3, "refused": 0, "evicted": 1}
    assert not limits.take("heavy", limit=10, period=100).allowed


def test_a_flood_of_new_keys_does_not_free_whoever_is_held(clock):
    limits = ProcessRateLimits(clock, max_keys=100)
    limits.take("held", limit=10, period=100, cost=10)
    for number in range(10_000):
        limits.take(f"flood-{number}", limit=10, period=100)
    assert limits.statistics()["keys"] == 100
    assert not limits.take("held", limit=10, period=100).allowed


@given(st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=60))
def test_no_window_holds_more_than_twice_the_limit_and_the_long_run_keeps_the_rate(waits):
    clock = ManualClock()
    limits = ProcessRateLimits(clock)
    start, passed = clock.at, 0
    for wait in waits:
        clock.at += wait
        passed += limits.take("k", limit=5, period=10).allowed
    assert passed <= 5 + (clock.at - start) / 2 + 1e-6
