"""The bound at its real size: 50,000 active actors, and the oldest idle make room."""

import gc
import inspect
from collections.abc import Iterator

import pytest
import trio
import trio.testing
from core_stage import a_stage

from core.system import ActorSystem

BOUND = 50_000
OVER = 100


@pytest.fixture
def _without_collector() -> Iterator[None]:
    """Fifty thousand tasks that all live: looking through them for garbage is most of the time."""
    gc.disable()
    yield
    gc.enable()


def test_the_bound_is_fifty_thousand_unless_told_otherwise() -> None:
    assert inspect.signature(ActorSystem).parameters["max_active"].default == BOUND


@pytest.mark.usefixtures("_without_collector")
async def test_fifty_thousand_are_active_and_exactly_the_oldest_idle_go_beyond(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        for number in range(BOUND):
            stage.ref(str(number)).tell_nowait("hello")
        await trio.testing.wait_all_tasks_blocked()
        assert stage.count("active") == stage.count("idle") == BOUND
        assert stage.count("evictions") == 0
        # Spoken to again, the very first is the newest idle: others are the oldest now.
        stage.ref("0").tell_nowait("again")
        await trio.testing.wait_all_tasks_blocked()

        for number in range(BOUND, BOUND + OVER):
            stage.ref(str(number)).tell_nowait("hello")
        await trio.testing.wait_all_tasks_blocked()
        gone = {key for key, word in stage.seen if word == "stopped"}
        assert gone == {str(number) for number in range(1, OVER + 1)}
        assert stage.count("active") == BOUND
        assert stage.count("evictions") == OVER
        assert stage.count("waiting") == stage.count("queued") == 0
