"""What tasks see of the engine. Times are virtual; where the thread itself is meant, it is a real one."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from engine_stage import TINY, alone, some_prompts, tiny
from fake_model import FakeModel, request
from trio.testing import MockClock

from core.errors import Overloaded, Unavailable
from inference.engine.chat_model import load_model
from inference.engine.request import Progress, Request
from inference.engine.scheduler import Expired, Scheduler
from inference.engine.servable import UnservableError
from inference.engine.service import Engine, ThreadDrive, safe_turn


class TaskDrive:
    """Takes the turns in a task that sleeps as long as the model said its runs take."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._work = trio.Event()

    def wake(self) -> None:
        self._work.set()

    async def run(self, scheduler: Scheduler, deliver: Callable[[list[Progress]], None]) -> None:
        while True:
            if not scheduler.has_work:
                await self._work.wait()
                self._work = trio.Event()
                continue
            progress = safe_turn(scheduler)
            spent, self._world.spent = self._world.spent, 0.0
            await trio.sleep(spent)
            deliver(progress)


class World:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.spent = 0.0
        self.model = self.another("1")
        scheduler = Scheduler(self.model, clock=lambda: trio.current_time() + self.spent)
        self.folders: dict[Path, FakeModel] = {}
        self.engine = Engine(self.model, load=self.load, drive=TaskDrive(self), scheduler=scheduler)

    def load(self, path: Path) -> FakeModel:
        if path not in self.folders:
            raise UnservableError("there is no such folder")
        return self.folders[path]

    def another(self, version: str, **options: object) -> FakeModel:
        def spend(seconds: float) -> None:
            self.spent += seconds

        return FakeModel(spend, version=version, **options)  # type: ignore[arg-type]

    def ask(self, *tokens: int, **parts: object) -> Request:
        return request(*tokens, now=trio.current_time(), **parts)  # type: ignore[arg-type]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        world = World(nursery)
        await nursery.start(world.engine.run)
        yield world
        nursery.cancel_scope.cancel()


async def test_tokens_come_as_they_are_drawn(world: World, autojump_clock: MockClock) -> None:
    came: list[tuple[int, float]] = []
    begun = trio.current_time()
    reply = await world.engine.reply(
        world.ask(100), lambda token: came.append((token, trio.current_time() - begun))
    )
    assert reply.tokens == tuple(range(101, 111))
    assert [token for token, _ in came] == list(reply.tokens)
    assert came[0][1] == pytest.approx(0.008)
    assert came[9][1] == pytest.approx(0.008 + 9 * 0.004)


async def test_who_waits_past_the_deadline_is_told_at_the_deadline(
    world: World, autojump_clock: MockClock
) -> None:
    for _ in range(4):
        world.nursery.start_soon(world.engine.reply, world.ask(100, max_tokens=60), lambda _: None)
    await trio.sleep(0.030)
    world.model._says = 60
    pace = world.engine._scheduler._current.pace
    pace.reply_tokens, pace.step = 1.0, 0.0  # it expects to be done soon, and is wrong
    begun = trio.current_time()
    with pytest.raises(Expired):
        await world.engine.reply(world.ask(200, within=0.050), lambda _: None)
    assert trio.current_time() - begun == pytest.approx(0.050)
    counts = world.engine.statistics()
    assert (counts["expired"], counts["cancelled"]) == (1, 0)


async def test_what_is_refused_is_refused_without_waiting(
    world: World, autojump_clock: MockClock
) -> None:
    begun = trio.current_time()
    with pytest.raises(Overloaded):
        await world.engine.reply(world.ask(100, within=-0.001), lambda _: None)
    assert trio.current_time() == begun
    assert world.engine.statistics()["refused"] == 1


async def test_a_reply_that_is_not_done_in_time_is_given_up(
    world: World, autojump_clock: MockClock
) -> None:
    world.model._says = 60
    asked = world.ask(100)
    asked.reply_by = trio.current_time() + 0.050
    came: list[int] = []
    with pytest.raises(Unavailable):
        await world.engine.reply(asked, came.append)
    said = len(came)
    assert 0 < said < 60
    await trio.sleep(1)
    assert len(came) == said
    assert world.engine.statistics()["busy"] == 0


async def test_a_cancelled_reply_sends_nothing_more_and_frees_its_row(
    world: World, autojump_clock: MockClock
) -> None:
    world.model._says = 60
    came: list[int] = []
    other: list[int] = []
    with trio.CancelScope() as scope:
        world.nursery.start_soon(world.engine.reply, world.ask(500), other.append)

        def take(token: int) -> None:
            came.append(token)
            if len(came) == 3:
                scope.cancel()

        await world.engine.reply(world.ask(100), take)
    assert came == [101, 102, 103]
    steps = len(world.model.runs)
    await trio.sleep(0.004 * 3)
    assert len(came) == 3
    assert set(world.model.runs[steps + 1 :]) == {"step 1"}, (
        "the row was stepped once more, at most"
    )
    await trio.sleep(1)
    assert other == list(range(501, 561))


async def test_what_send_raises_ends_that_reply_alone(
    world: World, autojump_clock: MockClock
) -> None:
    def broken(token: int) -> None:
        raise KeyError(token)

    world.nursery.start_soon(world.engine.reply, world.ask(500), lambda _: None)
    with pytest.raises(KeyError):
        await world.engine.reply(world.ask(100), broken)
    reply = await world.engine.reply(world.ask(300), lambda _: None)
    assert reply.ended == "end"


async def test_a_failing_run_is_unavailable_and_the_next_one_is_served(
    world: World, autojump_clock: MockClock
) -> None:
    world.model.fails.append(RuntimeError("once"))
    with pytest.raises(Unavailable) as caught:
        await world.engine.reply(world.ask(100), lambda _: None)
    assert str(caught.value.__cause__) == "once"
    assert (await world.engine.reply(world.ask(100), lambda _: None)).ended == "end"


async def test_failing_for_half_a_second_hangs_nobody(
    world: World, autojump_clock: MockClock
) -> None:
    outcomes: list[str] = []

    async def ask(number: int) -> None:
        try:
            await world.engine.reply(world.ask(100, room=f"{number}"), lambda _: None)
            outcomes.append("served")
        except Unavailable:
            outcomes.append("failed")

    async with trio.open_nursery() as nursery:
        for number in range(100):
            if number == 20:
                world.model.fails = [RuntimeError("broken")] * 30
            nursery.start_soon(ask, number)
            await trio.sleep(0.050)
    assert len(outcomes) == 100
    assert outcomes.count("failed") == 30
    assert set(outcomes[-50:]) == {"served"}


async def test_a_wrong_turn_is_survived(
    world: World, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.engine._scheduler, "_admit", lambda: 1 / 0)
        with pytest.raises(Unavailable):
            await world.engine.reply(world.ask(100), lambda _: None)
    assert (await world.engine.reply(world.ask(100), lambda _: None)).ended == "end"


async def test_a_swap_under_load_drops_nobody(world: World, autojump_clock: MockClock) -> None:
    versions: list[str] = []

    async def ask(number: int) -> None:
        reply = await world.engine.reply(
            world.ask(100 + number, room=f"{number % 7}"), lambda _: None
        )
        assert reply.tokens == tuple(range(101 + number, 111 + number))
        versions.append(reply.model.version)

    second = world.folders[TINY] = world.another("2")
    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(ask, number)
            await trio.sleep(0.025)
            if number == 30:
                assert await world.engine.swap(TINY) is second
    assert len(versions) == 60
    assert 25 < versions.count("1") < 35
    assert world.engine.model is second
    assert (await world.engine.roll_back()) is world.model
    reply = await world.engine.reply(world.ask(100), lambda _: None)
    assert reply.model is world.model


async def test_a_swap_that_is_refused_changes_nothing(
    world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(UnservableError, match="no such folder"):
        await world.engine.swap(tmp_path)
    assert world.engine.model is world.model
    assert world.engine.statistics()["swaps_refused"] == 1
    with pytest.raises(LookupError):
        await world.engine.roll_back()
    reply = await world.engine.reply(world.ask(100), lambda _: None)
    assert reply.model is world.model


async def test_the_end_of_the_engine_is_told_to_those_who_wait(
    autojump_clock: MockClock,
) -> None:
    outcomes = []

    async def ask(world: World) -> None:
        try:
            await world.engine.reply(world.ask(100), lambda _: None)
        except Unavailable:
            outcomes.append(trio.current_time() - begun)

    begun = trio.current_time()
    async with trio.open_nursery() as asking, trio.open_nursery() as nursery:
        world = World(nursery)
        await nursery.start(world.engine.run)
        for _ in range(6):
            asking.start_soon(ask, world)
        await trio.sleep(0.010)
        nursery.cancel_scope.cancel()
    assert outcomes == [pytest.approx(0.010)] * 6
    with pytest.raises(Unavailable):
        await world.engine.reply(world.ask(100), lambda _: None)


async def test_a_second_life_begins_with_nothing_of_the_first(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as asking, trio.open_nursery() as nursery:
        world = World(nursery)
        await nursery.start(world.engine.run)
        asking.start_soon(_expecting_unavailable, world)
        await trio.sleep(0.010)
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        await nursery.start(world.engine.run)
        assert world.engine.statistics()["busy"] == 0
        assert (await world.engine.reply(world.ask(100), lambda _: None)).ended == "end"
        nursery.cancel_scope.cancel()


async def _expecting_unavailable(world: World) -> None:
    with pytest.raises(Unavailable):
        await world.engine.reply(world.ask(100), lambda _: None)


# With the real thread, and the real model.


def soon(*tokens: int, **parts: object) -> Request:
    asked = request(*tokens, now=trio.current_time(), within=60, **parts)  # type: ignore[arg-type]
    asked.reply_by += 60
    return asked


async def test_the_thread_serves_many_at_once_as_each_alone() -> None:
    model, prompts = load_model(TINY), some_prompts(20, seed=2)
    replies: dict[int, list[int]] = {}
    engine = Engine(model, load=load_model)
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)

        async def ask(number: int) -> None:
            came: list[int] = []
            asked = soon(*prompts[number], room=f"{number % 4}", max_tokens=12)
            reply = await engine.reply(asked, came.append)
            assert came == list(reply.tokens)
            replies[number] = came

        async with trio.open_nursery() as asking:
            for number in range(20):
                asking.start_soon(ask, number)
        nursery.cancel_scope.cancel()
    lonely = tiny()
    for number, prompt in enumerate(prompts):
        expected = alone(lonely, prompt, 12)
        assert replies[number] == (expected[: expected.index(1)] if 1 in expected else expected)


async def test_first_tokens_and_ends_cross_at_once_and_the_rest_together() -> None:
    spent = 0.0

    def spend(seconds: float) -> None:
        nonlocal spent
        spent += seconds

    model = FakeModel(spend, says=9, step_takes=0.004)
    crossed: list[list[int | None]] = []

    class Noting(ThreadDrive):
        async def run(
            self, scheduler: Scheduler, deliver: Callable[[list[Progress]], None]
        ) -> None:
            def noting(progress: list[Progress]) -> None:
                crossed.append([step.token for step in progress])
                deliver(progress)

            await super().run(scheduler, noting)

    engine = Engine(model, load=lambda path: model, drive=Noting(lambda: spent))
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        (thread,) = (one for one in threading.enumerate() if one.name == "chat-model")
        await engine.reply(soon(100), lambda _: None)
        nursery.cancel_scope.cancel()
    # 4 ms each: what is 12 ms old crosses; the end, which is no token, takes the rest along.
    assert crossed == [[101], [102, 103, 104], [105, 106, 107], [108, 109, None]]
    thread.join(10)
    assert not thread.is_alive()


async def test_a_swap_of_real_folders_in_the_real_thread() -> None:
    engine = Engine(load_model(TINY), load=load_model)
    first = engine.model
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        before = await engine.reply(soon(5, 6, 7, max_tokens=5), lambda _: None)
        second = await engine.swap(TINY)
        after = await engine.reply(soon(5, 6, 7, max_tokens=5), lambda _: None)
        assert before.model is first
        assert after.model is second is engine.model
        assert before.tokens == after.tokens
        nursery.cancel_scope.cancel()


async def test_cancelling_while_a_run_is_under_way_waits_for_nothing() -> None:
    """The row is dropped before the next step; who cancels does not wait for this one."""
    gate = threading.Semaphore(0)
    model = FakeModel(lambda seconds: gate.acquire() and None, says=50)
    engine = Engine(model, load=lambda path: model)
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        with trio.CancelScope() as scope:

            def take(token: int) -> None:
                scope.cancel()

            gate.release()  # the prompt; the first step then holds the thread
            await engine.reply(soon(100), take)
        assert scope.cancelled_caught
        gate.release(100)
        other = await engine.reply(soon(500, room="b"), lambda _: None)
        assert other.tokens == tuple(range(501, 551))
        assert model.runs[:3] in (["read 1", "step 1", "read 1"], ["read 1", "read 1", "step 1"])
        nursery.cancel_scope.cancel()
