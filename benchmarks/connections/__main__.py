"""What idle connections cost, and what it takes when all come back at once.

`main.py serve` with its own PostgreSQL is one process, the clients another. A connection is upgraded,
authenticated by a seeded account's token, welcomed, joined to a room, and then says nothing but what the
heartbeat asks of it. Memory is the server process's own, without PostgreSQL, each time after a full collection:
as soon as all are in ("just in"), and when the actors that woke for them have gone to rest ("at rest"; of the
rooms' and presences' actors each stays). Then every socket is reset at once, and each client resumes its
session after random(0 ... 0.5 s), at most `--at-once` on their way: more than the listener's backlog would wait
for the kernel's repeated attempts, not for us. The token check is timed by itself in the same process.
"""

import argparse
import json
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import trio

from benchmarks.connections.report import table
from benchmarks.harm_processes import Child, ProcessorTime, child
from loadtest.accounts import Api
from loadtest.own_server import REPOSITORY
from loadtest.seeded import seeded_accounts
from loadtest.uuid7 import Uuid7

QUICK: Final = 2_000
AT_ONCE: Final = 1_000
COMING: Final = 200
"""Under way at a time while the connections are opened."""

ACCOUNTS_PER_ROOM: Final = 10
REST_WITHIN: Final = 90.0
PLACES_WITHIN: Final = 90.0
LIVING: Final = ("room", "presence")
CHECKS: Final = 2_000
SHOWN: Final = 40
MOST_SECONDS: Final = 600.0


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Stage:
    """A server and its clients. Borrows: the processes."""

    server: Child
    clients: Child
    time: ProcessorTime
    token: str
    found: dict[str, Any] = field(default_factory=dict)

    async def memory(self, name: str) -> None:
        """Take the figures of an idle server."""
        collected = await self.server.ask({"collect": True})
        self.found[name] = {
            **_memory(self.server.process.pid),
            "active": await self.server.ask({"active": True}),
            "gc_ms": collected["ms"],
            "objects": collected["objects"],
        }
        progress(f"{name}: {self.found[name]}")

    async def connect(self, name: str, order: dict[str, Any]) -> None:
        """Open or cut; what the server used for it."""
        await self.server.ask({"loop": True})
        self.time.take()
        done = await self.clients.ask(order)
        spent = self.time.take()
        loop = await self.server.ask({"loop": True})
        self.found[name] = {**done, "spent": spent, "loop": loop}
        progress(
            f"{name}: {done['welcomes']} welcomes in {done['seconds']:.1f} s, "
            f"{spent['server'] / done['welcomes'] * 1e3:.2f} ms of processor time each; came again: {done['again'] or 'nobody'}"
        )

    async def rest(self) -> None:
        """Wait until only the actors live that stay while somebody is there."""
        with trio.move_on_after(REST_WITHIN):
            while True:
                active = await self.server.ask({"active": True})
                if not set(active).difference(LIVING):
                    return
                await trio.sleep(1)
        progress(f"still active after {REST_WITHIN:.0f} s: {active}")


def _memory(pid: int) -> dict[str, int]:
    """Bytes, by /proc."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {
        name: int(size.split()[0]) for name, _, size in (row.partition(":") for row in rows)
    }
    return {"rss": kilobytes["Rss"] * 1_024, "pss": kilobytes["Pss"] * 1_024}


def _per_connection(
    before: dict[str, list[int]], after: dict[str, list[int]], connections: int
) -> dict[str, list[float]]:
    """Number and bytes by type, the most bytes first."""
    each = {
        name: [
            (now - then) / connections
            for now, then in zip(found, before.get(name, (0, 0)), strict=True)
        ]
        for name, found in after.items()
    }
    return dict(sorted(each.items(), key=lambda item: -item[1][1])[:SHOWN])


@asynccontextmanager
async def staged(connections: int, per_account: int) -> AsyncIterator[Stage]:
    """A server with accounts in rooms, and clients that are not connected yet."""
    with TemporaryDirectory(prefix="caravan-connections-") as folder:
        await trio.Path(folder).chmod(0o711)  # the database's own user may pass through
        data = Path(folder) / "data"
        settings = {
            "DATABASE_URL": "",  # its own
            "CARAVAN_DATA_DIR": str(data),
            "CARAVAN_HTTP_PORT": "0",
            "CARAVAN_WS_PORT": "0",
        }
        async with _served(settings) as (_, ready), Api(ready["http"]) as api:
            await _filled(api, data)
        async with _served(settings) as (server, ready):
            ws = urlsplit(ready["ws"])
            command = [sys.executable, "-m", "benchmarks.connections.clients"]
            async with (
                Api(ready["http"]) as api,
                child([*command, str(ws.hostname), str(ws.port)]) as clients,
            ):
                count = -(-connections // per_account)
                accounts = await _in_rooms(api, data, count)
                await clients.ask({"accounts": accounts})
                used = ProcessorTime(server.process.pid, clients.process.pid)
                yield Stage(server, clients, used, accounts[0][0])


@asynccontextmanager
async def _served(settings: dict[str, str]) -> AsyncIterator[tuple[Child, dict[str, str]]]:
    """A server, and what it said when it was ready."""
    script = str(REPOSITORY / "benchmarks" / "connections" / "server.py")
    async with child([sys.executable, script], **settings) as server:
        yield server, await server.answer()


async def _in_rooms(api: Api, data: Path, count: int) -> list[tuple[str, str]]:
    """Pairs of token and room."""
    accounts = await seeded_accounts(api, data, count)
    new_id, found = Uuid7(), []
    for first in range(0, count, ACCOUNTS_PER_ROOM):
        members = accounts[first : first + ACCOUNTS_PER_ROOM]
        tokens = [await account.token() for account in members]
        body = {
            "kind": "group",
            "title": "connections",
            "clientId": new_id(),
            "members": [account.user["id"] for account in members[1:]],
        }
        room = await api.call("POST", "/chat/rooms", body=body, token=tokens[0])
        found += [(token, str(room["room"]["id"])) for token in tokens]
    return found


async def _filled(api: Api, data: Path) -> None:
    """Wait until a new server has filled its catalogue of places, half a minute after its start. That
    takes sixty megabytes for a moment: their holes would hold the connections of the same process, so
    those are measured in the next one."""
    [account] = await seeded_accounts(api, data, 1)
    token = await account.token()
    with trio.fail_after(PLACES_WITHIN):
        while not (await api.call("GET", "/places", query={"q": "Lisbon"}, token=token))["items"]:
            await trio.sleep(1)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    connections = options.connections
    async with staged(connections, options.per_account) as stage:
        await stage.connect("warm", {"open": 20, "at_once": COMING})
        await stage.memory("0")
        before = await stage.server.ask({"objects": True}) if options.objects else {}
        for part in (connections // 5, connections):
            await stage.connect(f"open {part}", {"open": part, "at_once": COMING})
            await stage.memory(f"{part} just in")
        await stage.rest()
        await stage.memory(f"{connections} at rest")
        if options.objects:
            after = await stage.server.ask({"objects": True})
            stage.found["objects"] = _per_connection(before, after, connections)
        if options.profile:
            await stage.server.ask({"profile": True})
        await stage.connect("storm", {"cut": True, "at_once": options.at_once})
        if options.profile:
            stage.found["profile"] = await stage.server.ask({"profile": False})
        await stage.memory("after the storm")
        checks = await stage.server.ask({"verify": stage.token, "times": CHECKS})
        stage.found["check_ms"] = checks["cpu"] / CHECKS * 1e3
        return {"connections": connections, "per_account": options.per_account, **stage.found}


async def bounded(options: argparse.Namespace) -> dict[str, Any]:
    with trio.fail_after(MOST_SECONDS):
        return await measure(options)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.connections",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--connections", type=int, default=10_000, help="(10,000)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} connections")
    parser.add_argument("--per-account", type=int, default=10, help="sessions of an account (10)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"in the storm ({AT_ONCE:,})")
    parser.add_argument("--profile", action="store_true", help="of the storm, into --json")
    parser.add_argument("--objects", action="store_true", help="by type, into --json")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure")
    options = parser.parse_args()
    if options.quick:
        options.connections = QUICK
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < options.connections + 200:
        sys.exit(
            f"{most} open files are allowed here (ulimit -Hn): too few for so many connections"
        )
    found = trio.run(bounded, options)
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
