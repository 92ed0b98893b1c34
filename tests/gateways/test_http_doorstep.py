"""Who is connected to the HTTP port and has not asked: no task, a deadline, and no wait for others."""

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from http_fakes import World

from core.callers import LOOPBACK, Callers
from core.pacing import LEAST_REST, PER_LOT
from gateways.http import doorstep as doorstep_of
from gateways.http.doorstep import HAND_OVER, HEAD_WITHIN, Doorstep, Newcomer
from gateways.http.server import HttpServer, bind_http, port_of

HEAD = b"GET /api/v1/info HTTP/1.1\r\nHost: here\r\n\r\n"


class Door:
    """A doorstep on a free port; `taken` has what came in on each socket that was handed over, and
    when."""

    def __init__(self, **options: Any) -> None:
        self.listener = bind_http("127.0.0.1", 0)
        self.port = port_of(self.listener)
        self.stopping = trio.Event()
        self.taken: list[tuple[bytes, float]] = []
        self.sockets: list[socket.socket] = []
        self.streams: list[trio.SocketStream] = []
        self.doorstep = Doorstep(self.listener, self.take_in, **options)

    async def take_in(self, newcomer: Newcomer) -> None:
        self.taken.append((bytes(newcomer.head), trio.current_time()))
        self.sockets.append(newcomer.socket)

    async def connected(self, data: bytes = b"") -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.streams.append(stream)
        if data:
            await stream.send_all(data)
        return stream

    async def run(self) -> None:
        await self.doorstep.run(self.stopping)

    async def hung_up(self) -> None:
        """Everybody."""
        for taken in self.sockets:
            taken.close()
        for stream in self.streams:
            await trio.aclose_forcefully(stream)

    def counts(self) -> tuple[float, float]:
        found = self.doorstep.statistics()
        return found["silent"], found["ready"]


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Door]:
    door = Door(**options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.run)
        yield door
        door.stopping.set()
    await door.hung_up()


async def until(claim: Callable[[], bool]) -> None:
    """Let everything run until the claim holds."""
    with trio.fail_after(5):
        while not claim():
            await trio.testing.wait_all_tasks_blocked(0.001)


async def test_who_has_not_asked_is_no_task() -> None:
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    port, server = port_of(listener), HttpServer(World().app, listener)
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            await server.run(stopping=stopping, task_status=task_status)

        await nursery.start(run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        before = trio.lowlevel.current_statistics().tasks_living
        streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(20)]
        for stream in streams:
            await stream.send_all(HEAD[:-1])
        await until(lambda: server.statistics()["silent"] == 20)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert server.statistics() == {"served": 0, "silent": 20, "ready": 0, "refused": 0}
        for stream in streams:
            await stream.send_all(HEAD[-1:])
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        assert server.statistics()["served"] == 20
        stopping.set()
    for stream in streams:
        await stream.aclose()


@pytest.fixture
def from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is no better than others."""
    monkeypatch.setattr("core.callers.is_loopback", lambda address: False)


@pytest.mark.usefixtures("from_afar")
@pytest.mark.parametrize("said", [b"", HEAD], ids=["silent", "asks"])
async def test_an_address_that_has_all_its_connections_is_told_so_at_once(said: bytes) -> None:
    async with opened(callers=Callers(2)) as door:
        first, second = [await door.connected(HEAD[:-1]) for _ in range(2)]
        await until(lambda: door.counts() == (2, 0))
        third = await door.connected(said)
        answer = await third.receive_some()
        assert await third.receive_some() == b""
        assert answer == doorstep_of.REFUSAL
        assert door.counts() == (2, 0)  # nobody had to leave for who was refused
        assert door.doorstep.statistics()["refused"] == 1

        await first.aclose()
        await until(lambda: door.counts() == (1, 0))
        await door.connected()
        await until(lambda: door.counts() == (2, 0))
        await second.send_all(HEAD[-1:])
        await until(lambda: bool(door.taken))
        last = await door.connected()
        assert await last.receive_some() == doorstep_of.REFUSAL  # who is served counts, too


@pytest.mark.usefixtures("from_afar")
async def test_who_leaves_after_an_answer_leaves_a_place_to_the_next_from_there() -> None:
    listener, stopping = bind_http("127.0.0.1", 0), trio.Event()
    port, server = port_of(listener), HttpServer(World().app, listener, most_per_address=1)
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            await server.run(stopping=stopping, task_status=task_status)

        await nursery.start(run)
        for _ in range(3):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(HEAD)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
                async with await trio.open_tcp_stream("127.0.0.1", port) as another:
                    assert (await another.receive_some()).startswith(b"HTTP/1.1 429")
            await until(lambda: server.statistics()["served"] == 0)
        stopping.set()


@pytest.mark.usefixtures("from_afar")
async def test_a_proxy_has_as_many_connections_as_it_likes() -> None:
    async with opened(callers=Callers(1, LOOPBACK)) as door:
        for _ in range(3):
            await door.connected()
        await until(lambda: door.counts() == (3, 0))


async def test_this_machine_has_as_many_connections_as_it_likes() -> None:
    async with opened(callers=Callers(1)) as door:
        for _ in range(3):
            await door.connected()
        await until(lambda: door.counts() == (3, 0))


async def test_a_head_in_pieces_is_handed_over_with_what_came_behind_it() -> None:
    async with opened() as door:
        stream = await door.connected()
        for byte in HEAD[:-1]:
            await stream.send_all(bytes([byte]))
        await until(lambda: door.counts() == (1, 0))
        await stream.send_all(HEAD[-1:] + b"body")
        await until(lambda: bool(door.taken))
    assert door.taken[0][0] == HEAD + b"body"


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01",  # the first bytes of TLS
        b" GET",
        b"\r\n",
        b"GET / HTTP/1.0\n\n",
        b"GET / HTTP/1.1\nHost: here\n\r\n",
        b"x" * doorstep_of.MAX_HEAD_BYTES,
    ],
)
async def test_what_the_parser_answers_without_a_whole_head_does_not_wait_for_one(
    said: bytes,
) -> None:
    async with opened() as door:
        await door.connected(said)
        await until(lambda: bool(door.taken))
    assert door.taken[0][0] == said


async def test_who_does_not_ask_in_time_has_to_leave(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with opened(head_within=3.0) as door:
        begun_at = trio.current_time()
        early = await door.connected(HEAD[:-1])
        await trio.sleep(2.0)
        late = await door.connected()
        assert await early.receive_some() == b""
        assert 3.0 <= trio.current_time() - begun_at < 3.1
        assert await late.receive_some() == b""
        assert 5.0 <= trio.current_time() - begun_at < 5.1
        assert door.counts() == (0, 0)
    assert door.taken == []


async def test_who_hangs_up_is_forgotten() -> None:
    async with opened() as door:
        stream = await door.connected(HEAD[:-1])
        await until(lambda: door.counts() == (1, 0))
        await stream.aclose()
        await until(lambda: door.counts() == (0, 0))


async def test_a_crowd_comes_and_goes_a_few_at_a_time(mock_clock: trio.testing.MockClock) -> None:
    async with opened() as door:
        await door.connected()
        await until(lambda: door.counts() == (1, 0))
        for _ in range(2 * PER_LOT - 1):
            await door.connected()
        for let_in in (1, 1 + PER_LOT, 2 * PER_LOT):
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert door.counts() == (let_in, 0)
            mock_clock.jump(LEAST_REST)
        mock_clock.jump(HEAD_WITHIN)
        for left in (PER_LOT, 0):
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert door.counts() == (left, 0)
            mock_clock.jump(LEAST_REST)


async def test_who_asks_together_is_handed_over_one_by_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with opened() as door:
        for _ in range(5):
            await door.connected(HEAD)
        await trio.sleep(1)
        assert len(door.taken) == 5
    times = [at for _, at in door.taken]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # Who is let in meanwhile has a turn among them.
    assert min(gaps) >= HAND_OVER.slowest - 1e-9
    assert max(gaps) <= HAND_OVER.slowest + LEAST_REST + 1e-9


async def test_where_it_is_full_the_longest_silent_leaves_for_who_comes() -> None:
    async with opened(most=3) as door:
        silent = []
        for number in range(3):
            silent.append(await door.connected())
            await until(lambda number=number: door.counts() == (number + 1, 0))  # type: ignore[misc]
        await door.connected(HEAD)
        assert await silent[0].receive_some() == b""
        await until(lambda: bool(door.taken))
        assert door.counts() == (2, 0)


async def test_who_has_asked_is_never_sent_away_for_others() -> None:
    door = Door(most=2)
    may_go_on = trio.Event()
    take_in = door.take_in

    async def patient(newcomer: Newcomer) -> None:
        await may_go_on.wait()
        await take_in(newcomer)

    door.doorstep = Doorstep(door.listener, patient, most=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.run)
        for _ in range(2):
            await door.connected(HEAD)
        await until(lambda: door.counts() == (0, 2))
        await door.connected(HEAD + b"last")
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert door.counts() == (0, 2)
        may_go_on.set()
        await until(lambda: len(door.taken) == 3)
        door.stopping.set()
    assert [begun for begun, _ in door.taken] == [HEAD, HEAD, HEAD + b"last"]
    await door.hung_up()


async def test_at_the_end_who_has_asked_is_taken_in_and_the_others_leave(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with opened() as door:
        await door.connected(HEAD)
        await trio.testing.wait_all_tasks_blocked(0.01)
        mock_clock.jump(LEAST_REST)  # it was let in, and now it begins
        await until(lambda: len(door.taken) == 1)
        for _ in range(PER_LOT - 1):
            await door.connected(HEAD)
        silent = await door.connected()
        mock_clock.jump(HAND_OVER.slowest)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(door.taken) == 1
        assert door.counts() == (1, PER_LOT - 1)
        door.stopping.set()
        assert await silent.receive_some() == b""
    assert len(door.taken) == PER_LOT
    with pytest.raises(OSError, match=r"refused|failed"):
        await trio.open_tcp_stream("127.0.0.1", door.port)


class Poor:
    """A listener whose first `accept` finds no descriptor."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener, self.failures = listener, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.listener, name)

    def accept(self) -> Any:
        if not self.failures:
            self.failures += 1
            raise OSError(errno.EMFILE, "too many open files")
        return self.listener.accept()


async def test_without_descriptors_the_next_waits_and_nothing_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    door = Door()
    poor: Any = Poor(door.listener)
    door.doorstep = Doorstep(poor, door.take_in)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.run)
        begun_at = trio.current_time()
        await door.connected(HEAD)
        await trio.sleep(1)
        [(_, taken_at)] = door.taken
        assert taken_at - begun_at >= doorstep_of.OUT_OF_DESCRIPTORS_FOR
        door.stopping.set()
    assert poor.failures == 1
    await door.hung_up()
