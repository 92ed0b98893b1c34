"""What a client's message costs the server before the actor: from the readable socket to the room's mailbox.

    .venv/bin/python -m benchmarks.inbound [--quick] [--json FILE]

Ours is the gateway and the actor system as they are served (poller, frame parser, decoder with all its checks,
rate, router, `tell_nowait`), each room busy with something else, so that what came stays in its mailbox. Beside it a
bare loop of `recv` and msgpack (no frames, no mask, no check: the floor), and trio-websocket's own reader with
msgpack. A hundred connections, chat messages of 120 characters.

*Ready together*: the server is held until every socket has its messages, then runs; one or sixteen of each
connection arrive in one read. *From idle*: one message every 250 µs, so that each wakes the sleeping process,
which is the kernel's price and nearly the same for all. Microseconds of processor time (all threads) per message:
medians of rounds in which all take turns, and the lowest of them, for whatever else runs makes every processor
slower; ratios are medians of each round's own.
"""

import argparse
import json
import random
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack

from benchmarks.fanout.contenders import Child
from benchmarks.fanout.dialects import BINARY, Chat, masked, upgrade
from loadtest.uuid7 import Uuid7

CONNECTIONS: Final = 100
EVERY: Final = 250e-6
TITLES: Final = {"ours": "Caravan", "bare": "recv and msgpack", "trio_websocket": "trio-websocket"}


@dataclass(frozen=True, slots=True)
class Case:
    """`per_read`: messages of a connection in one read. `times`: how often, in a turn."""

    title: str
    per_read: int
    times: int
    is_held: bool


CASES: Final = (
    Case("ready together, one per read", 1, 16, is_held=True),
    Case("ready together, sixteen per read", 16, 2, is_held=True),
    Case("from idle, one at a time", 1, 4, is_held=False),
)


class Server:
    """One contender's process, and the clients' sockets."""

    def __init__(self, name: str, child: Child) -> None:
        self.name, self._child = name, child
        port = child.answer()["port"]
        new_id = Uuid7()
        rooms = [new_id() for _ in range(CONNECTIONS)]
        self._sockets = [self._entered(port, room) for room in rooms]
        plain = [_message(room, new_id()) for room in rooms]
        self._size = len(plain[0])
        self._messages = plain if name == "bare" else [masked(BINARY, data) for data in plain]
        self._total = 0

    def _entered(self, port: int, room: str) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", port), timeout=20)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.name == "ours":
            Chat("a token", room).enter(connected, room)
        elif self.name == "trio_websocket":
            upgrade(connected, "/")
        return connected

    def turn(self, case: Case) -> float:
        """Microseconds of the server's processor time per message."""
        used = [self._once(case) for _ in range(case.times)]
        return sum(used) / (case.times * CONNECTIONS * case.per_read) * 1e6

    def _once(self, case: Case) -> float:
        self._total += CONNECTIONS * case.per_read
        if case.is_held:
            self._child.ask(hold=True, size=self._size)
            self._send(case.per_read, every=0.0)
            self._child.ask(watch=self._total)
        else:
            self._child.ask(watch=self._total, size=self._size)
            self._send(case.per_read, every=EVERY)
        return float(self._child.answer()["cpu"])

    def _send(self, per_read: int, *, every: float) -> None:
        due = time.perf_counter()
        for connected, message in zip(self._sockets, self._messages, strict=True):
            while time.perf_counter() < due:
                pass
            connected.sendall(message * per_read)
            due += every


def _message(room_id: str, client_id: str) -> bytes:
    message = {"type": "chat.message", "ref": 1, "roomId": room_id, "clientId": client_id}
    return bytes(msgpack.packb({**message, "content": "x" * 120}))


@contextmanager
def serving(name: str) -> Iterator[Server]:
    child = Child([sys.executable, "-m", "benchmarks.inbound_servers", name])
    try:
        yield Server(name, child)
    finally:
        child.end()


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Microseconds by case and contender, a value per round. The order of turns is drawn anew."""
    results: dict[str, dict[str, list[float]]] = {
        case.title: {name: [] for name in TITLES} for case in CASES
    }
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name)) for name in TITLES]
        for number in range(-1, rounds):
            for case in CASES:
                for server in random.sample(servers, len(servers)):
                    figure = server.turn(case)
                    if number >= 0:  # the first turn warms up
                        results[case.title][server.name].append(figure)
    return results


def summary(results: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """`us`: medians; `lowest`: of the rounds; `ratios`: ours by theirs."""
    return {
        title: {
            "us": {name: statistics.median(values) for name, values in by_name.items()},
            "lowest": {name: min(values) for name, values in by_name.items()},
            "ratios": {
                name: statistics.median(
                    mine / theirs for mine, theirs in zip(by_name["ours"], values, strict=True)
                )
                for name, values in by_name.items()
                if name != "ours"
            },
        }
        for title, by_name in results.items()
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: median, lowest round in brackets, ratio."""
    lines = [f"| µs per message | {' | '.join(TITLES.values())} |", "|---|" + "---|" * len(TITLES)]
    for title, figures in found.items():
        cells = []
        for name in TITLES:
            cell = f"{figures['us'][name]:.1f} ({figures['lowest'][name]:.1f})"
            ratio = figures["ratios"].get(name)
            cells.append(cell if ratio is None else f"{cell} · **{ratio:.2f}**")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="7 rounds instead of 31")
    parser.add_argument("--json", type=Path, metavar="FILE", help="medians and ratios")
    options = parser.parse_args()
    found = summary(measure(7 if options.quick else 31))
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
