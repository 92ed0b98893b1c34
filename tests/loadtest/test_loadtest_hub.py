"""One task for all sockets: what it hands over, what it keeps back, how it tells of the end."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import trio
import trio.testing
from test_loadtest_client import Login
from test_loadtest_frames import from_server
from tiny_server import TinyServer
from trio_websocket import ConnectionClosed
from wsproto.frame_protocol import FrameProtocol

from loadtest.client import Session, open_session
from loadtest.connection import dial_url
from loadtest.hub import MAX_UNSENT_BYTES, Hub, HubSocket, open_hub
from loadtest.wire import UnreadableFrameError


@contextmanager
def a_pair(hub: Hub) -> Iterator[tuple[HubSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        yield (
            HubSocket(hub, ours, from_server(2, b"came with the handshake"), random.Random(1)),
            theirs,
        )


async def end_of(one: HubSocket, take=lambda data: None) -> Exception:
    try:
        with trio.fail_after(5):
            await one.hear(take)
    except Exception as error:
        return error
    raise AssertionError("it never returns")


async def read_all(theirs: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        with suppress(BlockingIOError):
            data += theirs.recv(1 << 20)
        await trio.lowlevel.checkpoint()
    return data


async def test_messages_are_handed_over_until_the_server_says_goodbye():
    heard: list[bytes] = []
    async with open_hub() as hub:
        with a_pair(hub) as (one, theirs):
            theirs.send(from_server(2, b"a") + from_server(9, b"hey") + from_server(2, b"b"))
            theirs.send(from_server(8, (4002).to_bytes(2, "big") + b"slow"))
            ended = await end_of(one, heard.append)
            answers = FrameProtocol(client=False, extensions=[])
            answers.receive_bytes(theirs.recv(1_000))
            assert [
                bytes(f.payload) if f.opcode == 10 else f.payload[0]
                for f in answers.received_frames()
            ] == [b"hey", 4002]
    assert heard == [b"came with the handshake", b"a", b"b"]
    assert isinstance(ended, ConnectionClosed)
    assert (ended.reason.code, ended.reason.reason) == (4002, "slow")


async def test_a_socket_that_is_cut_ends_without_a_reason_on_either_side():
    async with open_hub() as hub:
        with a_pair(hub) as (one, theirs):
            theirs.close()
            assert (await end_of(one)).reason is None
        with a_pair(hub) as (one, theirs):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end_of, one)
                await trio.testing.wait_all_tasks_blocked()
                await trio.aclose_forcefully(one)
            assert theirs.recv(100) == b"", "not a word"


async def test_what_the_listener_raises_and_what_is_unreadable_end_it():
    def refuse(data: bytes) -> None:
        raise KeyError("mine")

    async with open_hub() as hub:
        with a_pair(hub) as (one, _):
            assert isinstance(await end_of(one, refuse), KeyError)
        with a_pair(hub) as (one, theirs):
            theirs.send(from_server(1, b"text"))
            assert isinstance(await end_of(one), UnreadableFrameError)


async def test_what_the_kernel_does_not_take_is_kept_in_order_and_bounded():
    message = bytes(range(256)) * 1_000
    async with open_hub() as hub, trio.open_nursery() as nursery:
        with a_pair(hub) as (one, theirs):
            nursery.start_soon(end_of, one)
            await trio.testing.wait_all_tasks_blocked()
            sent = 0
            while one.unsent <= MAX_UNSENT_BYTES:
                one.send_nowait(message)
                sent += 1
            with pytest.raises(trio.WouldBlock):
                one.send_nowait(message)
            with trio.fail_after(20):
                data = await read_all(theirs, sent * (len(message) + 14))
            reader = FrameProtocol(client=False, extensions=[])
            reader.receive_bytes(data)
            assert b"".join(bytes(f.payload) for f in reader.received_frames()) == message * sent
            await one.aclose()


async def test_a_session_over_the_hub_talks_is_cut_and_resumes():
    server = TinyServer()
    server.world.add_user("ada")
    said: list[str] = []
    two_was_said = trio.Event()

    def hear(event: dict) -> None:
        if event["type"] == "chat.message":
            said.append(event["content"])
            if event["content"] == "two":
                two_was_said.set()

    async with server.over_tcp() as url, open_hub() as hub:
        session = Session(
            dial=dial_url(url, hub=hub), credentials=Login(server, "ada"), on_event=hear
        )
        with trio.fail_after(10):
            async with open_session(session):
                await session.wait_connected()
                made = await session.ask("room.create", kind="group", title="t", clientId="c")
                await session.send(made["room"]["id"], "one")
                await session.cut()
                await session.send(made["room"]["id"], "two")
                await two_was_said.wait()
    assert said == ["one", "two"]
    assert session.connects == 2
