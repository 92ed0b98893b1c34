"""A month ends while people talk: a real log with its leaves, rooms on the real actor system."""

from collections.abc import Sequence

import trio
from actors_world import EPOCH, ROOM_ID, TENANT, FakeClient, World, key

from protocol.chat import MessageAccepted, PostMessage
from protocol.room import JoinRoom
from protocol.session import Position
from storage.months import Month
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.shards import PostgresLeases

ENDING, BEGINNING = Month(2027, 1), Month(2027, 2)
MADE_AT = BEGINNING.start - 10_000
MESSAGES = 1_300
"""More than a waking room recalls."""


class TickingClock:
    """Every look at it takes a millisecond: the month ends under the load, whatever the machine."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        self.at_ms += 1
        return self.at_ms

    def monotonic(self) -> float:
        return trio.current_time()


class Node(World):
    """One life of a node on a real database."""

    def __init__(self, database: Database, clock: TickingClock) -> None:
        super().__init__(clock=clock)
        self.log = PostgresMessageLog(database, clock)
        self.rooms = PostgresRooms(database)
        self.leases = PostgresLeases(database, node="n")


def posts(numbers: Sequence[int]) -> list[PostMessage]:
    return [
        PostMessage(room_id=ROOM_ID, content=f"n{number}", client_id=key(number, MADE_AT))
        for number in numbers
    ]


async def say(node: Node, client: FakeClient, commands: Sequence[PostMessage]) -> dict[str, int]:
    """Many at a time; the seq that each client id was answered with."""
    seqs: dict[str, int] = {}
    some = trio.Semaphore(64)

    async def one(command: PostMessage) -> None:
        async with some:
            accepted = await node.ask(client, command)
        assert isinstance(accepted, MessageAccepted)
        assert seqs.setdefault(command.client_id, accepted.seq) == accepted.seq

    async with trio.open_nursery() as nursery:
        for command in commands:
            nursery.start_soon(one, command)
    return seqs


async def leaves(database: Database) -> dict[str, int]:
    async def read(connection: Connection) -> dict[str, int]:
        sql = "SELECT tableoid::regclass::text AS leaf, count(*) AS rows FROM message GROUP BY 1"
        return {row["leaf"]: row["rows"] for row in await connection.fetch(sql)}

    return await database.call(read)


async def test_a_month_ends_under_load_without_a_gap_and_a_repeat_finds_the_other_month(
    database: Database,
) -> None:
    clock = TickingClock(BEGINNING.start - MESSAGES // 2)
    node = Node(database, clock)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.leases.run)
        async with node.running():
            await node.make_room()
            ada = node.client(1)
            await node.ask(ada, JoinRoom(room_id=ROOM_ID))
            twice = [command for command in posts(range(MESSAGES)) for _ in range(2)]
            first = await say(node, ada, twice)
        nursery.cancel_scope.cancel()

    assert sorted(first.values()) == list(range(2, MESSAGES + 2))
    assert ada.seqs == list(range(2, MESSAGES + 2))
    rows = await leaves(database)
    assert set(rows) == {ENDING.leaf, BEGINNING.leaf}
    assert min(rows.values()) > 100

    # After a restart the room recalls the newest; the others' keys lie in last month's leaf.
    node = Node(database, clock)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.leases.run)
        async with node.running():
            ada = node.client(1)
            again = await say(node, ada, posts(range(0, MESSAGES, 10)))
            late = node.client(1)
            after = Position(epoch=EPOCH, seq=MESSAGES - 600)
            joined = await node.ask(late, JoinRoom(room_id=ROOM_ID, after=after))
            last = await say(node, ada, posts([MESSAGES]))
            with trio.fail_after(5):
                while len(late.seqs) < 602:
                    await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert again == {client_id: first[client_id] for client_id in again}
    assert list(last.values()) == [MESSAGES + 2]
    assert joined.verdict == "complete"
    assert late.seqs == list(range(MESSAGES - 599, MESSAGES + 3))
    log = PostgresMessageLog(database, clock)
    assert await log.head(TENANT, ROOM_ID) == MESSAGES + 2
