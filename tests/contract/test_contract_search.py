"""What every `MessageSearch` promises."""

import pytest

from core.ports.outbox import OutboxEvent


async def test_a_message_is_found_by_its_words_whatever_their_case(world):
    ada = await add(world, "ada")
    room_id = await world.room(ada)
    message_id = await world.say(room_id, 2, "Sardines in Lisbon, Mañana!", by=ada)
    await world.say(room_id, 3, "Something else", by=ada)
    await indexed(world, room_id, 1, 3)
    for query in ("lisbon", "SARDINES lisbon", "mañana"):
        [found] = await find(world, ada, query)
        assert (found.room_id, found.seq, found.message_id) == (room_id, 2, message_id)
    for query in ("porto", "", "  ", "lisbon porto"):
        assert await find(world, ada, query) == []


async def test_only_members_find_and_only_from_their_first_seq_on(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    room_id = await world.room(ada)
    await world.say(room_id, 2, "secret", by=ada)
    await indexed(world, room_id, 1, 2)
    assert await find(world, bob, "secret") == []
    assert await find(world, ada, "secret", tenant=2) == []
    assert len(await find(world, ada, "secret")) == 1


async def test_an_edit_replaces_the_words(world):
    ada = await add(world, "ada")
    room_id = await world.room(ada)
    await world.say(room_id, 2, "trains", by=ada)
    await world.edit(room_id, 3, 2, "boats")
    await world.edit(room_id, 4, 2, "planes")
    await indexed(world, room_id, 1, 4)
    assert await find(world, ada, "trains") == await find(world, ada, "boats") == []
    assert [hit.seq for hit in await find(world, ada, "planes")] == [2]


async def test_a_deleted_message_is_never_found_in_whatever_order_events_come_again(world):
    ada = await add(world, "ada")
    room_id = await world.room(ada)
    await world.say(room_id, 2, "regret", by=ada)
    await world.edit(room_id, 3, 2, "regret still")
    await indexed(world, room_id, 1, 3)
    assert len(await find(world, ada, "regret")) == 1
    await world.delete(room_id, 4, 2)
    for first, last in ((4, 4), (1, 2), (3, 3), (1, 4), (2, 2)):
        await indexed(world, room_id, first, last)
        assert await find(world, ada, "regret") == []


async def test_hits_come_newest_first_within_room_sender_time_and_limit(world):
    ada, bob = await add(world, "ada"), await add(world, "bob")
    first, second = await world.room(ada, bob), await world.room(ada, bob)
    now = world.people.clock.now_ms()
    for seq, room_id, by in ((2, first, ada), (3, first, bob), (2, second, ada), (3, second, bob)):
        at = now + seq * 10 + (room_id == second)
        await world.say(room_id, seq, "tea", by=by, at=at)
    for room_id in (first, second):
        await indexed(world, room_id, 1, 3)
    hits = [(second, 3), (first, 3), (second, 2), (first, 2)]
    assert places(await find(world, ada, "tea")) == hits
    assert places(await find(world, ada, "tea", limit=2)) == hits[:2]
    assert places(await find(world, ada, "tea", room_id=first)) == [hits[1], hits[3]]
    assert places(await find(world, ada, "tea", from_user=bob)) == hits[:2]
    assert places(await find(world, ada, "tea", before=now + 30)) == hits[2:]


@pytest.mark.parametrize("query", ["'", '"open', "a & | !", "-", "((", ":*", "tea or", "\\"])
async def test_any_query_is_words_and_no_syntax_error(world, query):
    assert await find(world, await add(world, "ada"), query) == []


async def test_ids_of_a_foreign_form_find_nothing(world):
    ada = await add(world, "ada")
    assert await find(world, "x", "tea") == []
    assert await find(world, ada, "tea", room_id="x") == []
    assert await find(world, ada, "tea", from_user="x") == []


async def add(world, handle):
    return (await world.people.add(handle)).user_id


async def indexed(world, room_id, first, last):
    event = OutboxEvent(
        position=1, tenant_id=1, topic="room.appended", key=room_id, first=first, last=last
    )
    await world.index.receive([event])


async def find(
    world, user_id, query, *, tenant=1, room_id=None, from_user=None, before=None, limit=50
):
    return await world.search.find(
        tenant,
        user_id,
        query=query,
        room_id=room_id,
        from_user=from_user,
        before=before,
        limit=limit,
    )


def places(hits):
    return [(hit.room_id, hit.seq) for hit in hits]
