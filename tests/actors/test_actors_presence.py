"""Who is online, said at most once a second."""

from typing import Any

import pytest
import trio
from actors_world import ROOM_ID, FakeFanout, World, user_id
from trio.testing import MockClock

from actors.presence.actor import spec
from actors.presence.machine import NOBODY, Online, difference, said
from core.ports.fanout import FrameLane
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
    many: Online = (201, None)
    update = difference(ROOM_ID, said(NOBODY).then(many))
    assert update is not None
    assert (update.count, update.joined, update.left) == (201, [], [])
    fewer = difference(ROOM_ID, said(many).then((1, ("a",))))
    assert fewer is not None
    assert fewer.joined == []
    assert difference(ROOM_ID, said(many).then(many)) is None


def test_who_comes_or_goes_for_a_moment_between_two_words_is_told_of() -> None:
    """Who joined in that moment was told something else."""
    one, both, many = (1, ("a",)), (2, ("a", "b")), (201, None)
    for looks, joined, left in (
        ((one, both, one), [], ["b"]),
        ((both, one, both), ["b"], []),
        ((one, many, one), [], []),
        ((one, many, both), ["b"], []),
    ):
        word, *then = looks
        seen = said(word)
        for look in then:
            seen = seen.then(look)
        update = difference(ROOM_ID, seen)
        assert update is not None
        assert (update.count, update.joined, update.left) == (looks[-1][0], joined, left)


async def test_who_was_told_in_between_is_not_left_believing_it(
    autojump_clock: MockClock,
) -> None:
    world = World()
    world.system.register(spec(world.fanout))
    async with world.running():
        ada, ben = world.client(1), world.client(2)
        ref = world.system.ref(PRESENCE.at(ROOM_ID))
        world.fanout.subscribe(TOPIC, ada)
        ref.tell_nowait(AudienceChanged())
        await trio.sleep(0.1)
        for change in (world.fanout.subscribe, world.fanout.unsubscribe):
            change(TOPIC, ben)
            ref.tell_nowait(AudienceChanged())
            await trio.sleep(0.1)
        await trio.sleep(10)
        assert updates(world.fanout) == [(1, [user_id(1)], []), (1, [], [user_id(2)])]


async def test_who_comes_in_unaware_hears_within_a_second_who_is_online_and_nobody_else_does(
    autojump_clock: MockClock,
) -> None:
    """As a second device that resumes: nothing changes by it, and it was told by nobody."""
    world = World()
    world.system.register(spec(world.fanout))
    async with world.running():
        ada, ben, phone, tablet = (world.client(number) for number in (1, 2, 2, 1))
        ref = world.system.ref(PRESENCE.at(ROOM_ID))
        for client in (ada, ben):
            world.fanout.subscribe(TOPIC, client)
        ref.tell_nowait(AudienceChanged())
        await trio.sleep(0.1)
        assert len(updates(world.fanout)) == 1
        for client in (phone, tablet, phone):
            world.fanout.subscribe(TOPIC, client, knows_audience=False)
            ref.tell_nowait(AudienceChanged())
            await trio.sleep(0.1)
        assert not phone.events
        await trio.sleep(1)
        for client in (phone, tablet):
            [word] = client.of_type("presence.update")
            assert (word["roomId"], word["count"]) == (ROOM_ID, 2)
            assert (word["joined"], word["left"]) == ([], [])
            assert client.lanes["presence.update"] is FrameLane.EPHEMERAL
        assert len(ada.events) == len(ben.events) == 1

        # With the news that all hear, it hears no more of it.
        world.fanout.unsubscribe(TOPIC, phone)
        world.fanout.unsubscribe(TOPIC, ben)
        world.fanout.subscribe(TOPIC, phone, knows_audience=False)
        world.fanout.subscribe(TOPIC, world.client(3))
        ref.tell_nowait(AudienceChanged())
        await trio.sleep(10)
        assert [word["count"] for word in phone.of_type("presence.update")] == [2, 3]
        assert [word["count"] for word in ada.of_type("presence.update")] == [2, 3]


async def test_who_comes_in_unaware_and_away_hears_that_nobody_is_online(
    autojump_clock: MockClock,
) -> None:
    world = World()
    world.system.register(spec(world.fanout))
    async with world.running():
        ada = world.client(1)
        ada.is_away = True
        world.fanout.subscribe(TOPIC, ada, knows_audience=False)
        world.system.ref(PRESENCE.at(ROOM_ID)).tell_nowait(AudienceChanged())
        await trio.sleep(3)
        assert [word["count"] for word in ada.of_type("presence.update")] == [0]
        assert world.system.statistics()["passivations"] == 1


@pytest.mark.parametrize("crashes", [1, 6])
async def test_what_a_crash_kept_from_being_said_is_said_though_nobody_comes_any_more(
    autojump_clock: MockClock, crashes: int
) -> None:
    world = World()
    world.system.register(spec(world.fanout))
    async with world.running():
        ref, publish = world.system.ref(PRESENCE.at(ROOM_ID)), world.fanout.publish_nowait

        left = iter(range(crashes))

        def crash_at_first(*frame: Any, **more: Any) -> None:
            if next(left, None) is not None:
                raise ValueError("a bug")
            publish(*frame, **more)

        world.fanout.publish_nowait = crash_at_first  # type: ignore[method-assign]
        world.fanout.subscribe(TOPIC, world.client(1))
        ref.tell_nowait(AudienceChanged())
        await trio.sleep(10)
        assert updates(world.fanout) == [(1, [user_id(1)], [])]
