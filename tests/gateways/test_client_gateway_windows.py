"""How long a broadcast waits, for whom, and in how many pieces it leaves."""

from collections.abc import Sequence
from typing import Any

import trio
import trio.testing
from client_gateway_world import WallClock
from trio.testing import MockClock

from gateways.client.admission import Admission, Bounds
from gateways.client.channel import Counters, Machinery
from gateways.client.connection import Connection
from gateways.client.connections import Connections
from gateways.client.deadlines import Deadlines, Stage, Timing
from gateways.client.fanout import TopicFanout
from gateways.client.frames import FrameParser, encode_binary
from gateways.client.hub import WRITE
from gateways.client.policy import Policy
from gateways.client.tick import FLUSH_WITHIN, MEMBERS_PER_STEP, Tick

SEND_TAKES = 5e-6


class Kernel:
    """All wires of a test: every call takes its time on `clock`, and is kept in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[Connection, bytes]] = []
        self.connections: dict[Any, Connection] = {}
        self.is_full = False

    def clock(self) -> float:
        return self.now

    def take(self, wire: Any, data: bytes) -> int:
        self.now += SEND_TAKES
        if self.is_full:
            raise BlockingIOError
        self.calls.append((self.connections[wire], data))
        return len(data)

    def watch(self, connection: Any, events: int) -> None: ...


class CountedWire:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def fileno(self) -> int:
        return -1

    def send(self, data: Any, /) -> int:
        return self._kernel.take(self, bytes(data))

    def send_many(self, parts: Sequence[Any], /) -> int:
        return self._kernel.take(self, b"".join(parts))


def room(fanout: TopicFanout, kernel: Kernel, name: str, members: int) -> list[Connection]:
    machinery: Any = Machinery(
        hub=kernel,
        tick=fanout.tick,
        deadlines=Deadlines(),
        timing=Timing(),
        counters=Counters(),
        on_gone=lambda channel: None,
    )
    connections = []
    for _ in range(members):
        wire: Any = CountedWire(kernel)
        handler: Any = None
        connection = Connection(wire, FrameParser(), machinery, handler=handler, clock=WallClock())
        connection.stage = Stage.OPEN
        kernel.connections[wire] = connection
        fanout.subscribe(f"room:{name}", connection)
        connections.append(connection)
    return connections


def world(**options: Any) -> tuple[TopicFanout, Kernel]:
    fanout, kernel = TopicFanout(), Kernel()
    fanout.tick = Tick(fanout._left, clock=kernel.clock, **options)
    return fanout, kernel


async def test_what_is_published_while_nothing_else_waits_leaves_without_a_timer(
    mock_clock: trio.testing.MockClock,
) -> None:
    fanout, kernel = world()
    [member] = room(fanout, kernel, "r", 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fanout.tick.run)
        await trio.testing.wait_all_tasks_blocked()
        fanout.publish_nowait("room:r", b"now")
        await trio.testing.wait_all_tasks_blocked()  # the clock stands still meanwhile
        assert kernel.calls == [(member, encode_binary(b"now"))]
        nursery.cancel_scope.cancel()


async def test_what_is_published_to_a_room_under_way_leaves_in_one_piece_after_it() -> None:
    fanout, kernel = world(flush_within=0.0)
    members = room(fanout, kernel, "r", MEMBERS_PER_STEP + 1)
    fanout.publish_nowait("room:r", b"1")
    fanout.tick.flush()
    for late in (b"2", b"3", b"4"):
        fanout.publish_nowait("room:r", late)
    while fanout.tick.unsettled:
        fanout.tick.flush()
    rest = b"".join(map(encode_binary, (b"2", b"3", b"4")))
    for member in members:
        assert [data for who, data in kernel.calls if who is member] == [encode_binary(b"1"), rest]


async def test_a_large_room_holds_up_the_loop_and_a_small_room_for_less_than_two_milliseconds() -> (
    None
):
    fanout, kernel = world()
    room(fanout, kernel, "large", 5_000)
    [small] = room(fanout, kernel, "small", 1)
    fanout.publish_nowait("room:large", b"x")
    while fanout.tick.unsettled:
        began = kernel.now
        fanout.publish_nowait("room:small", b"x")
        fanout.tick.flush()
        assert kernel.now - began <= FLUSH_WITHIN + (MEMBERS_PER_STEP + 1) * SEND_TAKES < 0.002
        assert small in [who for who, _ in kernel.calls[-int(0.002 / SEND_TAKES) :]]
    assert len({who for who, _ in kernel.calls}) == 5_001


async def test_many_small_rooms_do_not_hold_up_the_loop_either() -> None:
    fanout, kernel = world()
    for number in range(500):
        room(fanout, kernel, f"{number}", 5)
        fanout.publish_nowait(f"room:{number}", b"x")
    fanout.tick.flush()
    assert 0 < kernel.now <= FLUSH_WITHIN + 5 * SEND_TAKES
    assert fanout.tick.unsettled > 0


async def test_what_a_full_socket_could_not_take_leaves_in_one_call() -> None:
    fanout, kernel = world()
    [member] = room(fanout, kernel, "r", 1)
    kernel.is_full = True
    frames = [encode_binary(b"%d" % number) for number in range(40)]
    for number in range(40):
        fanout.publish_nowait("room:r", b"%d" % number)
        fanout.tick.flush()
    assert kernel.calls == []
    kernel.is_full = False
    member.ready(WRITE, bytearray(), 0.0)
    assert kernel.calls == [(member, b"".join(frames))]
    assert member.outbound.direct is not None  # and the next broadcast need not queue
    fanout.publish_nowait("room:r", b"after")
    fanout.tick.flush()
    assert kernel.calls[1:] == [(member, encode_binary(b"after"))]


async def test_who_says_goodbye_is_sent_nothing_after_the_close_frame() -> None:
    fanout, kernel = world()
    leaving, staying = room(fanout, kernel, "r", 2)
    fanout.publish_nowait("room:r", b"1")
    leaving._begin_closing(b"close")
    leaving.uncork()
    fanout.publish_nowait("room:r", b"2")
    fanout.tick.flush()
    leaving.outbound.clear()
    assert leaving.outbound.direct is None
    assert [data for who, data in kernel.calls if who is leaving][-1].endswith(b"close")
    assert [data for who, data in kernel.calls if who is staying][-1].endswith(b"2")


async def test_a_crowd_is_sent_away_in_the_time_given_however_late_the_loop_is(
    autojump_clock: MockClock,
) -> None:
    fanout, kernel, left = TopicFanout(), Kernel(), list[float]()

    def end(_: Any) -> None:
        left.append(trio.current_time())
        autojump_clock.jump(0.009)

    fanout.tick.end = end  # type: ignore[method-assign]
    handler: Any = None
    connections = Connections(
        handler=handler,
        fanout=fanout,
        admission=Admission(Bounds()),
        clock=WallClock(),
        policy=Policy(),
        poller=kernel,  # type: ignore[arg-type]
    )
    for _ in range(100):
        wire: Any = CountedWire(kernel)
        connections.take_in(wire, "")
        *_, kernel.connections[wire] = connections
    began = trio.current_time()
    await connections.drain(reconnect_after_ms=0, jitter_ms=0, within=1.0)
    assert len(left) == 100
    assert 0.98 <= left[-1] - began <= 1.02
