"""The floor: sockets, and a loop that sends the same bytes to each. No handshake, no protocol, no loop of events."""

import contextlib
import selectors
import socket
import sys

from benchmarks.fanout.words import PAYLOAD, Stopwatch, heard, say
from gateways.client.frames import encode_binary

FRAME = encode_binary(PAYLOAD)
Rooms = dict[str, list[socket.socket]]


def broadcast(members: list[socket.socket], broadcasts: int) -> None:
    sends = [member.send for member in members]
    frame, size = FRAME, len(FRAME)
    for _ in range(broadcasts):
        for send in sends:
            if send(frame) != size:
                sys.exit("the kernel took a part of a frame: the clients are too slow")


def enter(listener: socket.socket, selector: selectors.BaseSelector, rooms: Rooms) -> None:
    member, _ = listener.accept()
    name = member.recv(64).decode()
    rooms.setdefault(name, []).append(member)
    member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    member.setblocking(False)
    selector.register(member, selectors.EVENT_READ, name)


def say_on(member: socket.socket, name: str, rooms: Rooms) -> None:
    """What comes from a member goes to all. Whole payloads arrive: they are sent in one go."""
    with contextlib.suppress(BlockingIOError):
        broadcast(rooms[name], len(member.recv(65_536)) // len(PAYLOAD))


def main() -> None:
    rooms: Rooms = {}
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        say(port=listener.getsockname()[1])
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    enter(listener, selector, rooms)
                elif isinstance(key.fileobj, socket.socket):
                    say_on(key.fileobj, key.data, rooms)
                elif "broadcasts" in (order := heard()):
                    watch = Stopwatch()
                    broadcast(rooms[str(order["room"])], order["broadcasts"])
                    watch.report()
                else:
                    say(members={name: len(members) for name, members in rooms.items()})


if __name__ == "__main__":
    main()
