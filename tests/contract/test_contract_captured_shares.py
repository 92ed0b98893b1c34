"""What every `CapturedShares` promises: what people paid and did not get back, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from booking_worlds import TENANT, World, posting, world_on

from core.ports.plans import CapturedShare
from storage.memory.plans import MemoryCapturedShares
from storage.postgres.plan_calendars import PostgresCapturedShares


@pytest.fixture
async def world(booking_place: str | None) -> AsyncIterator[World]:
    async with world_on(booking_place) as world:
        yield world


def shares_of(world: World) -> Any:
    if world.database is not None:
        return PostgresCapturedShares(world.database)
    assert world.stored is not None
    return MemoryCapturedShares(world.stored)


async def test_what_was_captured_counts_and_what_was_given_back_or_only_held_does_not(
    world: World,
) -> None:
    room_id, ada, ben, chen = (world.ids.uuid7() for _ in range(4))
    booking_id, creator = world.ids.uuid7(), world.ids.uuid7()
    new = world.new(creator, room_id=room_id)
    step = world.step(
        booking_id,
        1,
        postings=(
            posting("held", ("psp:stripe", 900), (f"participant:{ben}", -900), is_memo=True),
            posting("a", ("psp:stripe", 500), (f"participant:{ada}", -500)),
            posting("b", ("psp:stripe", 700), (f"participant:{ben}", -700)),
            posting("spend", (f"participant:{ada}", 400), (f"trip:{booking_id}", -400)),
            posting("back", (f"participant:{ada}", 100), ("psp:stripe", -100)),
            posting("all", (f"participant:{ben}", 700), ("psp:stripe", -700)),
            posting("other", ("psp:stripe", 300), (f"participant:{chen}", -300)),
            posting("by hand", (f"participant:{chen}", 300), ("by_hand", -300)),
            posting("yen", ("psp:paypal", 70), (f"participant:{ben}", -70), currency="JPY"),
        ),
    )
    assert await world.bookings.open(new, step) is None
    shares = shares_of(world)
    found = await shares.captured(TENANT, room_id, [booking_id, world.ids.uuid7(), "no id"])
    assert list(found) == [
        CapturedShare(booking_id=booking_id, currency="EUR", user_id=ada, amount=400),
        CapturedShare(booking_id=booking_id, currency="JPY", user_id=ben, amount=70),
    ]
    assert list(await shares.captured(TENANT, world.ids.uuid7(), [booking_id])) == []
    assert list(await shares.captured(2, room_id, [booking_id])) == []
    assert list(await shares.captured(TENANT, room_id, [])) == []


async def test_a_booking_is_its_participants_and_its_organisers_in_its_room(world: World) -> None:
    room_id, creator = world.ids.uuid7(), world.ids.uuid7()
    booking_id = world.ids.uuid7()
    await world.bookings.open(world.new(creator, room_id=room_id), world.step(booking_id, 1))
    shares = shares_of(world)
    assert await shares.is_of(TENANT, room_id, booking_id, creator)
    assert not await shares.is_of(TENANT, room_id, booking_id, world.ids.uuid7())
    assert not await shares.is_of(TENANT, world.ids.uuid7(), booking_id, creator)
    assert not await shares.is_of(2, room_id, booking_id, creator)
    assert not await shares.is_of(TENANT, room_id, "no id", creator)
