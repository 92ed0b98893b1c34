"""The breaker of a rung alone, without a task or a clock."""

from hypothesis import given
from hypothesis import strategies as st

from inference.wording.breaker import Breaker, BreakerPolicy, Ending

POLICY = BreakerPolicy()


def ending(breaker: Breaker, kind: Ending, at: float) -> None:
    permit = breaker.admit(at)
    assert permit is not None
    breaker.ended(permit, kind, at)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(5):
        ending(breaker, "error", at)
    assert breaker.state(at) == "open"
    return breaker


def test_five_errors_in_ten_seconds_open_it_however_much_succeeds_between() -> None:
    breaker = Breaker(POLICY)
    for second in range(4):
        ending(breaker, "error", float(second))
        ending(breaker, "done", float(second))
    assert breaker.state(4.0) == "closed"
    ending(breaker, "error", 9.9)
    assert breaker.state(9.9) == "open"


def test_errors_that_are_older_than_the_window_do_not_count() -> None:
    breaker = Breaker(POLICY)
    for second in range(12):
        ending(breaker, "error", 3.0 * second)
    assert breaker.state(36.0) == "closed"


def test_half_of_the_calls_too_late_open_it_and_less_than_half_do_not() -> None:
    breaker = Breaker(POLICY)
    for _ in range(20):
        ending(breaker, "done", 1.0)
        ending(breaker, "done", 1.0)
        ending(breaker, "expired", 1.0)
    assert breaker.state(1.0) == "closed"
    for _ in range(20):
        ending(breaker, "expired", 2.0)
    assert breaker.state(2.0) == "open"


def test_a_few_late_calls_alone_are_no_share() -> None:
    breaker = Breaker(POLICY)
    for _ in range(5):
        ending(breaker, "expired", 1.0)
    assert breaker.state(1.0) == "closed"
    ending(breaker, "expired", 1.0)
    assert breaker.state(1.0) == "open"


def test_open_it_admits_one_probe_every_two_seconds() -> None:
    breaker = opened()
    assert breaker.admit(1.99) is None
    probe = breaker.admit(2.0)
    assert probe is not None
    assert probe.is_probe
    assert breaker.admit(2.0) is None
    assert breaker.admit(60.0) is None, "one probe at a time"
    breaker.ended(probe, "expired", 2.5)
    assert breaker.admit(4.4) is None
    again = breaker.admit(4.5)
    assert again is not None
    breaker.ended(again, "done", 4.6)
    assert breaker.state(4.6) == "closed"
    ending(breaker, "error", 4.7)
    assert breaker.state(4.7) == "closed", "what was before is forgotten"


def test_a_probe_that_nobody_waited_for_leaves_its_place() -> None:
    breaker = opened()
    probe = breaker.admit(2.0)
    assert probe is not None
    breaker.abandoned(probe)
    assert breaker.admit(2.0) is not None


def test_what_began_before_it_opened_changes_nothing() -> None:
    breaker = Breaker(POLICY)
    early, late = ([breaker.admit(0.0) for _ in range(many)] for many in (2, 5))
    for _ in range(5):
        ending(breaker, "error", 0.0)
    probe = breaker.admit(2.0)
    for permit, kind in zip(early, ("done", "error"), strict=True):
        assert permit is not None
        breaker.ended(permit, "done" if kind == "done" else "error", 2.1)
    assert breaker.state(2.1) == "half_open"
    assert probe is not None
    breaker.ended(probe, "done", 2.2)
    assert breaker.state(2.2) == "closed"
    for permit in late:
        assert permit is not None
        breaker.ended(permit, "error", 2.3)
    assert breaker.state(2.3) == "closed"


@given(st.lists(st.sampled_from(["done", "error", "expired", "abandon", "wait"]), max_size=80))
def test_it_never_admits_two_probes_and_never_stays_shut(steps: list[str]) -> None:
    breaker, now = Breaker(POLICY), 0.0
    for step in steps:
        now += 2.0 if step == "wait" else 0.01
        permit = breaker.admit(now)
        if permit is None:
            continue
        assert not permit.is_probe or breaker.admit(now) is None
        if step in ("done", "error", "expired"):
            breaker.ended(permit, step, now)  # type: ignore[arg-type]
        else:
            breaker.abandoned(permit)
    assert breaker.admit(now + POLICY.probe_every) is not None
