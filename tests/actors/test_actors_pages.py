"""Pages of history and of replays: one of a connection's at a time, few in all, at the socket's speed."""

from typing import Any

import pytest
import trio
from actors_world import EPOCH, ROOM_ID, FakeClient, World, key
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.room.flow import MAX_READS
from actors.room.gates import Gates
from actors.room.pages import AT_ONCE, BYTES_PER_SECOND, FREE_BYTES, Pages
from core.envelope import Envelope
from core.errors import Overloaded
from protocol.chat import HistoryRead, PostMessage, ReadHistory
from protocol.frames import Done
from protocol.room import JoinRoom
from protocol.session import Position


class Library:
    """Pages, and who reads. A read takes a second."""

    def __init__(self, *, size: int = 0) -> None:
        self.pages = Pages()
        self.size = size
        self.reading: list[int] = []
        self.most = 0
        self.read: list[tuple[int, float]] = []

    async def page(self, client: FakeClient, *, drained: bool = True, takes: float = 1.0) -> None:
        async with self.pages.turn(client, drained=drained):  # type: ignore[arg-type]
            self.reading.append(client.id)
            self.most = max(self.most, len(self.reading))
            assert len(set(self.reading)) == len(self.reading)
            await trio.sleep(takes)
            self.pages.took(self.size)
            self.reading.remove(client.id)
            self.read.append((client.id, trio.current_time()))


class Deaf(FakeClient):
    """Takes nothing until it is closed."""

    async def wait_drained(self) -> None:
        if self.is_open:
            self.gone = trio.Event()
            await self.gone.wait()

    def close(self) -> None:
        self.is_open = False
        self.gone.set()


async def test_a_connection_reads_one_page_at_a_time_in_the_order_asked(
    autojump_clock: MockClock,
) -> None:
    library, client = Library(), FakeClient(1, 1)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(library.page, client)
    assert [at for _, at in library.read] == [1, 2, 3, 4, 5]
    assert len(library.pages) == 0


async def test_many_connections_read_a_few_pages_at_a_time(autojump_clock: MockClock) -> None:
    library = Library()
    async with trio.open_nursery() as nursery:
        for number in range(3 * AT_ONCE):
            nursery.start_soon(library.page, FakeClient(number, number))
    assert library.most == AT_ONCE
    assert library.read[-1][1] == 3


async def test_who_asks_for_many_keeps_nobody_else_waiting(autojump_clock: MockClock) -> None:
    library, greedy = Library(), FakeClient(1, 1)
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(library.page, greedy)
        await wait_all_tasks_blocked()
        nursery.start_soon(library.page, FakeClient(2, 2))
    assert dict(library.read)[2] == 1
    assert library.read[-1] == (1, 100)


async def test_who_takes_nothing_reads_nothing_and_takes_no_place(
    autojump_clock: MockClock,
) -> None:
    library = Library()
    crowd = [Deaf(number, number) for number in range(3 * AT_ONCE)]
    async with trio.open_nursery() as nursery:
        for deaf in crowd:
            nursery.start_soon(library.page, deaf)
        await wait_all_tasks_blocked()
        await library.page(FakeClient(99, 99))
        assert library.read == [(99, 1)]
        nursery.cancel_scope.cancel()
    assert len(library.pages) == 0


async def test_small_pages_are_free_and_after_large_ones_the_next_waits(
    autojump_clock: MockClock,
) -> None:
    large, small = Library(size=FREE_BYTES), Library(size=1_000)
    for library in (large, small):
        begun_at = trio.current_time()
        for number in range(10):
            await library.page(FakeClient(number, number), takes=0.0)
        took = trio.current_time() - begun_at
        assert took == (pytest.approx(9 * FREE_BYTES / BYTES_PER_SECOND) if library is large else 0)
    await trio.sleep(1)
    begun_at = trio.current_time()
    await large.page(FakeClient(1, 1), takes=0.0)
    assert trio.current_time() == begun_at


async def history_of(world: World, messages: int) -> tuple[FakeClient, FakeClient]:
    await world.make_room(2)
    ada, ben = world.client(1), world.client(2)
    for client in (ada, ben):
        await world.ask(client, JoinRoom(room_id=ROOM_ID))
    for number in range(messages):
        command = PostMessage(room_id=ROOM_ID, content="x" * 4_000, client_id=key(number))
        await world.ask(ada, command)
    return ada, ben


def count_reads(world: World, name: str) -> list[float]:
    """When each read of the log of this name began."""
    whole, reads = getattr(world.log, name), []

    async def counted(*args: Any, **kwargs: Any) -> Any:
        reads.append(trio.current_time())
        return await whole(*args, **kwargs)

    setattr(world.log, name, counted)
    return reads


async def test_more_deaf_readers_than_a_room_has_reads_keep_nobody_from_reading_and_writing(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.running():
        ada, ben = await history_of(world, 10)
        reads = count_reads(world, "history")
        crowd = [Deaf(1_000 + n, 2, principal=ben.principal) for n in range(2 * MAX_READS)]
        asked = [world.send(deaf, ReadHistory(room_id=ROOM_ID)) for deaf in crowd for _ in range(9)]
        await trio.sleep(1)
        assert isinstance(await world.ask(ada, ReadHistory(room_id=ROOM_ID)), HistoryRead)
        behind = world.send(ada, ReadHistory(room_id=ROOM_ID))
        post = PostMessage(room_id=ROOM_ID, content="and on", client_id=key(99))
        assert (await world.ask(ada, post)).seq == 13
        assert isinstance(behind[0], HistoryRead)
        assert len(reads) == 2
        for deaf in crowd:
            deaf.close()
        await trio.sleep(1)
        assert len(reads) == 2
        assert all(asked)
        assert {type(answers[0]) for answers in asked} <= {Done, Overloaded}


async def test_a_replay_reads_its_pages_in_turn_with_everybody_elses(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.running():
        await history_of(world, 200)
        reads = count_reads(world, "read")
        back = world.client(2)
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(hold, world.pages)
            await wait_all_tasks_blocked()
            join = JoinRoom(room_id=ROOM_ID, after=Position(epoch=EPOCH, seq=3))
            world.send(back, join)
            await trio.sleep(0.5)
            assert reads == []
        await trio.sleep(60)
        assert len(reads) > 1
        assert back.seqs == list(range(4, 203))


async def hold(pages: Pages) -> None:
    async with pages.turn(None):
        await trio.sleep(1)


def held(gates: Gates, number: int, most: int) -> int:
    """How many more commands the connection gets held."""
    for count in range(most):
        try:
            gates.hold(number, Envelope(Done()))
        except Overloaded:
            return count
    return most


def test_who_fills_a_rooms_line_is_refused_before_those_who_have_little_in_it() -> None:
    gates = Gates(max_held=100)
    for number in range(5):
        gates.close(number)
    assert held(gates, 0, 200) == 100
    assert held(gates, 1, 200) == 20
    assert held(gates, 2, 5) == 5
    assert held(gates, 0, 1) == 0
    for number in range(5):
        held(gates, number, 200)
    assert sum(len(list(gates.open(number))) for number in range(5)) <= 200
    gates.close(1)
    assert held(gates, 1, 200) == 100
