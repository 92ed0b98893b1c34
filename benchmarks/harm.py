"""What clients that mean harm cost others: latencies of fifty good clients, with and without them.

    .venv/bin/python -m benchmarks.harm [--pairs 5] [--seconds 12] [--each] [--kinds half_open deaf]

One server (`main.py serve`, limits of rates on), one process of good clients (this one: the reference
client, 10 rooms of 5, 100 messages/s), one of hostile clients (`tests/e2e/hostile_clients.py`, at the
lowest priority, so that it takes no processor from the good ones). Phases of peace and harm alternate;
a pair's ratio is that of its two phases, and the verdict the median over all pairs. `--each` measures
every kind by itself too. Exit status 1 when the median p99 with all kinds together is above 1.2 times
that without them. Everything shares the machine: look at "lag", which is this process's own lateness.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Final

import trio

from loadtest.accounts import Api
from loadtest.client import Session, open_session
from loadtest.connection import dial_url
from loadtest.latencies import Latencies
from loadtest.own_server import COMMAND, REPOSITORY
from loadtest.uuid7 import Uuid7
from loadtest.virtual_users import (
    MAX_ACCOUNTS,
    in_turns,
    join_all,
    make_accounts,
    make_rooms,
    seats,
)
from loadtest.wire import Frame

CROWD: Final = {
    "half_open": 1_000,
    "half_open_http": 100,
    "slow_handshake": 50,
    "slow_head": 50,
    "slow_body": 10,
    "no_body": 10,
    "no_hello": 50,
    "half_a_hello": 10,
    "half_a_frame": 10,
    "huge_length": 5,
    "ping_flood": 5,
    "empty_fragments": 5,
    "deaf": 5,
    "unread_close": 5,
}
"""How many of each kind there are at a time."""

USERS, ROOMS, RATE = 50, 10, 100.0
REST: Final = 1.5
MOST: Final = 1.2


@dataclass
class Phase:
    """What good clients saw in one phase."""

    deliveries: Latencies = field(default_factory=Latencies)
    lag: Latencies = field(default_factory=Latencies)


class GoodClients:
    """Fifty sessions that chat. Owns: their tasks' figures. `phase` is where deliveries count."""

    def __init__(self) -> None:
        self.phase = Phase()
        self._plan = seats(USERS, ROOMS)
        self._intended: dict[str, float] = {}
        self._new_id = Uuid7()
        self._sessions: list[Session] = []
        self._rooms: list[str] = []

    async def come(self, api: Api, nursery: trio.Nursery) -> None:
        """Register, connect, join."""
        accounts = await make_accounts(api, MAX_ACCOUNTS)
        dial = dial_url(str((await api.info())["ws"]))
        for seat in self._plan:
            session = Session(
                dial=dial,
                credentials=accounts[seat.account],
                on_event=lambda event: None,
                on_raw=self._tap,
                heals=False,
            )
            self._sessions.append(session)
            nursery.start_soon(session.run)
        organiser = Session(dial=dial, credentials=accounts[0], on_event=lambda event: None)
        async with open_session(organiser):
            await organiser.wait_connected()
            self._rooms = await make_rooms(organiser, accounts, self._plan)
        await join_all(self._sessions, self._plan, self._rooms)

    async def talk(self, seconds: float) -> Phase:
        """One phase, open loop: send times are fixed before it."""
        self.phase, self._intended = Phase(), {}
        begun = trio.current_time() + 0.1
        async with trio.open_nursery() as speaking:
            for number, seat in enumerate(islice(in_turns(self._plan), round(RATE * seconds))):
                due = begun + number / RATE
                await trio.sleep_until(due)
                self.phase.lag.record(trio.current_time() - due)
                client_id = self._new_id()
                self._intended[client_id] = due
                session, room = self._sessions[seat.number], self._rooms[seat.room]
                speaking.start_soon(self._say, session, room, client_id)
        await trio.sleep(0.5)  # what is still on its way to the others counts too
        expected = round(RATE * seconds) * USERS // ROOMS
        if self.phase.deliveries.count != expected:
            raise SystemExit(f"{self.phase.deliveries.count} of {expected} deliveries arrived")
        return self.phase

    async def _say(self, session: Session, room: str, client_id: str) -> None:
        await session.send(room, "message ".ljust(120, "."), client_id=client_id)

    def _tap(self, frame: Frame, received_at: float) -> None:
        due = self._intended.get(frame.get("clientId", ""))
        if due is not None and frame["type"] == "chat.message":
            self.phase.deliveries.record(received_at - due)


class Hostile:
    """The process of hostile clients. Borrows: the process."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process

    async def become(self, crowd: dict[str, int]) -> dict[str, int]:
        """Other clients from now on; what ended of the last ones."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        await self._process.stdin.send_all(json.dumps(crowd).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += await self._process.stdout.receive_some()
        ended: dict[str, int] = json.loads(line)
        return ended


@asynccontextmanager
async def child(command: list[str], **settings: str) -> AsyncIterator[trio.Process]:
    """A process with pipes; its standard error is ours. SIGTERM at the end."""
    process = await trio.lowlevel.open_process(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if settings else None,
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.terminate()
            await process.wait()


async def target_of(api: Api) -> list[str]:
    """An account of the hostile ones, with a room whose history is long: the words of a target."""
    [account] = await make_accounts(api, 1)
    ws = str((await api.info())["ws"])
    session = Session(dial=dial_url(ws), credentials=account, on_event=lambda event: None)
    async with open_session(session):
        await session.wait_connected()
        answer = await session.ask(
            "room.create", kind="group", title="harm", clientId=session.new_id(), members=[]
        )
        room = str(answer["room"]["id"])
        for _ in range(40):
            await session.send(room, "x" * 8_000, client_id=session.new_id())
    return [api.url, ws, await account.token(), room]


async def compare(
    name: str,
    crowd: dict[str, int],
    good: GoodClients,
    hostile: Hostile,
    options: argparse.Namespace,
) -> float:
    """The median ratio of p99 over the pairs, printed."""
    pairs = []
    ended: dict[str, int] = {}
    for _ in range(options.pairs):
        peace = await good.talk(options.seconds)
        await hostile.become(crowd)
        harm = await good.talk(options.seconds)
        for what, number in (await hostile.become({})).items():
            ended[what] = ended.get(what, 0) + number
        await trio.sleep(REST)
        pairs.append((peace, harm))
    print(f"{name:<16}", *_figures(pairs), flush=True)
    if options.verbose:
        print("                 ended:", ", ".join(f"{n} {w}" for w, n in sorted(ended.items())))
        for point in (50, 99):
            print(f"                 p{point}:", *(_pair(pair, point) for pair in pairs))
    return _ratio(pairs, 99)


def _pair(pair: tuple[Phase, Phase], point: float) -> str:
    return "/".join(f"{phase.deliveries.percentile_ms(point):.1f}" for phase in pair)


def _ratio(pairs: list[tuple[Phase, Phase]], point: float) -> float:
    return statistics.median(
        harm.deliveries.percentile_ms(point) / peace.deliveries.percentile_ms(point)
        for peace, harm in pairs
    )


def _figures(pairs: list[tuple[Phase, Phase]]) -> list[str]:
    figures = []
    for point in (50, 99):
        for side in (0, 1):
            values = [pair[side].deliveries.percentile_ms(point) for pair in pairs]
            figures.append(f"{statistics.median(values):>8.2f}")
        figures.append(f"{_ratio(pairs, point):>7.2f}")
    lags = [phase.lag.percentile_ms(99) for pair in pairs for phase in pair]
    return [*figures, f"{statistics.median(lags):>8.2f}"]


async def measure(options: argparse.Namespace) -> float:
    with TemporaryDirectory(prefix="caravan-harm-") as folder:
        await trio.Path(folder).chmod(0o711)  # the database's own user may pass through
        settings = {
            "CARAVAN_DATA_DIR": f"{folder}/data",
            "CARAVAN_HTTP_PORT": "0",
            "CARAVAN_WS_PORT": "0",
        }
        async with child([*COMMAND], **settings) as server:
            assert server.stdout is not None
            url = json.loads(await server.stdout.receive_some())["http"]
            async with Api(url) as api, trio.open_nursery() as nursery:
                script = str(REPOSITORY / "tests" / "e2e" / "hostile_clients.py")
                words = await target_of(api)
                async with child([sys.executable, script, *words]) as process:
                    good = GoodClients()
                    await good.come(api, nursery)
                    gc.collect()
                    gc.freeze()
                    await good.talk(3)  # warm
                    ratio = await _compare_all(good, Hostile(process), options)
                nursery.cancel_scope.cancel()
    return ratio


async def _compare_all(good: GoodClients, hostile: Hostile, options: argparse.Namespace) -> float:
    print("kind, milliseconds   p50     harm   ratio     p99     harm   ratio  lag p99")
    for kind in options.kinds or (CROWD if options.each else ()):
        crowd = CROWD if kind == "all" else {kind: CROWD[kind]}
        await compare(kind, crowd, good, hostile, options)
    if options.kinds:
        return 0.0
    await compare("nobody (control)", {}, good, hostile, options)
    return await compare("all together", CROWD, good, hostile, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--each", action="store_true", help="every kind by itself too")
    parser.add_argument(
        "--kinds", nargs="+", choices=[*CROWD, "all"], help="these alone, without verdict"
    )
    parser.add_argument("--verbose", action="store_true", help="each pair, and who ended how")
    ratio = trio.run(measure, parser.parse_args())
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
