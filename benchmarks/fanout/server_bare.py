"""The floor: sockets, and a loop that sends the same bytes to each. No handshake, no protocol, no loop of events."""

import selectors
import socket
import sys

from benchmarks.fanout.words import PAYLOAD, Stopwatch, heard, say
from gateways.client.frames import encode_binary

FRAME = encode_binary(PAYLOAD)


def broadcast(members: list[socket.socket], broadcasts: int) -> None:
    sends = [member.send for member in members]
    frame, size = FRAME, len(FRAME)
    for _ in range(broadcasts):
        for send in sends:
            if send(frame) != size:
                sys.exit("the kernel took a part of a frame: the clients are too slow")


def main() -> None:
    rooms: dict[str, list[socket.socket]] = {}
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        say(port=listener.getsockname()[1])
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    member, _ = listener.accept()
                    rooms.setdefault(member.recv(64).decode(), []).append(member)
                    member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    member.setblocking(False)
                elif "broadcasts" in (order := heard()):
                    watch = Stopwatch()
                    broadcast(rooms[str(order["room"])], order["broadcasts"])
                    watch.report()
                else:
                    say(members={name: len(members) for name, members in rooms.items()})


if __name__ == "__main__":
    main()
