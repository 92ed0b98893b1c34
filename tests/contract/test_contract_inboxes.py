"""What every `Inboxes` promises."""

import pytest
import trio

from core.ports.leases import StaleFence


async def test_an_inbox_is_empty_at_first(people):
    user_id = people.ids.uuid7()
    assert await people.inboxes.head(1, user_id) == 0
    assert await people.inboxes.read(1, user_id, after=0, limit=10) == []


async def test_events_get_dense_places_and_are_encoded_for_them(people):
    user_id = people.ids.uuid7()
    for number in range(3):
        stored = await append(people, user_id, f"source-{number}")
        assert stored == (number + 1, b"event %d" % (number + 1), True)
    items = await people.inboxes.read(1, user_id, after=1, limit=1)
    assert [(item.seq, item.kind, item.body, item.created_at) for item in items] == [
        (2, "notification", b"event 2", 7)
    ]
    assert await people.inboxes.head(1, user_id) == 3


async def test_a_source_has_one_place(people):
    user_id = people.ids.uuid7()
    await append(people, user_id, "first")
    await append(people, user_id, "second")
    assert await append(people, user_id, "first") == (1, b"event 1", False)
    assert await people.inboxes.head(1, user_id) == 2


async def test_many_at_once_leave_no_gap_and_no_double(people):
    user_id = people.ids.uuid7()
    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(append, people, user_id, f"source-{number % 6}")
    items = await people.inboxes.read(1, user_id, after=0, limit=100)
    assert [item.seq for item in items] == [1, 2, 3, 4, 5, 6]


async def test_tenants_and_users_do_not_share_an_inbox(people):
    user_id = people.ids.uuid7()
    await append(people, user_id, "source")
    assert await people.inboxes.head(2, user_id) == 0
    assert await people.inboxes.head(1, people.ids.uuid7()) == 0


async def test_who_was_replaced_writes_no_inbox(people):
    """Nor does it hear what is in its place: its connections are not the ones to tell."""
    user_id = people.ids.uuid7()
    await append(people, user_id, "first")
    fence = await people.refence(user_id)
    for source in ("first", "second"):
        with pytest.raises(StaleFence):
            await append(people, user_id, source)
    assert await people.inboxes.head(1, user_id) == 1
    assert await append(people, user_id, "second", fence) == (2, b"event 2", True)


async def append(people, user_id, source, fence=0):
    return await people.inboxes.append(
        1,
        user_id,
        source=source,
        kind="notification",
        at=7,
        fence=fence,
        body=lambda seq: b"event %d" % seq,
    )
