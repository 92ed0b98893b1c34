"""What the actor runtime costs, against bare trio: tells, asks, spawns, activations, bytes of an idle actor.

    .venv/bin/python -m benchmarks.runtime [--quick] [--json FILE]

A tell is compared with one send and one receive between two tasks over a bounded memory channel. On both sides
a task outside of any actor hands over a burst, then waits until the receiver has looked at the last of it; the
receiver does nothing else. A burst of 1 is the worst case: a trip through the scheduler for each message. In a
burst we gain because `receive` gives the others a turn after every message and an actor after every 16th; "greedy"
is a reader that takes all there is by `receive_nowait` and gives nobody a turn. Bare trio is the floor, not an equal:
it knows no lanes, deadlines, replies, restarts or passivation.

Rounds take turns in one process. Time is that of the processor, for others may share the machine; medians of
the rounds, and of each round's own ratio.
"""

import argparse
import gc
import json
import statistics
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from benchmarks.runtime_actors import activate, ask, come_and_go, deliver, idle_actor, spawn, tell
from benchmarks.runtime_bare import (
    idle_reader,
    look_greedily,
    send,
    send_nowait,
    start_reader,
    start_task,
    there_and_back,
)

ROUNDS = 9
BURSTS = (64, 16, 4, 1)

Measure = Callable[[int], Awaitable[float]]
"""Do it so many times; what one cost, in seconds of processor time or in bytes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of ours, and what it is measured against."""

    name: str
    ours: Measure
    bare: dict[str, Measure]
    count: int
    unit: str = "µs"


def rows() -> list[Row]:
    def bursts(name: str, ours: Callable[..., Awaitable[float]], burst: int) -> Row:
        bare: dict[str, Measure] = {
            "send_nowait + receive": partial(send_nowait, burst=burst),
            "await send + receive": partial(send, burst=burst),
            "send_nowait, greedy reader": partial(send_nowait, burst=burst, read=look_greedily),
        }
        return Row(f"{name}, bursts of {burst}", partial(ours, burst=burst), bare, 20_480)

    bare_tasks: dict[str, Measure] = {
        "start_soon, runs and ends": start_task,
        "task + channel, one receive": start_reader,
    }
    bare_asks: dict[str, Measure] = {
        "there and back, two channels": there_and_back,
        "the same within fail_after": partial(there_and_back, within=10),
    }
    return [
        *(bursts("tell", tell, burst) for burst in BURSTS),
        *(bursts("gateway's command + answer", deliver, burst) for burst in (64, 1)),
        Row("ask", ask, bare_asks, 10_000),
        Row("spawn", spawn, bare_tasks, 5_000),
        Row("activation", activate, bare_tasks, 5_000),
        Row("activation + passivation", come_and_go, bare_tasks, 5_000),
        Row("idle actor", idle_actor, {"task waiting in receive": idle_reader}, 20_000, "bytes"),
    ]


async def measure(row: Row, count: int) -> list[dict[str, Any]]:
    """One entry per thing compared with."""
    in_bytes = row.unit == "bytes"
    # Bytes are the same every time, and tracing them is slow.
    rounds = 1 if in_bytes else ROUNDS
    measures = [row.ours, *row.bare.values()]
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measured, figures in zip(measures, taken, strict=True):
            if in_bytes:
                tracemalloc.start()
            gc.collect()
            figures.append(await measured(count) * (1 if in_bytes else 1e6))
            tracemalloc.stop()
    mine = taken[0]
    return [
        {
            "what": row.name,
            "against": name,
            "unit": row.unit,
            "ours": statistics.median(mine),
            "bare": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(mine, theirs, strict=True)),
            "ratios": [a / b for a, b in zip(mine, theirs, strict=True)],
        }
        for name, theirs in zip(row.bare, taken[1:], strict=True)
    ]


def show(entry: dict[str, Any]) -> None:
    digits = 0 if entry["unit"] == "bytes" else 2
    rate = "" if entry["unit"] == "bytes" else f"{1e6 / entry['ours']:,.0f}/s"
    print(
        f"{entry['what']:<41}{entry['ours']:>9,.{digits}f} {entry['unit']:<6}{rate:>10}"
        f"   {entry['against']:<30}{entry['bare']:>9,.{digits}f}"
        f"{entry['ratio']:>8.2f}  ({min(entry['ratios']):.2f} to {max(entry['ratios']):.2f})",
        flush=True,
    )


async def main(options: argparse.Namespace) -> None:
    print(f"{'ours':<66}   {'bare trio':<39}{'ratio':>8}  (of single rounds)")
    entries = []
    for row in rows():
        for entry in await measure(row, row.count // 4 if options.quick else row.count):
            entries.append(entry)
            show(entry)
    if options.json is not None:
        options.json.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the work per round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure here")
    trio.run(main, parser.parse_args())
