"""The command line as an operator meets it whom somebody asks: what do you know of me, forget me, keep a backup."""

import json
from functools import partial
from pathlib import Path
from shutil import copy

import trio
from http_client import Caller, refusal
from raw_client import PASSWORD, Frame, RawClient, Stage, on_stage, register, uuid7
from server_process import ServerProcess
from test_e2e_http_operator import main, sentence
from test_e2e_personas import persona_of

from commands.erased_again import ERASED
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


async def test_who_was_erased_after_a_backup_does_not_come_back_with_it(tmp_path: Path) -> None:
    """Nor a word of hers, nor her persona; what others said is there, and they go on."""
    before, after = (ServerProcess(tmp_path / name) for name in ("before", "after"))
    file = tmp_path / "backup"

    async def does(server: ServerProcess, *words: str) -> None:
        run = partial(main, *words, data_dir=server.data_dir, within=WITHIN)
        ended = await trio.to_thread.run_sync(run)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout

    await before.start()
    try:
        eve, bob = (register(before.http, name) for name in ("Eve", "Bob"))
        async with on_stage(before.http, before.ws) as stage:
            hers, his = await stage.enter(eve), await stage.enter(bob)
            room = await stage.room(hers, his)
            nova = persona_of(before, eve, "Nova", "explorer")
            await hers.ask("room.persona", roomId=room["id"], personaId=nova["id"], active=True)
            await hers.say(room, "sardines")
            await his.say(room, "herring")
            await does(before, "backup", str(file))
        await does(before, "admin", "erase", eve.handle)
        assert (before.data_dir / ERASED).read_text() == f"{eve.id}\n"
    finally:
        await before.end()

    await does(after, "restore", str(file))
    for name in ("master.key", ERASED):
        copy(before.data_dir / name, after.data_dir / name)
    await after.start()
    try:
        again = {"handle": eve.handle, "password": PASSWORD}
        refusal(Caller(after.http).post("auth/login", again), 401, "unauthenticated")
        async with on_stage(after.http, after.ws) as stage:
            his = await stage.enter(bob)
            joined = await his.ask("room.join", roomId=room["id"])
            page = await his.ask("chat.history", roomId=room["id"])
            said = [(one["content"], one["sender"]["name"]) for one in page["messages"]]
            assert said[-2:] == [("", ""), ("herring", "Bob")]
            assert joined["room"]["personas"] == []
            await his.say(room, "I am still here")
        assert '"erased.again"' in after.last_words()
        assert await after.stop() == 0
    finally:
        await after.end()


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
