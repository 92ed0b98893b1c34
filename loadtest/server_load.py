"""What the server uses while it is loaded: processor and memory, from /proc or from /metrics."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import trio

from loadtest.accounts import Api, UnreachableError
from protocol.close_codes import CloseCode

SAMPLE_EVERY: Final = 0.5
MAX_SAMPLES: Final = 20_000
PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Processor seconds so far, and bytes of memory now, of the server and of its database (None:
    not known). PostgreSQL's processes share pages, which its sum counts more than once."""

    at: float
    cpu: float
    memory: float
    database_cpu: float | None = None
    database_memory: float | None = None


class ServerLoad:
    """Samples twice a second. `pid`: our own server's process; None: ask /metrics.

    Owns: the samples (bounded). `source` says where they come from, or that nothing is known.
    """

    def __init__(
        self, api: Api, pid: int | None, *, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self.samples: list[Usage] = []
        self._api, self._now = api, now
        self._pid = pid if pid is not None and (PROC / str(pid) / "stat").exists() else None
        self.source = "not known"

    async def watch(self) -> None:
        """For ever; ends when nothing can be known."""
        while (usage := await self._usage()) is not None:
            self.source = "/metrics" if self._pid is None else "/proc"
            if len(self.samples) < MAX_SAMPLES:
                self.samples.append(usage)
            await trio.sleep(SAMPLE_EVERY)

    def rows(self, begun: float, seconds: float) -> list[dict[str, Any]]:
        """Between two samples of a round each: `second`, `cpu` (processors in use), `memory_mb`,
        and the same of the database with `database_` before."""
        inside = [
            s for s in self.samples if -SAMPLE_EVERY <= s.at - begun <= seconds + SAMPLE_EVERY
        ]
        rows = []
        for before, after in pairwise(inside):
            elapsed = max(0.001, after.at - before.at)
            row: dict[str, Any] = {
                "second": round(max(0.0, after.at - begun), 2),
                "cpu": round((after.cpu - before.cpu) / elapsed, 3),
                "memory_mb": round(after.memory / 2**20, 1),
            }
            if after.database_cpu is not None and before.database_cpu is not None:
                used = max(0.0, after.database_cpu - before.database_cpu)
                row["database_cpu"] = round(used / elapsed, 3)
                row["database_memory_mb"] = round((after.database_memory or 0) / 2**20, 1)
            rows.append(row)
        return rows

    def summary(self, begun: float, seconds: float) -> dict[str, Any]:
        """Means of the processors, the most of the memory; empty when nothing is known."""
        rows = self.rows(begun, seconds)
        if not rows:
            return {}
        found = {
            "server_cpu": round(sum(row["cpu"] for row in rows) / len(rows), 3),
            "server_memory_mb": max(row["memory_mb"] for row in rows),
        }
        if "database_cpu" in rows[0]:
            total = sum(row["database_cpu"] for row in rows)
            found["database_cpu"] = round(total / len(rows), 3)
        return found

    async def _usage(self) -> Usage | None:
        if self._pid is None:
            return await self._from_metrics()
        return _from_proc(self._pid, self._now())

    async def _from_metrics(self) -> Usage | None:
        try:
            text = await self._api.metrics()
        except UnreachableError:
            return None
        numbers = numbers_of(text)
        if CPU not in numbers or MEMORY not in numbers:
            return None
        cpu, memory = numbers[CPU], numbers[MEMORY]
        return Usage(at=self._now(), cpu=cpu, memory=memory)


def numbers_of(metrics: str) -> dict[str, float]:
    """A server's /metrics by name; empty where they are not for us."""
    numbers: dict[str, float] = {}
    for line in metrics.splitlines():
        name, _, number = line.rpartition(" ")
        with suppress(ValueError):
            numbers[name] = float(number)
    return numbers


async def closed_as_slow(api: Api) -> int | None:
    """How many sockets the server has closed with 4002 so far, by its /metrics; None: not known."""
    try:
        numbers = numbers_of(await api.metrics())
    except UnreachableError:
        return None
    wanted = f"_closed_{int(CloseCode.SLOW_CONSUMER)}"
    counts = [round(number) for name, number in numbers.items() if name.endswith(wanted)]
    # The server names only codes that it has used.
    return sum(counts) if numbers else None


def _from_proc(pid: int, at: float) -> Usage | None:
    try:
        cpu, memory = _of_process(pid)
    except OSError:
        return None
    database = [used for child in _descendants(pid) for used in _if_alive(child)]
    return Usage(
        at=at,
        cpu=cpu,
        memory=memory,
        database_cpu=sum(used[0] for used in database) if database else None,
        database_memory=sum(used[1] for used in database) if database else None,
    )


def _of_process(pid: int) -> tuple[float, float]:
    """Seconds of processor time, and bytes resident."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * PAGE


def _if_alive(pid: int) -> Iterator[tuple[float, float]]:
    try:
        yield _of_process(pid)
    except OSError:
        return


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children[int(fields[1])].append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        young = children[todo.pop()]
        found += young
        todo += young
    return found
