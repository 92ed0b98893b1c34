"""A message that was deleted is forgotten, though the server was killed before it told its personas."""

import sys
from pathlib import Path

import trio
from http_client import Caller
from raw_client import Stage, on_stage, register
from server_process import ServerProcess
from test_e2e_personas import PATIENCE, answered, persona_of


async def _learned(stage: Stage, server: ServerProcess, caller: Caller) -> str:
    """What a persona remembers of a message that is deleted by now: the path of it."""
    ada = await stage.enter(caller.person)
    room = await stage.room(ada)
    persona = persona_of(server, caller.person, "Nova", "explorer")
    await ada.ask("room.persona", roomId=room["id"], personaId=persona["id"], active=True)
    answer = await answered(ada, room, "we are 2 adults")
    path = f"personas/{persona['id']}/memories"
    with trio.fail_after(PATIENCE):
        while not caller.get(path).json()["items"]:
            await trio.sleep(0.05)
    await ada.ask("chat.delete", roomId=room["id"], messageId=answer["replyTo"])
    return path


async def test_a_kill_between_the_deletion_and_the_forgetting_leaves_no_memory(
    dsn: str, tmp_path: Path
) -> None:
    broken, settings = str(Path(__file__).with_name("broken_server.py")), {"DATABASE_URL": dsn}
    command = (sys.executable, broken, "forget_nothing")
    weak = ServerProcess(tmp_path / "data", command=command, settings=settings)
    await weak.start()
    caller = Caller(weak.http, register(weak.http, "Ada"))
    async with on_stage(weak.http, weak.ws) as stage:
        path = await _learned(stage, weak, caller)
        assert caller.get(path).json()["items"], "it is to be there when the kill comes"
        await weak.kill()
    server = ServerProcess(tmp_path / "data", settings=settings)
    await server.start()
    again = Caller(server.http, caller.person)
    with trio.fail_after(PATIENCE):
        while again.get(path).json()["items"]:
            await trio.sleep(0.1)
    await server.kill()
