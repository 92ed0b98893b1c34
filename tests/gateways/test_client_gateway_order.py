"""Whatever is published, sent, joined and left, and however sockets cut it: the order holds."""

from collections.abc import Sequence
from typing import Any

import trio
from client_gateway_world import WallClock
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.client.channel import Counters, Machinery
from gateways.client.connection import Connection
from gateways.client.deadlines import Deadlines, Stage, Timing
from gateways.client.fanout import TopicFanout
from gateways.client.frames import FrameParser
from gateways.client.hub import WRITE
from gateways.client.outbound import Flow, Outbound
from gateways.client.tick import Tick

CONNECTIONS, TOPICS = 5, 2


class MeanWire:
    """Takes as many bytes at a time as its script says, then blocks."""

    def __init__(self, script: Sequence[int]) -> None:
        self.script = list(script)
        self.taken = bytearray()
        self.is_generous = False

    def fileno(self) -> int:
        return -1

    def send(self, data: Any, /) -> int:
        most = len(data) if self.is_generous or not self.script else self.script.pop()
        if most == 0:
            raise BlockingIOError
        self.taken += data[:most]
        return min(most, len(data))

    def send_many(self, parts: Sequence[Any], /) -> int:
        return self.send(b"".join(parts))

    def receive_into(self, buffer: bytearray) -> int:
        raise BlockingIOError

    def finish(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> None: ...


class NoHub:
    def watch(self, connection: Any, events: int) -> None: ...


class Model:
    """What each connection should see: direct frames are fences between which topics may mix."""

    def __init__(self) -> None:
        self.segments: list[list[list[tuple[int, int]]]] = [[[]] for _ in range(CONNECTIONS)]
        self.members: list[set[int]] = [set() for _ in range(TOPICS)]
        self.kept: list[set[int]] = [set() for _ in range(TOPICS)]

    def direct(self, connection: int) -> None:
        self.segments[connection].append([])

    def publish(self, topic: int, number: int) -> None:
        for connection in self.members[topic]:
            self.segments[connection][-1].append((topic, number))


operation = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, TOPICS - 1)),
    st.tuples(st.just("direct"), st.integers(0, CONNECTIONS - 1)),
    st.tuples(
        st.sampled_from(["join", "leave", "reserve", "release"]),
        st.integers(0, CONNECTIONS - 1),
        st.integers(0, TOPICS - 1),
    ),
    st.tuples(st.just("flush")),
    st.tuples(st.just("writable"), st.integers(0, CONNECTIONS - 1)),
)
scripts = st.lists(st.lists(st.integers(0, 9), max_size=20), min_size=5, max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(operation, max_size=60), scripts)
def test_every_connection_sees_its_frames_once_and_in_order(
    operations: list[tuple[Any, ...]], scripts: list[list[int]]
) -> None:
    trio.run(_check, operations, scripts)


async def _check(operations: list[tuple[Any, ...]], scripts: list[list[int]]) -> None:
    fanout = TopicFanout()
    fanout.tick = Tick(fanout._left, members_per_step=2, flush_within=0)
    connections = [_connection(fanout, script) for script in scripts]
    model = Model()
    for number, (name, *arguments) in enumerate(operations):
        match name, arguments:
            case "publish", [topic]:
                fanout.publish_nowait(f"room:{topic}", bytes([topic, number]))
                model.publish(topic, number)
            case "direct", [index]:
                connections[index].send_nowait(b"\xff\xff")
                model.direct(index)
            case "join", [index, topic]:
                fanout.subscribe(f"room:{topic}", connections[index])
                model.members[topic].add(index)
                model.kept[topic].discard(index)
            case "leave", [index, topic]:
                fanout.unsubscribe(f"room:{topic}", connections[index])
                model.members[topic].discard(index)
            case "reserve", [index, topic]:
                fanout.reserve(f"room:{topic}", connections[index])
                model.kept[topic] |= {index} - model.members[topic]
            case "release", [index, topic]:
                fanout.release(f"room:{topic}", connections[index])
                model.kept[topic].discard(index)
            case "flush", _:
                fanout.tick.flush()
            case "writable", [index]:
                connections[index].ready(WRITE, bytearray(), 0.0)
    _settle(fanout, connections)
    for index, connection in enumerate(connections):
        places = zip(model.members, model.kept, strict=True)
        has_place = [index in members | kept for members, kept in places]
        assert connection.room_count == sum(has_place)
        names = [f"room:{topic}" for topic in range(TOPICS)]
        assert [fanout.has_place(name, connection) for name in names] == has_place
        seen = _segments(bytes(connection.wire.taken))
        expected = model.segments[index]
        assert [_per_topic(s) for s in seen] == [_per_topic(s) for s in expected]


def _connection(fanout: TopicFanout, script: list[int]) -> Connection:
    machinery = Machinery(
        hub=NoHub(),
        tick=fanout.tick,
        deadlines=Deadlines(),
        timing=Timing(),
        counters=Counters(),
        on_gone=lambda channel: None,
    )
    connection = Connection(
        MeanWire(script), FrameParser(), machinery, handler=None, clock=WallClock()
    )
    connection.stage = Stage.OPEN
    return connection


def _settle(fanout: TopicFanout, connections: list[Connection]) -> None:
    for connection in connections:
        connection.wire.is_generous = True
    for _ in range(20):
        fanout.tick.flush()
    assert fanout.tick.unsettled == 0
    for connection in connections:
        connection.ready(WRITE, bytearray(), 0.0)
        assert connection.outbound.is_empty


def _segments(taken: bytes) -> list[list[tuple[int, int]]]:
    segments: list[list[tuple[int, int]]] = [[]]
    for at in range(0, len(taken), 4):
        assert taken[at : at + 2] == b"\x82\x02"
        topic, number = taken[at + 2], taken[at + 3]
        if topic == 0xFF:
            segments.append([])
        else:
            segments[-1].append((topic, number))
    return segments


def _per_topic(segment: list[tuple[int, int]]) -> list[list[int]]:
    return [[number for topic, number in segment if topic == t] for t in range(TOPICS)]


def write(outbound: Outbound, data: bytes) -> None:
    """As a broadcast does."""
    if outbound.direct is None:
        outbound.put(data)
        return
    try:
        sent = outbound.direct(data)
    except BlockingIOError:
        sent = 0
    if sent < len(data):
        outbound.keep(data, sent)


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.none()), max_size=40),
    st.lists(st.integers(0, 25), max_size=60),
)
def test_a_queue_keeps_every_byte_however_the_socket_takes_it(
    writes: list[bytes | None], script: list[int]
) -> None:
    wire = MeanWire(script)
    outbound = Outbound(wire)
    for data in writes:
        if data is None:
            outbound.flush()
        else:
            write(outbound, data)
    wire.is_generous = True
    assert outbound.flush() is Flow.SENT
    assert bytes(wire.taken) == b"".join(data for data in writes if data is not None)
    assert outbound.backlog == 0
    assert outbound.is_empty


@given(st.integers(0, 12))
def test_what_is_abandoned_leaves_no_half_frame(taken: int) -> None:
    wire = MeanWire([0, taken] if taken else [0])
    outbound = Outbound(wire)
    write(outbound, b"first.")
    write(outbound, b"second.")
    outbound.flush()
    outbound.abandon()
    outbound.put(b"close.")
    wire.is_generous = True
    outbound.flush()
    whole = bytes(wire.taken)
    assert whole.endswith(b"close.")
    assert whole[: -len(b"close.")] in (b"", b"first.", b"first.second.")
