"""What the outbox promises its subscribers, over every source."""

from contextlib import asynccontextmanager

import pytest
import trio

from core.ports.leases import StaleFence
from storage.outbox import OutboxDispatcher


class Recorder:
    """A subscriber that remembers; fails when told to; wakes who waits."""

    name = "recorder"

    def __init__(self):
        self.seen, self.rebuilds, self.failures_left = [], 0, 0
        self._changed = trio.Event()

    async def receive(self, events):
        await trio.lowlevel.checkpoint()
        if self.failures_left:
            self.failures_left -= 1
            self._wake()
            raise RuntimeError("the subscriber stumbles")
        self.seen += [(event.key, event.first, event.last) for event in events]
        self._wake()

    async def rebuild(self):
        self.seen.clear()
        self.rebuilds += 1
        self._wake()

    async def until(self, claim):
        with trio.fail_after(10):
            while not claim():
                await self._changed.wait()

    def _wake(self):
        self._changed.set()
        self._changed = trio.Event()


@pytest.fixture
def recorder():
    return Recorder()


async def test_every_event_arrives_in_order_and_again_only_after_a_failure(world, recorder):
    room_id = await a_room(world)
    async with delivering(world, recorder) as dispatcher:
        await recorder.until(lambda: recorder.seen == [(room_id, 1, 1)])
        recorder.failures_left = 2
        for seq in (2, 3, 4):
            await world.say(room_id, seq, "hello")
        dispatcher.nudge()
        await recorder.until(lambda: (room_id, 4, 4) in recorder.seen)
        assert recorder.seen == [(room_id, seq, seq) for seq in (1, 2, 3, 4)]
        assert dispatcher.statistics()["recorder_failures"] == 2


async def test_what_commits_is_found_without_a_nudge(world, recorder):
    room_id = await a_room(world)
    async with delivering(world, recorder):
        await recorder.until(lambda: recorder.seen)
        await world.say(room_id, 2, "hello")
        await recorder.until(lambda: (room_id, 2, 2) in recorder.seen)


async def test_a_restarted_dispatcher_goes_on_where_it_was(world, recorder):
    room_id = await a_room(world)
    async with delivering(world, recorder):
        await recorder.until(lambda: recorder.seen)
        await world.say(room_id, 2, "hello")
        await recorder.until(lambda: (room_id, 2, 2) in recorder.seen)
        await settled(world, recorder.name)
    await world.say(room_id, 3, "while nobody listened")
    after = Recorder()
    async with delivering(world, after):
        await after.until(lambda: after.seen)
    assert after.seen == [(room_id, 3, 3)]
    assert after.rebuilds == 0


async def test_a_subscriber_that_dies_before_its_place_is_stored_gets_the_batch_again(
    world, recorder
):
    room_id = await a_room(world)
    await settle_first(world, recorder)
    await world.say(room_id, 2, "hello")
    batch = await world.outbox.next_batch(recorder.name)
    assert [(event.key, event.first) for event in batch.events] == [(room_id, 2)]
    again = await world.outbox.next_batch(recorder.name)
    assert again.events == batch.events
    await world.outbox.move(recorder.name, again.place)
    assert (await world.outbox.next_batch(recorder.name)).events == []


async def test_a_place_never_moves_back(world, recorder):
    room_id = await a_room(world)
    await settle_first(world, recorder)
    before = (await world.outbox.next_batch(recorder.name)).place
    await world.say(room_id, 2, "hello")
    await world.outbox.move(recorder.name, (await world.outbox.next_batch(recorder.name)).place)
    await world.outbox.move(recorder.name, before)
    assert (await world.outbox.next_batch(recorder.name)).events == []


async def test_who_was_replaced_and_has_not_noticed_moves_no_place(world, recorder):
    """Its rooms know nothing of whom its successor's have invited, and its connections are gone."""
    room_id = await a_room(world)
    await settle_first(world, recorder)
    await world.say(room_id, 2, "hello")
    batch = await world.outbox.next_batch(recorder.name)
    await world.people.refence(recorder.name)
    with pytest.raises(StaleFence):
        await world.outbox.move(recorder.name, batch.place)
    await world.outbox.ask_for_rebuild(recorder.name)
    with pytest.raises(StaleFence):
        await world.outbox.end_rebuild(recorder.name, batch.place)
    again = await world.outbox.next_batch(recorder.name)
    assert (again.events, again.rebuilding) == (batch.events, True)


async def test_a_new_subscriber_and_a_rebuild_get_whole_logs(world, recorder):
    room_id = await a_room(world)
    await world.say(room_id, 2, "hello")
    async with delivering(world, recorder) as dispatcher:
        await recorder.until(lambda: recorder.seen == [(room_id, 1, 2)])
        assert recorder.rebuilds == 1
        await settled(world, recorder.name)
        await dispatcher.rebuild(recorder.name)
        await recorder.until(lambda: recorder.rebuilds == 2 and recorder.seen)
        assert recorder.seen == [(room_id, 1, 2)]


async def test_lag_counts_what_waits(world, recorder):
    room_id = await a_room(world)
    recorder.failures_left = 10**9
    await settle_first(world, recorder)
    for seq in (2, 3):
        await world.say(room_id, seq, "hello")
    async with delivering(world, recorder) as dispatcher:
        await recorder.until(lambda: recorder.failures_left < 10**9)
        figures = dispatcher.statistics()
        assert figures["lag_events"] == figures["recorder_lag_events"] == 2
        assert figures["lag_seconds"] >= 0


async def test_one_subscribers_failure_is_not_the_others(world, recorder):
    stumbling = Recorder()
    stumbling.name, stumbling.failures_left = "stumbling", 10**9
    room_id = await a_room(world)
    async with delivering(world, stumbling, recorder):
        await recorder.until(lambda: recorder.seen == [(room_id, 1, 1)])
    assert stumbling.seen == []


async def a_room(world):
    return await world.room((await world.people.add("ada")).user_id)


async def settle_first(world, subscriber):
    """Past the rebuild that a new name begins with."""
    await world.outbox.next_batch(subscriber.name)
    await world.outbox.end_rebuild(subscriber.name, await world.outbox.place_now())


async def settled(world, name):
    """The place is stored after the subscriber returns."""
    with trio.fail_after(10):
        while True:
            batch = await world.outbox.next_batch(name)
            if not batch.events and not batch.rebuilding:
                return
            await trio.sleep(0.01)


@asynccontextmanager
async def delivering(world, *subscribers):
    """A dispatcher for the length of a block."""
    dispatcher = OutboxDispatcher(world.outbox, subscribers, poll_every=0.05)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        yield dispatcher
        nursery.cancel_scope.cancel()
