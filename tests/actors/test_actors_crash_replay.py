"""A crash that was recorded happens again, offline, from the record alone."""

import io
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
import trio
import trio.testing
from actors_world import ROOM_ID, TENANT, FakeClient, World, key, user_id

from actors.presence import actor as presence
from actors.room import commands as room_commands
from actors.room.memory import Memory
from actors.user.actor import UserActor
from commands.command_line import main
from core.envelope import Envelope
from core.errors import Rejected
from core.ports.crash_records import CrashRecord
from core.ports.personas import NewPersona
from core.system import ActorSystem
from protocol.chat import EditMessage, PostMessage
from protocol.persona import SetRoomPersona
from protocol.presence import PRESENCE, AudienceChanged
from protocol.room import CreateRoom, InviteToRoom, JoinRoom
from protocol.user import USER
from storage.crash_files import CrashFiles, fitted, load, stored

CANARY = "marmalade Übergrößenträger 4711 🦊"
FATAL = "quince " * 6
decide = room_commands.decide


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """A command configures the logs of its process, which here is everybody's."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARAVAN_DATA_DIR", str(tmp_path))
    return tmp_path / "crashes"


@pytest.fixture
def _with_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that cannot bear messages of one length."""

    def broken(decided: Any, memory: Any, command: Any, *more: Any) -> Any:
        content = getattr(command, "content", "")
        if len(content) == len(FATAL):
            raise ArithmeticError(f"cannot bear {content}")
        return decide(decided, memory, command, *more)

    monkeypatch.setattr(room_commands, "decide", broken)


def crash_a_room(directory: Path, *, fatal: Callable[[str], Any] | None = None) -> CrashRecord:
    """Some talk, then the message that crashes it. The one record that was written."""

    async def talk() -> None:
        world, files = World(), CrashFiles(directory)
        world.system = ActorSystem(chance=world.chance, ids=world.ids, crash_records=files)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(files.run)
            async with world.running():
                await world.make_room(2)
                ada = world.client(1)
                await seat_a_persona(world, ada)
                await world.ask(ada, JoinRoom(room_id=ROOM_ID))
                first = await world.ask(ada, said(CANARY, 1))
                await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
                await crash_it(world, ada, fatal(first.message_id) if fatal else said(FATAL, 2))
            nursery.cancel_scope.cancel()

    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0))
    (file,) = stored(directory)
    return load(file)


async def seat_a_persona(world: World, client: FakeClient) -> None:
    persona_id, name = user_id(11), "Persona quetsch"
    persona = NewPersona(id=persona_id, owner_id=user_id(1), name=name, style="local")
    await world.personas.create(TENANT, persona)
    takes_in = SetRoomPersona(room_id=ROOM_ID, persona_id=persona_id, active=True)
    await world.ask(client, takes_in)


async def crash_it(world: World, client: FakeClient, command: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await world.ask(client, command)
    assert caught.value.code == "internal"


def said(content: str, number: int) -> PostMessage:
    return PostMessage(room_id=ROOM_ID, content=content, client_id=key(number))


@pytest.mark.usefixtures("_with_a_bug")
def test_a_recorded_crash_is_reproduced_in_a_fresh_world(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = crash_a_room(directory)
    assert main(["crashes", "replay", record.reference[:30]]) == 0
    types = [each.type.rpartition(".")[2] for each in record.envelopes]
    assert [name for name in types if name != "Progress"] == [
        "JoinRoom",
        "PostMessage",
        "InviteToRoom",
        "PostMessage",
    ]
    assert f"messages: ArithmeticError at {record.place}" in capsys.readouterr().out
    assert record.place.startswith("tests/actors/test_actors_crash_replay.py:")
    assert record.place.endswith(" broken")


@pytest.mark.usefixtures("_with_a_bug")
def test_a_crash_that_hangs_on_an_earlier_message_is_reproduced_too(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edit is judged by the message that it changes: the replayed room knows that one."""

    def edit(message_id: str) -> EditMessage:
        return EditMessage(room_id=ROOM_ID, message_id=message_id, content=FATAL)

    record = crash_a_room(directory, fatal=edit)
    assert main(["crashes", "replay", record.reference]) == 0


@pytest.mark.parametrize("is_of_all", [True, False], ids=["all", "the last alone"])
def test_all_its_messages_are_tried_and_then_the_last_alone(
    is_of_all: bool,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What an instance remembers of an earlier message may be what crashes it, or what keeps it."""
    invited: list[Memory] = []
    is_recorded = False

    def broken(decided: Any, memory: Memory, command: Any, *more: Any) -> Any:
        if isinstance(command, InviteToRoom):
            invited.append(memory)
        has_invited = any(memory is other for other in invited)
        is_fatal = len(getattr(command, "content", "")) == len(FATAL)
        if is_fatal and (has_invited is is_of_all or not is_recorded):
            raise ArithmeticError
        return decide(decided, memory, command, *more)

    monkeypatch.setattr(room_commands, "decide", broken)
    record = crash_a_room(directory)
    is_recorded = True
    assert main(["crashes", "replay", record.reference]) == 0
    count = len(record.envelopes)
    assert f"with {count if is_of_all else 1} of {count} messages" in capsys.readouterr().out


def test_a_crash_of_a_user_is_reproduced_with_the_people_that_its_messages_name(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Any, envelope: Any, command: CreateRoom) -> None:
        known = await self._ports.users.many(1, command.members)
        raise ArithmeticError(len(known) / (len(known) - 1))

    async def talk() -> None:
        world, files = World(), CrashFiles(directory)
        world.system = ActorSystem(chance=world.chance, ids=world.ids, crash_records=files)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(files.run)
            async with world.running():
                ada = world.client(1)
                command = CreateRoom(kind="group", client_id=key(1), members=[user_id(2)])
                envelope: Envelope[Any] = Envelope(command, principal=ada.principal, client=ada)
                world.system.ref(USER.at(user_id(1))).deliver_nowait(envelope)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    monkeypatch.setattr(UserActor, "_create_room", broken)
    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0))
    record = load(stored(directory)[0])
    assert (record.kind, record.error) == ("user", "ZeroDivisionError")
    assert main(["crashes", "replay", record.reference]) == 0


def test_a_crash_of_who_tells_who_is_online_is_reproduced(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Any, envelope: Envelope[Any]) -> None:
        raise ArithmeticError

    async def talk() -> None:
        world, files = World(), CrashFiles(directory)
        world.system = ActorSystem(chance=world.chance, ids=world.ids, crash_records=files)
        world.system.register(presence.spec(world.fanout))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(files.run)
            async with world.running():
                envelope: Envelope[Any] = Envelope(AudienceChanged(), key=AudienceChanged)
                world.system.ref(PRESENCE.at(ROOM_ID)).deliver_nowait(envelope)
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    monkeypatch.setattr(presence.PresenceActor, "handle", broken)
    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0))
    record = load(stored(directory)[0])
    assert (record.kind, record.error) == ("presence", "ArithmeticError")
    assert main(["crashes", "replay", record.reference]) == 0


def test_without_the_bug_the_same_record_is_not_reproduced(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as bug:
        bug.setattr(room_commands, "decide", _always_broken)
        record = crash_a_room_at_once(directory)
    assert main(["crashes", "replay", record.reference]) == 1
    assert "Not reproduced: ArithmeticError at " in capsys.readouterr().out


def test_another_error_at_the_replay_is_told_and_does_not_count(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def otherwise(*_: Any) -> Any:
        raise LookupError

    with monkeypatch.context() as bug:
        bug.setattr(room_commands, "decide", _always_broken)
        record = crash_a_room_at_once(directory)
    monkeypatch.setattr(room_commands, "decide", otherwise)
    assert main(["crashes", "replay", record.reference]) == 1
    assert "instead: LookupError at tests/" in capsys.readouterr().out


def _always_broken(*_: Any) -> Any:
    raise ArithmeticError


def crash_a_room_at_once(directory: Path) -> CrashRecord:
    async def talk() -> None:
        world, files = World(), CrashFiles(directory)
        world.system = ActorSystem(chance=world.chance, ids=world.ids, crash_records=files)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(files.run)
            async with world.running():
                await world.make_room(2)
                await crash_it(world, world.client(1), said(CANARY, 1))
            nursery.cancel_scope.cancel()

    trio.run(talk, clock=trio.testing.MockClock(autojump_threshold=0))
    (file,) = stored(directory)
    return load(file)


@pytest.mark.usefixtures("_with_a_bug")
def test_no_word_that_anybody_wrote_is_in_the_file_and_sizes_are_the_same(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = crash_a_room(directory)
    (file,) = stored(directory)
    body = file.read_bytes()
    for word in (
        "marmalade",
        "bergr",
        "4711",
        "🦊",
        "quince",
        "Lisbon",
        "User 1",
        "user1",
        "quetsch",
    ):
        assert word.encode() not in body
    posted = [each.fields for each in record.envelopes if each.type == "protocol.chat.PostMessage"]
    contents = [fields["content"] for fields in posted if fields]
    assert [len(each) for each in contents] == [len(CANARY), len(FATAL)]
    assert [len(each.encode()) for each in contents] == [len(CANARY.encode()), len(FATAL.encode())]
    assert contents[1] == "xxxxxx " * 6
    assert record.state["member_count"] == 3
    assert [each["name"] for each in record.state["personas"]] == ["Xxxxxxx xxxxxxx"]
    assert [each["state"] for each in record.state["members"]].count("invited") == 2

    capsys.readouterr()
    assert main(["crashes", "show", record.reference]) == 0
    shown = capsys.readouterr().out
    assert msgspec.json.decode(shown, type=CrashRecord) == record
    assert main(["crashes", "list"]) == 0
    assert record.reference in capsys.readouterr().out


@pytest.mark.usefixtures("_with_a_bug")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": 99}, "is a crash record of version 99"),
        ({"kind": "session"}, "Crashes of the kind 'session' cannot be replayed"),
        ({"state": None}, "Its state was not recorded"),
        ({"state": {"kind": "group"}}, "Its state is not that of a room here"),
        ({"envelopes": []}, "It crashed before it took a message"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_sentence(
    changes: dict[str, Any],
    sentence: str,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = msgspec.structs.replace(crash_a_room(directory), **changes)
    (file,) = stored(directory)
    file.write_bytes(fitted(record))
    assert main(["crashes", "replay", record.reference]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.usefixtures("_with_a_bug")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"type": "protocol.chat.Shout"}, "This server knows no message protocol.chat.Shout."),
        ({"type": "os.system"}, "This server knows no message os.system."),
        ({"type": "core.actor.Timer"}, "core.actor.Timer is no message"),
        ({"fields": None}, "is no message whose fields are recorded"),
        ({"fields": {"type": "chat.message"}}, "has not the fields of this server's"),
    ],
)
def test_an_unknown_message_is_refused_with_a_sentence(
    changes: dict[str, Any],
    sentence: str,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = crash_a_room(directory)
    envelope = msgspec.structs.replace(record.envelopes[-1], **changes)
    (file,) = stored(directory)
    file.write_bytes(fitted(msgspec.structs.replace(record, envelopes=[envelope])))
    assert main(["crashes", "replay", record.reference]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("reference", ["0190a000", "../../etc/passwd", "*", ""])
def test_a_reference_that_names_no_record_is_said_so(
    reference: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crashes", "show", reference]) == 2
    assert "There is no crash record" in capsys.readouterr().err
    assert main(["crashes", "list"]) == 0
    assert capsys.readouterr().out == f"No crash is on record in {directory}.\n"


@pytest.mark.usefixtures("_with_a_bug")
def test_the_file_is_its_owners_alone(directory: Path) -> None:
    crash_a_room(directory)
    (file,) = stored(directory)
    assert file.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert os.listdir(directory) == [file.name]


def test_who_reads_no_further_than_the_first_lines_gets_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`crashes list | head -1`."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setenv("CARAVAN_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.stdout", Gone())
    assert main(["crashes", "list"]) == 1
