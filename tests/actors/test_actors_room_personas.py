"""Which personas sit in a room: who takes them in and out, what is stored, and who is told of the first."""

from typing import Any

import pytest
import trio
from actors_world import ROOM_ID, T0, TENANT, FakeClient, World, key, principal, user_id
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from test_actors_room_machine import Machine, refused, seq_of
from trio.testing import MockClock

from actors.room.actor import RoomActor
from actors.room.decisions import Decision, Given, KnowPersona
from actors.room.machine import decide
from actors.room.memory import Memory
from actors.room.rows import append_of
from actors.room.state import RoomEvent, RoomState
from core.announcement import announcement
from core.errors import Rejected
from core.ports.personas import NewPersona
from protocol.chat import SYSTEM, MessagePosted, PostMessage
from protocol.codec import decode_event
from protocol.persona import MAX_ROOM_PERSONAS, SetRoomPersona
from protocol.room import (
    CreateRoom,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    PersonaView,
    RemoveFromRoom,
    RoomChanged,
    ViewRoom,
)
from protocol.user import USER
from storage.memory.message_log import Fault, FaultPlan
from storage.memory.stored_log import StoredRoom

ADA, BEN, CYD = user_id(1), user_id(2), user_id(3)


def persona_id(number: int) -> str:
    """The numbers of a user's personas begin with his own: 11, 12, … are Ada's."""
    return f"0190c000-0000-7000-8000-{number:012x}"


def view(number: int) -> PersonaView:
    return PersonaView(
        id=persona_id(number), name=f"Persona {number}", owner_id=user_id(number // 10)
    )


def takes_in(number: int) -> SetRoomPersona:
    return SetRoomPersona(room_id=ROOM_ID, persona_id=persona_id(number), active=True)


def takes_out(number: int) -> SetRoomPersona:
    return SetRoomPersona(room_id=ROOM_ID, persona_id=persona_id(number), active=False)


def found(*numbers: int) -> dict[str, Any]:
    """As the look-up gives it."""
    return {"personas": {persona_id(n): view(n) for n in numbers}, "announcement": "An AI is here."}


# Decisions.


def test_a_persona_is_looked_up_before_it_comes_in() -> None:
    machine = Machine()
    need = machine.ask(1, takes_in(11))
    assert need == KnowPersona(persona_id(11), "User 1", "en")


def test_its_owner_takes_a_persona_in_and_a_repeat_gets_the_first_seq() -> None:
    machine = Machine()
    first = machine.do(1, takes_in(11), **found(11))
    assert isinstance(first.event, RoomChanged)
    assert (first.event.change, first.event.persona_id) == ("persona", persona_id(11))
    assert (first.event.active, first.event.persona) == (True, view(11))
    again = machine.ask(1, takes_in(11), **found(11))
    assert (again.events, again.answer) == ((), first.answer)


def test_one_that_was_renamed_is_taken_in_again_under_its_new_name() -> None:
    """In the place that it has; who is not its owner renames nothing."""
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    for number in (*range(11, 20), 21):
        machine.do(number // 10, takes_in(number), **found(number))
    assert len(machine.room.personas) == MAX_ROOM_PERSONAS
    came = machine.room.personas[persona_id(11)]
    renamed = {"personas": {persona_id(11): replace(view(11), name="Luna")}, "announcement": ""}
    assert refused(machine, 2, takes_in(11), **renamed) == "not_found"
    decision = machine.do(1, takes_in(11), **renamed)
    assert isinstance(decision.event, RoomChanged)
    assert decision.event.persona is not None
    assert (decision.event.persona.name, decision.then) == ("Luna", None)
    seat = machine.room.personas[persona_id(11)]
    assert (seat.name, seat.from_seq) == ("Luna", came.from_seq)
    again = machine.ask(1, takes_in(11), **renamed)
    assert (again.events, seq_of(again)) == ((), came.from_seq)
    gone = machine.ask(1, takes_in(11), personas={})
    assert (gone.events, seq_of(gone)) == ((), came.from_seq)


def test_anothers_persona_is_as_unknown_as_one_that_is_not() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    assert refused(machine, 2, takes_in(11), **found(11)) == "not_found"
    assert refused(machine, 2, takes_in(11), **found()) == "not_found"
    assert refused(machine, 3, takes_in(31), **found(31)) == "not_found"
    machine.do(1, takes_in(11), **found(11))
    assert refused(machine, 2, takes_in(11)) == "not_found"


def test_an_invited_member_brings_nobody() -> None:
    machine = Machine()
    assert refused(machine, 2, takes_in(21), **found(21)) == "forbidden"
    assert refused(machine, 2, takes_out(21)) == "forbidden"


def test_a_room_holds_ten_personas() -> None:
    machine = Machine()
    numbers = range(11, 11 + MAX_ROOM_PERSONAS)
    for number in numbers:
        own = {persona_id(number): PersonaView(id=persona_id(number), name="x", owner_id=ADA)}
        machine.do(1, takes_in(number), personas=own, announcement="x")
    extra = {persona_id(99): PersonaView(id=persona_id(99), name="x", owner_id=ADA)}
    assert refused(machine, 1, takes_in(99), personas=extra) == "conflict"
    machine.do(1, takes_out(11))
    machine.do(1, takes_in(99), personas=extra)


def test_out_it_goes_by_its_owner_and_the_rooms_owner_and_by_nobody_else() -> None:
    machine = Machine()
    for number in (2, 3):
        machine.do(1, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(number)]), names={CYD: "Cyd"})
        machine.do(number, JoinRoom(room_id=ROOM_ID))
    for whose, by in ((21, 2), (22, 1)):
        machine.do(2, takes_in(whose), **found(whose))
        assert refused(machine, 3, takes_out(whose)) == "forbidden"
        first = machine.do(by, takes_out(whose))
        assert isinstance(first.event, RoomChanged)
        assert (first.event.active, first.event.persona) == (False, None)
        again = machine.ask(3, takes_out(whose))
        assert (again.events, again.answer) == ((), first.answer)
    assert refused(machine, 1, takes_out(11)) == "not_found"


def test_in_a_direct_room_either_takes_out() -> None:
    machine = Machine(kind="direct")
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    machine.do(1, takes_in(11), **found(11))
    machine.do(2, takes_out(11))
    assert machine.room.personas == {}


def test_who_leaves_or_is_removed_takes_his_personas_along() -> None:
    for end in (
        (2, LeaveRoom(room_id=ROOM_ID)),
        (1, RemoveFromRoom(room_id=ROOM_ID, user_id=BEN)),
    ):
        machine = Machine()
        machine.do(2, JoinRoom(room_id=ROOM_ID))
        machine.do(1, takes_in(11), **found(11))
        machine.do(2, takes_in(21), **found(21))
        machine.do(2, takes_in(22), **found(22))
        machine.do(*end)
        assert machine.room.personas.keys() == {persona_id(11)}


def test_only_the_first_persona_of_a_rooms_life_is_announced() -> None:
    machine = Machine()
    first = machine.do(1, takes_in(11), **found(11))
    assert isinstance(first.then, MessagePosted)
    assert first.then.seq == seq_of(first) + 1
    assert (first.then.sender, first.then.content) == (SYSTEM, "An AI is here.")
    assert first.then.ai is None
    assert machine.do(1, takes_in(12), **found(12)).then is None
    machine.do(1, takes_out(11))
    machine.do(1, takes_out(12))
    assert machine.do(1, takes_in(11), **found(11)).then is None


@pytest.mark.parametrize("locale", ["en", "de-AT", "es", "fr", "ar", "xx"])
def test_the_announcement_names_the_persona_and_who_brought_it(locale: str) -> None:
    words = announcement("Mona\n<b>", "Ada\u202e Lovelace", locale)
    assert "Mona" in words
    assert "Ada Lovelace" in words
    assert "\n" not in words
    assert "\u202e" not in words
    assert announcement("\u202e", "", locale).count("…") == 2


class _Life:
    """A room that lives through random commands, and what a database makes of its rows."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.stored = StoredRoom()
        self.events: list[RoomEvent] = []
        self.replayed = self.machine.room.copy()

    def attempt(self, number: int, command: Any) -> None:
        try:
            decision = self._decide(number, command)
        except Rejected:
            return
        room, memory = self.machine.room, self.machine.memory
        if decision.event is not None:
            append = append_of(decision.event, decision, room=room, memory=memory, fence=1)
            assert [decode_event(row.body) for row in append.rows] == list(decision.events)
            self.stored.seat(append.personas)
            self.stored.had_personas |= append.patch is not None and append.patch.had_personas
        for event in decision.events:
            self.machine.take(event, decision.names)
            self.replayed.apply(event, decision.names)
            self.events.append(event)

    def _decide(self, number: int, command: Any) -> Decision:
        room, memory = self.machine.room, self.machine.memory
        known = Given(
            now=T0,
            new_id=key(room.head),
            names={user_id(n): f"User {n}" for n in range(1, 5)},
            personas={persona_id(n): view(n) for n in range(11, 45)},
            announcement="An AI is here.",
        )
        decision = decide(room, memory, command, principal(number), known)
        assert isinstance(decision, Decision)
        return decision


def commands() -> st.SearchStrategy[tuple[int, Any]]:
    people = st.integers(1, 4)
    personas = st.integers(1, 4).flatmap(lambda owner: st.integers(owner * 10 + 1, owner * 10 + 4))
    return st.tuples(
        people,
        st.one_of(
            personas.map(takes_in),
            personas.map(takes_out),
            st.just(JoinRoom(room_id=ROOM_ID)),
            st.just(LeaveRoom(room_id=ROOM_ID)),
            people.map(lambda n: InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(n)])),
            people.map(lambda n: RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(n))),
        ),
    )


@given(st.lists(commands(), max_size=60))
def test_whatever_happens_personas_sit_only_with_their_owners_and_the_rows_say_the_same(
    life: list[tuple[int, Any]],
) -> None:
    room = _Life()
    for number, command in life:
        room.attempt(number, command)
        state = room.machine.room
        assert len(state.personas) <= MAX_ROOM_PERSONAS
        assert all(
            state.members[seat.owner_id].state == "joined" for seat in state.personas.values()
        )
        assert room.replayed == state
        assert {
            one.persona_id: (one.name, one.owner_id, one.from_seq)
            for one in room.stored.personas.values()
        } == {id: (seat.name, seat.owner_id, seat.from_seq) for id, seat in state.personas.items()}
        assert room.stored.had_personas == state.had_personas
    announced = [event for event in room.events if isinstance(event, MessagePosted)]
    assert len(announced) == room.machine.room.had_personas
    assert [event.seq for event in room.events] == list(range(2, len(room.events) + 2))


def test_a_fold_of_another_owners_events_takes_personas_in_and_out() -> None:
    machine = Machine()
    fold, memory = machine.room.copy(), Memory()
    for number, command in ((1, takes_in(11)), (1, takes_out(11))):
        decision = machine.do(number, command, **found(11))
        for event in decision.events:
            fold.apply(event)
            memory.remember(event)
    assert isinstance(fold, RoomState)
    assert (fold.personas, fold.had_personas) == ({}, True)
    assert memory.departure(persona_id(11)) == fold.head


# The room itself.


async def a_persona_each(world: World) -> None:
    for number in (11, 12, 21):
        await world.personas.create(
            TENANT,
            NewPersona(
                id=persona_id(number),
                owner_id=user_id(number // 10),
                name=f"Persona {number}",
                style="local",
            ),
        )


async def two_in_a_room(world: World) -> tuple[FakeClient, FakeClient]:
    await world.make_room(2)
    await a_persona_each(world)
    ada, ben = world.client(1), world.client(2)
    await world.ask(ada, JoinRoom(room_id=ROOM_ID))
    await world.ask(ben, JoinRoom(room_id=ROOM_ID))
    return ada, ben


def kinds(world: World) -> list[str]:
    """What is in the log: changes, or who wrote."""
    events = [decode_event(row.body) for row in world.rows()]
    return [
        event.change if isinstance(event, RoomChanged) else event.sender.kind
        for event in events
        if isinstance(event, RoomChanged | MessagePosted)
    ]


async def test_a_persona_comes_announced_is_seen_and_survives_a_sleep(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        came = await world.ask(ada, takes_in(11))
        changed, told = ben.events[-2:]
        assert (changed["seq"], changed["persona"]["name"]) == (came.seq, "Persona 11")
        assert (told["seq"], told["sender"]["id"]) == (came.seq + 1, "system")
        assert "Persona 11 is an AI" in told["content"]
        assert "User 1 brought it" in told["content"]
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        room = (await world.ask(ben, ViewRoom())).room
        assert room.personas == [view(11)]
        assert (await world.ask(ada, takes_in(11))).seq == came.seq
        await world.ask(ada, takes_in(12))
        assert kinds(world) == ["created", "joined", "persona", "system", "persona"]


async def test_the_announcement_is_in_the_language_of_who_brings_it(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        ada.principal = principal(1, locale="de-DE")
        await world.ask(ada, takes_in(11))
        assert "KI" in ada.of_type("chat.message")[0]["content"]


async def test_a_lost_reply_leaves_one_persona_and_one_announcement(
    autojump_clock: MockClock,
) -> None:
    for fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE):
        faults = iter([Fault.NONE, fault])
        plan = FaultPlan(flush=lambda _, faults=faults: next(faults, Fault.NONE))
        async with World(plan=plan).running() as world:
            ada, ben = await two_in_a_room(world)
            came = await world.ask(ada, takes_in(11))
            assert (await world.ask(ada, takes_in(11))).seq == came.seq
            assert kinds(world) == ["created", "joined", "persona", "system"]
            assert ben.seqs == [3, 4]


async def test_a_crash_between_what_is_stored_and_told_loses_no_announcement(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)

        def broken(self: RoomActor, *_: Any) -> None:
            monkeypatch.undo()
            raise RuntimeError("a bug")

        monkeypatch.setattr(RoomActor, "_publish", broken)
        world.send(ada, takes_in(11))
        await trio.sleep(5)
        assert world.system.statistics()["crashes"] == 1
        assert kinds(world) == ["created", "joined", "persona", "system"]
        assert ben.seqs == [3, 4]


async def test_what_another_owner_of_the_room_stored_seats_its_persona(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        await world.ask(ada, takes_in(11))
        await world.ask(ben, takes_in(21))
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        assert (await world.ask(ada, ViewRoom())).room.personas == [view(11)]
        record = await world.rooms.load(TENANT, ROOM_ID)
        assert [one.persona_id for one in record.personas] == [persona_id(11)]


async def create(world: World, client: FakeClient, **fields: Any) -> Any:
    command = CreateRoom(kind="group", client_id=key(7), **fields)
    return await world.system.ref(USER.at(client.principal.user_id)).ask(
        command, principal=client.principal, client=client
    )


async def test_a_room_is_made_with_its_creators_personas(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await a_persona_each(world)
        ada = world.client(1)
        personas = [persona_id(12), persona_id(11), persona_id(12)]
        made = (await create(world, ada, personas=personas, members=[BEN])).room
        assert made.personas == [view(12), view(11)]
        assert made.head == 4
        again = (await create(world, ada, personas=[persona_id(11)])).room
        assert (again.id, again.head) == (made.id, 4)
        events = [decode_event(row.body) for row in world.rows(made.id)]
        assert [event.seq for event in events] == [1, 2, 3, 4]
        told = events[2]
        assert isinstance(told, MessagePosted)
        assert (told.sender, told.epoch) == (SYSTEM, made.epoch)
        assert "Persona 12" in told.content
        said = await world.ask(
            ada, PostMessage(room_id=made.id, content="hi", client_id=key(8)), room_id=made.id
        )
        assert said.seq == 5


async def test_a_room_is_not_made_with_anybody_elses_persona(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await a_persona_each(world)
        with pytest.raises(Rejected) as refusal:
            await create(world, world.client(1), personas=[persona_id(11), persona_id(21)])
        assert refusal.value.code == "not_found"
        assert [field for field, _ in refusal.value.fields] == ["personas[1]"]
        assert await world.rooms.of_user(TENANT, ADA, before=None, limit=9) == []
