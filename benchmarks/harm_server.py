"""`main.py serve` with a probe in its loop, for `benchmarks/harm.py` alone.

Each line of standard input is answered, on standard output, by a line of figures since the last one:
how late a sleep of a millisecond ended in the server's loop ("late"), what of that time the server's own
threads were computing ("held": what the server can be blamed for, whatever else runs on the machine),
pauses of garbage collection, all in milliseconds. With the argument `steps` it also times every step of
every task by the processor's clock, and names those that held the loop for longest.
"""

import gc
import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import serve
from commands.command_line import main
from core.config import Config
from loadtest.latencies import Latencies

SLEEP: Final = 0.001
LONG: Final = 0.002
NAMED: Final = 12


class Probe:
    """Figures since the last `take`."""

    def __init__(self) -> None:
        self._late, self._held = Latencies(), Latencies()
        self._collections: list[float] = []
        self._began = 0.0
        gc.callbacks.append(self._collected)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            at, busy = time.perf_counter(), time.process_time()
            await trio.sleep(SLEEP)
            late = max(0.0, time.perf_counter() - at - SLEEP)
            self._late.record(late)
            self._held.record(min(late, time.process_time() - busy))

    def take(self) -> dict[str, Any]:
        taken = {
            "late": self._late.summary(),
            "held": self._held.summary(),
            "gc": {
                "ms": sum(self._collections) * 1e3,
                "max": max(self._collections, default=0) * 1e3,
            },
        }
        self._late, self._held, self._collections = Latencies(), Latencies(), []
        return taken

    def _collected(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._collections.append(time.perf_counter() - self._began)


class Steps(trio.abc.Instrument):
    """Processor time of each task's steps since the last `take`, by the task's name."""

    def __init__(self) -> None:
        self._steps: dict[str, list[float]] = defaultdict(list)
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._steps[task.name.rpartition(".")[2]].append(time.thread_time() - self._began)

    def take(self) -> dict[str, str]:
        """Steps, milliseconds of all of them, steps over 2 ms and the longest, by name."""
        taken = {
            name: f"{len(steps)} steps, {sum(steps) * 1e3:.0f} ms, "
            f"{sum(step > LONG for step in steps)} long, max {max(steps) * 1e3:.1f}"
            for name, steps in sorted(self._steps.items(), key=lambda item: -sum(item[1]))[:NAMED]
        }
        self._steps.clear()
        return taken


async def _answer(probe: Probe, steps: Steps | None) -> None:
    async for _ in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
        figures = probe.take()
        if steps is not None:
            figures["steps"] = steps.take()
        print(json.dumps(figures), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)  # who asked is gone, however it ended


async def _probed(config: Config, key: bytes, demo: bool) -> None:
    probe, steps = Probe(), Steps() if "steps" in sys.argv else None
    if steps is not None:
        trio.lowlevel.add_instrument(steps)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe.run)
        nursery.start_soon(_answer, probe, steps)
        await _serve(config, key, demo)
        nursery.cancel_scope.cancel()


_serve = serve._serve

if __name__ == "__main__":
    serve._serve = _probed
    sys.exit(main(["serve"]))
