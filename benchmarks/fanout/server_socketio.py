"""python-socketio, as its documentation runs it in production: an ASGI application under uvicorn, with uvloop.

Text events: they are one WebSocket frame, binary ones are two.
"""

import asyncio
import socket
from typing import Any

import socketio
import uvicorn

from benchmarks.fanout.words import PAYLOAD, Stopwatch, heard, say

DAY = 86_400
TEXT = PAYLOAD.decode()
server = socketio.AsyncServer(
    async_mode="asgi", transports=["websocket"], ping_interval=DAY, ping_timeout=DAY
)
Orders = asyncio.Queue[dict[str, Any]]
rooms: dict[str, list[str]] = {}


@server.on("join")
async def join(sid: str, name: str) -> None:
    await server.enter_room(sid, name)
    rooms.setdefault(name, []).append(server.manager.eio_sid_from_sid(sid, "/"))


@server.on("say")
async def say_on(sid: str, message: str) -> None:
    [name] = (room for room in server.rooms(sid) if room != sid)
    await server.emit("m", message, room=name)


async def publish(name: str, broadcasts: int, flight: int) -> None:
    queues = [server.eio.sockets[sid].queue for sid in rooms[name]]
    for _ in range(0, broadcasts, flight):
        for _ in range(flight):
            await server.emit("m", TEXT, room=name)
        while not queues[-1].empty():
            await asyncio.sleep(0)
    while not all(queue.empty() for queue in queues):
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # who took the last one from its queue sends it in the same turn


async def obey(orders: Orders) -> None:
    while True:
        order = await orders.get()
        if "broadcasts" in order:
            watch = Stopwatch()
            await publish(str(order["room"]), order["broadcasts"], order["flight"])
            watch.report()
        else:
            say(members={name: len(members) for name, members in rooms.items()})


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    config: Any = uvicorn.Config(
        socketio.ASGIApp(server),
        lifespan="off",
        log_level="critical",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    say(port=listener.getsockname()[1])
    orders = Orders()
    asyncio.get_running_loop().add_reader(0, lambda: orders.put_nowait(heard()))
    obeying = asyncio.create_task(obey(orders))
    await uvicorn.Server(config).serve(sockets=[listener])
    obeying.cancel()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
