"""What every `Bookings` promises: a step is stored whole or not at all, by its owner, in its turn."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trio
from booking_worlds import HOUR, TENANT, World, eur, event, intent, posting, result, share, world_on
from persona_worlds import execute

from core.errors import Rejected
from core.ports.bookings import BadStep, Balance
from core.ports.durable_timers import MAX_TIMERS_PER_ACTOR, CancelTimer
from core.ports.leases import StaleFence

PAID = posting("captured", ("psp:stripe", 5_000), ("participant:ada", -5_000))
SPENT = posting("spent", ("participant:ada", 5_000), ("trip:b", -5_000))


@pytest.fixture
async def world(booking_place: str | None) -> AsyncIterator[World]:
    async with world_on(booking_place) as world:
        yield world


# ── opening ──


async def test_a_booking_that_was_opened_is_there_whole(world: World) -> None:
    room_id, organiser, friend = (world.ids.uuid7() for _ in range(3))
    booking_id = world.ids.uuid7()
    new = world.new(organiser, room_id=room_id)
    step = world.step(
        booking_id,
        1,
        participants=(share(organiser), share(friend)),
        intents=(intent(1), intent(2)),
        event=event(1),
        timers=(world.timer(booking_id, at=500),),
    )
    assert await world.bookings.open(new, step) is None
    stored = await world.bookings.load(TENANT, booking_id)
    assert (stored.booking_id, stored.creator_id, stored.room_id) == (
        booking_id,
        organiser,
        room_id,
    )
    assert (stored.revision, stored.snapshot, list(stored.unfinished)) == (1, b"snapshot 1", [1, 2])
    assert await world.bookings.events(TENANT, booking_id, after=0, limit=9) == [event(1)]
    assert await world.told() == [("booking.told", booking_id, 1, 1)]
    assert await world.waking(500) == [(booking_id, "wake")]
    assert (world.news, world.nudges) == (["news"], [500])


async def test_an_unknown_booking_and_another_tenants_are_not_there(world: World) -> None:
    booking_id = await world.opened()
    for tenant_id, unknown in ((2, booking_id), (TENANT, world.ids.uuid7()), (TENANT, "no id")):
        assert await world.bookings.load(tenant_id, unknown) is None
        assert list(await world.bookings.events(tenant_id, unknown, after=0, limit=9)) == []
        assert list(await world.bookings.intents(tenant_id, unknown)) == []
        assert list(await world.bookings.balances(tenant_id, unknown)) == []


async def test_a_client_id_opens_one_booking(world: World) -> None:
    organiser = world.ids.uuid7()
    new, first, second = world.new(organiser), world.ids.uuid7(), world.ids.uuid7()
    assert await world.bookings.open(new, world.step(first, 1)) is None
    again = replace(new, quote_id=world.ids.uuid7())
    assert await world.bookings.open(again, world.step(second, 1, event=event(1))) == first
    assert await world.bookings.load(TENANT, second) is None
    assert await world.told() == []
    find = world.bookings.by_client_id
    assert await find(TENANT, organiser, new.client_id) == first
    assert await find(2, organiser, new.client_id) is None
    assert await find(TENANT, world.ids.uuid7(), new.client_id) is None
    assert await find(TENANT, organiser, "no id") is None


async def test_of_many_that_open_with_one_client_id_one_does(world: World) -> None:
    new = world.new(world.ids.uuid7())
    ids = [world.ids.uuid7() for _ in range(6)]
    answers: dict[str, str | None] = {}

    async def open_it(booking_id: str) -> None:
        answers[booking_id] = await world.bookings.open(new, world.step(booking_id, 1))

    async with trio.open_nursery() as nursery:
        for booking_id in ids:
            nursery.start_soon(open_it, booking_id)
    [opened] = [booking_id for booking_id, answer in answers.items() if answer is None]
    assert {answer for answer in answers.values() if answer is not None} == {opened}


async def test_of_many_bookings_on_one_quote_one_lives(world: World) -> None:
    quote_id = world.ids.uuid7()
    opened: list[str] = []
    refused: list[str] = []

    async def open_it() -> None:
        try:
            opened.append(await world.opened(quote_id=quote_id))
        except Rejected as rejection:
            refused.append(rejection.code)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(open_it)
    assert (len(opened), refused) == (1, ["conflict"] * 5)
    await world.bookings.commit(world.ended(opened[0], 2))
    assert await world.opened(quote_id=quote_id)


# ── steps ──


async def test_a_step_changes_all_that_it_names_and_nothing_else(world: World) -> None:
    organiser = world.ids.uuid7()
    booking_id = await world.opened(organiser)
    world.news.clear()
    step = world.step(
        booking_id,
        2,
        status="booking",
        participants=(share(organiser, 6_000, "captured"),),
        intents=(intent(3, "hold"), intent(4)),
        results=(result(2, "declined"), result(4, "not_sent")),
        postings=(PAID, SPENT),
        event=event(2),
        timers=(world.timer(booking_id, at=900),),
    )
    await world.bookings.commit(step)
    stored = await world.bookings.load(TENANT, booking_id)
    assert (stored.revision, stored.snapshot, list(stored.unfinished)) == (2, b"snapshot 2", [1, 3])
    intents = await world.bookings.intents(TENANT, booking_id)
    assert [(each.seq, each.op, each.outcome, each.ended_at) for each in intents] == [
        (1, "capture", None, None),
        (2, "capture", "declined", 3),
        (3, "hold", None, None),
        (4, "capture", "not_sent", 5),
    ]
    [summary] = await world.bookings.of_user(TENANT, organiser, before=None, limit=9)
    assert [each.amount for each in summary.participants] == [eur(6_000), eur(5_000)]
    assert [each.state for each in summary.participants] == ["captured", "invited"]
    assert (summary.status, summary.version) == ("booking", 2)
    assert await world.told() == [("booking.told", booking_id, n, n) for n in (1, 2)]
    assert await world.waking(900) == [(booking_id, "wake")]
    assert (world.news, world.nudges) == (["news"], [900])


async def test_a_step_without_an_event_is_no_news(world: World) -> None:
    booking_id = await world.opened()
    world.news.clear()
    await world.bookings.commit(world.step(booking_id, 2))
    assert world.news == []
    assert [event.version for event in await _events(world, booking_id)] == [1]


async def test_whoever_lost_the_shard_stores_nothing(world: World) -> None:
    booking_id, other = await world.opened(), world.ids.uuid7()
    await world.take_over(booking_id)
    await world.take_over(other)
    with pytest.raises(StaleFence):
        await world.bookings.commit(_full(world, booking_id))
    with pytest.raises(StaleFence):
        await world.bookings.open(world.new(world.ids.uuid7()), world.step(other, 1))
    assert await world.bookings.load(TENANT, other) is None
    await _is_untouched(world, booking_id)


async def test_a_step_out_of_its_turn_stores_nothing(world: World) -> None:
    booking_id = await world.opened()
    for revision in (1, 3):
        with pytest.raises(StaleFence):
            await world.bookings.commit(replace(_full(world, booking_id), revision=revision))
    with pytest.raises(StaleFence):
        await world.bookings.commit(replace(_full(world, booking_id), tenant_id=2))
    with pytest.raises(StaleFence):
        await world.bookings.commit(world.step(world.ids.uuid7(), 2))
    await _is_untouched(world, booking_id)


async def test_of_two_steps_for_one_turn_one_is_stored(world: World) -> None:
    booking_id = await world.opened()
    stored: list[int] = []

    async def commit(number: int) -> None:
        step = world.step(booking_id, 2, snapshot=bytes([number]), event=event(2))
        try:
            await world.bookings.commit(step)
        except StaleFence:
            return
        stored.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(commit, number)
    assert len(stored) == 1
    assert (await world.bookings.load(TENANT, booking_id)).snapshot == bytes(stored)
    assert [each.version for each in await _events(world, booking_id)] == [1, 2]


async def test_an_intent_ends_once(world: World) -> None:
    booking_id = await world.opened()
    await world.bookings.commit(world.step(booking_id, 2, results=(result(1),)))
    for wrong in ((result(1, "unknown"),), (result(9),), (result(2), result(2))):
        with pytest.raises(StaleFence):
            await world.bookings.commit(world.step(booking_id, 3, results=wrong, event=event(2)))
    assert [each.outcome for each in await world.bookings.intents(TENANT, booking_id)] == [
        "payment",
        None,
    ]
    assert (await world.bookings.load(TENANT, booking_id)).revision == 2


async def test_a_step_that_contradicts_itself_or_what_is_stored_is_refused_whole(
    world: World,
) -> None:
    booking_id = await world.opened(postings=(PAID,))
    for wrong in (
        {"postings": (PAID,)},
        {"postings": (SPENT, SPENT)},
        {"postings": (posting("more", ("psp:stripe", 2), ("suspense", -1)),)},
        {"postings": (posting("none"),)},
        {"intents": (intent(2),)},
        {"intents": (intent(3), intent(3))},
        {"event": event(1)},
        {"status": "on its way"},
        {"participants": (share(booking_id), share(booking_id))},
    ):
        step = world.step(booking_id, 2, timers=(world.timer(booking_id, at=1),), **wrong)
        with pytest.raises(BadStep):
            await world.bookings.commit(step)
    await _is_untouched(world, booking_id, postings=1)


async def test_a_step_with_too_many_timers_is_refused_whole(world: World) -> None:
    booking_id = await world.opened()
    timers = [world.timer(booking_id, at=n, name=f"t{n}") for n in range(MAX_TIMERS_PER_ACTOR + 1)]
    with pytest.raises(Rejected) as refused:
        await world.bookings.commit(replace(_full(world, booking_id), timers=timers))
    assert refused.value.code == "conflict"
    await _is_untouched(world, booking_id)


async def test_a_step_takes_its_timer_away(world: World) -> None:
    booking_id = await world.opened()
    await world.bookings.commit(world.step(booking_id, 2, timers=(world.timer(booking_id, at=5),)))
    timer = world.timer(booking_id, at=5)
    cancel = CancelTimer(tenant_id=TENANT, address=timer.address, name=timer.name)
    await world.bookings.commit(world.ended(booking_id, 3, timers=(cancel,)))
    assert await world.waking(10**15) == []


async def test_events_come_in_pages(world: World) -> None:
    booking_id = await world.opened()
    for version in range(2, 6):
        await world.bookings.commit(world.step(booking_id, version, event=event(version)))
    page = await world.bookings.events(TENANT, booking_id, after=2, limit=2)
    assert page == [event(3), event(4)]


# ── lists ──


async def test_ones_bookings_are_those_one_pays_or_organises_newest_first(world: World) -> None:
    organiser, friend = world.ids.uuid7(), world.ids.uuid7()
    made = [
        await world.opened(organiser, participants=(share(organiser), share(friend))),
        await world.opened(organiser, participants=(share(friend),)),
        await world.opened(organiser, participants=(share(organiser),)),
    ]
    await world.opened()
    await world.bookings.commit(world.ended(made[1], 2))

    async def page(user_id: str, before: str | None = None, limit: int = 9) -> list[str]:
        rows = await world.bookings.of_user(TENANT, user_id, before=before, limit=limit)
        return [row.booking_id for row in rows]

    assert await page(organiser) == made[::-1]
    assert await page(friend) == [made[1], made[0]]
    assert await page(organiser, limit=2) == [made[2], made[1]]
    assert await page(organiser, before=made[1]) == [made[0]]
    assert await page(world.ids.uuid7()) == []
    assert await page("no id") == []
    assert list(await world.bookings.of_user(2, friend, before=None, limit=9)) == []
    [one] = await world.bookings.of_user(TENANT, friend, before=None, limit=1)
    assert (one.creator_id, one.status, one.state, one.step) == (
        organiser, "booked", "COMPLETED", "done"
    )  # fmt: skip
    assert (one.version, one.total, one.created_at) == (2, eur(10_000), world.clock.now_ms())
    assert [each.user_id for each in one.participants] == [friend]


async def test_bookings_of_two_months_are_one_list(world: World) -> None:
    organiser = world.ids.uuid7()
    first = await world.opened(organiser)
    world.clock.at_ms += 40 * 24 * HOUR
    second = await world.opened(organiser)
    rows = await world.bookings.of_user(TENANT, organiser, before=None, limit=9)
    assert [row.booking_id for row in rows] == [second, first]


async def test_an_organiser_who_takes_a_share_later_comes_last(world: World) -> None:
    organiser, friend = world.ids.uuid7(), world.ids.uuid7()
    booking_id = await world.opened(organiser, participants=(share(friend),))
    await world.bookings.commit(
        world.step(booking_id, 2, participants=(share(organiser), share(friend)))
    )
    [row] = await world.bookings.of_user(TENANT, friend, before=None, limit=9)
    assert [each.user_id for each in row.participants] == [friend, organiser]


async def test_stuck_are_those_that_need_somebody_or_let_a_deadline_pass(world: World) -> None:
    begin = world.clock.now_ms()
    waits = await world.opened(needs_operator=True, status="manual", state="MANUAL")
    late = await world.opened(deadline=begin + 10)
    world.clock.at_ms += 1
    at_rest = await world.opened()
    moving = await world.opened(deadline=begin + 10)
    over = await world.opened(deadline=begin + 10, needs_operator=True)
    await world.bookings.commit(world.ended(over, 2, deadline=begin + 10, needs_operator=True))

    async def stuck(now: int, limit: int = 9) -> list[str]:
        return [row.booking_id for row in await world.bookings.stuck(now=now, limit=limit)]

    assert await stuck(begin) == [waits]
    assert await stuck(begin + 10 + HOUR) == [waits, late, moving]
    assert await stuck(begin + 10 + HOUR, limit=2) == [waits, late]
    world.clock.at_ms = begin + HOUR
    await world.bookings.commit(world.step(moving, 2, deadline=begin + 10))
    await world.bookings.commit(world.step(waits, 2))
    assert await stuck(begin + 10 + HOUR) == [late]
    assert await stuck(begin + 2 * HOUR) == [late, moving]
    assert at_rest not in await stuck(10**15)


# ── the ledger ──


async def test_balances_are_sums_of_what_was_posted_but_for_memos(world: World) -> None:
    memo = posting("held", ("psp:stripe", 9_000), ("participant:bo", -9_000), is_memo=True)
    yen = posting("yen", ("psp:stripe", 70), ("fees", -70), currency="JPY")
    booking_id = await world.opened(postings=(PAID, memo))
    await world.bookings.commit(world.step(booking_id, 2, postings=(SPENT, yen)))
    await world.opened(postings=(PAID,))
    assert await world.bookings.balances(TENANT, booking_id) == [
        Balance(account="fees", currency="JPY", amount=-70),
        Balance(account="participant:ada", currency="EUR", amount=0),
        Balance(account="psp:stripe", currency="EUR", amount=5_000),
        Balance(account="psp:stripe", currency="JPY", amount=70),
        Balance(account="trip:b", currency="EUR", amount=-5_000),
    ]


async def test_the_audit_adds_all_up_and_names_ended_trips_that_are_not_zero(world: World) -> None:
    fine, bad, lost, live = (world.ids.uuid7() for _ in range(4))
    for booking_id, account in ((fine, ""), (bad, f"trip:{bad}"), (lost, "suspense"), (live, "")):
        there = posting("in", (f"psp:{fine}", 100), (f"trip:{booking_id}", -100))
        back = posting("out", (f"trip:{booking_id}", 100), (account or f"supplier:{fine}", -100))
        first = world.step(booking_id, 1, postings=(there,))
        assert await world.bookings.open(world.new(world.ids.uuid7()), first) is None
        if booking_id != live:
            await world.bookings.commit(world.ended(booking_id, 2, postings=(back,)))
    audit = await world.ledger.audit()
    assert list(audit.open_trips) == [bad, lost]
    assert not any(name.startswith((fine, bad, lost, live)) for name in audit.unbalanced)
    by_account = {balance.account: balance.amount for balance in audit.balances}
    assert by_account[f"psp:{fine}"] == 400
    assert by_account[f"supplier:{fine}"] == -100
    assert by_account[f"trip:{fine}"] == 0
    assert by_account[f"trip:{bad}"] == -100
    assert by_account[f"trip:{lost}"] == 0
    assert by_account[f"trip:{live}"] == -100
    assert by_account["suspense"] <= -100


async def test_the_audit_finds_what_no_step_could_have_posted(world: World) -> None:
    booking_id = await world.opened(postings=(PAID,))
    if world.stored is not None:
        row = world.stored.rows[booking_id]
        row.postings["captured"] = posting("captured", ("psp:stripe", 1))
    else:
        assert world.database is not None
        await world.database.call(
            execute,
            f"""ALTER TABLE ledger_entry DISABLE TRIGGER balanced;
            INSERT INTO ledger_entry VALUES ('{booking_id}', 1, 9, 'captured', 'fees');
            ALTER TABLE ledger_entry ENABLE TRIGGER balanced""",
        )
    assert f"{booking_id}/captured" in (await world.ledger.audit()).unbalanced


def _full(world: World, booking_id: str) -> Any:
    """A step that would change everything."""
    return world.ended(
        booking_id,
        2,
        participants=(share(world.ids.uuid7()),),
        intents=(intent(3),),
        results=(result(1),),
        postings=(SPENT,),
        event=event(2),
        timers=(world.timer(booking_id, at=1),),
    )


async def _is_untouched(world: World, booking_id: str, postings: int = 0) -> None:
    """As `opened` left it."""
    stored = await world.bookings.load(TENANT, booking_id)
    assert (stored.revision, stored.snapshot, list(stored.unfinished)) == (1, b"snapshot 1", [1, 2])
    assert [each.version for each in await _events(world, booking_id)] == [1]
    assert await world.told() == [("booking.told", booking_id, 1, 1)]
    assert await world.waking(10**15) == []
    assert len(await world.bookings.balances(TENANT, booking_id)) == 2 * postings
    [row] = await world.bookings.of_user(TENANT, stored.creator_id, before=None, limit=9)
    assert (row.status, len(row.participants)) == ("collecting", 2)


async def _events(world: World, booking_id: str) -> Any:
    return await world.bookings.events(TENANT, booking_id, after=0, limit=99)
