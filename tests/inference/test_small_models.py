"""The small models' thread: readings go first, background work is bounded, dropped first, and counted."""

import threading
import time
from typing import Any

import trio
from no_headroom import NoHeadroom
from trio.testing import wait_all_tasks_blocked

from core.headroom import Work
from inference.reader import ModelReader
from inference.small_models import MAX_WAITING, SmallModels
from inference.understanding.gazetteer import Gazetteer
from protocol.understanding import Setting


async def begun(models: SmallModels, calls: list[Any]) -> list[Any]:
    """What comes of these, once all of it was done."""
    done: list[Any] = []
    over = trio.Event()

    def note(answer: Any) -> None:
        done.append((answer, trio.current_time()))
        if len(done) == len(calls):
            over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(models.run)
        for call in calls:
            assert models.later_nowait(call, note)
        with trio.fail_after(10):
            await over.wait()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return done


async def test_it_is_done_in_order_and_counted() -> None:
    models = SmallModels()
    done = await begun(models, [lambda number=number: number for number in range(3)])
    assert [answer for answer, _ in done] == [0, 1, 2]
    assert models.statistics() == {"encoded": 3, "skipped": 0, "failed": 0, "waiting": 0}


async def test_no_more_than_twenty_a_second_are_begun() -> None:
    done = await begun(SmallModels(), [int] * 8)
    assert done[-1][1] - done[0][1] >= 7 / 20 - 0.06


async def test_what_is_too_much_is_dropped_at_once() -> None:
    models = SmallModels()
    taken = [models.later_nowait(int, lambda _: None) for _ in range(MAX_WAITING + 5)]
    assert taken == [True] * MAX_WAITING + [False] * 5
    assert models.statistics()["skipped"] == 5


async def test_it_is_dropped_while_somebody_reads() -> None:
    models, reads = SmallModels(), threading.Event()
    done: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: trio.to_thread.run_sync(reads.wait, limiter=models.turn))
        await wait_all_tasks_blocked()
        for _ in range(4):
            models.later_nowait(int, done.append)
        nursery.start_soon(models.run)
        await wait_all_tasks_blocked()
        reads.set()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not done
    assert models.statistics()["skipped"] == 4


async def test_it_is_dropped_while_there_is_no_headroom() -> None:
    models = SmallModels(NoHeadroom(Work.MOOD))
    done: list[Any] = []
    async with trio.open_nursery() as nursery:
        models.later_nowait(int, done.append)
        nursery.start_soon(models.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not done
    assert models.statistics()["skipped"] == 1


async def test_work_that_raises_is_counted_and_the_next_is_done() -> None:
    models = SmallModels()
    models.later_nowait(lambda: 1 // 0, lambda _: None)
    done = await begun(models, [lambda: 7])
    assert [answer for answer, _ in done] == [7]
    assert (models.statistics()["failed"], models.statistics()["encoded"]) == (1, 1)


async def test_two_readers_of_the_same_models_never_read_at_once() -> None:
    """The one without places reads on while the one with them takes over."""
    inside, most = [0], [0]

    class Slow:
        name = "encoder"
        version = "slow"
        languages = frozenset({"en"})

        def scores(self, text: str, setting: Setting, *, marks: Any = ()) -> Any:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            inside[0] -= 1
            raise ValueError

    models = SmallModels()
    slow: Any = Slow()
    readers = [ModelReader([slow], Gazetteer(()), worker=models.turn) for _ in range(2)]
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(readers[number % 2].read, "a hotel in may please", Setting())
    assert most == [1]
