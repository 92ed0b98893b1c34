"""What searches over all suppliers cost: how many a second, how long each takes, and what the loop that
carries everybody's messages feels of it.

    .venv/bin/python -m benchmarks.search [--searches 200] [--concurrent 50] [--quick] [--json FILE]

The suppliers' adapters as they are served, over real HTTP to a sandbox in a process of its own, in this
process' loop; offers are kept in memory. No two searches are the same, so no cache helps. Amadeus' own
limit of calls per second is kept (the adapter's 8): it, not the processor, bounds how many of fifty
searches at once have its answer in time; the others are answered without it ("partial").

"late": how late a sleep of a millisecond ended, idle and while searches run, in milliseconds.
"""

import argparse
import json
import time
from collections.abc import Iterator
from itertools import count, islice, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio

from commands.wire_travel import Travel
from core.chance import SystemChance
from core.clock import SystemClock
from core.config import Config
from core.ids import ProcessIds
from core.ports.travel_search import Found
from loadtest.latencies import Latencies
from protocol.travel import FlightQuery, HotelQuery, Party, Query
from storage.memory.offers import MemoryOffers

CITIES: Final = ("LIS", "PAR", "ROM", "BER", "MAD", "VIE", "AMS", "LON", "BCN", "CPH")
TICK: Final = 0.001
IDLE_FOR: Final = 2.0


class Measured:
    """What was seen."""

    def __init__(self) -> None:
        self.took, self.idle, self.busy = Latencies(), Latencies(), Latencies()
        self.partial = self.empty = self.offers = 0
        self.seconds = self.processor = 0.0

    def add(self, found: Found, seconds: float) -> None:
        self.took.record(seconds)
        self.partial += found.is_partial
        self.empty += not found.offers
        self.offers += len(found.offers)

    def summary(self, searches: int) -> dict[str, Any]:
        return {
            "searches_per_second": searches / self.seconds,
            "processor_ms_per_search": self.processor / searches * 1e3,
            "offers_per_search": self.offers / searches,
            "partial": self.partial / searches,
            "empty": self.empty / searches,
            "took": self.took.summary(),
            "late_idle": self.idle.summary(),
            "late_busy": self.busy.summary(),
        }


def queries() -> Iterator[Query]:
    """Searches for ever, no two alike: four for flights, then one for rooms."""
    pairs = [(a, b) for a, b in product(CITIES, CITIES) if a != b]
    start = time.time() + 40 * 86_400
    for number in count():
        day = time.strftime("%Y-%m-%d", time.gmtime(start + number // len(pairs) * 86_400))
        origin, destination = pairs[number % len(pairs)]
        if number % 5 < 4:
            party = Party(adults=1 + number % 3)
            yield FlightQuery(origin=origin, destination=destination, depart_on=day, party=party)
        else:
            leave = time.strftime(
                "%Y-%m-%d", time.gmtime(start + (number // len(pairs) + 1 + number % 7) * 86_400)
            )
            yield HotelQuery(
                city=destination,
                check_in=day,
                check_out=leave,
                party=Party(adults=1 + number % 2, rooms=1 + number % 11 // 10),
            )


async def probe(into: Latencies) -> None:
    """Until cancelled."""
    while True:
        at = time.perf_counter()
        await trio.sleep(TICK)
        into.record(max(0.0, time.perf_counter() - at - TICK))


async def load(travel: Travel, searches: int, concurrent: int, measured: Measured) -> None:
    """All searches, so many at a time."""
    waiting = islice(queries(), searches)

    async def one_after_another() -> None:
        for query in waiting:
            at = time.perf_counter()
            found = await travel.search.search(1, None, query)
            measured.add(found, time.perf_counter() - at)

    async with trio.open_nursery() as nursery:
        for _ in range(concurrent):
            nursery.start_soon(one_after_another)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    measured = Measured()
    clock, chance = SystemClock(), SystemChance()
    with TemporaryDirectory(prefix="caravan-search-") as folder:
        config = Config(data_dir=Path(folder))
        travel = Travel(
            config, MemoryOffers(clock), clock=clock, ids=ProcessIds(clock, chance), chance=chance
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(travel.run)
            await load(travel, 5, 1, Measured())  # the sandbox begins, connections are made
            with trio.move_on_after(IDLE_FOR):
                await probe(measured.idle)
            begun, spent = time.perf_counter(), time.process_time()
            async with trio.open_nursery() as busy:
                busy.start_soon(probe, measured.busy)
                await load(travel, options.searches, options.concurrent, measured)
                busy.cancel_scope.cancel()
            measured.seconds = time.perf_counter() - begun
            measured.processor = time.process_time() - spent
            statistics = travel.statistics()
            nursery.cancel_scope.cancel()
    return {**measured.summary(options.searches), "suppliers": statistics}


def report(figures: dict[str, Any], options: argparse.Namespace) -> None:
    took = figures["took"]
    print(f"{options.searches} searches, {options.concurrent} at a time")
    print(
        f"{figures['searches_per_second']:.1f} searches/s, "
        f"{figures['processor_ms_per_search']:.1f} ms of this process each, "
        f"{figures['offers_per_search']:.1f} offers, {figures['partial']:.0%} partial, "
        f"{figures['empty']:.0%} empty"
    )
    print(f"answered after: p50 {took['p50_ms']:.0f} ms, p99 {took['p99_ms']:.0f} ms")
    for name in ("idle", "busy"):
        late = figures[f"late_{name}"]
        print(
            f"late, {name}: p50 {late['p50_ms']:.2f} ms, p99 {late['p99_ms']:.2f} ms, "
            f"max {late['max_ms']:.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--concurrent", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="50 searches, 10 at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args()
    if options.quick:
        options.searches, options.concurrent = 50, 10
    figures = trio.run(measure, options)
    report(figures, options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
