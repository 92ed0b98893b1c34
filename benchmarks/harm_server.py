"""`main.py serve` with a probe in its loop, for `benchmarks/harm.py` alone.

Each line of standard input is answered, on standard output, by a line of figures since the last one:
how late a sleep of a millisecond ended in the server's loop ("late"), what of that time the server's own
threads were computing ("held": what the server can be blamed for, whatever else runs on the machine),
pauses of garbage collection, all in milliseconds. With the argument `timeline` it also times every step of
every task by the processor's clock: what each kind of task took of every twentieth of a second.
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

from commands.one_thread import take_one_thread

take_one_thread()

from benchmarks.harm_timeline import SLICE
from commands import serve
from commands.command_line import main
from core.config import Config
from loadtest.latencies import Latencies

SLEEP: Final = 0.001
Step = tuple[int, float, float]


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


class Timeline(trio.abc.Instrument):
    """Processor time of the tasks' steps since the last `take`, by slices of the system's monotonic clock
    and the tasks' names."""

    def __init__(self) -> None:
        self._slices: dict[int, dict[str, Step]] = defaultdict(dict)
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = (time.thread_time() - self._began) * 1e3
        of_slice = self._slices[int(time.monotonic() / SLICE)]
        name = ".".join(task.name.split(".")[-2:])
        steps, spent, longest = of_slice.get(name, (0, 0.0, 0.0))
        of_slice[name] = (steps + 1, spent + took, max(longest, took))

    def take(self) -> dict[int, dict[str, Step]]:
        """By number of the slice and name: steps, milliseconds of all of them and of the longest."""
        taken, self._slices = self._slices, defaultdict(dict)
        return taken


async def _answer(probe: Probe, timeline: Timeline | None) -> None:
    async for _ in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
        figures = probe.take()
        if timeline is not None:
            figures["timeline"] = timeline.take()
        print(json.dumps(figures), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)  # who asked is gone, however it ended


async def _probed(config: Config, key: bytes, demo: bool) -> None:
    probe, timeline = Probe(), Timeline() if "timeline" in sys.argv else None
    if timeline is not None:
        trio.lowlevel.add_instrument(timeline)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe.run)
        nursery.start_soon(_answer, probe, timeline)
        await _serve(config, key, demo)
        nursery.cancel_scope.cancel()


_serve = serve._serve

if __name__ == "__main__":
    serve._serve = _probed
    sys.exit(main(["serve"]))
