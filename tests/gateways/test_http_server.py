"""The application on real sockets: what the library below us does under slow and leaving clients."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import msgspec
import pytest
import trio
import trio.testing
from http_fakes import World, a_room
from trio.testing import MockClock

from gateways.http import server
from gateways.http.doorstep import HEAD_WITHIN
from gateways.http.server import HttpServer, bind_http, port_of


@asynccontextmanager
async def served(
    world: World, *, send_within: float = 30.0, within: float = 20.0, **options: float
) -> AsyncIterator[tuple[int, trio.Event]]:
    """The world on a free port; stopped at the end."""
    listener = bind_http("127.0.0.1", 0, send_within=send_within)
    port, stopping = port_of(listener), trio.Event()
    with trio.fail_after(within):
        async with trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[None]) -> None:
                http = HttpServer(world.app, listener, **options)
                await http.run(stopping=stopping, task_status=task_status)

            await nursery.start(run)
            yield port, stopping
            stopping.set()


async def read_all(stream: trio.SocketStream) -> bytes:
    async with stream:
        return b"".join([chunk async for chunk in stream])


async def test_port_zero_is_a_real_port_that_answers() -> None:
    world = World()
    async with served(world) as (port, _), httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/api/v1/info")
    assert answer.status_code == 200
    assert answer.json()["ws"] == "ws://127.0.0.1:8081/v1/connect"
    assert "server" not in answer.headers
    assert answer.headers["X-Request-Id"]


async def test_who_leaves_after_an_answer_leaves_a_place_at_once() -> None:
    """And not when they would have to leave had they stayed."""
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    http = HttpServer(World().app, listener)
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            await http.run(stopping=stopping, task_status=task_status)

        await nursery.start(run)
        async with await trio.open_tcp_stream("127.0.0.1", port_of(listener)) as stream:
            await stream.send_all(b"GET /api/v1/info HTTP/1.1\r\nHost: here\r\n\r\n")
            assert await stream.receive_some()
            assert http.statistics()["served"] == 1
        with trio.fail_after(HEAD_WITHIN / 2):
            while http.statistics()["served"]:
                await trio.testing.wait_all_tasks_blocked(0.001)
        stopping.set()


async def test_metrics_are_for_this_machine_unless_a_proxy_speaks_for_another() -> None:
    async with served(World()) as (port, _), httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port}/metrics"
        near = await client.get(url)
        far = await client.get(url, headers={"X-Forwarded-For": "198.51.100.1"})
    assert (near.status_code, far.status_code) == (200, 401)
    assert "message_log_queued_rows 3\n" in near.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "127.0.0.1", "Sec-Fetch-Site": "none"}, 200),
        ({"Host": "caravan.example:8080"}, 401),  # a name that was rebound to this machine
        ({"Host": "127.0.0.1.example"}, 401),
        ({"Host": ""}, 401),
        ({"Origin": "https://elsewhere.example"}, 401),  # a page in the browser of who works here
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"X-Real-IP": "198.51.100.1"}, 401),  # a proxy on this machine that says no more than that
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"Via": "1.1 caddy"}, 401),
    ],
    ids=str,
)
async def test_this_machine_is_not_whoever_talks_through_its_browser(
    headers: dict[str, str], status: int
) -> None:
    async with served(World()) as (port, _), httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics", headers=headers)
    assert answer.status_code == status


async def test_a_body_that_trickles_is_cut_off_at_its_deadline() -> None:
    async with served(World(body_within=0.2)) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        await stream.send_all(head + b"Content-Length: 500\r\n\r\n{")
        answer = await read_all(stream)  # ends only because the server closes
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"did not arrive in time" in answer
    assert b"connection: close" in answer.lower()


async def test_a_body_past_the_limit_is_refused_before_it_is_read() -> None:
    async with served(World()) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        await stream.send_all(head + b"Content-Length: 65537\r\n\r\n")
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"too large" in answer
    assert b"connection: close" in answer.lower()  # or its client sends the next call into the void


async def test_a_chunked_body_past_the_limit_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 1_024

    async with served(World()) as (port, _), httpx.AsyncClient() as client:
        answer = await client.post(
            f"http://127.0.0.1:{port}/api/v1/auth/login",
            content=chunks(),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 400


async def test_a_head_past_the_limit_is_refused() -> None:
    async with served(World()) as (port, _), httpx.AsyncClient() as client:
        answer = await client.get(
            f"http://127.0.0.1:{port}/healthz", headers={"X-Long": "x" * 90_000}
        )
    assert answer.status_code in (400, 431)


async def test_a_stop_lets_the_call_in_flight_finish_and_takes_no_new_one() -> None:
    asked, release = trio.Event(), trio.Event()

    async def readiness() -> dict[str, bool]:
        asked.set()
        await release.wait()
        return {"database": True}

    statuses: list[int] = []
    async with (
        served(World(readiness=readiness)) as (port, stopping),
        trio.open_nursery() as nursery,
        httpx.AsyncClient() as client,
    ):

        async def call() -> None:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
            statuses.append(answer.status_code)

        nursery.start_soon(call)
        await asked.wait()
        stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match=r"refused|failed"):
            await trio.open_tcp_stream("127.0.0.1", port)
        release.set()
        while not statuses:
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.01)
    assert statuses == [200]


async def test_a_call_that_does_not_end_is_cut_off_after_the_drain() -> None:
    asked = trio.Event()

    async def readiness() -> dict[str, bool]:
        asked.set()
        await trio.sleep_forever()
        raise AssertionError

    async with served(World(readiness=readiness), drain_within=0.1) as (port, stopping):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
        stopping.set()
        assert await read_all(stream) == b""


async def test_a_websocket_upgrade_here_is_a_404() -> None:
    async with served(World()) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(
            b"GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = await read_all(stream)
    assert b" 404 " in answer.splitlines()[0]


_WEBSOCKET = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YQ==\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Connection: upgrade\r\n" + _WEBSOCKET + b"\r\nand more",
        b"Connection: \xe9, upgrade\r\n" + _WEBSOCKET + b"\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n",  # no base64
        b"Upgrade: h2c\r\nHTTP2-Settings: AAUAAAAB\r\n\r\n",  # a frame size that may not be
    ],
)
async def test_what_breaks_one_connection_ends_no_other(rest: bytes) -> None:
    served_briefly = served(World(), head_within=0.3)
    async with served_briefly as (port, _), httpx.AsyncClient() as client:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + rest)
        await read_all(stream)
        answer = await client.get(f"http://127.0.0.1:{port}/healthz")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (  # what Java's client sends unless told otherwise
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAQAAAAA\r\n\r\n",
            200,
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404),
    ],
    ids=["offered", "taken for granted"],
)
async def test_http_2_is_not_spoken_here(sent: bytes, status: int) -> None:
    async with served(World(), head_within=0.3) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(sent)
        await stream.send_eof()
        answer = await read_all(stream)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
async def test_a_client_that_reads_nothing_cannot_hold_up_the_end() -> None:
    world = World()
    large = msgspec.msgpack.encode({"content": "x" * 65_000})
    world.rooms.summaries = [a_room(number, last_body=large) for number in range(100)]
    with trio.socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        async with served(world, send_within=0.2, drain_within=0.1) as (port, _):
            await deaf.connect(("127.0.0.1", port))
            token = world.token()
            head = f"GET /api/v1/chat/rooms?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}"
            await deaf.send(f"{head}\r\n\r\n".encode())
            assert await deaf.recv(8) == b"HTTP/1.1"
        # The server has ended although the answer was never taken.


@pytest.mark.parametrize(("takes", "status"), [(29.0, 200), (1_000.0, 504)])
async def test_whoever_asked_is_answered_however_long_that_takes(
    takes: float, status: int, autojump_clock: MockClock
) -> None:
    """The first search after a fresh start waits for suppliers to begin, and then for their answers."""
    world = World()
    world.travel.takes = takes
    path = "/api/v1/offers?kind=flight&from=LIS&to=PAR&start=2027-05-14"
    async with served(world, within=60.0) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}\r\n"
        await stream.send_all(f"{head}Connection: close\r\n\r\n".encode())
        answer = await read_all(stream)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer


@pytest.mark.parametrize(("takes", "status"), [(59.0, 200), (1_000.0, 504)])
async def test_whoever_asks_for_a_quote_is_answered_too(
    takes: float, status: int, autojump_clock: MockClock
) -> None:
    """Suppliers are asked for a minute, longer than any other call takes."""
    world = World()
    world.actors.takes = takes
    body = msgspec.json.encode({"offerIds": ["offer"], "adults": 1})
    async with served(world, within=100.0) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = (
            f"POST /api/v1/quotes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        )
        await stream.send_all(f"{head}\r\n".encode() + body)
        answer = await read_all(stream)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer


async def test_who_waits_for_a_place_cannot_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    world = World()
    world.travel.takes = 1_000.0
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    http = HttpServer(world.app, listener, drain_within=0.1)
    path = "/api/v1/offers?kind=flight&from=LIS&to=PAR&start=2027-05-14"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}\r\n\r\n"
    with trio.fail_after(5.0):
        async with AsyncExitStack() as clients, trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[None]) -> None:
                await http.run(stopping=stopping, task_status=task_status)

            await nursery.start(run)
            for wanted in ("served", "ready"):
                client = await trio.open_tcp_stream("127.0.0.1", port_of(listener))
                await clients.enter_async_context(client)
                await client.send_all(head.encode())
                while not http.statistics()[wanted]:
                    await trio.sleep(0.001)
            stopping.set()


async def test_a_client_that_reads_a_little_at_a_time_cannot_hold_up_the_end() -> None:
    world = World()
    large = msgspec.msgpack.encode({"content": "x" * 65_000})
    world.rooms.summaries = [a_room(number, last_body=large) for number in range(100)]
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    http = HttpServer(world.app, listener, drain_within=0.1)
    head = f"GET /api/v1/chat/rooms?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}"
    with trio.socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        async with trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[None]) -> None:
                await http.run(stopping=stopping, task_status=task_status)
                nursery.cancel_scope.cancel()

            await nursery.start(run)
            await slow.connect(("127.0.0.1", port_of(listener)))
            await slow.send(f"{head}\r\n\r\n".encode())
            taken = len(await slow.recv(1_000))
            stopping.set()
            with suppress(OSError):
                while taken < 1_000_000:
                    taken += len(await slow.recv(1_000))
                    await trio.sleep(0.001)
    assert taken < 1_000_000


async def test_a_client_that_reads_a_little_at_a_time_does_not_keep_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SLOWEST", 100_000_000)
    world = World()
    large = msgspec.msgpack.encode({"content": "x" * 65_000})
    world.rooms.summaries = [a_room(number, last_body=large) for number in range(100)]
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    http = HttpServer(world.app, listener, send_within=0.1)
    head = f"GET /api/v1/chat/rooms?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}"
    with trio.socket.socket() as slow, trio.move_on_after(5.0) as waiting:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        async with trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[None]) -> None:
                await http.run(stopping=stopping, task_status=task_status)

            await nursery.start(run)
            await slow.connect(("127.0.0.1", port_of(listener)))
            await slow.send(f"{head}\r\n\r\n".encode())
            taken = await slow.recv(1_000)
            while taken and http.statistics()["served"]:
                taken = await slow.recv(100)
                await trio.sleep(0.001)
            stopping.set()
    assert not waiting.cancelled_caught


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://[::1/healthz", 200),
        (b"HTTP://x.test/healthz?a", 200),
        (b"http://x.test", 404),
        (b"?a", 404),
        (b"*", 404),
        (b"[", 404),
    ],
)
async def test_whatever_somebody_asks_for_is_found_or_not(
    target: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(World()) as (port, _):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        await stream.send_all(b"GET " + target + head)
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert [record.name for record in caplog.records if record.name.startswith("hypercorn")] == []
