"""How often the outbox asks: subscribers must not slow down what they only look at."""

import trio
from trio.testing import MockClock

from core.ports.outbox import OutboxEvent
from storage.outbox import BATCH, REST_FOR, Batch, OutboxDispatcher, Place


class Source:
    """Events by number, and how often somebody looked."""

    def __init__(self) -> None:
        self.committed = self.place = self.looks = 0

    async def next_batch(self, name: str) -> Batch:
        await trio.lowlevel.checkpoint()
        self.looks += 1
        last = min(self.committed, self.place + BATCH)
        return Batch(
            events=[event(n) for n in range(self.place + 1, last + 1)],
            place=Place(0, last),
            rebuilding=False,
            waiting=self.committed - self.place,
            age=0.0,
        )

    async def move(self, name: str, place: Place) -> None:
        self.place = place.position

    async def place_now(self) -> Place:
        return Place(0, self.committed)

    async def whole_logs(self, after: str | None) -> list[OutboxEvent]:
        return []

    async def ask_for_rebuild(self, name: str) -> None: ...

    async def end_rebuild(self, name: str, place: Place) -> None: ...


class Reader:
    """Remembers what it got, and when."""

    name = "reader"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.last_at = 0.0

    async def receive(self, events: list[OutboxEvent]) -> None:
        self.seen += [each.position for each in events]
        self.last_at = trio.current_time()

    async def rebuild(self) -> None: ...


def event(number: int) -> OutboxEvent:
    return OutboxEvent(position=number, tenant_id=1, topic="t", key="k", first=1, last=1)


async def test_under_load_there_is_a_rest_between_two_looks(autojump_clock: MockClock) -> None:
    source, reader = Source(), Reader()
    dispatcher = OutboxDispatcher(source, [reader])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        for _ in range(1_000):
            source.committed += 1
            dispatcher.nudge()
            await trio.sleep(0.01)
        assert source.looks <= 10 / REST_FOR + 2
        await trio.sleep(REST_FOR + 0.01)
        assert reader.seen == list(range(1, 1_001))
        assert dispatcher.statistics()["reader_lag_events"] == 0
        nursery.cancel_scope.cancel()


async def test_what_comes_after_quiet_goes_out_at_once(autojump_clock: MockClock) -> None:
    source, reader = Source(), Reader()
    dispatcher = OutboxDispatcher(source, [reader])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        await trio.sleep(10.5)
        source.committed += 1
        dispatcher.nudge()
        await trio.sleep(0.001)
        assert reader.seen == [1]
        nursery.cancel_scope.cancel()


async def test_who_is_far_behind_does_not_rest(autojump_clock: MockClock) -> None:
    source, reader = Source(), Reader()
    source.committed = 20 * BATCH
    async with trio.open_nursery() as nursery:
        nursery.start_soon(OutboxDispatcher(source, [reader]).run)
        began_at = trio.current_time()
        await trio.sleep(1)
        assert len(reader.seen) == 20 * BATCH
        assert reader.last_at - began_at < REST_FOR
        nursery.cancel_scope.cancel()


async def test_a_node_that_waits_for_its_turn_leaves_everything_to_who_serves(
    autojump_clock: MockClock,
) -> None:
    """What it took would reach nobody: those who are connected are with the other."""
    source, reader, owners = Source(), Reader(), set[str]()
    dispatcher = OutboxDispatcher(source, [reader], may_deliver=lambda: "us" in owners)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        source.committed = 3
        dispatcher.nudge()
        await trio.sleep(60)
        assert (source.looks, source.place, reader.seen) == (0, 0, [])
        owners.add("us")
        await trio.sleep(1.5)
        assert (source.place, reader.seen) == (3, [1, 2, 3])
        nursery.cancel_scope.cancel()


async def test_a_node_that_loses_its_turn_takes_no_further_batch(autojump_clock: MockClock) -> None:
    source, owners = Source(), {"us"}
    source.committed = 20 * BATCH

    class Loser(Reader):
        async def receive(self, events: list[OutboxEvent]) -> None:
            await super().receive(events)
            owners.clear()

    reader = Loser()
    dispatcher = OutboxDispatcher(source, [reader], may_deliver=lambda: "us" in owners)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        await trio.sleep(60)
        assert len(reader.seen) == BATCH
        nursery.cancel_scope.cancel()
