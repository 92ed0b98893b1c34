"""Who is online, said at most once a second."""

import trio
from actors_world import ROOM_ID, FakeFanout, World, user_id
from trio.testing import MockClock

from actors.presence.actor import spec
from actors.presence.machine import NOBODY, difference
from protocol.presence import PRESENCE, AudienceChanged

TOPIC = f"room:{ROOM_ID}"


def updates(fanout: FakeFanout) -> list[tuple[int, list[str], list[str]]]:
    frames = [frame for _, frame in fanout.published if frame["type"] == "presence.update"]
    return [(frame["count"], frame.get("joined", []), frame.get("left", [])) for frame in frames]


async def test_changes_are_announced_once_a_second_and_the_actor_rests_when_nobody_is_there(
    autojump_clock: MockClock,
) -> None:
    world = World()
    world.system.register(spec(world.fanout))
    async with world.running():
        ada, ben = world.client(1), world.client(2)
        ref = world.system.ref(PRESENCE.at(ROOM_ID))

        def look() -> None:
            ref.tell_nowait(AudienceChanged())

        world.fanout.subscribe(TOPIC, ada)
        look()
        await trio.sleep(0.1)
        world.fanout.subscribe(TOPIC, ben)
        look()
        await trio.sleep(0.1)
        world.fanout.unsubscribe(TOPIC, ben)
        look()
        await trio.sleep(0.1)
        assert updates(world.fanout) == [(1, [user_id(1)], [])]
        world.fanout.subscribe(TOPIC, ben)
        look()
        await trio.sleep(1)
        assert updates(world.fanout)[1:] == [(2, [user_id(2)], [])]
        await trio.sleep(1_000)
        assert world.system.statistics()["passivations"] == 0
        for client in (ada, ben):
            world.fanout.unsubscribe(TOPIC, client)
        look()
        await trio.sleep(3)
        assert updates(world.fanout)[2:] == [(0, [], [user_id(1), user_id(2)])]
        assert world.system.statistics()["passivations"] == 1
        look()
        await trio.sleep(3)
        assert len(updates(world.fanout)) == 3


def test_nobody_is_named_where_one_look_could_not_name_all() -> None:
    many = (201, None)
    update = difference(ROOM_ID, NOBODY, many)
    assert update is not None
    assert (update.count, update.joined, update.left) == (201, [], [])
    fewer = difference(ROOM_ID, many, (1, ("a",)))
    assert fewer is not None
    assert fewer.joined == []
    assert difference(ROOM_ID, many, many) is None
