"""What clients that mean harm cost others: latencies of fifty good clients, with and without them.

    .venv/bin/python -m benchmarks.harm [--rounds 5] [--seconds 12] [--each] [--kinds half_open deaf]

One server (`benchmarks/harm_server.py`: `main.py serve`, limits of rates on, with a probe in its loop),
one process of good clients (this one: the reference client, 10 rooms of 5, 100 messages/s in open loop),
one of hostile clients (`tests/e2e/hostile_clients.py`, at the lowest priority: what is to be measured
is the server, not how the kernel shares processors). A round has one phase of each kind, a phase of
peace before and after each; a phase's ratio is its p99 by the mean of its neighbours', and a kind's
the median over all rounds. "nobody" is the null control: a phase like the others, with nobody hostile.
A phase of twelve seconds holds a whole life of the slowest kinds (deadlines of ten).

Exit status 1 when the ratio for all kinds together is above 1.2. Everything shares the machine: what
others used of it ("others", seconds of processor time per second) stands beside each figure.
"""

import argparse
import gc
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio

from benchmarks.harm_good import GoodClients, Phase
from benchmarks.harm_processes import Child, ProcessorTime, child, go_first, take_first
from benchmarks.harm_timeline import lines
from loadtest.accounts import Api
from loadtest.client import Session, open_session
from loadtest.connection import dial_url
from loadtest.own_server import REPOSITORY
from loadtest.virtual_users import make_accounts

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

CROWDS: Final = {
    "nobody": {},
    **{kind: {kind: number} for kind, number in CROWD.items()},
    "all": CROWD,
}
ACCOUNTS: Final = 8
"""Hostile ones in all. Who did harm is welcomed late for the next minute and more: each phase has others,
until all had their turn, so that it begins as the first did."""

REST: Final = 1.5
MOST: Final = 1.2
CALM: Final = 0.5
CALM_WITHIN: Final = 60.0
LOADED_AFTER: Final = 40.0
"""Seconds after its start by which a server has loaded what it loads late: places by name, half a minute after."""


class Stage:
    """Everybody, and the phases that were. Borrows: clients and processes."""

    def __init__(self, server: Child, hostile: Child, good: GoodClients) -> None:
        self._server, self._hostile, self._good = server, hostile, good
        self._time = ProcessorTime(server.process.pid, hostile.process.pid)

    async def phase(self, kind: str | None, seconds: float) -> Phase:
        """`kind` None: peace."""
        await self._hostile.ask(CROWDS[kind] if kind else {})
        self._time.take()
        await self._server.ask(None)
        phase = await self._good.talk(seconds)
        phase.spent = {who: spent / seconds for who, spent in self._time.take().items()}
        phase.server = await self._server.ask(None)
        phase.ended = await self._hostile.ask({})
        if kind:
            await trio.sleep(REST)
        return phase


def ratios(phases: list[tuple[str | None, Phase]], kind: str) -> list[float]:
    """Of each phase of a kind: its p99 by the mean of those of peace before and after it."""
    found = []
    for (_, before), (what, phase), (_, after) in zip(phases, phases[1:], phases[2:], strict=False):
        if what == kind:
            found.append(phase.p99 / statistics.mean((before.p99, after.p99)))
    return found


def _median(phases: list[Phase], *path: str) -> float:
    def figure(phase: Phase) -> float:
        value: Any = phase.server
        for name in path:
            value = value[name]
        return float(value)

    return statistics.median(map(figure, phases))


def row(kind: str | None, phases: list[tuple[str | None, Phase]]) -> str:
    """One line of the table."""
    mine = [phase for what, phase in phases if what == kind]
    figures = [
        statistics.median(phase.deliveries.percentile_ms(50) for phase in mine),
        statistics.median(phase.p99 for phase in mine),
        statistics.median(ratios(phases, kind)) if kind else 1.0,
        _median(mine, "late", "p99_ms"),
        _median(mine, "held", "p99_ms"),
        _median(mine, "held", "max_ms"),
        statistics.median(phase.lag.percentile_ms(99) for phase in mine),
        *(statistics.median(phase.spent[who] for phase in mine) for who in mine[0].spent),
    ]
    return f"{kind or 'peace':<16}" + "".join(f"{figure:>9.2f}" for figure in figures)


HEAD: Final = (
    "                         delivery          the server's loop          good  "
    "processor seconds per second\n"
    "kind                  p50      p99    ratio late p99 held p99      max      lag   server"
    " database     good  hostile   others"
)


def report(phases: list[tuple[str | None, Phase]], options: argparse.Namespace) -> None:
    print(HEAD)
    for kind in dict.fromkeys(kind for kind, _ in phases):
        print(row(kind, phases))
    for kind in dict.fromkeys(kind for kind, _ in phases if kind):
        print(f"ratios of {kind}:", *(f"{ratio:.2f}" for ratio in ratios(phases, kind)))
    for kind, phase in phases if options.timeline else ():
        print(kind or "peace", *lines(phase.seen, phase.server.pop("timeline")), sep="\n")
    for kind, phase in phases if options.verbose else ():
        print(kind, f"{phase.p99:.1f}", phase.ended, phase.server)


async def calm() -> None:
    """Wait, but not for ever, until others leave half a processor and more."""
    with trio.move_on_after(CALM_WITHIN):
        while os.getloadavg()[0] > CALM * (os.cpu_count() or 1):
            await trio.sleep(1)


async def wait_filled(api: Api, token: str) -> None:
    """Who asks for a place first has the catalogue filled, and waits: by itself it is filled 20 s after
    the first start, and those seconds would be measured as harm, or as peace."""
    found = await api.call("GET", "/places", token=token, query={"q": "Lisbon"})
    if not found["items"]:
        raise SystemExit("the catalogue is empty")


async def target_of(api: Api, number: int) -> list[str]:
    """So many hostile accounts for each phase, with a room whose history is long: the words of a target."""
    accounts = await make_accounts(api, max(number, ACCOUNTS // number * number))
    await wait_filled(api, await accounts[0].token())
    ws = str((await api.info())["ws"])
    session = Session(dial=dial_url(ws), credentials=accounts[0], on_event=lambda event: None)
    async with open_session(session):
        await session.wait_connected()
        answer = await session.ask(
            "room.create",
            kind="group",
            title="harm",
            clientId=session.new_id(),
            members=[str(account.user["id"]) for account in accounts[1:]],
            history="all",
        )
        room = str(answer["room"]["id"])
        for _ in range(40):
            await session.send(room, "x" * 8_000, client_id=session.new_id())
    tokens = [await account.token() for account in accounts]
    lists = [tokens[first : first + number] for first in range(0, len(tokens), number)]
    return [api.url, ws, ";".join(map(",".join, lists)), room]


@asynccontextmanager
async def staged(options: argparse.Namespace) -> AsyncIterator[Stage]:
    """A server with everybody connected."""
    words = ["timeline"] if options.timeline else []
    script = str(REPOSITORY / "benchmarks" / "harm_server.py")
    with TemporaryDirectory(prefix="caravan-harm-") as folder:
        await trio.Path(folder).chmod(0o711)  # the database's own user may pass through
        settings = {
            "DATABASE_URL": "",  # its own
            "CARAVAN_DATA_DIR": f"{folder}/data",
            "CARAVAN_HTTP_PORT": "0",
            "CARAVAN_WS_PORT": "0",
            # Nobody travels or pays: the sandbox's start would be measured as harm.
            "CARAVAN_AMADEUS_MODE": "off",
            "CARAVAN_DUFFEL_MODE": "off",
            "CARAVAN_STRIPE": "off",
            "CARAVAN_PAYPAL": "off",
        }
        async with child([sys.executable, script, *words], **settings) as server:
            url, started = (await server.answer())["http"], trio.current_time()
            async with Api(url) as api, trio.open_nursery() as nursery:
                script = str(REPOSITORY / "tests" / "e2e" / "hostile_clients.py")
                target = await target_of(api, options.accounts)
                async with child([sys.executable, script, *target]) as hostile:
                    good = GoodClients()
                    await good.come(api, nursery)
                    await trio.sleep_until(started + LOADED_AFTER)
                    take_first(server.process.pid)
                    gc.collect()
                    gc.freeze()
                    yield Stage(server, hostile, good)
                nursery.cancel_scope.cancel()


async def measure(options: argparse.Namespace) -> bool:
    """Whether the objective was reached, or not asked for."""
    print("before others on this machine:", "yes" if go_first() else "not allowed", flush=True)
    kinds = options.kinds or ["nobody", *(CROWD if options.each else ()), "all"]
    phases: list[tuple[str | None, Phase]] = []
    async with staged(options) as stage:
        await stage.phase(None, 3)  # warm
        await calm()
        phases.append((None, await stage.phase(None, options.seconds)))
        for _ in range(options.rounds):
            for kind in kinds:
                phases.append((kind, await stage.phase(kind, options.seconds)))
                phases.append((None, await stage.phase(None, options.seconds)))
    report(phases, options)
    return "all" not in kinds or statistics.median(ratios(phases, "all")) <= MOST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--each", action="store_true", help="every kind by itself too")
    parser.add_argument("--kinds", nargs="+", choices=[*CROWDS], help="these alone")
    parser.add_argument(
        "--accounts", type=int, default=1, help="of a phase's hostile clients together (1)"
    )
    parser.add_argument("--verbose", action="store_true", help="each phase")
    parser.add_argument(
        "--timeline", action="store_true", help="when it was late, and what the tasks did then"
    )
    sys.exit(not trio.run(measure, parser.parse_args()))


if __name__ == "__main__":
    main()
