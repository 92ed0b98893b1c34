"""Clients that mean harm, against a real server: each is ended by its documented deadline, and costs
neither memory nor descriptors for longer than that.

The server's deadlines are shortened, its limits of rates are on. What others notice of all this is
measured by `benchmarks/harm.py`: the processors of a test machine are too noisy for a verdict.
"""

import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
import trio
from hostile_clients import BINARY, KINDS, Ending, Target, welcomed, ws_frame
from raw_client import on_stage, register
from server_process import ROOT, ServerProcess

from core.config import Bounds
from gateways.client.deadlines import Timing
from storage.postgres.pool import POOL_SIZE

IMPATIENT = str(Path(__file__).with_name("impatient_server.py"))
SHORT = {
    "handshake_within": 6.0,
    "hello_within": 1.2,
    "heartbeat_every": 0.8,
    "send_within": 1.0,
    "part_within": 0.5,
    "http_head_within": 1.0,
    "http_body_within": 1.4,
}
NEVER = 3_600.0
LINGER = Timing().linger
LATE = 3.5
"""Seconds by which a busy machine may be late: as many as tell a shortened deadline from its default."""
WATCHED = 3.0
"""Seconds for which those are watched whom nothing should end: longer than any deadline above."""

CROWDS = 6
"""After so many a server that has grown by each is said to leak."""

ENDINGS: dict[str, tuple[float, int | None]] = {
    "half_open": (SHORT["handshake_within"], None),
    "slow_handshake": (SHORT["handshake_within"], None),
    "half_open_http": (SHORT["http_head_within"], None),
    "slow_head": (SHORT["http_head_within"], None),
    "slow_body": (SHORT["http_body_within"], 400),
    "no_body": (SHORT["http_body_within"], 400),
    "no_hello": (SHORT["hello_within"], 4302),
    "half_a_hello": (SHORT["hello_within"], 4302),
    "half_a_frame": (2 * SHORT["heartbeat_every"], 4003),
    "deaf": (SHORT["send_within"], None),
    "unread_close": (SHORT["part_within"] + LINGER, 4300),
    "huge_length": (0.0, 4304),
    "ping_flood": (0.0, 4305),
    "empty_fragments": (0.0, 4304),
}
"""When each kind is ended at the earliest, and the server's last word."""

BY_BOUND = {"huge_length", "empty_fragments"}
"""Ended by what they do, not by time. (A flood of pings too; but its socket is kept until the close is
answered, and `part_within` is the deadline of that.)"""


def impatient(folder: Path, bounds: dict[str, float]) -> ServerProcess:
    command = (sys.executable, IMPATIENT, json.dumps(bounds))
    # Nobody travels: a sandbox that starts amid a test opens files of its own.
    settings = {"CARAVAN_AMADEUS_MODE": "off", "CARAVAN_DUFFEL_MODE": "off"}
    return ServerProcess(folder / "data", command, {"CARAVAN_RATE_LIMITS": "on", **settings})


@asynccontextmanager
async def serving(folder: Path, bounds: dict[str, float]) -> AsyncIterator[ServerProcess]:
    server = impatient(folder, bounds)
    try:
        await server.start()
        yield server
    finally:
        await server.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Outlives the trio runs that start and stop it."""
    server = impatient(tmp_path_factory.mktemp("hostile"), SHORT)
    trio.run(server.start)
    yield server
    assert trio.run(server.stop) == 0, server.last_words()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line for line in lines if line["level"] in ("error", "critical")] == []


async def target_of(server: ServerProcess) -> Target:
    """An account with a room whose history is worth a megabyte."""
    person = await trio.to_thread.run_sync(register, server.http, "Mallory")
    async with on_stage(server.http, server.ws) as stage:
        client = await stage.enter(person)
        room = await stage.room(client)
        for _ in range(40):
            await client.say(room, "x" * 8_000)
    return Target(server.http, server.ws, person.token, room["id"])


async def endings(target: Target, kinds: list[str], *, within: float) -> dict[str, list[Ending]]:
    """How each ended; who did not end `within` so many seconds is missing."""
    found: dict[str, list[Ending]] = {kind: [] for kind in kinds}

    async def suffer(kind: str) -> None:
        found[kind].append(await KINDS[kind](target))

    with trio.move_on_after(within):
        async with trio.open_nursery() as nursery:
            for kind in kinds:
                nursery.start_soon(suffer, kind)
    return found


def broken_promises(found: dict[str, list[Ending]]) -> set[str]:
    """The kinds that were ended too early, too late, with another word, or not at all."""
    broken = set()
    for kind, ends in found.items():
        due, word = ENDINGS[kind]
        good = [e for e in ends if e.word == word and due - 0.1 <= e.after <= due + LATE]
        if not ends or len(good) < len(ends):
            broken.add(kind)
    return broken


def open_files(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def resident_mb(server: ServerProcess) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


async def wait_files(server: ServerProcess, most: int) -> None:
    with trio.fail_after(2 * LATE):
        while open_files(server) > most:
            await trio.sleep(0.05)


async def test_each_kind_of_harm_is_ended_by_its_deadline_and_without_deadlines_by_none(
    server: ServerProcess, tmp_path: Path
) -> None:
    assert set(ENDINGS) == set(KINDS)
    # Two of each, of two accounts: whoever is closed for harm too often is welcomed late.
    found: dict[str, list[Ending]] = {}
    unbounded: dict[str, list[Ending]] = {}

    async def with_deadlines() -> None:
        async def suffer() -> None:
            target = await target_of(server)
            for kind, ends in (await endings(target, [*KINDS], within=15)).items():
                found.setdefault(kind, []).extend(ends)

        async with trio.open_nursery() as both:
            both.start_soon(suffer)
            both.start_soon(suffer)

    async def without_deadlines() -> None:
        async with serving(tmp_path, dict.fromkeys(SHORT, NEVER)) as patient:
            target = await target_of(patient)
            unbounded.update(await endings(target, [*KINDS], within=WATCHED))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(with_deadlines)
        nursery.start_soon(without_deadlines)
    assert {kind: found[kind] for kind in broken_promises(found)} == {}
    assert broken_promises(unbounded) == set(KINDS) - BY_BOUND, unbounded


async def test_who_is_closed_for_harm_again_and_again_is_welcomed_later_and_others_are_not(
    server: ServerProcess,
) -> None:
    mallory, ben = await target_of(server), await target_of(server)

    async def harm(target: Target) -> float:
        """Seconds until it was welcomed."""
        begun_at = trio.current_time()
        async with welcomed(target) as peer:
            took = trio.current_time() - begun_at
            await peer.send(ws_frame(BINARY, b"\xc1"))
            assert (await peer.ended()).word == 4300
        return took

    waits = [await harm(mallory) for _ in range(10)]
    bens = await harm(ben)
    assert waits[-1] > 1.0, waits
    assert max(waits) < 5.0 + LATE, waits
    assert bens < waits[-1], (bens, waits)


async def test_a_thousand_half_open_sockets_are_gone_by_their_deadline_and_leave_nothing(
    server: ServerProcess,
) -> None:
    target = await target_of(server)
    # The database's pool grows when it is asked by many at once, and stays so.
    before, idle = open_files(server), resident_mb(server)
    peaks: list[float] = []
    # What a crowd leaves, every crowd leaves; what else makes a young server grow (it reads the names
    # of places, and starts the models' child) is done once, so some crowd adds nothing.
    while len(peaks) < 2 or (peaks[-1] - peaks[-2] >= 4 and len(peaks) < CROWDS):
        crowd = ["half_open"] * 900 + ["half_open_http"] * 100
        async with trio.open_nursery() as nursery:
            for kind in crowd:
                nursery.start_soon(KINDS[kind], target)
            with trio.fail_after(SHORT["handshake_within"]):
                while open_files(server) < before + 900:
                    await trio.sleep(0.01)
            peaks.append(resident_mb(server))
            async with on_stage(server.http, server.ws) as stage:
                await (await stage.connect()).tell("ping", t=1)
        await wait_files(server, before + POOL_SIZE)
    assert peaks[0] < idle + 64, (idle, peaks)
    assert peaks[-1] - peaks[-2] < 4, (idle, peaks)
    print(f"resident: {idle:.0f} MB idle, {peaks} MB with a thousand half-open")


def test_the_deadlines_are_those_of_the_runbook() -> None:
    told = dict(
        re.findall(r"`(\w+)` \| (\d+) s \|", (ROOT / "docs" / "runbook.md").read_text()),
    )
    bounds = asdict(Bounds())
    assert set(told) == {*SHORT, "http_send_within"}
    assert {name: float(seconds) for name, seconds in told.items()} == {
        name: bounds[name] for name in told
    }
    assert (Timing().heartbeat, Timing().hello_within) == (25.0, 10.0)
