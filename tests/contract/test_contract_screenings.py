"""What every `Histories` and `Screenings` promises: who pays is known by what was booked and tried, and a model
learns from what became of bookings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from booking_worlds import DAY, HOUR, TENANT, World, attempt, share, verdict, world_on

from core.ports.fraud import PastScreening, PayerHistory

NEW = "01999999-0000-7000-8000-0000000000ff"


@pytest.fixture
async def world(booking_place: str | None) -> AsyncIterator[World]:
    async with world_on(booking_place) as world:
        yield world


async def history_of(world: World, user_id: str, before: str = NEW, tenant_id: int = TENANT) -> Any:
    now = world.clock.now_ms()
    return (await world.histories.of(tenant_id, [user_id], before=before, now=now)).get(user_id)


async def payer(world: World) -> str:
    user_id = world.ids.uuid7()
    await world.join(user_id)
    return user_id


# ── histories ──


async def test_who_is_new_has_a_history_of_nothing_and_who_is_unknown_has_none(
    world: World,
) -> None:
    ada = await payer(world)
    assert await history_of(world, ada) == PayerHistory(registered_at=1)
    assert await history_of(world, ada, tenant_id=2) is None
    assert await history_of(world, world.ids.uuid7()) is None
    assert await world.histories.of(TENANT, [], before=NEW, now=1) == {}
    assert await world.histories.of(TENANT, ["no id"], before=NEW, now=1) == {}


async def test_bookings_count_for_a_day_and_a_month_and_the_one_that_is_looked_at_does_not(
    world: World,
) -> None:
    ada, ben = await payer(world), await payer(world)
    await world.opened(ada)
    world.clock.at_ms += 29 * DAY
    await world.opened(ben, participants=(share(ben), share(ada)))
    mine = await world.opened(ada)
    await world.bookings.commit(world.ended(mine, 2))
    seen = await history_of(world, ada)
    assert (seen.bookings_day, seen.bookings_month, seen.completed) == (2, 3, 1)
    seen = await history_of(world, ada, before=mine)
    assert (seen.bookings_day, seen.bookings_month, seen.completed) == (1, 2, 0)
    world.clock.at_ms += DAY
    seen = await history_of(world, ada)
    assert (seen.bookings_day, seen.bookings_month, seen.completed) == (0, 2, 1)


async def test_methods_count_once_however_often_they_are_tried_and_refusals_each_time(
    world: World,
) -> None:
    ada, ben = await payer(world), await payer(world)
    booking_id = await world.opened(ada)
    tried = (
        attempt(ada, "visa"),
        attempt(ada, "visa", is_refused=True),
        attempt(ada, "visa", is_refused=True),
        attempt(ada, "amex"),
        attempt(ben, "amex", is_refused=True),
    )
    await world.bookings.commit(world.step(booking_id, 2, attempts=tried))
    await world.bookings.commit(world.step(booking_id, 3, attempts=tried[:1]))
    seen = await history_of(world, ada)
    assert (seen.declines_day, seen.declines_month, seen.methods_day) == (2, 2, 2)
    assert (await history_of(world, ben)).declines_day == 1
    assert (await history_of(world, ada, before=booking_id)).declines_month == 0
    world.clock.at_ms += 25 * HOUR
    seen = await history_of(world, ada)
    assert (seen.declines_day, seen.declines_month, seen.methods_day) == (0, 2, 0)
    world.clock.at_ms += 29 * DAY
    assert (await history_of(world, ada)).declines_month == 0


# ── screenings ──


async def test_verdicts_and_words_about_them_are_kept_in_their_order(world: World) -> None:
    booking_id = await world.opened()
    first, word = verdict("review"), verdict(at=2, by="olga", score=None, features=(), reasons=())
    await world.bookings.commit(world.step(booking_id, 2, screening=first, needs_operator=True))
    assert [one.screening for one in await world.bookings.stuck(now=1, limit=9)] == [first]
    await world.bookings.commit(world.step(booking_id, 3))
    await world.bookings.commit(world.step(booking_id, 4, screening=word))
    assert await world.bookings.screenings(TENANT, booking_id) == [first, word]
    assert await world.bookings.screenings(2, booking_id) == []
    assert await world.bookings.screenings(TENANT, "no id") == []


async def test_what_a_model_learns_from_is_what_became_of_a_booking_and_no_refused_one(
    world: World,
) -> None:
    steps = (
        world.step,
        world.ended,
        lambda *step, **more: world.ended(*step, status="cancelled", **more),
        lambda *step, **more: world.ended(*step, status="cancelled", is_called_off=True, **more),
    )
    for number, make in enumerate(steps, 1):
        booking_id = await world.opened(screening=verdict("review", features=(9.0,)))
        said = verdict(at=number, features=(float(number),))
        await world.bookings.commit(make(booking_id, 2, screening=said))
    await world.opened(screening=verdict("deny"))
    await world.opened()

    def past(at: int, ended_well: bool | None) -> PastScreening:
        return PastScreening(at=at, features=(float(at),), verdict="allow", ended_well=ended_well)

    found = list(await world.screenings.recent(TENANT, limit=99))
    assert found == [past(4, True), past(3, False), past(2, True), past(1, None)]
    assert list(await world.screenings.recent(TENANT, limit=2)) == [past(4, True)]
    assert await world.screenings.bookings(TENANT) == 5
    assert (await world.screenings.bookings(2), await world.screenings.recent(2, limit=9)) == (
        0,
        [],
    )
