"""The demo world: made once, whole, and explained when it cannot be."""

import argparse
from functools import partial

import pytest
import trio
from tiny_http import tiny_site
from tiny_server import TinyServer

from commands import seed, seed_tokens
from commands.seed import PEOPLE, ROOMS, SeedFailedError, seed_over_http
from core.config import Config


async def test_the_demo_world_has_people_rooms_messages_a_reaction_and_a_pin(monkeypatch):
    monkeypatch.delenv("CARAVAN_PASSWORD", raising=False)
    server = TinyServer()
    async with tiny_site(server) as (url, _):
        assert await seed_over_http(url) == "caravan-demo"
    world = server.world
    assert {user.handle for user in world.users.values()} == set(PEOPLE)
    rooms = {room.title: room for room in world.rooms.values()}
    assert set(rooms) == set(ROOMS)
    lisbon = rooms["lisbon"]
    assert set(lisbon.members.values()) == {"joined"}
    assert [m["content"] for m in lisbon.messages()] == [text for _, text in ROOMS["lisbon"]]
    assert [len(who) for who in lisbon.reactions.values()] == [2]
    assert len(lisbon.pinned) == 1


async def test_seeding_again_adds_nothing():
    server = TinyServer()
    async with tiny_site(server) as (url, _):
        await seed_over_http(url)
        before = [len(room.log) for room in server.world.rooms.values()]
        await seed_over_http(url)
        assert [len(room.log) for room in server.world.rooms.values()] == before


async def test_somebody_elses_ada_is_said_to_be_so():
    server = TinyServer()
    server.world.add_user("ada", password="hers")
    async with tiny_site(server) as (url, _):
        with pytest.raises(SeedFailedError, match="ada exists and has another password"):
            await seed_over_http(url)


async def test_the_command_says_whom_to_be(capsys):
    async with tiny_site(TinyServer()) as (url, _):
        args = argparse.Namespace(url=url, tokens=None, accounts=None)
        assert await trio.to_thread.run_sync(partial(seed.run, args)) == 0
    assert "ada, bob, chen, dina" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[::1", "http://a..b"])
def test_without_a_server_the_command_says_how_to_start_one(url, capsys):
    assert seed.run(argparse.Namespace(url=url, tokens=None, accounts=None)) == 1
    assert "Start one with `make run`" in capsys.readouterr().err


async def test_where_tokens_cannot_be_written_no_accounts_are_made(database, dsn, tmp_path):
    config, key = Config(database_url=dsn), bytes(32)
    with pytest.RaisesGroup(OSError, allow_unwrapped=True, flatten_subgroups=True):
        await seed_tokens._seed(config, key, tmp_path, 3)

    async def accounts(connection):
        return await connection.fetchval("SELECT count(*) FROM account")

    assert await database.call(accounts) == 0
    await seed_tokens._seed(config, key, tmp_path / "tokens", 3)
    assert await database.call(accounts) == 3
    assert len((tmp_path / "tokens").read_text().splitlines()) == 3
    assert [one.name for one in tmp_path.iterdir()] == ["tokens"]
