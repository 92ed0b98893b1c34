"""The guard before a supplier, on virtual time."""

import itertools
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from core.errors import Rejected, Unavailable
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy


class Chance:
    def random(self) -> float:
        return 1.0

    def getrandbits(self, k: int, /) -> int:
        return 0


def guard(**policy: object) -> Guard:
    return Guard("acme", Chance(), GuardPolicy(**policy))  # type: ignore[arg-type]


def outcomes(*script: object) -> tuple[Callable[[], Awaitable[object]], list[float]]:
    """A call that does one after the other (the last for ever), and when it was made: an exception
    is raised, a number is slept, anything else returned."""
    steps = itertools.chain(script, itertools.repeat(script[-1]))
    made: list[float] = []

    async def call() -> object:
        made.append(trio.current_time())
        step = next(steps)
        if isinstance(step, float):
            await trio.sleep(step)
        if isinstance(step, Exception):
            raise step
        return step

    return call, made


PASSING = CallFailed("503", may_retry=True)
LASTING = CallFailed("500")


async def test_a_read_is_repeated_after_a_growing_pause(autojump_clock: MockClock) -> None:
    call, made = outcomes(PASSING, PASSING, "here")
    door = guard(first_backoff=0.2)
    assert await door.read(call) == "here"
    begin = made[0]
    assert [round(at - begin, 3) for at in made] == [0.0, 0.2, 0.6]
    assert door.statistics()["retries"] == 2


async def test_what_cannot_pass_is_not_repeated(autojump_clock: MockClock) -> None:
    call, made = outcomes(LASTING, "never")
    with pytest.raises(Unavailable):
        await guard().read(call)
    assert len(made) == 1


async def test_the_supplier_says_when_to_come_again(autojump_clock: MockClock) -> None:
    call, made = outcomes(CallFailed("429", may_retry=True, retry_after=3.0, is_fault=False), "ok")
    await guard().read(call)
    assert made[1] - made[0] == 3.0


async def test_no_retry_begins_that_the_caller_would_not_wait_for(
    autojump_clock: MockClock,
) -> None:
    call, made = outcomes(CallFailed("429", may_retry=True, retry_after=9.0), "late")
    with trio.fail_after(5), pytest.raises(Unavailable) as refused:
        await guard().read(call)
    assert (len(made), refused.value.retry_after_ms) == (1, 9_000)


async def test_retries_stop_when_the_budget_is_spent(autojump_clock: MockClock) -> None:
    door = guard(
        retry_share=0.0, saved_retries=3.0, most_retries=2, breaker=BreakerPolicy(opens_after=99)
    )
    call, made = outcomes(PASSING)
    for _ in range(4):
        with pytest.raises(Unavailable):
            await door.read(call)
    assert len(made) == 4 + 3


async def test_a_supplier_that_fails_is_left_alone_and_then_tried_with_one_call(
    autojump_clock: MockClock,
) -> None:
    door = guard(breaker=BreakerPolicy(opens_after=2, first_pause=5.0))
    bad, _ = outcomes(LASTING)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await door.read(bad)
    good, made = outcomes(1.0)
    with pytest.raises(Unavailable) as refused:
        await door.read(good)
    assert (made, refused.value.retry_after_ms) == ([], 5_000)
    await trio.sleep(5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.read, good)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Unavailable):
            await door.read(good)
    assert len(made) == 1
    assert await door.read(good) == 1.0
    assert door.statistics()["breaker"] == 0


async def test_a_refusal_is_an_answer_and_too_many_calls_are_no_fault(
    autojump_clock: MockClock,
) -> None:
    door = guard(breaker=BreakerPolicy(opens_after=1))
    for failure in (Rejected("bad_request", "Where to?"), CallFailed("429", is_fault=False)):
        call, _ = outcomes(failure)
        with pytest.raises(Rejected):
            await door.read(call)
    assert door.statistics()["breaker"] == 0


async def test_an_attempt_has_its_own_time_limit(autojump_clock: MockClock) -> None:
    call, made = outcomes(60.0, "quick")
    assert await guard(call_within=10.0).read(call) == "quick"
    assert len(made) == 2


@pytest.mark.parametrize(("patience", "breaker"), [(1.0, 0), (6.0, 2)])
async def test_a_caller_who_gives_up_counts_against_the_supplier_only_after_a_while(
    autojump_clock: MockClock, patience: float, breaker: int
) -> None:
    door = guard(slow_after=5.0, breaker=BreakerPolicy(opens_after=1))
    call, _ = outcomes(60.0)
    with trio.move_on_after(patience):
        await door.read(call)
    assert door.statistics()["breaker"] == breaker
    assert door.statistics()["running"] == 0


async def test_more_calls_than_places_wait_and_more_than_may_wait_are_refused(
    autojump_clock: MockClock,
) -> None:
    door = guard(most_running=2, most_waiting=1)
    call, made = outcomes(1.0)
    answers: list[object] = []

    async def ask() -> None:
        try:
            answers.append(await door.read(call))
        except Unavailable:
            answers.append("refused")

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
    assert answers == ["refused", 1.0, 1.0, 1.0]
    assert made[2] - made[0] == 1.0


async def test_a_crash_of_the_adapter_is_not_the_suppliers_fault(
    autojump_clock: MockClock,
) -> None:
    door = guard(breaker=BreakerPolicy(opens_after=1))
    call, _ = outcomes(KeyError("slices"))
    with pytest.raises(KeyError):
        await door.read(call)
    assert door.statistics() == {
        "breaker": 0,
        "running": 0,
        "waiting": 0,
        "calls": 1,
        "failures": 0,
        "retries": 0,
        "refused": 0,
    }
