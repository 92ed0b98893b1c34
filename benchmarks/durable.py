"""Acknowledged messages through the whole path, beside one INSERT per message.

    .venv/bin/python -m benchmarks.durable [--quick] [--json FILE] [--seconds 4] [--rounds 5]

Ours is `main.py serve`: gateway, room, group commit in PostgreSQL, `ok` to the sender, the message to all ten members
of its room. Clients are a process of their own (`benchmarks/durable_clients.py`); each sender waits for its `ok`
before the next message, so what is measured is saturation: latencies are those of a full house. Nothing counts
that did not reach every member.

Beside it, by the same clients, the same server with each message in a transaction of its own, as many at a time as the
pool has connections (`benchmarks/durable_server.py`); and, on PostgreSQL with the same settings, as many senders that
do nothing but insert, into a table of the same columns and indexes over as many connections
(`benchmarks/durable_inserts.py`): the database's part alone, no client, no order within the room, no ownership, no
outbox, nobody told.

Contenders take turns, in rooms that are new each time. Medians of the rounds; ratios are medians of each round's
own. Linux only (/proc). `TMPDIR` decides which disk commits wait for.
"""

import argparse
import json
import os
import random
import statistics
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import trio

from benchmarks.chat_rates import descendants, seconds
from benchmarks.harm_processes import Child, child
from loadtest.accounts import Api
from loadtest.own_server import environment_of
from loadtest.seeded import seeded_accounts
from storage.postgres.pool import POOL_SIZE

_PYTHON: Final = (sys.executable, "-m")
MEMBERS: Final = 10
OURS: Final = "Caravan, group commit"
SINGLY: Final = "Caravan, one INSERT each"
INSERTS: Final = "one INSERT each, alone"
CASES: Final = ((1, 1), (20, 1), (20, 10))
"""(rooms, senders in each)"""

FIGURES: Final = ("rate", "p50_ms", "p99_ms", "server_us", "postgres_us")
Figures = dict[str, float]
Results = dict[tuple[int, int], dict[str, list[Figures]]]


class Contender(Protocol):
    async def play(self, rooms: int, senders: int, length: float) -> Figures:
        """One turn. `acked`, `rate`, `p50_ms`, `p99_ms`, `server_us` and `postgres_us` per message."""


@dataclass(slots=True)
class Chat:
    """A server and its clients. Borrows: the processes."""

    pid: int
    dsn: str
    clients: Child
    accounts: list[dict[str, str]]

    async def play(self, rooms: int, senders: int, length: float) -> Figures:
        await self.clients.ask({"open": rooms, "accounts": self.accounts})
        own, database = seconds(Path(f"/proc/{self.pid}")), self.database()
        played = await self.clients.ask({"play": length, "senders": senders})
        own = seconds(Path(f"/proc/{self.pid}")) - own
        return _per_message(played, own, self.database() - database)

    def database(self) -> float:
        """Seconds of processor time of what the server started."""
        return sum(seconds(Path(f"/proc/{one}")) for one in descendants(self.pid))


@dataclass(slots=True)
class Inserts:
    """Who inserts into the database of a server that has nothing else to do. Borrows: the process."""

    chat: Chat
    senders: Child

    async def play(self, rooms: int, senders: int, length: float) -> Figures:
        database = self.chat.database()
        order = {"play": length, "senders": senders * rooms, "rooms": rooms}
        played = await self.senders.ask(order)
        return _per_message(played, played["own_cpu"], self.chat.database() - database)


def _per_message(played: Figures, own: float, database: float) -> Figures:
    acked = played["acked"] / 1e6
    return {**played, "server_us": own / acked, "postgres_us": database / acked}


@asynccontextmanager
async def chat(*command: str) -> AsyncIterator[Chat]:
    """A server with accounts, its clients not connected yet."""
    with TemporaryDirectory(prefix="caravan-durable-") as folder:
        await trio.Path(folder).chmod(0o711)  # the database's own user may pass through
        data = Path(folder) / "data"
        async with child([sys.executable, *command], **environment_of(data)) as server:
            ready = await server.answer()
            async with Api(ready["http"]) as api:
                accounts = [
                    {"userId": str(account.user["id"]), "token": await account.token()}
                    for account in await seeded_accounts(api, data, MEMBERS)
                ]
            dsn = json.loads((data / "server.json").read_text())["database"]
            port = str(urlsplit(ready["ws"]).port)
            async with child([*_PYTHON, "benchmarks.durable_clients", port]) as clients:
                yield Chat(server.process.pid, dsn, clients, accounts)


@asynccontextmanager
async def contenders() -> AsyncIterator[dict[str, Contender]]:
    async with chat("main.py", "serve") as ours, chat("benchmarks/durable_server.py") as singly:
        command = [*_PYTHON, "benchmarks.durable_inserts", singly.dsn, str(POOL_SIZE)]
        async with child(command) as senders:
            await senders.answer()
            yield {OURS: ours, SINGLY: singly, INSERTS: Inserts(singly, senders)}


async def measure(rounds: int, length: float, progress: Callable[[str], None]) -> Results:
    async with contenders() as all_of_them:
        results: Results = {case: {name: [] for name in all_of_them} for case in CASES}
        for one in all_of_them.values():
            await one.play(*CASES[-1], 1.0)  # warms up
        for number in range(rounds):
            for case in CASES:
                progress(f"round {number + 1} of {rounds}: {case[0]} rooms, {case[1]} senders each")
                for name, one in random.sample(list(all_of_them.items()), len(all_of_them)):
                    results[case][name].append(await one.play(*case, length))
    return results


def summary(results: Results) -> list[dict[str, Any]]:
    """One entry per case and contender. `ratios`: ours by theirs."""
    return [
        {
            "rooms": rooms,
            "senders": senders,
            "name": name,
            **{key: statistics.median(turn[key] for turn in turns) for key in FIGURES},
            "ratios": {
                key: statistics.median(
                    mine[key] / max(theirs[key], 1e-9)
                    for mine, theirs in zip(by_name[OURS], turns, strict=True)
                )
                for key in FIGURES
            },
        }
        for (rooms, senders), by_name in results.items()
        for name, turns in by_name.items()
    ]


def table(entries: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| rooms × senders | | acknowledged/s | p50 ms | p99 ms | server µs | PostgreSQL µs |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        cells = [
            f"{entry[key]:,.{digits}f}"
            + ("" if entry["name"] == OURS else f" · **{entry['ratios'][key]:.2f}**")
            for key, digits in zip(FIGURES, (0, 1, 1, 0, 0), strict=True)
        ]
        lines.append(
            f"| {entry['rooms']} × {entry['senders']} | {entry['name']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two rounds of 2 s")
    parser.add_argument("--rounds", type=int, help="(5)")
    parser.add_argument("--seconds", type=float, help="of each turn (4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="medians and ratios")
    options = parser.parse_args()
    rounds = options.rounds or (2 if options.quick else 5)
    length = options.seconds or (2.0 if options.quick else 4.0)
    entries = summary(trio.run(measure, rounds, length, progress))
    progress("")
    print(f"{MEMBERS} members in each room, load average {os.getloadavg()[0]:.1f}\n")
    print(table(entries))
    if options.json:
        options.json.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
