"""What every `Rooms` promises."""

import pytest
import trio

from core.ports.message_log import EventKind, LogRow, PersonaChange

NOBODY = "00000000-0000-7000-8000-000000000000"


async def test_a_new_room_has_its_members_and_its_first_event(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    new = world.new_room(ada, bob)
    assert await world.rooms.create(new) == (new.id, True)
    room = await world.rooms.load(1, new.id)
    assert (room.kind, room.title, room.history, room.creator_id, room.epoch) == (
        "group",
        "Lisbon",
        "invited",
        ada,
        "epoch",
    )
    assert (room.head, room.first, room.settings) == (1, 1, b"{}")
    members = {m.user_id: (m.name, m.role, m.state, m.from_seq, m.read_seq) for m in room.members}
    assert members == {
        ada: ("Ada", "owner", "joined", 1, 0),
        bob: ("Bob", "member", "invited", 1, 0),
    }


def persona(world, owner, name, seq):
    return PersonaChange(
        persona_id=world.people.ids.uuid7(), owner_id=owner, name=name, from_seq=seq
    )


def first_rows(world, *kinds):
    return [
        LogRow(
            seq=seq,
            sent_at=world.people.clock.now_ms(),
            kind=kind,
            sender_id="system",
            body=b"row %d" % seq,
            message_id=world.people.ids.uuid7() if kind is EventKind.MESSAGE else None,
        )
        for seq, kind in enumerate(kinds, 2)
    ]


async def test_a_room_is_made_with_its_personas_and_the_rows_by_which_they_come(world):
    ada = await add(world, "ada")
    rows = first_rows(world, EventKind.ROOM, EventKind.MESSAGE, EventKind.ROOM)
    personas = (persona(world, ada, "Mona", 2), persona(world, ada, "Luca", 4))
    room_id = await world.room(ada, more=rows, personas=personas)
    room = await world.rooms.load(1, room_id)
    assert (room.head, room.had_personas) == (4, True)
    assert [(one.name, one.from_seq, one.owner_id) for one in room.personas] == [
        ("Mona", 2, ada),
        ("Luca", 4, ada),
    ]
    summary = (await world.rooms.of_user(1, ada, before=None, limit=1))[0]
    assert (summary.head, summary.last_body) == (4, b"row 3")


async def test_a_room_without_personas_never_had_one(world):
    room = await world.rooms.load(1, await world.room(await add(world, "ada")))
    assert (list(room.personas), room.had_personas) == ([], False)


async def test_a_repeated_client_id_finds_the_first_room_and_changes_nothing(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    first = world.new_room(ada)
    await world.rooms.create(first)
    again = world.new_room(ada, bob, client_id=first.client_id, title="Porto")
    assert await world.rooms.find(again) == first.id
    assert await world.rooms.create(again) == (first.id, False)
    room = await world.rooms.load(1, first.id)
    assert (room.title, len(room.members)) == ("Lisbon", 1)
    assert await world.rooms.load(1, again.id) is None


async def test_client_ids_of_different_creators_do_not_meet(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    first = world.new_room(ada)
    assert await world.rooms.find(first) is None
    await world.rooms.create(first)
    assert await world.rooms.find(world.new_room(bob, client_id=first.client_id)) is None
    assert (await world.rooms.create(world.new_room(bob, client_id=first.client_id)))[1]


async def test_a_pair_has_one_room_from_either_side(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    key = ":".join(sorted((ada, bob)))
    first = await world.room(ada, bob, kind="direct", direct_key=key)
    second = world.new_room(bob, ada, kind="direct", direct_key=key)
    assert await world.rooms.find(second) == first
    assert await world.rooms.create(second) == (first, False)


async def test_nobody_owns_a_direct_room(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada, bob, kind="direct", direct_key="key")
    room = await world.rooms.load(1, room_id)
    members = {m.user_id: (m.role, m.state) for m in room.members}
    assert members == {ada: ("member", "joined"), bob: ("member", "invited")}


async def test_of_many_creates_at_once_one_room_comes(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    key = ":".join(sorted((ada, bob)))
    outcomes = []

    async def create(creator, other):
        new = world.new_room(creator, other, kind="direct", direct_key=key)
        outcomes.append(await world.rooms.create(new))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(create, ada, bob)
            nursery.start_soon(create, bob, ada)
    assert len({room_id for room_id, _ in outcomes}) == 1
    assert sum(is_new for _, is_new in outcomes) == 1


async def test_a_room_is_unknown_to_another_tenant_and_under_a_foreign_id(world):
    room_id = await world.room(await add(world, "ada"))
    assert await world.rooms.load(2, room_id) is None
    for unknown in ("x", "", NOBODY):
        assert await world.rooms.load(1, unknown) is None
        assert await world.rooms.members(1, unknown, after_user=None, limit=5) == []
        assert not await world.rooms.is_member(1, unknown, NOBODY)


async def test_members_come_in_pages_by_id(world):
    users = [await add(world, f"user{number}") for number in range(5)]
    room_id = await world.room(users[2], *users)
    first = await world.rooms.members(1, room_id, after_user=None, limit=3)
    rest = await world.rooms.members(1, room_id, after_user=first[-1].user_id, limit=3)
    assert [m.user_id for m in [*first, *rest]] == sorted(users)


async def test_membership_is_known(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada)
    assert await world.rooms.is_member(1, room_id, ada)
    assert not await world.rooms.is_member(1, room_id, bob)
    assert not await world.rooms.is_member(2, room_id, ada)
    assert not await world.rooms.is_member(1, room_id, "x")


async def test_read_pointers_move_forward_only(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada, bob)
    await world.rooms.advance_read(1, room_id, {ada: 5, bob: 3})
    await world.rooms.advance_read(1, room_id, {ada: 4, bob: 7})
    await world.rooms.advance_read(1, room_id, {})
    room = await world.rooms.load(1, room_id)
    assert {m.user_id: m.read_seq for m in room.members} == {ada: 5, bob: 7}


async def test_muting_is_ones_own(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada, bob)
    await world.rooms.set_muted(1, room_id, ada, 99)
    room = await world.rooms.load(1, room_id)
    assert {m.user_id: m.muted_until for m in room.members} == {ada: 99, bob: None}
    await world.rooms.set_muted(1, room_id, ada, None)
    assert (await world.rooms.of_user(1, ada, before=None, limit=5))[0].muted_until is None


async def test_ones_rooms_come_newest_first_in_pages(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    mine = [await world.room(ada) for _ in range(4)]
    await world.room(bob)
    first = await world.rooms.of_user(1, ada, before=None, limit=3)
    rest = await world.rooms.of_user(1, ada, before=first[-1].id, limit=3)
    assert [room.id for room in [*first, *rest]] == mine[::-1]
    assert await world.rooms.of_user(1, "x", before=None, limit=3) == []
    assert await world.rooms.of_user(1, ada, before="x", limit=3) in ([], first)


async def test_a_summary_counts_what_is_unread_and_shows_the_last_message(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada, bob)
    [fresh] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert (fresh.head, fresh.read, fresh.unread, fresh.last_body) == (1, 0, 1, None)
    for seq in (2, 3):
        await world.say(room_id, seq, f"message {seq}", by=bob)
    await world.edit(room_id, 4, 3, "better")
    await world.rooms.advance_read(1, room_id, {ada: 2})
    [summary] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert (summary.role, summary.state, summary.title) == ("owner", "joined", "Lisbon")
    assert (summary.head, summary.read, summary.unread) == (4, 2, 2)
    assert b"message 3" in summary.last_body
    assert b"better" in summary.last_edit
    await world.rooms.advance_read(1, room_id, {ada: 99})
    [read] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert read.unread == 0


async def test_what_retention_took_is_not_unread(world):
    ada = await add(world, "ada")
    room_id = await world.room(ada)
    for seq in range(2, 7):
        await world.say(room_id, seq, f"message {seq}", by=ada)
    await world.retain_from(room_id, 5)
    [some] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert (some.head, some.unread) == (6, 2)
    await world.retain_from(room_id, 7)
    [none] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert (none.head, none.unread, none.last_body) == (6, 0, None)


@pytest.mark.parametrize("count", [1_200])
async def test_unread_stops_at_999(world, count):
    ada = await add(world, "ada")
    room_id = await world.room(ada)
    await world.say(room_id, count, "far away", by=ada)
    [summary] = await world.rooms.of_user(1, ada, before=None, limit=5)
    assert summary.unread == 999


async def add(world, handle):
    return (await world.people.add(handle)).user_id
