"""The terminal in plain mode, against the tiny server: what people type and read."""

import argparse
import io
import os
import stat
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import trio
from tiny_http import tiny_site
from tiny_server import TinyServer

from commands import chat
from commands.command_line import NO_UTF8, main
from commands.seed import seed_over_http
from commands.terminal_login import TokenFile, TokenFileError, is_loopback
from commands.terminal_screen import LineScreen, PlainScreen
from commands.terminal_talk import Talk
from loadtest.accounts import ApiError, LoginRefusedError
from loadtest.client import Refused


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("CARAVAN_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_words_in_another_encoding_are_no_trace(capsys):
    """A terminal that is set to Latin-1, where Python reads UTF-8."""
    words = ["--room=lisbon", "--plain", "--url=http://127.0.0.1:9"]
    assert main(["chat", "--user=jos\udce9", *words]) == 2
    assert capsys.readouterr().err == NO_UTF8 + "\n"


async def test_a_line_that_is_typed_in_another_encoding_can_be_sent(monkeypatch):
    """As readline gives it: with what is no UTF-8 kept aside."""
    monkeypatch.setattr("builtins.input", lambda prompt: "caf\udce9 ☕")
    assert await LineScreen().read_line() == "caf\ufffd ☕"


class Paper(io.StringIO):
    """What a person sees, and a way to wait for words on it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = trio.Event()

    def write(self, text: str) -> int:
        length = super().write(text)
        self._written.set()
        self._written = trio.Event()
        return length

    async def until(self, words: str, *, times: int = 1) -> None:
        with trio.fail_after(10):
            while self.getvalue().count(words) < times:
                await self._written.wait()

    def lines(self, words: str) -> list[str]:
        return [line for line in self.getvalue().splitlines() if words in line]


class Person:
    """Somebody at a terminal: types into a pipe, reads from paper."""

    def __init__(self, descriptor: int, paper: Paper) -> None:
        self._descriptor = descriptor
        self.paper = paper

    def types(self, *lines: str) -> None:
        os.write(self._descriptor, "".join(line + "\n" for line in lines).encode())

    async def reads(self, words: str, *, times: int = 1) -> None:
        await self.paper.until(words, times=times)


@asynccontextmanager
async def at_terminal(url: str, user: str, room: str = "lisbon", invited: tuple[str, ...] = ()):
    reading, typing = os.pipe()
    paper = Paper()
    args = argparse.Namespace(
        url=url, user=user, room=room, invited=list(invited), name=None, plain=True
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chat._chat, args, PlainScreen(reading, paper))
        try:
            yield Person(typing, paper)
        finally:
            os.close(typing)
            nursery.cancel_scope.deadline = trio.current_time() + 5
    os.close(reading)


@asynccontextmanager
async def demo_world():
    server = TinyServer()
    async with tiny_site(server) as (url, _):
        await seed_over_http(url)
        yield server, url


async def test_what_one_types_the_other_reads_once():
    async with (
        demo_world() as (_, url),
        at_terminal(url, "ada") as ada,
        at_terminal(url, "bob") as bob,
    ):
        await ada.reads("lisbon: 4 members")
        await bob.reads("lisbon: 4 members")
        ada.types("Shall we?")
        await bob.reads("Ada: Shall we?")
        bob.types("Gladly.")
        for person in (ada, bob):
            await person.reads("Bob: Gladly.")
        for person in (ada, bob):
            assert len(person.paper.lines("Shall we?")) == 1
            assert len(person.paper.lines("Gladly.")) == 1


async def test_history_is_shown_at_the_start_with_what_became_of_it():
    async with demo_world() as (_, url), at_terminal(url, "chen") as chen:
        await chen.reads("lisbon: 4 members")
        assert "(pinned)" in chen.paper.lines("Let's decide on Sunday")[0]
        assert "❤️ 2" in chen.paper.lines("Yes! Can we stay")[0]


async def test_a_line_typed_while_the_server_is_away_arrives_once_it_is_back():
    async with (
        demo_world() as (server, url),
        at_terminal(url, "ada") as ada,
        at_terminal(url, "bob") as bob,
    ):
        await ada.reads("lisbon: 4 members")
        await bob.reads("lisbon: 4 members")
        server.faults.cut_at_hello = 1
        await server.close_all(4000, "restarting")
        await ada.reads("connection lost")
        ada.types("Are you there?")
        await bob.reads("Ada: Are you there?")
        await ada.reads("Ada: Are you there?")
        assert len(bob.paper.lines("Ada: Are you there?")) == 1


async def test_lines_from_a_pipe_are_all_sent_before_the_end():
    async with demo_world() as (server, url):
        async with at_terminal(url, "ada") as ada:
            ada.types(*(f"line {n}" for n in range(20)))
        room = next(r for r in server.world.rooms.values() if r.title == "lisbon")
        said = [m["content"] for m in room.messages()]
        assert said[-20:] == [f"line {n}" for n in range(20)]


async def test_messages_are_edited_reacted_to_pinned_and_deleted_by_number():
    async with demo_world() as (_, url), at_terminal(url, "ada") as ada:
        await ada.reads("lisbon: 4 members")
        ada.types("Tuesdya")
        await ada.reads("Ada: Tuesdya")
        number = ada.paper.lines("Ada: Tuesdya")[0].split()[0]
        ada.types("/edit last Tuesday")
        await ada.reads(f"Ada changed message {number}: Tuesday")
        ada.types(f"/react {number} 🎉")
        await ada.reads(f"Ada reacted to message {number} with 🎉")
        ada.types(f"/pin {number}")
        await ada.reads(f"Ada pinned message {number}.")
        ada.types("/delete last")
        await ada.reads(f"Ada deleted message {number}.")


async def test_an_invitation_is_announced_and_accepted_by_join():
    async with (
        demo_world() as (_, url),
        at_terminal(url, "ada", "porto") as ada,
        at_terminal(url, "bob") as bob,
    ):
        await bob.reads("lisbon: 4 members")
        await ada.reads("/invite HANDLE")
        ada.types("/invite bob")
        await bob.reads("you are invited to “porto”")
        bob.types("/join")
        await bob.reads("porto: 2 members")
        await ada.reads("Bob joined.")
        bob.types("Here I am.")
        await ada.reads("Bob: Here I am.")


async def test_two_newcomers_with_one_title_meet_in_the_inviters_room():
    server = TinyServer()
    async with tiny_site(server) as (url, _), at_terminal(url, "bob", "evora") as bob:
        await bob.reads("you are alone")
        async with at_terminal(url, "ada", "evora", invited=("bob",)) as ada:
            await bob.reads("evora: 2 members")
            ada.types("Found you.")
            await bob.reads("Ada: Found you.")


async def test_somebody_who_does_not_exist_cannot_be_invited():
    async with demo_world() as (_, url), at_terminal(url, "ada") as ada:
        ada.types("/invite nobody")
        await ada.reads("Nobody here is called nobody.")


async def test_help_rooms_who_search_and_a_wrong_word():
    async with demo_world() as (_, url), at_terminal(url, "ada") as ada:
        ada.types("/help", "/rooms", "/who", "/search alfama", "/history", "/dance")
        await ada.reads("Nothing earlier.")
        await ada.reads("/invite HANDLE")
        await ada.reads("packing")
        await ada.reads("Bob (member")
        await ada.reads("2 found.")
        await ada.reads("/dance is no command")


async def test_what_was_shown_is_marked_as_read():
    async with demo_world() as (server, url), at_terminal(url, "ada") as ada:
        await ada.reads("lisbon: 4 members")
        with trio.fail_after(5):
            while not any(frame["type"] == "chat.read" for frame in server.received):
                await server.received_something.wait()
        mark = next(frame for frame in server.received if frame["type"] == "chat.read")
        assert mark["seq"] == len(server.world.rooms[mark["roomId"]].log)


async def test_a_person_sees_who_is_typing_once():
    async with demo_world() as (server, url), at_terminal(url, "ada") as ada:
        await ada.reads("lisbon: 4 members")
        room = next(r for r in server.world.rooms.values() if r.title == "lisbon")
        bob = server.world.by_handle("bob")
        event = {"type": "typing.indicator", "roomId": room.id, "userId": bob.id, "active": True}
        server.tell_user(server.world.by_handle("ada").id, event)
        server.tell_user(server.world.by_handle("ada").id, event)
        ada.types("Go on.")
        await ada.reads("Ada: Go on.")
        assert len(ada.paper.lines("Bob is typing")) == 1


async def test_an_unknown_handle_is_registered_on_this_machine_and_said_so():
    server = TinyServer()
    async with tiny_site(server) as (url, _), at_terminal(url, "zoe") as zoe:
        await zoe.reads("Welcome, zoe: you are registered now (password: caravan-demo).")
        assert server.world.by_handle("zoe").name == "Zoe"


async def test_the_next_time_the_kept_token_is_enough():
    server = TinyServer()
    async with tiny_site(server) as (url, http):
        for _ in range(2):
            async with at_terminal(url, "zoe") as zoe:
                await zoe.reads("lisbon: 1 member,")
        logins = [call for call in http.calls if call.startswith("POST /auth/")]
        assert logins == ["POST /auth/login", "POST /auth/register", "POST /auth/refresh"]


async def test_another_password_is_named_as_the_trouble():
    server = TinyServer()
    server.world.add_user("ada", password="hers alone")
    async with tiny_site(server) as (url, _):
        with trio.fail_after(5), pytest.RaisesGroup(LoginRefusedError, flatten_subgroups=True):
            async with at_terminal(url, "ada"):
                await trio.sleep_forever()


def test_the_kept_token_is_for_its_owner_alone(tmp_path):
    kept = TokenFile("http://127.0.0.1:8080", "ada", tmp_path / "state")
    assert kept.load() is None
    kept.save("secret")
    file = next((tmp_path / "state").glob("*.token"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept.load() == "secret"


async def test_two_terminals_of_one_person_take_turns_with_the_token(tmp_path):
    mine, other = (TokenFile("http://h:1", "ada", tmp_path) for _ in range(2))
    order = []

    async def spend(file: TokenFile, name: str) -> None:
        async with file.exclusive():
            order.append(f"{name} in")
            await trio.sleep(0.1)
            order.append(f"{name} out")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(spend, mine, "a")
        nursery.start_soon(spend, other, "b")
    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.caravan.example:8080", False),
    ],
)
def test_only_this_machine_counts_as_loopback(url: str, expected: bool):
    assert is_loopback(url) is expected


def test_without_a_server_the_command_says_how_to_start_one(capsys):
    words = ["chat", "--user", "ada", "--room", "lisbon", "--url", "http://127.0.0.1:9"]
    assert main(words) == 1
    assert "Start one with `make run`" in capsys.readouterr().err


def test_a_server_that_does_not_answer_in_time_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def too_slow(*_: object) -> None:
        raise ExceptionGroup("a nursery's", [trio.TooSlowError()])

    monkeypatch.setattr(chat, "_chat_until_interrupted", too_slow)
    assert main(["chat", "--plain", "--user", "ada", "--room", "r", "--url", "http://x"]) == 1
    assert capsys.readouterr().err == "The server at http://x does not answer in time.\n"


def test_a_token_that_cannot_be_kept_is_a_sentence(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    arguments = ["--plain", "--user", "ada", "--room", "r", "--url", "http://127.0.0.1:1"]
    assert main(["chat", *arguments]) == 1
    assert capsys.readouterr().err == (
        f"No token can be kept in {tmp_path / 'file' / 'caravan'} (Not a directory). "
        "Set XDG_STATE_HOME to a directory that you may write to.\n"
    )


async def test_two_terminals_of_one_person_do_not_wait_for_ever(tmp_path, autojump_clock) -> None:
    one, other = (TokenFile("http://x", "ada", tmp_path) for _ in range(2))
    async with one.exclusive():
        with pytest.raises(TokenFileError, match="Try again"):
            async with other.exclusive():
                pass


def test_a_refusal_that_ends_the_conversation_steers_no_terminal(monkeypatch, capsys):
    async def refused(*_):
        raise ApiError(400, "no\x1b]0;such room\x07")

    monkeypatch.setattr(chat, "_chat", refused)
    args = argparse.Namespace(url="http://127.0.0.1:1", plain=True)
    assert chat.run(args) == 1
    assert capsys.readouterr().err == "no·]0;such room·\n"


async def test_a_refusal_of_what_the_screen_asks_by_itself_steers_no_terminal(monkeypatch):
    async def events():
        yield {"type": "room.invited", "room": {}}

    async def refused(*_):
        raise Refused({"code": "conflict", "message": "no\x1b[2J", "temporary": False})

    paper = Paper()
    talk = Talk(SimpleNamespace(events=events()), None, PlainScreen(0, paper))
    monkeypatch.setattr(talk, "_invited", refused)
    await talk.events()
    assert paper.getvalue().startswith("The server did not answer: ")
    assert "no·[2J" in paper.getvalue()
