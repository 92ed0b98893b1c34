"""What every message log promises (core.ports.message_log), asked of memory and of PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from log_worlds import (
    NOW,
    TENANT,
    Appender,
    FixedClock,
    MemoryWorld,
    PostgresWorld,
    World,
    change,
    client_id,
    message_id,
    reaction,
    room,
    seqs,
    text,
    user,
)
from postgres_for_tests import Given, fresh_dsn

from core.errors import Overloaded, Unavailable
from core.ports.message_log import (
    Append,
    EventKind,
    MembershipChange,
    Missed,
    Outcome,
    PersonaChange,
    Redaction,
    RoomPatch,
)
from storage.append_queue import AppendQueue
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.message_log import Fault
from storage.postgres.embedded import Embedded
from storage.postgres.loop_connection import LoopConnection
from storage.postgres.pool import Database

STORED, FENCED, DUPLICATE = Outcome.STORED, Outcome.FENCED, Outcome.DUPLICATE
BAD_DATA, SEQ_TAKEN, UNKNOWN = Outcome.BAD_DATA, Outcome.SEQ_TAKEN, Outcome.UNKNOWN
DAY = 86_400_000


@asynccontextmanager
async def memory_world() -> AsyncIterator[World]:
    yield MemoryWorld(FixedClock(), _queue())


@asynccontextmanager
async def postgres_world(
    server: Embedded | Given, *, is_asyncpg_alone: bool = False
) -> AsyncIterator[World]:
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
        trio.open_nursery() as nursery,
    ):
        world = PostgresWorld(database, FixedClock(), _queue())
        if is_asyncpg_alone:
            world.log._usual_writer = LoopConnection("nowhere", command_within=1)
        await nursery.start(world.leases.run)
        yield world
        nursery.cancel_scope.cancel()


def _queue() -> AppendQueue:
    return AppendQueue(max_rows=100, max_batch_rows=10)


@pytest.fixture(params=["memory", "postgres", "postgres by asyncpg alone"])
async def idle_world(
    request: pytest.FixtureRequest, postgres_server: Embedded | Given
) -> AsyncIterator[World]:
    """Its log's writer is not running yet."""
    is_alone = request.param == "postgres by asyncpg alone"
    postgres = postgres_world(postgres_server, is_asyncpg_alone=is_alone)
    async with memory_world() if request.param == "memory" else postgres as world:
        yield world


@pytest.fixture
async def world(idle_world: World) -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        await nursery.start(idle_world.log.run)
        yield idle_world
        nursery.cancel_scope.cancel()


@pytest.fixture
async def appender(world: World) -> Appender:
    return Appender(world)


async def test_what_was_appended_is_read_back_as_it_was(world: World, appender: Appender) -> None:
    rows = [text(1), change(2, target=1), text(3, client_id=None, sender_id="system")]
    for row in rows:
        appender.add(str(row.seq), row)
    assert set((await appender.settled()).values()) == {STORED}
    assert list(await world.log.read(TENANT, room(1), after=0, limit=10)) == rows
    assert list(await world.log.read(TENANT, room(1), after=1, limit=10, up_to=2)) == rows[1:2]
    assert list(await world.log.recent(TENANT, room(1), limit=2)) == rows[1:]
    assert await world.log.head(TENANT, room(1)) == 3
    assert await world.log.missed(TENANT, room(1), after=1) == Missed(events=2, bytes=14)


async def test_a_room_without_events_has_head_zero_and_nothing_to_read(world: World) -> None:
    assert await world.log.head(TENANT, room(9)) == 0
    assert await world.log.recent(TENANT, room(9), limit=5) == []
    assert await world.log.missed(TENANT, room(9), after=0) == Missed(events=0, bytes=0)


async def test_another_tenant_sees_nothing(world: World, appender: Appender) -> None:
    appender.add("a", text(1))
    await appender.settled()
    assert await world.log.head(2, room(1)) == 0
    assert await world.log.read(2, room(1), after=0, limit=9) == []
    assert not await world.log.message(2, room(1), message_id(1))


async def test_callbacks_come_in_the_order_appended(world: World, appender: Appender) -> None:
    for seq in range(1, 16):  # more than one batch
        appender.add(f"a{seq}", text(seq), in_room=1)
        appender.add(f"b{seq}", text(seq), in_room=2)
    await appender.settled()
    assert [name for name, _ in appender.heard] == [
        f"{letter}{seq}" for seq in range(1, 16) for letter in "ab"
    ]


@pytest.mark.parametrize(
    ("refused", "outcome"),
    [
        (text(3, client_id=client_id(1)), DUPLICATE),
        (text(2), DUPLICATE),
        (text(2, client_id=client_id(99)), SEQ_TAKEN),
        (text(3, sender_id="nul \0"), BAD_DATA),
    ],
)
async def test_a_refused_row_takes_everything_later_of_its_room_with_it(
    world: World, appender: Appender, refused: object, outcome: Outcome
) -> None:
    appender.add("first", text(1), text(2))
    appender.add("other first", text(1), in_room=2)
    appender.add("bad", refused)
    appender.add("later", text(4))
    appender.add("other later", text(2), in_room=2)
    for seq in range(5, 20):  # beyond this batch, in the queue
        appender.add(f"later {seq}", text(seq))
        appender.add(f"other {seq}", text(seq - 2), in_room=2)
    outcomes = await appender.settled()
    assert outcomes.pop("first") is STORED
    mine = {name: got for name, got in outcomes.items() if not name.startswith("other")}
    theirs = {name: got for name, got in outcomes.items() if name.startswith("other")}
    assert set(mine.values()) == {outcome}
    assert set(theirs.values()) == {STORED}
    assert await seqs(world) == [1, 2]
    assert await seqs(world, 2) == list(range(1, 18))


async def test_a_stored_key_and_a_stored_seq_are_refused_in_a_later_flush_too(
    world: World, appender: Appender
) -> None:
    appender.add("first", text(1))
    await appender.settled()
    appender.add("again", text(2, client_id=client_id(1)), in_room=1)
    await appender.settled()
    appender.add("seq", text(1, client_id=client_id(7)), in_room=1)
    outcomes = await appender.settled()
    assert outcomes == {"first": STORED, "again": DUPLICATE, "seq": SEQ_TAKEN}
    assert await seqs(world) == [1]


async def test_several_culprits_in_one_batch_are_each_found(
    world: World, appender: Appender
) -> None:
    appender.add("ok", text(1), in_room=1)
    appender.add("bad 2", text(1, sender_id="\0"), in_room=2)
    appender.add("bad 3", text(1, sender_id="\0"), in_room=3)
    appender.add("twice", text(2, client_id=client_id(1)), in_room=1)
    appender.add("stale", text(1), in_room=4, fence=999)
    assert await appender.settled() == {
        "ok": STORED,
        "bad 2": BAD_DATA,
        "bad 3": BAD_DATA,
        "twice": DUPLICATE,
        "stale": FENCED,
    }
    assert [await seqs(world, n) for n in (1, 2, 3, 4)] == [[1], [], [], []]


async def test_an_append_of_several_rows_is_all_or_nothing(
    world: World, appender: Appender
) -> None:
    appender.add("a", text(1))
    appender.add("b", text(2), text(3, client_id=client_id(1)))
    assert await appender.settled() == {"a": STORED, "b": DUPLICATE}
    assert await seqs(world) == [1]


async def test_the_same_client_id_of_another_sender_or_room_is_another_key(
    world: World, appender: Appender
) -> None:
    appender.add("a", text(1))
    appender.add("b", text(2, client_id=client_id(1), sender_id=user(2)))
    appender.add("c", text(1), in_room=2)
    assert set((await appender.settled()).values()) == {STORED}


async def test_a_stale_fence_stores_nothing(world: World, appender: Appender) -> None:
    old = world.leases.fence(room(1))
    new = await world.leases.refence(room(1), seen=old)
    assert new > old
    assert world.leases.fence(room(1)) == new
    appender.add("stale", text(1), fence=old)
    assert await appender.settled() == {"stale": FENCED}
    appender.add("fresh", text(1))
    assert (await appender.settled())["fresh"] is STORED


async def test_a_fence_lost_in_the_middle_refuses_what_follows(
    world: World, appender: Appender
) -> None:
    appender.add("a", text(1))
    await appender.settled()
    world.faults = [Fault.FENCE_LOST]
    appender.add("b", text(2))
    appender.add("c", text(3))
    outcomes = await appender.settled()
    assert (outcomes["b"], outcomes["c"]) == (FENCED, FENCED)
    assert await seqs(world) == [1]
    with pytest.raises(Unavailable):
        await world.leases.refence(room(1), seen=world.leases.fence(room(1)))


async def test_a_second_refence_finds_the_number_taken(world: World) -> None:
    old = world.leases.fence(room(1))
    new = await world.leases.refence(room(1), seen=old)
    assert await world.leases.refence(room(1), seen=old) == new


@pytest.mark.parametrize(("fault", "stored"), [(Fault.LOST_BEFORE, []), (Fault.LOST_AFTER, [1, 2])])
async def test_a_lost_reply_is_unknown_for_the_batch_and_the_rooms_queue(
    world: World, appender: Appender, fault: Fault, stored: list[int]
) -> None:
    world.faults = [fault]
    appender.add("a", text(1), text(2))
    for seq in range(3, 20):
        appender.add(f"more {seq}", text(seq))
    outcomes = await appender.settled()
    assert set(outcomes.values()) == {UNKNOWN}
    found = await seqs(world)
    assert found[:2] == stored
    assert found == list(range(1, len(found) + 1))


async def test_an_unknown_room_does_not_hold_the_others_up(
    world: World, appender: Appender
) -> None:
    world.faults = [Fault.LOST_BEFORE]
    for seq in range(1, 11):
        appender.add(f"a{seq}", text(seq), in_room=1)
    appender.add("b", text(1), in_room=2)
    outcomes = await appender.settled()
    assert outcomes["a10"] is UNKNOWN
    assert outcomes["b"] is STORED


async def test_after_a_refence_nothing_of_the_old_fence_appears(
    world: World, appender: Appender
) -> None:
    old = world.leases.fence(room(1))
    late = Append(tenant_id=TENANT, room_id=room(1), fence=old, rows=(text(1),))
    async with world.late(late):
        await world.leases.refence(room(1), seen=old)
        assert await world.log.head(TENANT, room(1)) == 1
        appender.add("next", text(2))
        assert await appender.settled() == {"next": STORED}


async def test_a_full_queue_is_overloaded_and_queues_nothing(
    world: World, appender: Appender
) -> None:
    for seq in range(1, 101):
        appender.add(str(seq), text(seq))
    with pytest.raises(Overloaded):
        appender.add("too much", text(101))
    appender._waiting -= 1
    await appender.settled()
    assert await seqs(world) == list(range(1, 101))
    assert world.log.statistics()["overloaded"] == 1


async def test_what_was_queued_is_written_at_shutdown(idle_world: World) -> None:
    appender = Appender(idle_world)
    async with trio.open_nursery() as nursery:
        await nursery.start(idle_world.log.run)
        for seq in range(1, 30):
            appender.add(str(seq), text(seq))
        nursery.cancel_scope.cancel()
    assert [outcome for _, outcome in appender.heard] == [STORED] * 29
    with pytest.raises(Unavailable):
        appender.add("late", text(30))


async def test_the_outbox_names_stored_rows_only_once_per_flush_and_room(
    world: World, appender: Appender
) -> None:
    appender.add("a", text(1), text(2))
    appender.add("b", text(3))
    appender.add("c", text(4, client_id=client_id(1)))
    appender.add("d", text(1), in_room=2)
    appender.add("e", text(1, sender_id="\0"), in_room=3)
    await appender.settled()
    assert sorted(await world.outbox()) == [(room(1), 1, 3), (room(2), 1, 1)]


async def test_memberships_change_only_with_their_rows(world: World, appender: Appender) -> None:
    def joins(n: int, role: str = "member", state: str | None = "joined") -> MembershipChange:
        return MembershipChange(user_id=user(n), role=role, state=state, from_seq=1)

    appender.add("a", change(1, 0, EventKind.ROOM), memberships=(joins(1), joins(2)))
    appender.add("b", change(2, 0, EventKind.ROOM), memberships=(joins(1, "owner"),))
    appender.add("c", change(3, 0, EventKind.ROOM), memberships=(joins(2, state=None),))
    await appender.settled()
    assert await world.members(room(1)) == {user(1): "owner"}
    appender.add("d", change(3, 0, EventKind.ROOM), memberships=(joins(1, state=None),))
    assert (await appender.settled())["d"] is SEQ_TAKEN
    assert await world.members(room(1)) == {user(1): "owner"}


async def test_personas_come_and_go_with_their_rows(world: World, appender: Appender) -> None:
    if isinstance(world, PostgresWorld):
        await world._make_room(room(1))

    def comes(n: int, from_seq: int | None, name: str = "Mona") -> PersonaChange:
        return PersonaChange(
            persona_id=message_id(n), owner_id=user(1), name=name, from_seq=from_seq
        )

    assert not await world.had_personas(room(1))
    was_first = RoomPatch(had_personas=True)
    appender.add("a", change(1, 0, EventKind.ROOM), personas=(comes(1, 1),), patch=was_first)
    appender.add("b", change(2, 0, EventKind.ROOM), personas=(comes(2, 2),))
    appender.add("c", change(3, 0, EventKind.ROOM), personas=(comes(2, None),))
    appender.add("d", change(4, 0, EventKind.ROOM), personas=(comes(3, 4), comes(1, 4, "Lisa")))
    appender.add("e", change(5, 0, EventKind.ROOM), patch=RoomPatch(title="Lisbon"))
    await appender.settled()
    here = {message_id(1): ("Lisa", 4), message_id(3): ("Mona", 4)}
    assert await world.personas(room(1)) == here
    assert await world.had_personas(room(1))
    appender.add("f", change(3, 0, EventKind.ROOM), personas=(comes(1, None),))
    assert (await appender.settled())["f"] is SEQ_TAKEN
    assert await world.personas(room(1)) == here


async def test_a_patch_changes_what_it_names(world: World, appender: Appender) -> None:
    if isinstance(world, PostgresWorld):
        await world._make_room(room(1))
    appender.add("a", change(1, 0, EventKind.ROOM), patch=RoomPatch(title="Lisbon"))
    appender.add("b", change(2, 0, EventKind.ROOM), patch=RoomPatch(settings=b"{}"))
    await appender.settled()
    assert await world.title(room(1)) == "Lisbon"


async def test_a_redaction_replaces_the_body_and_nothing_else(
    world: World, appender: Appender
) -> None:
    appender.add("a", text(1))
    appender.add(
        "b",
        change(2, 1, EventKind.DELETED),
        redactions=(Redaction(seq=1, sent_at=NOW, body=b"gone"),),
    )
    await appender.settled()
    assert (await world.log.read(TENANT, room(1), after=0, limit=1))[0] == text(1, body=b"gone")


async def test_a_key_is_found_across_months(world: World, appender: Appender) -> None:
    appender.add("old", text(1, sent_at=NOW - 70 * DAY))
    appender.add("last month", text(2, sent_at=NOW - 30 * DAY))
    appender.add("own time", text(3, client_id=_of(NOW - 70 * DAY), sent_at=NOW - 70 * DAY))
    appender.add("now", text(4, client_id=_of(NOW - 300 * DAY)))
    assert set((await appender.settled()).values()) == {STORED}

    async def found(key: str) -> int | None:
        row = await world.log.find(TENANT, room(1), sender_id=user(1), client_id=key)
        return None if row is None else row.seq

    assert await found(client_id(1)) is None  # neither its own month's leaf nor a recent one
    assert await found(client_id(2)) == 2
    assert await found(_of(NOW - 70 * DAY)) == 3
    assert await found(_of(NOW - 300 * DAY)) == 4
    assert await found("ffffffff-ffff-7fff-8fff-ffffffffffff") is None


async def test_a_batch_may_span_months(world: World, appender: Appender) -> None:
    appender.add("a", text(1, sent_at=NOW - 60 * DAY))
    appender.add("b", text(2, sent_at=NOW + 200 * DAY))
    appender.add("c", text(3, sent_at=NOW + 200 * DAY, client_id=client_id(2)))
    assert await appender.settled() == {"a": STORED, "b": STORED, "c": DUPLICATE}
    assert await seqs(world) == [1, 2]


async def test_a_message_comes_with_what_changed_it(world: World, appender: Appender) -> None:
    member = MembershipChange(user_id=user(1), role="member", state="joined", from_seq=1)
    changes = (change(3, 1), change(4, 2), change(5, 1))
    appender.add("all", text(1), text(2), *changes, memberships=(member,))
    await appender.settled()
    rows = await world.log.message(TENANT, room(1), message_id(1))
    assert [row.seq for row in rows] == [1, 3, 5]
    assert not await world.log.message(TENANT, room(1), message_id(77))
    assert await world.log.of_member(TENANT, user(1), message_id(1)) == (room(1), rows[0])
    for tenant_id, user_id, wanted in (
        (TENANT, user(1), message_id(77)),
        (TENANT, user(2), message_id(1)),
        (2, user(1), message_id(1)),
        (TENANT, "no uuid at all", message_id(1)),
        (TENANT, user(1), "no uuid at all"),
    ):
        assert await world.log.of_member(tenant_id, user_id, wanted) is None
    assert not await world.log.message(TENANT, room(1), "no uuid at all")


async def test_what_was_set_and_cleared_many_times_is_read_as_it_began_and_as_it_stands(
    world: World, appender: Appender
) -> None:
    """Each for itself: two people, two emojis, two messages; and a page sees what was there then."""
    toggled = [
        reaction(n, 1 + n % 2, by=1 + n // 2 % 2, emoji="🌊" if n // 4 % 2 else "👍", active=n < 50)
        for n in range(10, 90)
    ]
    pins = [change(n, 1, EventKind.PINNED) for n in range(90, 96)]
    others = [change(96, 1), change(97, 1), change(98, 1, EventKind.REACTED), change(99, 1)]
    appender.add("all", text(1), text(2), *toggled, *pins, *others)
    await appender.settled()

    async def changes(up_to: int) -> dict[int, list[int]]:
        page = await world.log.history(TENANT, room(1), first=1, up_to=up_to, limit=2)
        return {seq: [row.seq for row in rows] for seq, rows in page.changes.items()}

    of_second = [11, 13, 15, 17, 83, 85, 87, 89]
    of_first = [10, 12, 14, 16, 82, 84, 86, 88, 90, 95, 96, 97, 98, 99]
    assert await changes(99) == {2: of_second, 1: of_first}
    assert await changes(30) == {
        2: [11, 13, 15, 17, 23, 25, 27, 29],
        1: [10, 12, 14, 16, 24, 26, 28, 30],
    }
    rows = await world.log.message(TENANT, room(1), message_id(1))
    assert [row.seq for row in rows] == [1, *of_first]


@pytest.mark.parametrize(
    ("place", "shown", "has_before", "has_after"),
    [
        ({}, [8, 10], True, False),
        ({"before": 8}, [4, 6], True, True),
        ({"before": 4}, [2], False, True),
        ({"after": 2}, [4, 6], True, True),
        ({"after": 7}, [8, 10], True, False),
        ({"after": 10}, [], True, False),
        ({"around": 6}, [6, 8], True, True),
        ({"around": 1}, [2, 4], False, True),
        ({"around": 99}, [8, 10], True, False),
        ({"up_to": 6}, [4, 6], True, False),
        ({"first": 9}, [10], False, False),
    ],
)
async def test_history_pages_by_messages_alone(
    world: World,
    appender: Appender,
    place: dict[str, int],
    shown: list[int],
    has_before: bool,
    has_after: bool,
) -> None:
    rows = [text(n) if n % 2 == 0 else change(n, n - 1, EventKind.REACTED) for n in range(1, 12)]
    appender.add("all", *rows)
    await appender.settled()
    asked = {"first": 1, "up_to": 11, "limit": 2} | place
    page = await world.log.history(TENANT, room(1), **asked)
    assert [row.seq for row in page.messages] == shown
    assert (page.has_before, page.has_after) == (has_before, has_after)
    expected = {seq: [seq + 1] for seq in shown if seq + 1 <= asked["up_to"]}
    assert {seq: [r.seq for r in got] for seq, got in page.changes.items()} == expected


async def test_retention_never_lowers_the_head(world: World, appender: Appender) -> None:
    appender.add("all", text(1), text(2), text(3))
    await appender.settled()
    await world.retain_from(room(1), 4)
    assert await world.log.head(TENANT, room(1)) == 3
    assert await seqs(world) == []


def _of(at: int) -> str:
    stamp = f"{at:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"
