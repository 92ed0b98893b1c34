"""The breaker and the retry budget alone, without a task or a clock."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateways.partners.breaker import Breaker, BreakerPolicy, Permit, RetryBudget

POLICY = BreakerPolicy(opens_after=3, first_pause=5.0, most_pause=20.0)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        permit = breaker.admit(at)
        assert permit is not None
        breaker.failed(permit, at)
    return breaker


def probe(breaker: Breaker, at: float) -> Permit:
    permit = breaker.admit(at)
    assert permit is not None
    assert permit.is_probe
    return permit


def test_failures_in_a_row_open_it_and_one_success_between_them_does_not() -> None:
    breaker = Breaker(POLICY)
    for outcome in "ff.ff.":
        permit = breaker.admit(0.0)
        assert permit is not None
        if outcome == "f":
            breaker.failed(permit, 0.0)
        else:
            breaker.succeeded(permit)
    assert breaker.state(0.0) == "closed"
    assert opened().state(0.0) == "open"


def test_open_admits_nobody_until_the_pause_is_over_and_then_one() -> None:
    breaker = opened()
    assert breaker.admit(4.999) is None
    assert breaker.wait_for(4.0) == 1.0
    probe(breaker, 5.0)
    assert breaker.admit(5.0) is None


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_doubles_the_pause() -> None:
    breaker = opened()
    breaker.failed(probe(breaker, 5.0), 6.0)
    assert breaker.admit(15.999) is None
    breaker.failed(probe(breaker, 16.0), 16.0)
    assert breaker.wait_for(16.0) == 20.0
    breaker.failed(probe(breaker, 36.0), 36.0)
    assert breaker.wait_for(36.0) == 20.0, "the pause has an end"
    breaker.succeeded(probe(breaker, 56.0))
    assert breaker.state(56.0) == "closed"


def test_a_probe_that_nobody_waited_for_leaves_its_place_to_the_next() -> None:
    breaker = opened()
    breaker.abandoned(probe(breaker, 5.0))
    probe(breaker, 5.0)


def test_a_call_from_before_it_opened_changes_nothing() -> None:
    breaker = Breaker(POLICY)
    early = breaker.admit(0.0)
    assert early is not None
    for _ in range(3):
        permit = breaker.admit(0.0)
        assert permit is not None
        breaker.failed(permit, 0.0)
    breaker.succeeded(early)
    assert breaker.state(0.0) == "open"
    breaker.failed(early, 4.0)
    assert breaker.wait_for(4.0) == 1.0


class BreakerLife(RuleBasedStateMachine):
    """Any calls, in any order of outcomes: what the breaker promises all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(POLICY)
        self.now = 0.0
        self.running: list[Permit] = []
        self.opened_at: float | None = None
        self.failed_in_a_row = 0

    @rule(seconds=st.integers(0, 30 * 1024).map(lambda number: number / 1024))  # adds up exactly
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        state = self.breaker.state(self.now)
        is_probing = any(one.is_probe for one in self.running)
        permit = self.breaker.admit(self.now)
        if permit is None:
            assert state == "open" or is_probing
        else:
            assert state != "open"
            assert permit.is_probe is (state == "half_open")
            self.running.append(permit)

    def take(self, data: st.DataObject) -> Permit:
        return self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        before, permit = self.breaker.state(self.now), self.take(data)
        self.breaker.failed(permit, self.now)
        if permit.is_probe:
            assert self.breaker.state(self.now) == "open"
        elif before != "closed":
            assert self.breaker.state(self.now) == before

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        before, permit = self.breaker.state(self.now), self.take(data)
        self.breaker.succeeded(permit)
        if permit.is_probe:
            assert self.breaker.state(self.now) == "closed"
        else:
            assert self.breaker.state(self.now) == before

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        before = self.breaker.state(self.now)
        self.breaker.abandoned(self.take(data))
        assert self.breaker.state(self.now) == before

    @invariant()
    def at_most_one_probe_runs(self) -> None:
        assert sum(one.is_probe for one in self.running) <= 1

    @invariant()
    def no_pause_is_longer_than_the_longest(self) -> None:
        assert 0.0 <= self.breaker.wait_for(self.now) <= POLICY.most_pause

    @invariant()
    def left_alone_it_is_tried_again(self) -> None:
        assert self.breaker.state(self.now + POLICY.most_pause) != "open"


BreakerLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBreakerLife = BreakerLife.TestCase


@given(st.lists(st.booleans(), max_size=200))
def test_retries_are_at_most_what_was_saved_and_a_share_of_the_calls(spends: list[bool]) -> None:
    budget = RetryBudget(share=0.25, most=4.0)
    calls = retries = 0
    for is_retry in spends:
        if is_retry:
            retries += budget.spend()
        else:
            budget.earn()
            calls += 1
        assert retries <= 4 + calls * 0.25
