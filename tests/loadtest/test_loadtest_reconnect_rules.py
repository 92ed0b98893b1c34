"""One test per rule of §3.5 and §7, on the pure policy."""

import random

import pytest

from loadtest.reconnect import (
    LONGEST_WAIT,
    AwaitUser,
    Ended,
    ReconnectPolicy,
    Retry,
    Stop,
)


class Ceiling(random.Random):
    """Randomness that always says the most."""

    def uniform(self, a: float, b: float) -> float:
        return b


def waits(policy: ReconnectPolicy, ended: Ended, times: int) -> list[float]:
    return [policy.next_step(ended).after for _ in range(times)]


def test_the_wait_doubles_from_half_a_second_up_to_thirty():
    ceilings = waits(ReconnectPolicy(Ceiling()), Ended(), 9)
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 30, 30, LONGEST_WAIT]


def test_the_wait_is_anything_between_nothing_and_its_ceiling():
    firsts = [ReconnectPolicy(random.Random(n)).next_step(Ended()).after for n in range(500)]
    assert min(firsts) < 0.01
    assert 0.49 < max(firsts) <= 0.5


def test_sixty_seconds_connected_forget_the_failures():
    policy = ReconnectPolicy(Ceiling())
    waits(policy, Ended(), 5)
    assert policy.next_step(Ended(welcomed=True, lasted=59.9)).after == 16
    assert policy.next_step(Ended(welcomed=True, lasted=60.0)).after == 0.5


def test_draining_wins_over_the_backoff_once():
    policy = ReconnectPolicy(Ceiling())
    waits(policy, Ended(), 8)
    policy.draining(reconnect_after_ms=200, jitter_ms=100)
    assert policy.next_step(Ended(code=4001)).after == pytest.approx(0.3)
    assert policy.next_step(Ended()).after == 30


def test_three_resumes_that_end_before_welcome_lead_to_a_plain_hello():
    policy = ReconnectPolicy(Ceiling())
    failed = Ended(resume_sent=True)
    assert [policy.next_step(failed).resume for _ in range(3)] == [True, True, False]


def test_a_server_that_cannot_be_reached_costs_no_resume():
    policy = ReconnectPolicy(Ceiling())
    assert all(policy.next_step(Ended()).resume for _ in range(20))


def test_a_welcome_makes_resuming_worth_trying_again():
    policy = ReconnectPolicy(Ceiling())
    for _ in range(3):
        policy.next_step(Ended(resume_sent=True))
    assert policy.next_step(Ended(welcomed=True)).resume


@pytest.mark.parametrize("code", [4100, 4101, 4150])
def test_41xx_waits_for_the_user(code: int):
    assert isinstance(ReconnectPolicy(Ceiling()).next_step(Ended(code=code)), AwaitUser)


@pytest.mark.parametrize("code", [4200, 4201, 4299])
def test_42xx_gets_a_token_first(code: int):
    step = ReconnectPolicy(Ceiling()).next_step(Ended(code=code))
    assert step == Retry(after=0.5, resume=True, new_token=True)


@pytest.mark.parametrize("code", [4300, 4301, 4302, 4303, 4304, 4305, 4399])
def test_43xx_stops_and_keeps_the_reason(code: int):
    step = ReconnectPolicy(Ceiling()).next_step(Ended(code=code, reason="too fast"))
    assert step == Stop(reason="too fast")


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 3000, 4000, 4001, 4002, 4003, 4004])
def test_everything_else_reconnects_and_resumes(code: int | None):
    step = ReconnectPolicy(Ceiling()).next_step(Ended(code=code))
    assert step == Retry(after=0.5, resume=True, new_token=False)
