"""A room's decisions, without a room: who may do what, and what a repeat is answered."""

from collections.abc import Mapping
from typing import Any

import pytest
from actors_world import EPOCH, ROOM_ID, T0, TENANT, key, principal, user_id

from actors.room.decisions import Decision, Given, KnowKey, KnowMessage, KnowUsers
from actors.room.faded_keys import FadedKeys
from actors.room.machine import MAX_EDITS, MAX_EMOJIS, decide
from actors.room.memory import Memory, MessageState, Stored
from actors.room.state import Member, RoomEvent, RoomState
from core.errors import Rejected
from core.identity import Role
from protocol.chat import (
    Attachment,
    DeleteMessage,
    EditMessage,
    MessageEdited,
    MessagePosted,
    PinMessage,
    PostMessage,
    ReactToMessage,
    Sender,
)
from protocol.frames import Done
from protocol.limits import MAX_MEMBERS
from protocol.room import (
    AwaitTurn,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    RemoveFromRoom,
    RoomChanged,
    Settings,
    SettingsPatch,
    UpdateRoom,
)

ADA, BEN, CYD = user_id(1), user_id(2), user_id(3)


class Machine:
    """A room, its memory, and a clock that a test sets."""

    def __init__(self, kind: str = "group", history: str = "invited") -> None:
        self.room = RoomState(
            id=ROOM_ID,
            tenant_id=TENANT,
            kind=kind,  # type: ignore[arg-type]
            title="",
            settings=Settings(),
            history=history,  # type: ignore[arg-type]
            epoch=EPOCH,
            created_at=T0,
            first=1,
            head=0,
            sent_at=0,
        )
        self.memory = Memory()
        self.now = T0
        self.take(self.changed(ADA, "created", [BEN]), {ADA: "Ada", BEN: "Ben"})

    def changed(self, by: str, change: str, users: list[str] | None = None) -> RoomChanged:
        return RoomChanged(
            room_id=ROOM_ID,
            epoch=EPOCH,
            seq=self.room.head + 1,
            sent_at=self.now,
            by=by,
            change=change,  # type: ignore[arg-type]
            user_ids=users,
        )

    def take(self, event: RoomEvent, names: Mapping[str, str] | None = None) -> None:
        self.room.apply(event, names or {})
        self.memory.remember(event)

    def ask(self, number: int, command: Any, **given: Any) -> Any:
        """What the machine says; changes nothing."""
        with_time = Given(now=self.now, new_id=f"m{self.room.head + 1}", **given)
        return decide(self.room, self.memory, command, principal(number), with_time)

    def do(self, number: int, command: Any, **given: Any) -> Decision:
        """Decide and take it in."""
        decision = self.ask(number, command, **given)
        assert isinstance(decision, Decision)
        if decision.event is not None:
            self.take(decision.event, decision.names)
        return decision

    def posted(self, number: int = 1) -> str:
        decision = self.do(number, post(self.room.head + 1_000))
        assert isinstance(decision.event, MessagePosted)
        return decision.event.message_id


def post(number: int, content: str = "hello", **fields: Any) -> PostMessage:
    return PostMessage(room_id=ROOM_ID, content=content, client_id=key(number), **fields)


def react(message_id: str, emoji: str = "👍", active: bool = True) -> ReactToMessage:
    return ReactToMessage(room_id=ROOM_ID, message_id=message_id, emoji=emoji, active=active)


def edit(message_id: str, content: str) -> EditMessage:
    return EditMessage(room_id=ROOM_ID, message_id=message_id, content=content)


def delete(message_id: str) -> DeleteMessage:
    return DeleteMessage(room_id=ROOM_ID, message_id=message_id)


def pin(message_id: str, active: bool = True) -> PinMessage:
    return PinMessage(room_id=ROOM_ID, message_id=message_id, active=active)


def refused(machine: Machine, number: int, command: Any, **given: Any) -> str:
    """The code; and nothing changed."""
    before = (machine.room.copy(), machine.memory.statistics())
    with pytest.raises(Rejected) as error:
        machine.ask(number, command, **given)
    assert (machine.room, machine.memory.statistics()) == before
    return error.value.code


def seq_of(decision: Decision) -> int:
    assert decision.answer is not None
    return decision.answer.seq  # type: ignore[attr-defined, no-any-return]


def test_a_refused_message_changes_nothing() -> None:
    machine = Machine()
    assert refused(machine, 1, post(1, "")) == "bad_request"
    assert refused(machine, 1, post(1, " \n\t")) == "bad_request"
    assert refused(machine, 1, post(1, "x" * 8_193)) == "too_large"
    assert refused(machine, 1, post(1, "é" * 4_097)) == "too_large"
    assert refused(machine, 2, post(1)) == "forbidden"
    assert refused(machine, 3, post(1)) == "not_found"
    machine.do(1, post(1, "é" * 4_096))


def test_a_service_may_not_chat_and_another_tenant_finds_nothing() -> None:
    machine = Machine()
    given = Given(now=T0, new_id="m")
    for whom, code in (
        (principal(1, role=Role.SERVICE), "forbidden"),
        (principal(1, tenant_id=2), "not_found"),
    ):
        with pytest.raises(Rejected) as error:
            decide(machine.room, machine.memory, post(1), whom, given)
        assert error.value.code == code


def test_time_never_falls_within_a_room() -> None:
    machine = Machine()
    machine.now = T0 - 10_000
    decision = machine.do(1, post(1))
    assert decision.event is not None
    assert decision.event.sent_at == T0


def test_a_repeated_key_gets_the_first_answer_whatever_its_case_and_content() -> None:
    machine = Machine()
    first = machine.do(1, post(0xABC))
    again = machine.ask(1, PostMessage(room_id=ROOM_ID, content="", client_id=key(0xABC).upper()))
    assert (again.event, again.answer) == (None, first.answer)


def test_a_repeat_that_was_refused_on_its_way_is_known_by_its_key_alone() -> None:
    machine = Machine()
    first = machine.do(1, post(1))
    assert machine.ask(1, AwaitTurn(client_id=key(1))).answer == first.answer
    assert machine.ask(1, AwaitTurn(client_id=key(2))).answer == Done()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    machine.memory.since = T0
    assert machine.ask(1, AwaitTurn(client_id=key(2))) == KnowKey(ADA, key(2))
    # Another's key is nothing to him, nor is anything to who is not there.
    assert machine.ask(2, AwaitTurn(client_id=key(1)), key_is_new=True).answer == Done()
    with pytest.raises(Rejected, match="not_found"):
        machine.ask(9, AwaitTurn(client_id=key(1)))


def test_a_key_that_may_have_been_forgotten_is_looked_up_first() -> None:
    machine = Machine()
    machine.memory.since = T0
    old = PostMessage(room_id=ROOM_ID, content="x", client_id=key(1, T0))
    assert machine.ask(1, old) == KnowKey(ADA, key(1, T0))
    ahead = PostMessage(room_id=ROOM_ID, content="x", client_id=key(1, T0 + 300_001))
    assert isinstance(machine.ask(1, ahead), KnowKey)
    machine.now = T0 + 600_000
    recent = PostMessage(room_id=ROOM_ID, content="x", client_id=key(1, T0 + 300_000))
    assert isinstance(machine.ask(1, recent), Decision)
    assert isinstance(machine.ask(1, old, key_is_new=True), Decision)


def test_a_reply_names_a_message_that_is_there() -> None:
    machine = Machine()
    reply = post(1, reply_to="old")
    assert machine.ask(1, reply) == KnowMessage("old")
    assert refused(machine, 1, reply, missing=frozenset({"old"})) == "not_found"
    message_id = machine.posted()
    decision = machine.do(1, post(2, reply_to=message_id))
    assert isinstance(decision.event, MessagePosted)
    assert decision.event.reply_to == message_id


def test_only_the_author_edits_and_the_same_text_again_writes_nothing() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    message_id = machine.posted()
    assert machine.ask(1, edit("elsewhere", "x")) == KnowMessage("elsewhere")
    assert refused(machine, 2, edit(message_id, "x")) == "forbidden"
    assert refused(machine, 1, edit(message_id, " ")) == "bad_request"
    unchanged = machine.ask(1, edit(message_id, "hello"))
    assert (unchanged.event, seq_of(unchanged)) == (None, 3)
    first = machine.do(1, edit(message_id, "better"))
    assert machine.ask(1, edit(message_id, "better")).answer == first.answer


def test_a_message_is_edited_at_most_so_often() -> None:
    machine = Machine()
    message_id = machine.posted()
    for number in range(MAX_EDITS):
        machine.do(1, edit(message_id, f"version {number}"))
    assert refused(machine, 1, edit(message_id, "one more")) == "conflict"


def test_author_and_owner_delete_and_what_is_deleted_stays_so() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    adas, bens = machine.posted(1), machine.posted(2)
    assert refused(machine, 2, delete(adas)) == "forbidden"
    first = machine.do(1, delete(bens))
    assert first.redacts is machine.memory.message(bens)
    repeated = machine.ask(2, delete(bens))
    assert (repeated.event, repeated.answer) == (None, first.answer)
    for command in (edit(bens, "x"), react(bens), pin(bens)):
        assert refused(machine, 2, command) == "conflict"


def test_in_a_direct_room_each_deletes_his_own() -> None:
    machine = Machine(kind="direct")
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    bens = machine.posted(2)
    assert refused(machine, 1, delete(bens)) == "forbidden"
    machine.do(2, delete(bens))


def test_a_reaction_and_a_pin_are_states_that_are_set_once() -> None:
    machine = Machine()
    message_id = machine.posted()
    for on, off in (
        (react(message_id), react(message_id, active=False)),
        (pin(message_id), pin(message_id, False)),
    ):
        assert machine.ask(1, off).event is None
        first = machine.do(1, on)
        assert machine.ask(1, on).answer == first.answer
        cleared = machine.do(1, off)
        assert machine.ask(1, off).answer == cleared.answer


def test_a_reaction_needs_an_emoji_and_a_message_carries_only_so_many() -> None:
    machine = Machine()
    message_id = machine.posted()
    assert refused(machine, 1, react(message_id, "")) == "bad_request"
    assert refused(machine, 1, react(message_id, " ")) == "bad_request"
    assert refused(machine, 1, react(message_id, "x" * 33)) == "too_large"
    for number in range(MAX_EMOJIS):
        machine.do(1, react(message_id, f"e{number}"))
    assert refused(machine, 1, react(message_id, "one more")) == "conflict"
    machine.do(1, react(message_id, "e0", active=False))


def test_joining_accepts_once() -> None:
    machine = Machine()
    join = JoinRoom(room_id=ROOM_ID)
    assert refused(machine, 3, join) == "not_found"
    machine.do(2, join)
    assert machine.room.members[BEN] == Member(
        name="User 2", role="member", state="joined", from_seq=1
    )
    assert machine.ask(2, join) == Decision()


def test_inviting_looks_names_up_and_repeats_the_first_seq() -> None:
    machine = Machine()
    machine.posted()
    invite = InviteToRoom(room_id=ROOM_ID, user_ids=[CYD, BEN, CYD])
    assert refused(machine, 2, invite) == "forbidden"
    assert machine.ask(1, invite) == KnowUsers((CYD, BEN))
    assert refused(machine, 1, invite, names={}) == "not_found"
    first = machine.do(1, invite, names={CYD: "Cyd"})
    assert machine.room.members[CYD].from_seq == seq_of(first) == 3
    assert machine.ask(1, invite).answer == first.answer


def test_who_leaves_while_names_are_looked_up_is_invited_again() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    invite = InviteToRoom(room_id=ROOM_ID, user_ids=[CYD, BEN])
    asked = machine.ask(1, invite)
    assert isinstance(asked, KnowUsers)
    machine.do(2, LeaveRoom(room_id=ROOM_ID))
    names = dict.fromkeys(asked.user_ids, "Somebody")
    machine.do(1, invite, names=names)
    assert {CYD, BEN} <= set(machine.room.members)


def test_an_open_history_is_read_from_the_start() -> None:
    machine = Machine(history="all")
    machine.posted()
    machine.do(1, InviteToRoom(room_id=ROOM_ID, user_ids=[CYD]), names={CYD: "Cyd"})
    assert machine.room.first_readable(machine.room.members[CYD]) == 1
    machine.room.first = 2
    assert machine.room.first_readable(machine.room.members[CYD]) == 2


def test_a_newcomer_cannot_touch_what_he_cannot_see() -> None:
    machine = Machine()
    message_id = machine.posted()
    machine.do(1, InviteToRoom(room_id=ROOM_ID, user_ids=[CYD]), names={CYD: "Cyd"})
    machine.do(3, JoinRoom(room_id=ROOM_ID))
    assert refused(machine, 3, react(message_id)) == "not_found"


def test_a_room_is_full_at_five_thousand() -> None:
    machine = Machine()
    member = Member(name="", role="member", state="joined", from_seq=1)
    machine.room.members |= {str(number): member for number in range(MAX_MEMBERS - 2)}
    invite = InviteToRoom(room_id=ROOM_ID, user_ids=[CYD])
    assert refused(machine, 1, invite, names={CYD: "Cyd"}) == "conflict"


def test_the_owner_removes_others_and_a_repeat_gets_the_first_seq() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    remove = RemoveFromRoom(room_id=ROOM_ID, user_id=BEN)
    assert refused(machine, 2, RemoveFromRoom(room_id=ROOM_ID, user_id=ADA)) == "forbidden"
    assert refused(machine, 1, RemoveFromRoom(room_id=ROOM_ID, user_id=ADA)) == "conflict"
    assert refused(machine, 1, RemoveFromRoom(room_id=ROOM_ID, user_id=CYD)) == "not_found"
    first = machine.do(1, remove)
    assert BEN not in machine.room.members
    assert machine.ask(1, remove).answer == first.answer


def test_leaving_hands_the_room_to_the_eldest_joined_else_to_the_eldest_invited() -> None:
    machine = Machine()
    leave = LeaveRoom(room_id=ROOM_ID)
    assert refused(machine, 3, leave) == "not_found"
    machine.do(1, InviteToRoom(room_id=ROOM_ID, user_ids=[CYD]), names={CYD: "Cyd"})
    machine.do(3, JoinRoom(room_id=ROOM_ID))
    first = machine.do(1, leave)
    assert machine.ask(1, leave).answer == first.answer
    assert machine.room.members[CYD].role == "owner"
    machine.do(3, leave)
    assert machine.room.members[BEN].role == "owner"
    machine.do(2, leave)
    assert machine.room.members == {}


def test_a_member_without_the_room_leaves_nothing_to_hand_on() -> None:
    machine = Machine()
    machine.do(2, LeaveRoom(room_id=ROOM_ID))
    assert machine.room.members.keys() == {ADA}
    assert machine.room.members[ADA].role == "owner"


def test_a_direct_room_takes_and_loses_nobody() -> None:
    machine = Machine(kind="direct")
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    assert {member.role for member in machine.room.members.values()} == {"member"}
    for command in (
        InviteToRoom(room_id=ROOM_ID, user_ids=[CYD]),
        RemoveFromRoom(room_id=ROOM_ID, user_id=BEN),
        LeaveRoom(room_id=ROOM_ID),
        UpdateRoom(room_id=ROOM_ID, title="Us"),
    ):
        assert refused(machine, 1, command) == "conflict"
    quiet = UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(receipts=False))
    machine.do(2, quiet)
    assert not machine.room.settings.receipts


def test_the_owner_updates_and_the_same_again_writes_nothing() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    update = UpdateRoom(
        room_id=ROOM_ID, title="Porto", settings=SettingsPatch(retention_days=None, receipts=False)
    )
    assert refused(machine, 2, update) == "forbidden"
    assert refused(machine, 1, UpdateRoom(room_id=ROOM_ID, title="x" * 201)) == "too_large"
    first = machine.do(1, update)
    assert (machine.room.title, machine.room.settings.receipts) == ("Porto", False)
    assert machine.ask(1, update).answer == first.answer
    only_title = machine.do(1, UpdateRoom(room_id=ROOM_ID, title="Faro"))
    assert isinstance(only_title.event, RoomChanged)
    assert (only_title.event.title, only_title.event.settings) == ("Faro", None)
    only_settings = machine.do(
        1, UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(speaking="silent"))
    )
    assert isinstance(only_settings.event, RoomChanged)
    assert (only_settings.event.title, machine.room.title) == (None, "Faro")


# State and memory by themselves.


def test_a_fold_takes_in_what_another_owner_decided() -> None:
    machine = Machine()
    machine.take(machine.changed(CYD, "joined"), {CYD: "Cyd"})
    assert machine.room.members[CYD].state == "joined"
    machine.take(machine.changed("nobody", "left"))
    machine.take(machine.changed(ADA, "removed"))
    machine.take(machine.changed(ADA, "invited"))
    machine.take(machine.changed(ADA, "persona"))
    assert machine.room.members.keys() == {ADA, BEN, CYD}
    assert machine.room.head == 6


def test_a_copy_goes_its_own_way() -> None:
    machine = Machine()
    copy = machine.room.copy()
    machine.do(1, RemoveFromRoom(room_id=ROOM_ID, user_id=BEN))
    assert BEN in copy.members


def message(seq: int, client_id: str | None = None) -> MessagePosted:
    return MessagePosted(
        room_id=ROOM_ID,
        epoch=EPOCH,
        seq=seq,
        sent_at=T0 + seq,
        message_id=f"m{seq}",
        sender=Sender(id=ADA, kind="user", name="Ada"),
        content="hello",
        client_id=client_id,
        attachments=[Attachment(url="https://caravan.test/a")],
    )


def edited(seq: int, message_id: str) -> MessageEdited:
    return MessageEdited(
        room_id=ROOM_ID,
        epoch=EPOCH,
        seq=seq,
        sent_at=T0 + seq,
        message_id=message_id,
        by=ADA,
        content="new",
    )


def test_memory_is_bounded_and_knows_from_when_on_it_remembers_every_key() -> None:
    memory = Memory(max_keys=2, max_messages=2, faded=FadedKeys(keys_per_filter=1, max_filters=1))
    for seq in (1, 2, 3):
        memory.remember(message(seq, key(seq)))
    assert memory.stored(ADA, key(1)) is None
    assert memory.stored(ADA, key(3)) == Stored(3, "m3", T0 + 3)
    assert memory.since is None
    assert memory.message("m1") is None
    assert memory.statistics() == {"keys": 2, "faded": 1, "messages": 2}
    memory.remember(message(4, key(4)))
    assert memory.since == T0 + 1


def test_a_key_that_left_the_map_is_looked_up_and_a_new_one_is_not() -> None:
    machine = Machine()
    machine.memory = Memory(max_keys=1)
    machine.do(1, post(1))
    machine.do(1, post(2))
    assert machine.ask(1, post(1)) == KnowKey(ADA, post(1).client_id)
    assert isinstance(machine.ask(1, post(3)), Decision)


def test_a_room_that_talks_fast_looks_nothing_up() -> None:
    memory = Memory(max_keys=10)
    marked = 2_000
    for seq in range(1, marked + 11):
        client_id = key(seq, T0 + seq)
        assert not memory.may_have_forgotten(ADA, client_id, T0 + seq)
        memory.remember(message(seq, client_id))
    assert all(
        memory.may_have_forgotten(ADA, key(seq, T0 + seq), T0) for seq in range(1, marked + 1)
    )


def test_a_message_that_is_being_looked_up_stays_once_it_is_here() -> None:
    memory = Memory(max_messages=1)
    memory.pin("m1")
    memory.pin("m1")
    memory.remember(message(1))
    memory.remember(message(2))
    memory.unpin("m1")
    assert memory.message("m1") is not None
    memory.unpin("m1")
    memory.remember(message(3))
    assert memory.message("m1") is None


def test_an_older_state_never_replaces_a_newer_one() -> None:
    memory = Memory()
    memory.remember(message(1))
    memory.remember(edited(2, "m1"))
    memory.remember(edited(2, "m1"))
    memory.remember(edited(3, "unknown"))
    memory.remember_message("m1", MessageState.of(message(1)))
    state = memory.message("m1")
    assert state is not None
    assert (state.content_seq, state.edits) == (2, [(2, T0 + 2)])
    assert state.blank.attachments is None


def test_forgetting_what_never_happened_keeps_what_did() -> None:
    machine = Machine()
    machine.do(2, JoinRoom(room_id=ROOM_ID))
    kept, touched = machine.posted(), machine.posted()
    head = machine.room.head
    machine.do(1, edit(touched, "x"))
    machine.do(1, post(7))
    machine.do(1, RemoveFromRoom(room_id=ROOM_ID, user_id=BEN))
    machine.memory.forget_after(head)
    assert machine.memory.message(kept) is not None
    assert machine.memory.message(touched) is None
    assert machine.memory.stored(ADA, key(7)) is None
    assert machine.memory.departure(BEN) is None


def test_only_the_newest_departures_are_remembered() -> None:
    memory = Memory()
    for seq in range(1, 300):
        event = RoomChanged(
            room_id=ROOM_ID, epoch=EPOCH, seq=seq, sent_at=T0, by=str(seq), change="left"
        )
        memory.remember(event)
    assert memory.departure("1") is None
    assert memory.departure("299") == 299
