"""What crashes in a real server: an actor leaves a record that replays; a part ends the process."""

import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from raw_client import on_stage, register, uuid7
from server_process import ROOT, ServerProcess

PARTS = ["leases", "message_log", "actors", "http"]
"""And, in the other test, the clients."""
SCRIPT = str(Path(__file__).with_name("crashing_server.py"))
KEY = base64.b64encode(bytes(32)).decode()
UNLUCKY = "marmalade 471"


class Doomed(ServerProcess):
    """One of its parts crashes when told."""

    def __init__(self, folder: Path, part: str, dsn: str) -> None:
        folder.mkdir()
        self.part, self._order = part, folder / "crash"
        self.script = (sys.executable, SCRIPT, part, str(self._order))
        settings = {"DATABASE_URL": dsn, "CARAVAN_MASTER_KEY": KEY}
        super().__init__(folder / "data", command=(*self.script, "serve"), settings=settings)

    async def crash(self) -> int:
        """The exit status."""
        self._order.touch()
        process, self._process = self._process, None
        assert process is not None
        assert process.stdout is not None
        with trio.fail_after(20):
            status = await process.wait()
        await process.stdout.aclose()
        return status

    async def command(self, *arguments: str) -> str:
        """What another process prints with the same data; it must succeed."""
        done = await trio.run_process(
            [*self.script, *arguments],
            cwd=ROOT,
            env=self._environment(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@asynccontextmanager
async def doomed(folder: Path, part: str, dsn: str) -> AsyncIterator[Doomed]:
    server = Doomed(folder, part, dsn)
    try:
        await server.start()
        yield server
    finally:
        await server.end()


async def test_an_actors_crash_is_recorded_listed_shown_and_replayed_and_harms_nobody_else(
    tmp_path: Path, dsn: str
) -> None:
    async with (
        doomed(tmp_path / "server", "clients", dsn) as server,
        on_stage(server.http, server.ws) as stage,
    ):
        ada = await stage.enter(await trio.to_thread.run_sync(register, server.http, "Ada"))
        room = await stage.room(ada)
        await ada.say(room, "before")
        refusal = await ada.refused(
            "chat.message", roomId=room["id"], content=UNLUCKY, clientId=uuid7()
        )
        assert refusal["code"] == "internal"
        reference = refusal["reference"]
        await ada.say(room, "after")

        said: dict[str, str] = {}
        async with trio.open_nursery() as nursery:
            for action in (["list"], ["show", reference], ["replay", reference]):
                nursery.start_soon(note_output, server, action, said)
        assert await server.crash() == 2

    assert said["list"].split()[0] == reference
    assert " room  ArithmeticError  tests/e2e/crashing_server.py:" in said["list"]
    record = json.loads(said["show"])
    assert (record["kind"], record["key"]) == ("room", room["id"])
    last = record["envelopes"][-1]
    assert last["type"] == "protocol.chat.PostMessage"
    assert last["fields"]["content"] == "xxxxxxxxx 000"
    assert last["principal"]["user_id"] == ada.id
    assert "messages: ArithmeticError at tests/e2e/crashing_server.py:" in said["replay"]
    demand_last_words(server)
    (file,) = (server.data_dir / "crashes").iterdir()
    told = file.read_bytes() + server.log.read_bytes()
    assert [word for word in ("marmalade", "Lisbon", "Ada") if word.encode() in told] == []


async def note_output(server: Doomed, arguments: list[str], said: dict[str, str]) -> None:
    said[arguments[0]] = await server.command("crashes", *arguments)


async def test_a_crash_of_what_cannot_begin_again_ends_the_process_and_says_why(
    tmp_path: Path, dsn: str
) -> None:
    async with trio.open_nursery() as nursery:
        for part in PARTS:
            nursery.start_soon(start_and_crash, tmp_path / part, part, dsn)


async def start_and_crash(folder: Path, part: str, dsn: str) -> None:
    async with doomed(folder, part, dsn) as server:
        assert await server.crash() == 2
    demand_last_words(server)


def demand_last_words(server: Doomed) -> None:
    *lines, last = server.log.read_text().splitlines()
    assert last == f"server: {server.part} crashed too often"
    errors = [entry for line in lines if (entry := json.loads(line))["level"] == "error"]
    (crash,) = [entry for entry in errors if entry["event"] != "actor crashed"]
    assert (crash["event"], crash["child"]) == ("child crashed", server.part)
    assert (crash["error"], crash["causes"]) == ("ExceptionGroup", ["LookupError"])
    assert crash["place"].startswith("tests/e2e/crashing_server.py:")
    assert "what somebody wrote" not in server.log.read_text()
