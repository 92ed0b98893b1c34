"""A program that trains, beside a server that must not feel it: niced, and stopped while it would."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog
import trio

from core.one_thread import ONE_THREAD

PAUSE_ABOVE: Final = 0.020
GO_ON_BELOW: Final = 0.010
"""Seconds of the loop's wake-up p99. In between all stays as it is."""

LOOKS_EVERY: Final = 0.25
NICENESS: Final = 19
MOST_SAID: Final = 2_000
"""Bytes of what it last said on standard error, for who looks why it failed."""

PREFIX: Final = ".training-"
"""Of a folder's name, which nobody else gives."""

NOT_INSTALLED: Final = "the training group is not installed ({names})"

Train = Callable[[Sequence[str]], Awaitable[int]]
"""Runs a program to its end; how often it was paused. Raises `TrainingFailed`."""

_log = structlog.get_logger("inference.upkeep")


class TrainingFailed(Exception):
    """The program ended with another status than 0; the text says which, and what it said last."""


@dataclass(slots=True)
class Pauses:
    """Decides when to stop and to go on. `signal`: sends one to the program."""

    signal: Callable[[int], None]
    is_paused: bool = False
    count: int = 0

    def look(self, p99: float) -> None:
        """`p99`: of the loop's wake-ups, in seconds."""
        if not self.is_paused and p99 > PAUSE_ABOVE:
            self.is_paused, self.count = True, self.count + 1
            self.signal(signal.SIGSTOP)
        elif self.is_paused and p99 < GO_ON_BELOW:
            self.is_paused = False
            self.signal(signal.SIGCONT)


async def train(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    p99: Callable[[], float],
    directory: Path | None = None,
) -> int:
    """Run it to its end; how often it was paused. Raises `TrainingFailed`. Cancelled: it is killed.

    Its standard input is a pipe that ends with this process; a program that reads it notices while it
    runs, and one that is stopped is hung up on by the kernel (it is of a process group of our session,
    which nobody leads any more).
    """
    process = await trio.lowlevel.open_process(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**environment, **ONE_THREAD},
        cwd=directory,
        process_group=0,
    )
    _give_way(process.pid)
    pauses = Pauses(process.send_signal)
    said = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, pauses, p99)
            await _hear(process, said)
            await process.wait()
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            process.kill()  # one that is stopped, too
            await process.wait()
            await _let_go(process)
    if process.returncode:
        _log.warning("models.training_failed", said=said.decode(errors="replace"))
        raise TrainingFailed(f"training ended with status {process.returncode}")
    return pauses.count


def lacking(names: Sequence[str]) -> list[str]:
    """Which of these packages are not installed here; none is imported."""
    return [name for name in names if find_spec(name) is None]


@contextmanager
def training_folder(work_dir: Path) -> Iterator[Path]:
    """For what such a program reads and leaves; of mode 0700, and removed."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=work_dir) as name:
        yield Path(name)


def remove_left_folders(work_dir: Path) -> None:
    """Those of servers that were killed meanwhile: what people judged and booked lies in them. Before anything
    trains here."""
    for left in work_dir.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


async def _watch(pauses: Pauses, p99: Callable[[], float]) -> None:
    while True:
        await trio.sleep(LOOKS_EVERY)
        with suppress(ProcessLookupError):
            pauses.look(p99())


async def _hear(process: trio.Process, said: bytearray) -> None:
    """Until it says no more; the last of it stays in `said`."""
    while process.stderr and (piece := await process.stderr.receive_some()):
        said += piece
        del said[:-MOST_SAID]


async def _let_go(process: trio.Process) -> None:
    for pipe in (process.stdin, process.stderr):
        if pipe is not None:
            await pipe.aclose()


def _give_way(pid: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
