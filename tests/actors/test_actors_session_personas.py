"""Commands of personas that name no room: found by their run, asked where their room allows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from actors_world import ROOM_ID, TENANT, FakeClient, World, key, principal, user_id
from test_actors_room_personas import persona_id, takes_in, two_in_a_room
from test_actors_room_runs import ask, closes, left_open, message_id, opens, run_id
from test_actors_session import Desk
from trio.testing import MockClock

from actors.room.memory import Memory
from core.actor import Actor, ActorSpec
from core.envelope import Envelope
from core.errors import Rejected
from core.identity import Role
from protocol.chat import DeleteMessage, PostMessage
from protocol.frames import Done
from protocol.persona import (
    PERSONA,
    Cancel,
    CancelRun,
    OpenCard,
    Opened,
    Rated,
    RatePersona,
    SwitchPersona,
)
from protocol.room import ROOM, InviteToRoom, JoinRoom, LeaveRoom, PostNotice
from protocol.session import SESSION

MONA = persona_id(11)


class Desired(Actor[Any]):
    """The personas of a room: write down what they are asked, and refuse what belongs to `strict`."""

    def __init__(self, asked: list[tuple[str, Any, str]], key: str, strict: set[str]) -> None:
        self._asked, self._key, self._strict = asked, key, strict

    async def handle(self, envelope: Envelope[Any]) -> None:
        whom = envelope.of().user_id
        if whom in self._strict:
            raise Rejected("forbidden", "This is not for you to decide.")
        self._asked.append((self._key, envelope.message, whom))
        envelope.answer(Done())


class Office:
    """A room in which Mona has answered once, with personas that write down what they are asked."""

    def __init__(self) -> None:
        self.world = World()
        self.desk = Desk(self.world)
        self.asked: list[tuple[str, Any, str]] = []
        self.strict: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[FakeClient, FakeClient]]:
        personas = ActorSpec(kind=PERSONA, make=lambda key: Desired(self.asked, key, self.strict))
        self.world.system.register(personas)
        async with self.world.running():
            ada, ben = await two_in_a_room(self.world)
            ada.session_id, ben.session_id = "session-1", "session-2"
            await self.world.ask(ada, takes_in(11))
            await self.world.runs.begin(TENANT, left_open(1))
            await ask(self.world, opens(1))
            await ask(self.world, closes(1, "I am Mona."))
            yield ada, ben

    async def perform(self, client: FakeClient, command: Any) -> Any:
        ref = self.world.system.ref(SESSION.at(client.session_id or "session"))
        return await ref.ask(command, principal=client.principal, client=client)

    async def refused(self, client: FakeClient, command: Any) -> tuple[str, list[str]]:
        """Code and fields; and nobody was asked."""
        before = list(self.asked)
        with pytest.raises(Rejected) as refusal:
            await self.perform(client, command)
        assert self.asked == before
        return refusal.value.code, [field for field, _ in refusal.value.fields]


def switches(number: int, room_id: str | None = None) -> SwitchPersona:
    return SwitchPersona(persona_id=persona_id(number), room_id=room_id)


RATES = RatePersona(message_id=message_id(1), value=-1, offer_id="o", reason="too far")
OPENS = OpenCard(message_id=message_id(1), card_id="c")
CANCELS = CancelRun(run_id=run_id(1))


async def test_what_concerns_a_run_reaches_the_personas_of_its_room(
    autojump_clock: MockClock,
) -> None:
    office = Office()
    async with office.running() as (ada, ben):
        for command in (CANCELS, OPENS, RATES):
            assert await office.perform(ada, command) == Done()
        await office.perform(ben, RATES)
        rated = Rated(message_id=message_id(1), value=-1, offer_id="o", reason="too far")
        assert office.asked == [
            (ROOM_ID, Cancel(run_id=run_id(1)), user_id(1)),
            (ROOM_ID, Opened(message_id=message_id(1), card_id="c"), user_id(1)),
            (ROOM_ID, rated, user_id(1)),
            (ROOM_ID, rated, user_id(2)),
        ]


async def test_what_the_personas_refuse_is_refused(autojump_clock: MockClock) -> None:
    office = Office()
    async with office.running() as (_, ben):
        office.strict.add(user_id(2))
        assert await office.refused(ben, CANCELS) == ("forbidden", [])


async def test_a_stranger_learns_of_no_run_and_no_message(autojump_clock: MockClock) -> None:
    office = Office()
    async with office.running() as (ada, ben):
        stranger = office.world.client(4)
        assert await office.refused(stranger, CANCELS) == ("not_found", ["runId"])
        assert await office.refused(stranger, OPENS) == ("not_found", ["messageId"])
        assert await office.refused(stranger, RATES) == ("not_found", ["messageId"])
        unknown = CancelRun(run_id=run_id(9))
        assert await office.refused(ada, unknown) == ("not_found", ["runId"])
        no_answer = OpenCard(message_id=message_id(9), card_id="c")
        assert await office.refused(ada, no_answer) == ("not_found", ["messageId"])
        await office.world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        assert await office.refused(ben, CANCELS) == ("not_found", ["runId"])


async def test_a_card_that_a_system_message_carries_can_be_opened_too(
    autojump_clock: MockClock,
) -> None:
    office = Office()
    card = {"kind": "poll", "id": "p", "title": "Rome?", "version": 1, "isClosed": False}
    notice = PostNotice(message_id=key(0xF001), content="A poll.", cards=[card | {"options": []}])
    async with office.running() as (ada, _):
        await office.world.system.ref(ROOM.at(ROOM_ID)).ask(notice)
        opens = OpenCard(message_id=key(0xF001), card_id="p")
        assert await office.perform(ada, opens) == Done()
        assert office.asked == []
        other = OpenCard(message_id=key(0xF001), card_id="q")
        assert await office.refused(ada, other) == ("not_found", ["cardId"])
        rates = RatePersona(message_id=key(0xF001), value=1)
        assert await office.refused(ada, rates) == ("not_found", ["messageId"])
        stranger = office.world.client(4)
        assert await office.refused(stranger, opens) == ("not_found", ["messageId"])


async def test_who_came_later_rates_nothing_that_he_cannot_read(
    autojump_clock: MockClock,
) -> None:
    office = Office()
    async with office.running() as (ada, _):
        world, late = office.world, office.world.client(3)
        await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
        assert (await office.refused(late, RATES))[0] == "forbidden"
        await world.ask(late, JoinRoom(room_id=ROOM_ID))
        assert await office.refused(late, RATES) == ("not_found", ["messageId"])
        assert await office.perform(late, CANCELS) == Done()


async def test_a_deleted_answer_is_not_rated(autojump_clock: MockClock) -> None:
    office = Office()
    async with office.running() as (ada, _):
        await office.world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=message_id(1)))
        assert (await office.refused(ada, RATES))[0] == "conflict"


async def test_a_message_that_is_only_in_the_log_can_be_rated(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.room.actor.Memory", partial(Memory, max_messages=1))
    office = Office()
    async with office.running() as (ada, _):
        later = PostMessage(room_id=ROOM_ID, content="later", client_id=key(1))
        await office.world.ask(ada, later)
        assert await office.perform(ada, RATES) == Done()


async def test_ones_own_persona_becomes_active_here_or_everywhere(
    autojump_clock: MockClock,
) -> None:
    office = Office()
    async with office.running() as (ada, ben):
        await office.perform(ada, switches(12))
        await office.perform(ada, switches(11, ROOM_ID))
        personas = office.world.personas
        here = await personas.active(TENANT, user_id(1), ROOM_ID)
        elsewhere = await personas.active(TENANT, user_id(1), "elsewhere")
        assert here is not None
        assert elsewhere is not None
        assert (here.persona_id, elsewhere.persona_id) == (MONA, persona_id(12))
        assert await office.refused(ben, switches(11)) == ("not_found", ["personaId"])
        assert await office.refused(ben, switches(99)) == ("not_found", ["personaId"])
        assert (await office.refused(ada, switches(11, "nowhere")))[0] == "not_found"
        assert await personas.active(TENANT, user_id(2), ROOM_ID) is None


async def test_a_service_has_no_say(autojump_clock: MockClock) -> None:
    office = Office()
    async with office.running() as (ada, _):
        ada.principal = principal(1, role=Role.SERVICE)
        for command in (CANCELS, OPENS, RATES, switches(11)):
            assert (await office.refused(ada, command))[0] == "forbidden"
