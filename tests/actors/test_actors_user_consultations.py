"""What becomes of a consultation has its place in the inbox of both, once."""

from typing import Any

import pytest
import trio
from actors_world import TENANT, World, user_id
from trio.testing import MockClock

from actors.user.courier import Courier
from core.delivery import Delivery
from core.durable_timers import DurableTimerService
from core.identity import Role
from core.ports.consultations import REMIND_BEFORE, Cancelling, Consultation
from core.ports.outbox import OutboxEvent
from protocol.user import USER, FollowInbox, TellConsultation

ID, AGAIN = (f"01900000-0000-7000-8000-{number:012x}" for number in (1, 2))
ADVISER, TRAVELLER = user_id(1), user_id(2)


async def book(world: World, *, starts_in: int = 2 * REMIND_BEFORE) -> Consultation:
    now = world.clock.now_ms()
    await world.users.set_role(TENANT, "user1", Role.PROFESSIONAL)
    new = Consultation(
        id=ID,
        professional_id=ADVISER,
        starts_at=now + starts_in,
        ends_at=now + starts_in + 1,
    )
    await world.consultations.open(TENANT, new, now=now)
    return await world.consultations.book(TENANT, ID, TRAVELLER, about="Visa?", now=now)


async def cancel(world: World) -> None:
    by = Cancelling(user_id=TRAVELLER, note="", again=AGAIN)
    await world.consultations.cancel(TENANT, ID, by, now=world.clock.now_ms())


async def carry(world: World) -> None:
    """All news, twice."""
    delivery = Delivery(world.system.ref, world.timers, world.clock)
    courier = Courier(world.log, delivery, world.consultations)
    events = [
        OutboxEvent(
            position=1,
            tenant_id=TENANT,
            topic=row.topic,
            key=row.room_id,
            first=row.first,
            last=row.last,
        )
        for row in world.consultations.outbox
    ]
    await courier.receive(events * 2)


async def follow(world: World, number: int) -> Any:
    client = world.client(number)
    ref = world.system.ref(USER.at(user_id(number)))
    await ref.ask(FollowInbox(after=0), principal=client.principal, client=client)
    return client


def states(client: Any) -> list[tuple[str, int]]:
    return [(one["state"], one["inbox"]) for one in client.of_type("consult.state")]


async def test_both_are_told_that_it_is_booked_and_cancelled(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, ben = await follow(world, 1), await follow(world, 2)
        booked = await book(world)
        await carry(world)
        [told] = ben.of_type("consult.state")
        assert told == {
            "type": "consult.state",
            "consultationId": ID,
            "state": "booked",
            "participants": [ADVISER, TRAVELLER],
            "startsAt": booked.starts_at,
            "meterSeconds": 0,
            "inbox": 1,
        }
        await cancel(world)
        await carry(world)
        for client in (ada, ben, await follow(world, 2)):
            assert states(client) == [("booked", 1), ("cancelled", 2)]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_both_are_reminded_in_time_unless_it_was_cancelled(
    autojump_clock: MockClock, is_cancelled: bool
) -> None:
    async with World().running() as world, trio.open_nursery() as nursery:
        service = DurableTimerService(
            world.timers,
            leases=world.leases,
            ref=world.system.ref,
            clock=world.clock,
            chance=world.chance,
        )
        nursery.start_soon(service.run)
        ada, ben = await follow(world, 1), await follow(world, 2)
        await book(world)
        await trio.sleep(REMIND_BEFORE / 1_000 - 1)
        assert (states(ada), states(ben)) == ([], [])
        if is_cancelled:
            await cancel(world)
        await trio.sleep(60)
        assert states(ada) == states(ben) == ([] if is_cancelled else [("soon", 1)])
        nursery.cancel_scope.cancel()


async def test_nobody_is_reminded_of_what_was_over_when_the_server_was_back(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        booked = await book(world)
        soon = TellConsultation(consultation_id=ID, state="soon")
        await trio.sleep((booked.starts_at - world.clock.now_ms()) / 1_000)
        assert (await world.system.ref(USER.at(ADVISER)).ask(soon)).inbox == 1
        await trio.sleep(60)
        assert (await world.system.ref(USER.at(TRAVELLER)).ask(soon)).inbox == 0


async def test_a_reminder_that_comes_late_or_to_another_is_nothing(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await book(world)
        soon = TellConsultation(consultation_id=ID, state="soon")
        assert (await world.system.ref(USER.at(user_id(3))).ask(soon)).inbox == 0
        await cancel(world)
        unknown = TellConsultation(consultation_id=AGAIN, state="booked")
        for news in (soon, unknown):
            assert (await world.system.ref(USER.at(ADVISER)).ask(news)).inbox == 0
