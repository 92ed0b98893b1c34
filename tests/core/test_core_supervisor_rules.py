"""The rules alone, without a task or a clock."""

import pytest

from core.restart_policy import Restart, RestartIntensity
from core.restart_rules import RestartRules, Strategy

PERMANENT = Restart.PERMANENT


def rules(
    *restarts: Restart, strategy: Strategy = Strategy.ONE_FOR_ONE, **policy: float
) -> RestartRules:
    intensity = RestartIntensity(
        intensity=int(policy.get("intensity", 9)),
        period=policy.get("period", 10.0),
        backoff_first=1.0,
        backoff_most=4.0,
    )
    return RestartRules(restarts, strategy, intensity)


@pytest.mark.parametrize(("at", "escalates"), [(10.0, True), (10.001, False)])
def test_a_restart_counts_until_the_period_is_over(at: float, escalates: bool) -> None:
    both = rules(PERMANENT, PERMANENT, intensity=1)
    assert not both.ended(0, crashed=True, now=0.0, jitter=0.0).escalates
    assert both.ended(1, crashed=True, now=at, jitter=0.0).escalates is escalates


def test_the_wait_before_the_two_thousandth_restart_is_the_longest() -> None:
    one = rules(PERMANENT, intensity=2_000, period=1e9)
    for _ in range(2_000):
        one.ended(0, crashed=True, now=0.0, jitter=0.0)
    assert one.next_due == 2.0


def test_the_jitter_takes_at_most_half_of_the_wait() -> None:
    for jitter, wait in ((0.0, 0.5), (0.5, 0.75)):
        one = rules(PERMANENT)
        one.ended(0, crashed=True, now=100.0, jitter=jitter)
        assert one.next_due == 100.0 + wait


def test_restarts_come_in_the_order_in_which_they_are_due() -> None:
    three = rules(PERMANENT, PERMANENT, PERMANENT)
    three.ended(2, crashed=True, now=0.0, jitter=0.5)
    three.ended(0, crashed=True, now=0.0, jitter=0.0)
    assert (three.take_due(), three.take_due()) == ([0], [2])
    assert three.next_due == float("inf")


def test_nothing_is_due_after_what_changes_nothing() -> None:
    two = rules(Restart.TRANSIENT, Restart.TEMPORARY, strategy=Strategy.ONE_FOR_ALL)
    assert two.ended(0, crashed=False, now=0.0, jitter=0.0).stop == ()
    assert two.ended(1, crashed=True, now=0.0, jitter=0.0).stop == ()
    assert two.next_due == float("inf")


def test_a_temporary_child_that_has_ended_is_not_in_a_later_group() -> None:
    three = rules(PERMANENT, Restart.TEMPORARY, PERMANENT, strategy=Strategy.ONE_FOR_ALL)
    three.ended(1, crashed=False, now=0.0, jitter=0.0)
    three.ended(0, crashed=True, now=0.0, jitter=0.0)
    assert three.take_due() == [0, 2]


def test_what_is_remembered_does_not_grow_with_the_crashes() -> None:
    one = rules(PERMANENT, intensity=3, period=1.0)
    for now in range(1_000):
        one.ended(0, crashed=True, now=float(now), jitter=0.0)
        one.take_due()
    assert len(one._recent) <= 3
