"""Making rooms, and the inbox as one dense sequence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
from actors_world import ROOM_ID, TENANT, FakeClient, World, key, user_id
from trio.testing import MockClock

from actors.user.courier import Courier
from core.delivery import Delivery
from core.durable_timers import DurableTimerService
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.ports.outbox import OutboxEvent
from protocol.codec import encode
from protocol.room import CreateRoom, InviteToRoom, JoinRoom, LeaveRoom, RoomAnswered
from protocol.user import USER, FollowInbox, InviteArrived, Notified
from storage.memory.durable_timers import NO_FAULTS, Fault, FaultPlan, MemoryDurableTimers
from storage.sharding import shard_of


async def ask(world: World, client: FakeClient, message: Any) -> Any:
    assert client.principal is not None
    ref = world.system.ref(USER.at(client.principal.user_id))
    return await ref.ask(message, principal=client.principal, client=client)


def create(number: int, **fields: Any) -> CreateRoom:
    return CreateRoom(**{"kind": "group", "client_id": key(number)} | fields)


def courier_of(world: World, timers: MemoryDurableTimers | None = None) -> Courier:
    delivery = Delivery(world.system.ref, timers or MemoryDurableTimers(), world.clock)
    return Courier(world.log, delivery)


def appended(room_id: str, first: int, last: int) -> OutboxEvent:
    return OutboxEvent(
        position=1,
        tenant_id=TENANT,
        topic="room.appended",
        key=room_id,
        first=first,
        last=last,
    )


async def test_whoever_makes_a_room_has_joined_it(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada = world.client(1)
        made = await ask(world, ada, create(1, title="Lisbon", members=[user_id(2), user_id(2)]))
        assert isinstance(made, RoomAnswered)
        assert (made.room.title, made.room.head, made.room.member_count) == ("Lisbon", 1, 2)
        assert world.fanout.is_subscribed(f"room:{made.room.id}", ada)
        again = await ask(world, ada, create(1, title="Porto"))
        assert again.room.id == made.room.id


async def test_a_direct_pair_has_one_room_from_either_side(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, ben = world.client(1), world.client(2)
        first = await ask(world, ada, create(1, kind="direct", members=[user_id(2)]))
        second = await ask(world, ben, create(2, kind="direct", members=[user_id(1)]))
        assert first.room.id == second.room.id
        assert {member.state for member in second.room.members} == {"joined"}
        assert {member.role for member in second.room.members} == {"member"}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"members": ["nobody"]}, "not_found", "members[0]"),
        ({"kind": "direct"}, "bad_request", "members"),
        ({"kind": "direct", "members": [user_id(1)]}, "bad_request", "members"),
        ({"kind": "direct", "members": [user_id(2)], "title": "Us"}, "bad_request", "title"),
        ({"title": "x" * 201}, "too_large", "title"),
        ({"title": "Lisbon\nCaravan: pay here"}, "bad_request", "title"),
        ({"personas": ["p"]}, "not_found", "personas[0]"),
    ],
)
async def test_a_room_that_cannot_be_is_refused_and_not_made(
    fields: dict[str, Any], code: str, field: str | None, autojump_clock: MockClock
) -> None:
    async with World().running() as world:
        with pytest.raises(Rejected) as refused:
            await ask(world, world.client(1), create(1, **fields))
        assert refused.value.code == code
        assert [name for name, _ in refused.value.fields] == ([field] if field else [])
        assert not refused.value.temporary
        assert await world.rooms.of_user(TENANT, user_id(1), before=None, limit=9) == []


async def test_a_connection_in_two_hundred_rooms_makes_no_more(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada = world.client(1)
        ada.topics = {f"room:{number}" for number in range(200)}
        with pytest.raises(Rejected, match="conflict"):
            await ask(world, ada, create(1))


async def test_a_connection_in_two_hundred_rooms_finds_those_it_is_in(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, elsewhere = world.client(1), world.client(1)
        ada.topics = {f"room:{number}" for number in range(198)}
        pair = {"kind": "direct", "members": [user_id(2)]}
        direct = await ask(world, ada, create(1, **pair))
        group = await ask(world, ada, create(2))
        away = await ask(world, elsewhere, create(3))
        assert ada.room_count == 200
        assert (await ask(world, ada, create(4, **pair))).room.id == direct.room.id
        assert (await ask(world, ada, create(2))).room.id == group.room.id
        for number in (3, 5):
            with pytest.raises(Rejected, match="conflict"):
                await ask(world, ada, create(number))
        rooms = await world.rooms.of_user(TENANT, user_id(1), before=None, limit=9)
        assert {one.id for one in rooms} == {direct.room.id, group.room.id, away.room.id}


async def test_rooms_that_are_asked_for_all_at_once_keep_to_the_bound_too(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada = world.client(1)
        ada.topics = {f"room:{number}" for number in range(198)}
        refused = list[str]()

        async def make(number: int) -> None:
            try:
                await ask(world, ada, create(number))
            except Rejected as refusal:
                refused.append(refusal.code)

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(make, number)
        assert ada.room_count == 200
        assert refused == ["conflict"] * 3
        assert len(await world.rooms.of_user(TENANT, user_id(1), before=None, limit=9)) == 2


async def test_an_invitation_reaches_the_inbox_once_and_the_connection_live(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ada, ben = world.client(1), world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        await world.ask(ada, JoinRoom(room_id=ROOM_ID))
        invited = await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
        courier = courier_of(world)
        assert courier.name == "inbox"
        events = [appended(ROOM_ID, 1, 1), appended(ROOM_ID, invited.seq, invited.seq)]
        await courier.receive(events)
        await courier.receive(events)
        await courier.rebuild()
        frame = ben.of_type("room.invited")
        assert [(one["inbox"], one["room"]["id"]) for one in frame] == [(1, ROOM_ID)]
        late = world.client(3)
        await ask(world, late, FollowInbox(after=0))
        assert [one["inbox"] for one in late.of_type("room.invited")] == [1]
        assert await world.inboxes.head(TENANT, user_id(1)) == 0


async def test_who_is_no_member_any_more_gets_no_invitation(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room()
        delivered = await ask(world, world.client(5), InviteArrived(room_id=ROOM_ID, seq=9))
        assert delivered.inbox == 0
        stranger = world.system.ref(USER.at("nobody"))
        assert (await stranger.ask(InviteArrived(room_id=ROOM_ID, seq=9))).inbox == 0


async def test_who_is_forgotten_gets_no_invitation(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(tenant_id: int, of: str, **fields: Any) -> None:
        return None

    async with World().running() as world:
        await world.make_room(2)
        ada, ben = world.client(1), world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        await world.ask(ada, JoinRoom(room_id=ROOM_ID))
        invited = await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(2)]))
        monkeypatch.setattr(world.inboxes, "append", forgotten)
        delivered = await ask(world, ben, InviteArrived(room_id=ROOM_ID, seq=invited.seq))
        assert delivered.inbox == 0
        assert ben.of_type("room.invited") == []


async def test_the_courier_comes_again_when_a_room_cannot_say(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room(2)
        world.leases.lose()
        with pytest.raises(Unavailable):
            await courier_of(world).receive([appended(ROOM_ID, 1, 1)])


async def test_a_room_that_cannot_start_keeps_nobody_elses_invitation_waiting(
    autojump_clock: MockClock,
) -> None:
    """It crashes over itself until it rests; so it does when the courier comes again."""
    async with World().running() as world, timers_of(world) as timers:
        ada, ben, cleo = world.client(1), world.client(2), world.client(3)
        broken = (await ask(world, ada, create(1, members=[user_id(2)]))).room.id
        whole = (await ask(world, ada, create(2, members=[user_id(3)]))).room.id
        for client in (ben, cleo):
            await ask(world, client, FollowInbox(after=0))
        await trio.sleep(1_000)
        recent = world.log.recent

        async def fail(tenant_id: int, room_id: str, **bounds: Any) -> Any:
            if room_id == broken:
                raise ValueError("a bug")
            return await recent(tenant_id, room_id, **bounds)

        world.log.recent = fail  # type: ignore[method-assign]
        events = [appended(broken, 1, 1), appended(whole, 1, 1)]
        await courier_of(world, timers).receive(events)
        assert [invitations_seen(ben), invitations_seen(cleo)] == [[], [1]]
        world.log.recent = recent  # type: ignore[method-assign]
        await trio.sleep(600)
        assert [invitations_seen(ben), invitations_seen(cleo)] == [[1], [1]]


def break_inbox_of(world: World, number: int, *, until: float) -> list[float]:
    """Its writer crashes until this time; when it was tried."""
    whole, tries = world.inboxes.append, list[float]()

    async def broken(tenant_id: int, of: str, **fields: Any) -> Any:
        if of == user_id(number):
            tries.append(trio.current_time())
            if trio.current_time() < until:
                raise ValueError("a bug")
        return await whole(tenant_id, of, **fields)

    world.inboxes.append = broken  # type: ignore[method-assign]
    return tries


@asynccontextmanager
async def timers_of(
    world: World, plan: FaultPlan = NO_FAULTS
) -> AsyncIterator[MemoryDurableTimers]:
    """Durable timers that wake this world's actors."""
    timers = MemoryDurableTimers(plan=plan)
    service = DurableTimerService(
        timers,
        leases=world.leases,
        ref=world.system.ref,
        clock=world.clock,
        chance=world.chance,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.run)
        yield timers
        nursery.cancel_scope.cancel()


async def test_an_invitation_that_crashes_its_reader_again_and_again_is_put_aside(
    autojump_clock: MockClock,
) -> None:
    """Everybody else's invitations wait behind it."""
    async with World().running() as world:
        await world.make_room(2, 3)
        tries = break_inbox_of(world, 2, until=1e9)
        timers = MemoryDurableTimers()
        await courier_of(world, timers).receive([appended(ROOM_ID, 1, 1)] * 3)
        assert len(tries) == 9
        assert await world.inboxes.head(TENANT, user_id(3)) == 1
        [row] = timers.table.rows.values()
        assert row.timer.address == USER.at(user_id(2))
        assert row.timer.name == f"invite:{ROOM_ID}:1"


async def test_an_invitation_that_was_put_aside_arrives_once_when_its_reader_is_well_again(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world, timers_of(world) as timers:
        await world.make_room(2)
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        tries = break_inbox_of(world, 2, until=3_600)
        courier = courier_of(world, timers)
        await courier.receive([appended(ROOM_ID, 1, 1)])
        await trio.sleep_until(3_599)
        assert ben.of_type("room.invited") == []
        assert 12 < len(tries) < 36
        await trio.sleep(302)
        await courier.receive([appended(ROOM_ID, 1, 1)])
        assert [one["inbox"] for one in ben.of_type("room.invited")] == [1]
        assert timers.table.rows == {}


async def test_the_courier_comes_again_when_nothing_can_be_put_aside(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        break_inbox_of(world, 2, until=1e9)
        away = MemoryDurableTimers(plan=FaultPlan(judge=lambda _: Fault.LOST_BEFORE))
        with pytest.raises(Unavailable):
            await courier_of(world, away).receive([appended(ROOM_ID, 1, 1)])


async def test_an_invitation_whose_reader_crashed_once_arrives(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room(2)
        whole = world.inboxes.append

        async def broken_once(*args: Any, **fields: Any) -> Any:
            world.inboxes.append = whole  # type: ignore[method-assign]
            raise ValueError("a bug")

        world.inboxes.append = broken_once  # type: ignore[method-assign]
        await courier_of(world).receive([appended(ROOM_ID, 1, 1)])
        assert await world.inboxes.head(TENANT, user_id(2)) == 1


def lose_reply_of_inbox(world: World, error: Exception) -> None:
    """The next append of anybody's happens, and whoever asked for it hears nothing but this."""
    whole = world.inboxes.append

    async def silent(*args: Any, **fields: Any) -> Any:
        world.inboxes.append = whole  # type: ignore[method-assign]
        await whole(*args, **fields)
        raise error

    world.inboxes.append = silent  # type: ignore[method-assign]


async def test_a_server_that_was_replaced_writes_no_inbox(autojump_clock: MockClock) -> None:
    """Its successor's connections would hear of it with the next event only."""
    async with World().running() as world:
        await world.make_room(2)
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        world.shards.take_all("its successor")
        await try_to_deliver(world, ROOM_ID)
        assert await world.inboxes.head(TENANT, user_id(2)) == 0
        assert invitations_seen(ben) == []


async def test_a_writer_whose_number_is_outdated_takes_a_new_one(autojump_clock: MockClock) -> None:
    """A room of the shard asked for a newer one, and the reply was lost."""
    async with World().running() as world:
        await world.make_room(2)
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        world.shards.take(shard_of(user_id(2)), "node")
        await try_to_deliver(world, ROOM_ID)
        await try_to_deliver(world, ROOM_ID)
        assert await world.inboxes.head(TENANT, user_id(2)) == 1
        assert invitations_seen(ben) == [1]


async def try_to_deliver(world: World, room_id: str) -> None:
    with suppress(Unavailable):
        await courier_of(world).receive([appended(room_id, 1, 1)])


def invitations_seen(client: FakeClient) -> list[int]:
    return [frame["inbox"] for frame in client.of_type("room.invited")]


LOST = pytest.mark.parametrize(
    "error", [Unavailable(), ValueError("a bug")], ids=["lost reply", "crash"]
)


@LOST
async def test_an_invitation_whose_reply_was_lost_is_told_once_to_who_is_connected(
    error: Exception, autojump_clock: MockClock
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        lose_reply_of_inbox(world, error)
        for _ in range(3):
            await try_to_deliver(world, ROOM_ID)
        assert invitations_seen(ben) == [1]


async def test_an_invitation_whose_reply_was_lost_is_told_to_who_has_left_the_room_since(
    autojump_clock: MockClock,
) -> None:
    """Else all that he has connected stays one event behind his inbox."""
    async with World().running() as world:
        await world.make_room(2)
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        lose_reply_of_inbox(world, Unavailable())
        await try_to_deliver(world, ROOM_ID)
        assert invitations_seen(ben) == []
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        for _ in range(2):
            await try_to_deliver(world, ROOM_ID)
        assert invitations_seen(ben) == [1]


@LOST
async def test_what_comes_after_an_invitation_whose_reply_was_lost_does_not_overtake_it(
    error: Exception, autojump_clock: MockClock
) -> None:
    async with World().running() as world:
        ada, ben = world.client(1), world.client(2)
        await ask(world, ben, FollowInbox(after=0))
        rooms = [
            (await ask(world, ada, create(number, members=[user_id(2)]))).room.id
            for number in (1, 2)
        ]
        lose_reply_of_inbox(world, error)
        invite = InviteArrived(room_id=rooms[0], seq=1)
        with pytest.raises(Rejected):
            await world.system.ref(USER.at(user_id(2))).ask(invite)
        await try_to_deliver(world, rooms[1])
        await try_to_deliver(world, rooms[0])
        assert invitations_seen(ben) == [1, 2]


async def test_who_comes_in_after_a_reply_was_lost_is_told_once_as_who_was_there(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        early, late = world.client(2), world.client(2)
        await ask(world, early, FollowInbox(after=0))
        lose_reply_of_inbox(world, Unavailable())
        await try_to_deliver(world, ROOM_ID)
        await ask(world, late, FollowInbox(after=0))
        await try_to_deliver(world, ROOM_ID)
        assert [invitations_seen(early), invitations_seen(late)] == [[1], [1]]


async def test_what_lands_after_its_reply_was_lost_is_told_once_to_everybody(
    autojump_clock: MockClock,
) -> None:
    """A commit whose connection is gone may still happen: while somebody comes in, or later."""
    async with World().running() as world:
        await world.make_room(2)
        early, late = world.client(2), world.client(2)
        await ask(world, early, FollowInbox(after=0))
        append, read = world.inboxes.append, world.inboxes.read
        reads = 0

        async def keep(*args: Any, **fields: Any) -> Any:
            async def land(*place: Any, **bounds: Any) -> Any:
                nonlocal reads
                reads += 1
                if reads == 2:
                    await append(*args, **fields)
                return await read(*place, **bounds)

            world.inboxes.append = append  # type: ignore[method-assign]
            world.inboxes.read = land  # type: ignore[method-assign]
            raise Unavailable

        world.inboxes.append = keep  # type: ignore[method-assign]
        await try_to_deliver(world, ROOM_ID)
        await ask(world, late, FollowInbox(after=0))
        await try_to_deliver(world, ROOM_ID)
        assert [invitations_seen(early), invitations_seen(late)] == [[1], [1]]


async def test_following_a_long_inbox_goes_page_by_page(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        for number in range(450):
            await world.inboxes.append(
                TENANT,
                user_id(2),
                source=str(number),
                kind="notification",
                at=0,
                fence=world.leases.fence(user_id(2)),
                body=lambda seq: b"\x81\xa5inbox\xcd" + seq.to_bytes(2, "big"),
            )
        ben = world.client(2)
        await ask(world, ben, FollowInbox(after=1))
        assert [frame["inbox"] for frame in ben.events] == list(range(2, 451))
        assert world.fanout.is_subscribed(f"user:{user_id(2)}", ben)
        closed = world.client(2)
        closed.is_open = False
        await ask(world, closed, FollowInbox(after=0))
        assert closed.events == []


async def test_a_slow_socket_that_reads_its_inbox_keeps_no_invitation_waiting(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        for number in range(450):
            await world.inboxes.append(
                TENANT,
                user_id(2),
                source=str(number),
                kind="notification",
                at=0,
                fence=world.leases.fence(user_id(2)),
                body=lambda seq: encode(Notified(inbox=seq, kind="test", title="", body="")),
            )
        await world.make_room(2)
        slow = world.client(2)
        gate = trio.Event()
        slow.drained = gate.wait
        courier = courier_of(world)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, world, slow, FollowInbox(after=0))
            await trio.sleep(1)
            with trio.fail_after(1):
                await courier.receive([appended(ROOM_ID, 1, 1)])
            gate.set()
        assert [frame["inbox"] for frame in slow.events] == list(range(1, 452))
        assert world.fanout.is_subscribed(f"user:{user_id(2)}", slow)


async def test_what_a_user_does_not_understand_is_a_crash(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        answers: list[Any] = []
        envelope = Envelope(object(), reply=answers.append)
        world.system.ref(USER.at(user_id(1))).deliver_nowait(envelope)
        await trio.sleep(1)
        assert answers[0].code == "internal"
