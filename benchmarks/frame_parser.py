"""How long a client's frame takes to parse and a server's to encode, against wsproto.

Run: .venv/bin/python -m benchmarks.frame_parser. Prints microseconds per frame and their ratio, the median of
interleaved rounds in one process: trust the ratio, not the microseconds.
"""

import os
import statistics
import time
from collections.abc import Callable

from wsproto.frame_protocol import FrameProtocol

from gateways.client.frames import FrameParser, encode_binary

ROUNDS, FRAMES = 15, 2_000


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(FRAMES):
        action()
    return (time.perf_counter() - start) / FRAMES * 1e6


def parse_ours(data: bytes) -> Callable[[], object]:
    parser = FrameParser()
    return lambda: parser.receive(data)


def parse_theirs(data: bytes) -> Callable[[], object]:
    server = FrameProtocol(client=False, extensions=[])

    def action() -> object:
        server.receive_bytes(data)
        return list(server.received_frames())

    return action


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    pairs = [(timed(ours), timed(theirs)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{name:<24} {mine:8.2f} µs   wsproto {other:8.2f} µs   {other / mine:5.1f} x")


def main() -> None:
    for size in (120, 300, 8_192):
        payload = os.urandom(size)
        frame = bytes(FrameProtocol(client=True, extensions=[]).send_data(payload))
        compare(f"parse {size} bytes", parse_ours(frame), parse_theirs(frame))
        server = FrameProtocol(client=False, extensions=[])
        compare(
            f"encode {size} bytes",
            lambda payload=payload: encode_binary(payload),
            lambda payload=payload, server=server: server.send_data(payload),
        )


if __name__ == "__main__":
    main()
