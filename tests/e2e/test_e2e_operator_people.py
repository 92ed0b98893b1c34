"""The command line as an operator meets it whom somebody asks: what do you know of me, forget me, keep a backup."""

import json
from functools import partial
from pathlib import Path

import trio
from http_client import Caller, refusal
from raw_client import PASSWORD, Frame, RawClient, Stage, register, uuid7
from server_process import ServerProcess
from test_e2e_http_operator import main, sentence
from test_e2e_personas import persona_of

from protocol.close_codes import CloseCode

WITHIN = 30.0


async def test_who_is_erased_leaves_everybodys_rooms_and_no_word(
    protocol_server: ServerProcess, stage: Stage, bob: RawClient
) -> None:
    """Also in a room that she had left before; somebody else may then have her handle."""
    eve = await stage.enter(register(protocol_server.http, "Eve"))
    assert eve.person
    room, left = await stage.room(eve, bob), await stage.room(bob, eve)
    said, once = await eve.say(room, "sardines"), await eve.say(left, "herring")
    await eve.ask("room.leave", roomId=left["id"])
    persona = persona_of(protocol_server, eve.person, "Nova", "explorer")
    pair = (await eve.ask("room.create", kind="direct", members=[bob.id], clientId=uuid7()))["room"]
    for one in (room, pair):
        await eve.ask("room.persona", roomId=one["id"], personaId=persona["id"], active=True)
    erase = partial(
        main,
        *("admin", "erase", eve.person.handle),
        data_dir=protocol_server.data_dir,
        within=WITHIN,
    )

    ended = await trio.to_thread.run_sync(erase)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert (
        ended.stdout
        == f"{eve.person.handle} is gone: 2 messages and edits have no text any more.\n"
    )
    assert (await eve.ending())[1] == CloseCode.TOKEN_REVOKED
    await bob.event("chat.deleted", roomId=room["id"], messageId=said["messageId"])
    await bob.event("room.changed", roomId=room["id"], change="left", by=eve.id)
    page = await bob.ask("chat.history", roomId=left["id"])
    [herring] = [one for one in page["messages"] if one["messageId"] == once["messageId"]]
    assert (herring["content"], herring["sender"]["name"]) == ("", "")
    with trio.fail_after(WITHIN):  # a room that is active hears of it within a second or two
        while (await told_again(stage, bob, left, once))["content"]:
            pass
    assert (await bob.ask("room.join", roomId=pair["id"]))["room"]["personas"] == []
    for one in (room, pair):
        [notice] = [
            message["content"]
            for message in (await bob.ask("chat.history", roomId=one["id"]))["messages"]
            if message["sender"]["kind"] == "system"
        ]
        assert notice.startswith("… is an AI persona, not a person. … brought it here.")
    caller = Caller(protocol_server.http)
    again = {"handle": eve.person.handle, "password": PASSWORD}
    refusal(caller.post("auth/login", again), 401, "unauthenticated")


async def told_again(stage: Stage, client: RawClient, room: Frame, said: Frame) -> Frame:
    """That message, as another device hears of it that missed it."""
    assert client.person
    late = await stage.enter(client.person)
    after = {"epoch": room["epoch"], "seq": said["seq"] - 1}
    await late.ask("room.join", roomId=room["id"], after=after)
    told = await late.event("chat.message", messageId=said["messageId"])
    await stage.leave(late)
    return told


def test_who_asks_is_told_all_that_is_kept(protocol_server: ServerProcess, tmp_path: Path) -> None:
    person, file = register(protocol_server.http, "Flo"), tmp_path / "flo"
    ended = main(
        *("admin", "export", person.handle, str(file)),
        data_dir=protocol_server.data_dir,
        within=WITHIN,
    )
    assert (ended.returncode, ended.stdout) == (0, f"{file}: 1 account, 1 login\n")
    assert json.loads(file.read_text().splitlines()[0])["handle"] == person.handle


def test_a_backup_is_made_beside_the_server_and_not_put_over_it(
    protocol_server: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    does = partial(main, data_dir=protocol_server.data_dir, within=WITHIN)
    ended = does("backup", str(file))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert file.stat().st_size > 10_000
    assert "A server runs from" in sentence(does("restore", str(file)), status=1)
