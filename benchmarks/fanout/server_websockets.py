"""`websockets.broadcast`, asyncio: no compression, no pings of its own."""

import asyncio
from contextlib import suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.fanout.words import PAYLOAD, ROOMS, Stopwatch, heard, say

Orders = asyncio.Queue[dict[str, Any]]
rooms: dict[str, set[ServerConnection]] = {str(size): set() for size in ROOMS}


async def member(connection: ServerConnection) -> None:
    name = bytes(await connection.recv(decode=False)).decode()
    rooms[name].add(connection)
    with suppress(ConnectionClosed):  # the clients end without a goodbye
        async for message in connection:
            broadcast(rooms[name], message)


async def publish(members: set[ServerConnection], broadcasts: int, flight: int) -> None:
    for _ in range(0, broadcasts, flight):
        for _ in range(flight):
            broadcast(members, PAYLOAD)
        await asyncio.sleep(0)
    while any(connection.transport.get_write_buffer_size() for connection in members):
        await asyncio.sleep(0)


async def obey(orders: Orders) -> None:
    while True:
        order = await orders.get()
        if "broadcasts" in order:
            watch = Stopwatch()
            await publish(rooms[str(order["room"])], order["broadcasts"], order["flight"])
            watch.report()
        else:
            say(members={name: len(members) for name, members in rooms.items()})


async def main() -> None:
    orders = Orders()
    async with serve(member, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        say(port=server.sockets[0].getsockname()[1])
        asyncio.get_running_loop().add_reader(0, lambda: orders.put_nowait(heard()))
        await obey(orders)


if __name__ == "__main__":
    asyncio.run(main())
