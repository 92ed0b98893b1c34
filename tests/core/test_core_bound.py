"""The bound at its real size: 50,000 active actors, and the oldest idle make room."""

import gc
import inspect
from collections.abc import Iterable

import trio
import trio.testing
from core_stage import PLAYER, Stage, a_stage

from core.registry import Registry
from core.system import ActorSystem

BOUND = 50_000
OVER = 100


def test_the_bound_is_fifty_thousand_unless_told_otherwise() -> None:
    assert inspect.signature(ActorSystem).parameters["max_active"].default == BOUND


async def test_fifty_thousand_are_active_and_exactly_the_oldest_idle_go_beyond(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # Fifty thousand tasks that all live: looking among them for garbage would take most of the time.
    gc.disable()
    try:
        async with a_stage() as stage:
            await greet(stage, range(1 + OVER))
            await greet(stage, range(1 + OVER, BOUND))
            assert stage.count("active") == stage.count("idle") == BOUND
            assert stage.count("evictions") == 0
            # Spoken to again, the very first is the newest idle: others are the oldest now.
            await greet(stage, [0])

            await greet(stage, range(BOUND, BOUND + OVER))
            gone = {key for key, word in stage.seen if word == "stopped"}
            assert gone == {str(number) for number in range(1, 1 + OVER)}
            assert stage.count("active") == BOUND
            assert stage.count("evictions") == OVER
            assert stage.count("waiting") == stage.count("queued") == 0
    finally:
        gc.enable()


async def test_of_those_who_rest_only_the_latest_are_remembered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    registry = Registry(max_resting=2)
    a, b, c = (PLAYER.at(key) for key in "abc")
    for address in (a, b, a, c):
        registry.rest(address, 10)
    assert [registry.rests_for(address) for address in (a, b, c)] == [10, 0, 10]
    assert registry.statistics() == {"resting": 2}
    await trio.sleep(10)
    assert registry.rests_for(a) == registry.rests_for(c) == 0
    assert registry.statistics() == {"resting": 0}


async def greet(stage: Stage, numbers: Iterable[int]) -> None:
    """Each gets a word and is idle again."""
    for number in numbers:
        stage.ref(str(number)).tell_nowait("hello")
        if number % 500 == 0:
            await trio.testing.wait_all_tasks_blocked()
    await trio.testing.wait_all_tasks_blocked()
