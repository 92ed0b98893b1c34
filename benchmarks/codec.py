"""What it costs to decode a chat message into its checked struct, and to encode an event, against plain msgpack.

    .venv/bin/python -m benchmarks.codec

msgpack only builds a dict, and checks nothing. Prints microseconds per frame and the ratio, the median of
interleaved rounds in one process: trust the ratio, not the microseconds.
"""

import statistics
import time
from collections.abc import Callable

import msgpack

from protocol import codec
from protocol.chat import MessagePosted, Sender

ROUNDS, FRAMES = 15, 5_000
ID = "01999999-0000-7000-8000-00000000000a"
COMMAND = msgpack.packb(
    {"type": "chat.message", "ref": 1, "roomId": ID, "clientId": ID, "content": "x" * 120}
)
EVENT = MessagePosted(
    room_id=ID,
    epoch="epoch",
    seq=1,
    sent_at=1_790_000_000_000,
    message_id=ID,
    sender=Sender(id=ID, kind="user", name="Ada"),
    content="x" * 120,
    client_id=ID,
)
EVENT_AS_DICT = msgpack.unpackb(codec.encode(EVENT))


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(FRAMES):
        action()
    return (time.perf_counter() - start) / FRAMES * 1e6


def compare(what: str, ours: Callable[[], object], plain: Callable[[], object]) -> None:
    pairs = [(timed(ours), timed(plain)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{what:<8} ours {mine:6.2f} µs   msgpack {other:6.2f} µs   msgpack / ours {ratio:4.2f}")


if __name__ == "__main__":
    compare("decode", lambda: codec.decode(COMMAND), lambda: msgpack.unpackb(COMMAND))
    compare("encode", lambda: codec.encode(EVENT), lambda: msgpack.packb(EVENT_AS_DICT))
