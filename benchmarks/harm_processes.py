"""Processes that take orders by the line, and what processor time each part of a measurement used."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import trio

from loadtest.own_server import REPOSITORY

FIRST: Final = -15
TICK: Final = os.sysconf("SC_CLK_TCK")


def go_first() -> bool:
    """Take the processors before everybody else on the machine, with our children; whether we may.

    Linux shares processors between sessions ("autogroups") first, and by `nice` within each.
    """
    with suppress(OSError):
        if os.getsid(0) != os.getpid() != os.getpgrp():
            os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
        Path("/proc/self/autogroup").write_text(str(FIRST))
        return True
    return False


def take_first(server: int) -> None:
    """Put a server's database before everybody else too: each of its processes is a session, so what
    `go_first` said does not hold for them."""
    for pid in _descendants(server):
        with suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(str(FIRST))


class Child:
    """A process that answers each line of JSON by one. Borrows: the process."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._unread = b""

    async def ask(self, order: object) -> Any:
        """Its answer to an order."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(json.dumps(order).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Any:
        """Its next line. Raises SystemExit when it ended."""
        assert self.process.stdout is not None
        while b"\n" not in self._unread:
            received = await self.process.stdout.receive_some()
            if not received:
                raise SystemExit(f"{self.process.args!r} ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)


@asynccontextmanager
async def child(command: list[str], **settings: str) -> AsyncIterator[Child]:
    """A process with pipes; with `settings` its log goes nowhere. SIGTERM at the end."""
    process = await trio.lowlevel.open_process(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if settings else None,
    )
    try:
        yield Child(process)
    finally:
        with trio.CancelScope(shield=True):
            process.terminate()
            await process.wait()


class ProcessorTime:
    """Seconds of processor time (Linux) of: the server, its database, the good clients (this process),
    the hostile ones, and everything else on the machine."""

    def __init__(self, server: int, hostile: int) -> None:
        self._server, self._hostile = server, hostile
        self._last = self._now()

    def take(self) -> dict[str, float]:
        """Since the last time."""
        last, self._last = self._last, self._now()
        return {who: self._last[who] - last[who] for who in last}

    def _now(self) -> dict[str, float]:
        known = {
            "server": _spent(self._server)[0],
            "database": sum(_spent(pid)[1] for pid in _descendants(self._server)),
            "good": _spent(os.getpid())[0],
            "hostile": _spent(self._hostile)[0],
        }
        user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
        return {**known, "others": (user + nice + system) / TICK - sum(known.values())}


def _spent(pid: int) -> tuple[float, float]:
    """Of a process alone, and with its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0, 0.0
    own, children = (sum(map(int, fields[at : at + 2])) / TICK for at in (11, 13))
    return own, own + children


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child_pid in map(int, (task / "children").read_text().split()):
            found += [child_pid, *_descendants(child_pid)]
    return found
