"""A call: who may enter it, what is passed on, what both are told, and what is counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from actors_world import TENANT, FakeClient, World, user_id
from trio.testing import MockClock

from actors.consultation.actor import LOOK_EVERY, READ_EVERY, STORE_EVERY, spec
from actors.consultation.machine import Meeting
from actors.consultation.ports import ConsultationPorts
from core.errors import Rejected, Unavailable
from core.identity import Role
from core.ports.consultations import REMIND_BEFORE, Cancelling, Consultation
from core.ports.fanout import FrameLane
from protocol.consultation import (
    CONSULTATION,
    JoinConsultation,
    LeaveConsultation,
    SignalConsultation,
)
from protocol.user import USER, FollowInbox, TellConsultation

ID, AGAIN = (f"01900000-0000-7000-8000-{number:012x}" for number in (1, 2))
ADVISER, TRAVELLER, STRANGER = 1, 2, 3
HOUR = 3_600_000
SOON = LOOK_EVERY + 0.1


class Business:
    """The world's clock, moved on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = 0

    def business_ms(self) -> int:
        return self._world.clock.now_ms() + self.ahead


class Stage:
    """A consultation that begins in an hour and takes one, and is booked."""

    def __init__(self, world: World) -> None:
        self.world, self.business = world, Business(world)
        self.starts_at = world.clock.now_ms() + HOUR
        world.system.register(
            spec(
                ConsultationPorts(
                    tenant_id=TENANT,
                    consultations=world.consultations,
                    business=self.business,
                    clock=world.clock,
                    ids=world.ids,
                )
            )
        )

    async def book(self) -> None:
        world, now = self.world, self.world.clock.now_ms()
        await world.users.set_role(TENANT, "user1", Role.PROFESSIONAL)
        new = Consultation(
            id=ID,
            professional_id=user_id(ADVISER),
            starts_at=self.starts_at,
            ends_at=self.starts_at + HOUR,
        )
        await world.consultations.open(TENANT, new, now=now)
        await world.consultations.book(TENANT, ID, user_id(TRAVELLER), about="", now=now)

    async def cancel(self) -> None:
        by = Cancelling(user_id=user_id(ADVISER), note="", again=AGAIN)
        await self.world.consultations.cancel(TENANT, ID, by, now=self.business.business_ms())

    async def client(self, number: int) -> FakeClient:
        """A connection that hears its inbox."""
        client = self.world.client(number)
        ref = self.world.system.ref(USER.at(user_id(number)))
        await ref.ask(FollowInbox(after=0), principal=client.principal, client=client)
        return client

    async def ask(self, client: FakeClient, command: Any, id: str = ID) -> Any:
        ref = self.world.system.ref(CONSULTATION.at(id))
        return await ref.ask(command, principal=client.principal, client=client)

    async def join(self, client: FakeClient) -> None:
        await self.ask(client, JoinConsultation(consultation_id=ID))

    async def leave(self, client: FakeClient) -> None:
        await self.ask(client, LeaveConsultation(consultation_id=ID))

    async def signal(self, client: FakeClient, to: int, data: Any = "sdp") -> None:
        command = SignalConsultation(consultation_id=ID, to=user_id(to), data=data)
        await self.ask(client, command)

    async def both(self) -> tuple[FakeClient, FakeClient]:
        """Both have joined, a little after it began, and were told so."""
        self.business.ahead = HOUR
        adviser, traveller = await self.client(ADVISER), await self.client(TRAVELLER)
        for client in (adviser, traveller):
            await self.join(client)
        await trio.sleep(SOON)
        return adviser, traveller

    async def metered(self) -> int:
        found = await self.world.consultations.get(TENANT, ID)
        assert found is not None
        return found.metered_ms


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with World().running() as world:
        stage = Stage(world)
        await stage.book()
        yield stage


def states(client: FakeClient) -> list[str]:
    return [one["state"] for one in client.of_type("consult.state")]


async def code_of(what: Any) -> str:
    with pytest.raises(Rejected) as refusal:
        await what
    return str(refusal.value.code)


async def test_the_two_enter_from_15_minutes_before_until_the_end(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        traveller, stranger = await stage.client(TRAVELLER), await stage.client(STRANGER)
        now = stage.world.clock.now_ms()
        for ahead, outcome in (
            (HOUR - REMIND_BEFORE - 1, "conflict"),
            (HOUR - REMIND_BEFORE, ""),
            (2 * HOUR - 1, ""),
            (2 * HOUR, "conflict"),
        ):
            stage.business.ahead = ahead - (stage.world.clock.now_ms() - now)
            if outcome:
                assert await code_of(stage.join(traveller)) == outcome
            else:
                await stage.join(traveller)
                await stage.leave(traveller)
            assert await code_of(stage.join(stranger)) == "not_found"
        unknown = JoinConsultation(consultation_id=AGAIN)
        assert await code_of(stage.ask(traveller, unknown, AGAIN)) == "not_found"


async def test_both_are_told_who_is_there(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        stage.business.ahead = HOUR
        adviser, traveller = await stage.client(ADVISER), await stage.client(TRAVELLER)
        await stage.join(traveller)
        await trio.sleep(SOON)
        await stage.join(adviser)
        await trio.sleep(SOON)
        await stage.leave(traveller)
        await trio.sleep(SOON)
        await stage.leave(adviser)
        await trio.sleep(SOON)
        for client in (adviser, traveller):
            assert states(client) == ["waiting", "live", "waiting", "booked"]
            assert [one["inbox"] for one in client.of_type("consult.state")] == [1, 2, 3, 4]
        last = adviser.of_type("consult.state")[-1]
        assert last["participants"] == [user_id(ADVISER), user_id(TRAVELLER)]
        assert last["meterSeconds"] == 1


async def test_what_an_inbox_could_not_take_is_told_when_it_can_and_once(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        whole, until = stage.world.inboxes.append, trio.current_time() + 30

        async def away(*args: Any, **fields: Any) -> Any:
            if trio.current_time() < until:
                raise Unavailable
            return await whole(*args, **fields)

        stage.world.inboxes.append = away  # type: ignore[method-assign]
        adviser, traveller = await stage.both()
        assert states(adviser) == states(traveller) == []
        await trio.sleep(60)
        assert states(adviser) == states(traveller) == ["live"]


async def test_who_comes_and_goes_at_once_is_told_of_once_a_second(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        stage.business.ahead = HOUR
        traveller = await stage.client(TRAVELLER)
        for _ in range(50):
            await stage.join(traveller)
            await stage.leave(traveller)
        await stage.join(traveller)
        await trio.sleep(SOON)
        assert states(traveller) == ["waiting"]


async def test_signals_go_from_one_connection_to_the_other_alone(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        adviser, traveller = await stage.both()
        beside, stranger = await stage.client(TRAVELLER), await stage.client(STRANGER)
        await stage.signal(adviser, TRAVELLER, {"sdp": "o=- 4111111111111111111 2"})
        assert traveller.of_type("consult.signal") == [
            {
                "type": "consult.signal",
                "consultationId": ID,
                "from": user_id(ADVISER),
                "data": {"sdp": "o=- 4111111111111111111 2"},
            }
        ]
        assert traveller.lanes["consult.signal"] == FrameLane.EPHEMERAL
        for client in (adviser, beside, stranger):
            assert client.of_type("consult.signal") == []
        for client, to in (
            (beside, ADVISER),  # it has not joined
            (stranger, ADVISER),
            (adviser, ADVISER),
            (adviser, STRANGER),
        ):
            assert await code_of(stage.signal(client, to)) == "conflict"
        await stage.leave(traveller)
        assert await code_of(stage.signal(adviser, TRAVELLER)) == "conflict"


async def test_the_device_that_joined_last_is_in_the_call(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        adviser, phone = await stage.both()
        tablet = await stage.client(TRAVELLER)
        await stage.join(tablet)
        await stage.leave(phone)  # it is not in it any more
        await stage.signal(adviser, TRAVELLER)
        assert (len(phone.of_type("consult.signal")), len(tablet.of_type("consult.signal"))) == (
            0,
            1,
        )
        await trio.sleep(SOON)
        assert states(adviser) == ["live"]


async def test_a_connection_that_is_gone_has_left(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        adviser, traveller = await stage.both()
        traveller.is_open = False
        await trio.sleep(SOON)
        assert states(adviser) == ["live", "waiting"]
        assert await code_of(stage.signal(adviser, TRAVELLER)) == "conflict"
        again = await stage.client(TRAVELLER)
        await stage.join(again)
        await trio.sleep(SOON)
        assert states(adviser) == ["live", "waiting", "live"]


async def test_the_time_that_both_were_there_is_counted_and_kept(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        adviser, traveller = await stage.both()
        await trio.sleep(2 * STORE_EVERY)
        assert STORE_EVERY * 1_000 <= await stage.metered() <= 2 * STORE_EVERY * 1_000 + 2_000
        await stage.leave(traveller)
        await trio.sleep(100)
        told = adviser.of_type("consult.state")[-1]
        assert told["meterSeconds"] == int(2 * STORE_EVERY + SOON)
        await stage.leave(adviser)
        await trio.sleep(SOON)
        assert await stage.metered() == pytest.approx((2 * STORE_EVERY + SOON) * 1_000, abs=2)


async def test_what_may_have_been_stored_is_not_counted_twice(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        adviser, _ = await stage.both()

        async def lost(*_: Any) -> None:
            raise Unavailable

        stage.world.consultations.meter = lost  # type: ignore[method-assign]
        await trio.sleep(STORE_EVERY + 10)
        await stage.leave(adviser)
        await trio.sleep(SOON)
        assert await stage.metered() == 0


async def test_at_the_end_nobody_is_there_any_more(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        adviser, traveller = await stage.both()
        stage.business.ahead = 2 * HOUR
        await trio.sleep(SOON)
        assert states(adviser) == states(traveller) == ["live", "over"]
        assert await stage.metered() > 0
        assert await code_of(stage.signal(adviser, TRAVELLER)) == "conflict"
        assert await code_of(stage.join(adviser)) == "conflict"


async def test_one_that_is_cancelled_ends_and_the_outbox_tells(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        adviser, _ = await stage.both()
        await stage.cancel()
        assert await code_of(stage.join(await stage.client(TRAVELLER))) == "conflict"
        await trio.sleep((READ_EVERY + 1) * LOOK_EVERY)
        assert await code_of(stage.signal(adviser, TRAVELLER)) == "conflict"
        assert states(adviser) == ["live"]


async def test_who_leaves_a_call_that_was_cancelled_does_not_have_it_booked_again(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        clients = await stage.both()
        await stage.cancel()
        for number, client in zip((ADVISER, TRAVELLER), clients, strict=True):
            news = TellConsultation(consultation_id=ID, state="cancelled")
            await stage.world.system.ref(USER.at(user_id(number))).ask(news)
            await stage.leave(client)
        await trio.sleep(READ_EVERY * LOOK_EVERY + SOON)
        for client in clients:
            assert states(client)[-2:] == ["live", "cancelled"]


async def test_leaving_what_one_has_not_joined_is_harmless(autojump_clock: MockClock) -> None:
    async with staged() as stage:
        await stage.leave(await stage.client(STRANGER))
        await stage.ask(
            await stage.client(TRAVELLER), LeaveConsultation(consultation_id=AGAIN), AGAIN
        )


async def test_what_a_consultation_does_not_understand_is_a_crash(
    autojump_clock: MockClock,
) -> None:
    async with staged() as stage:
        assert await code_of(stage.ask(await stage.client(TRAVELLER), FollowInbox(after=0))) == (
            "internal"
        )


def test_only_the_time_that_both_are_there_is_metered() -> None:
    meeting = Meeting()
    meeting.enter("a", 10.0)
    assert (meeting.state(), meeting.seconds(20.0)) == ("waiting", 0.0)
    meeting.enter("b", 20.0)
    meeting.enter("b", 25.0)
    assert (meeting.state(), meeting.seconds(30.0)) == ("live", 10.0)
    assert meeting.take(30.0005) == 10_000
    assert meeting.seconds(31.0005) == pytest.approx(1.0005)
    meeting.leave("a", 32.0)
    meeting.leave("a", 33.0)
    assert (meeting.state(), meeting.take(50.0)) == ("waiting", 2_000)
    meeting.leave("b", 60.0)
    assert (meeting.state(), meeting.take(70.0)) == ("booked", 0)
