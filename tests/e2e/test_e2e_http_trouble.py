"""A server in trouble: a crash has a reference, a lost database is not ready; and what is logged."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from http_client import Caller, call, newcomer, refusal
from raw_client import Person, Stage, hello, on_stage, register, uuid7
from server_process import ServerProcess

from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.pool import Connection, Database


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of this module's own, to be broken."""
    data_dir = tmp_path_factory.mktemp("trouble") / "data"
    server = ServerProcess(data_dir)
    trio.run(server.start)
    yield server
    assert trio.run(server.stop) == 0, server.last_words()


@pytest.fixture(scope="module")
def person(troubled: ServerProcess) -> Person:
    return register(troubled.http, "Ada")


def lines(server: ServerProcess) -> list[dict[str, Any]]:
    """What the server has logged: nothing but JSON."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


@asynccontextmanager
async def without_table(server: ServerProcess, table: str) -> AsyncIterator[None]:
    """The server's database lacks a table for a while."""
    dsn = json.loads((server.data_dir / "server.json").read_text())["database"]

    async def rename(connection: Connection, old: str, new: str) -> None:
        await connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=1) as database:
        await database.call(rename, table, f"{table}_gone")
        try:
            yield
        finally:
            await database.call(rename, f"{table}_gone", table)


# Crashes.


async def test_a_crash_tells_a_reference_that_the_log_explains(
    troubled: ServerProcess, person: Person
) -> None:
    caller = Caller(troubled.http, person)
    async with without_table(troubled, "inbox_item"):
        answer = await trio.to_thread.run_sync(lambda: caller.get("inbox"))

    assert answer.status_code == 500
    assert set(answer.json()) == {"error"}
    (line,) = [each for each in lines(troubled) if each.get("reference") == answer.json()["error"]]
    assert line["level"] == "error"
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "UndefinedTable" in line["exception"]
    assert caller.get("inbox").status_code == 200


async def test_a_server_whose_database_died_is_alive_not_ready_and_ready_again(
    troubled: ServerProcess, person: Person
) -> None:
    postmaster = troubled.postmaster
    assert postmaster is not None
    caller = Caller(troubled.http, person)

    os.kill(postmaster, signal.SIGKILL)

    with trio.fail_after(10):
        while (answer := call(troubled.http, "GET", "/readyz")).status_code != 503:
            await trio.lowlevel.checkpoint()
        assert answer.json()["ready"] is False
        assert answer.json()["checks"]["database"] is False
        assert call(troubled.http, "GET", "/healthz").status_code == 200
        refused = caller.get("users/me")
        if refused.status_code != 200:
            refusal(refused, 504, "unavailable")
            assert int(refused.headers["Retry-After"]) >= 1
        while call(troubled.http, "GET", "/readyz").status_code != 200:
            await trio.sleep(0.02)
    assert caller.get("users/me").status_code == 200


# Logs.


def test_each_request_is_one_line_with_its_id(troubled: ServerProcess, person: Person) -> None:
    answer = Caller(troubled.http, person).get("users/me")

    (line,) = [
        each for each in lines(troubled) if each.get("request_id") == answer.headers["X-Request-Id"]
    ]
    assert (line["event"], line["method"], line["route"], line["status"], line["user"]) == (
        "request",
        "GET",
        "/api/v1/users/me",
        200,
        person.id,
    )


async def test_no_password_token_or_message_is_ever_in_a_log(
    troubled: ServerProcess,
) -> None:
    """Every secret is used rightly, wrongly, and while the database fails."""
    async with on_stage(troubled.http, troubled.ws) as stage:
        secrets = await everything_said(troubled, stage)

    logged = troubled.log.read_text()
    assert len(secrets) >= 15
    assert [name for name, secret in secrets.items() if secret in logged] == []
    assert '"event": "request"' in logged


async def everything_said(server: ServerProcess, stage: Stage) -> dict[str, str]:
    """Say secrets at every door; by name, what must not be in the log."""
    said = {name: f"canary-{name}-{uuid7()}" for name in ("password", "wrong", "otp", "key")}
    body = newcomer(password=said["password"])
    nobody = Caller(server.http)
    granted = nobody.post("auth/register", body).json()
    wrongly = {"handle": body["handle"], "password": said["wrong"], "otp": said["otp"][:16]}
    said["otp"] = said["otp"][:16]
    said["access"], said["refresh"] = granted["accessToken"], granted["refreshToken"]
    nobody.post("auth/login", wrongly)
    nobody.post("auth/login", json.dumps(wrongly).encode()[:-1])
    nobody.post("auth/login", {**wrongly, said["key"]: said["wrong"]})
    async with without_table(server, "credential"):
        crashed = await trio.to_thread.run_sync(lambda: nobody.post("auth/login", wrongly))
    assert crashed.status_code == 500
    renewed = nobody.post("auth/refresh", {"refreshToken": said["refresh"]}).json()
    said["access2"], said["refresh2"] = renewed["accessToken"], renewed["refreshToken"]
    user = granted["user"]
    me = Person(user["id"], user["handle"], user["name"], said["access2"], said["refresh2"], "en")
    for name in ("token", "access_token", "ticket"):
        Caller(server.http, me).get("users/me", **{name: said["access2"]})
    call(server.http, "GET", f"/api/v1/users/{said['access2']}", token=said["access2"])
    call(server.http, "GET", f"/nowhere/{said['access2']}?token={said['refresh2']}")
    said["ticket"] = Caller(server.http, me).post("auth/ticket").json()["ticket"]
    return said | await everything_over_the_socket(server, stage, me, said["ticket"])


async def everything_over_the_socket(
    server: ServerProcess, stage: Stage, me: Person, ticket: str
) -> dict[str, str]:
    names = ("guess", "text", "edit", "search", "unknown", "failed", "late")
    said = {name: f"canary-{name}-{uuid7()}" for name in names}
    for token in (said["guess"], f"a.{said['guess']}.c"):
        client = await stage.connect()
        await client.tell("hello", **hello(token))
        await client.ending()
    by_ticket = await stage.connect()
    await by_ticket.tell("hello", **hello(ticket))
    client = await stage.enter(me)
    room = await stage.room(client)
    sent = await client.say(room, said["text"])
    message = {"roomId": room["id"], "messageId": sent["messageId"]}
    await client.ask("chat.edit", content=said["edit"], **message)
    await client.ask("chat.search", query=said["search"])
    await client.refused("chat.message", roomId=room["id"], content=said["unknown"], clientId="x")
    await client.refused("no.such.command", content=said["unknown"])
    await client.refused("auth.refresh", token=said["guess"])
    async with without_table(server, "outbox"):
        ref = await client.send(
            "chat.message", roomId=room["id"], content=said["failed"], clientId=uuid7()
        )
        with trio.fail_after(5):
            while "message_log.failed" not in server.log.read_text():
                await trio.sleep(0.02)
    await client.answer(ref)
    await client.say(room, said["late"])
    return said
