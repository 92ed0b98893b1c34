"""The worker processes, from the parent's side."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from loadtest.children import wait_or_kill
from loadtest.link import Link, StreamLink
from loadtest.own_server import REPOSITORY

COMMAND: Final = (sys.executable, "-m", "loadtest.worker")
ENDS_WITHIN: Final = 3.0


def usual_count() -> int:
    """One fewer than the processors that we may use, and at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else 1)


@asynccontextmanager
async def workers(count: int) -> AsyncIterator[list[Link]]:
    """Start `count` processes; yields a line to each. They are gone at the end of the block."""
    children: list[trio.Process] = []
    try:
        for _ in range(count):
            children.append(await _start())  # noqa: PERF401  # those that started must be ended
        yield [_link(child) for child in children]
    finally:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for child in children:
                    nursery.start_soon(_end, child)


async def _start() -> trio.Process:
    return await trio.lowlevel.open_process(
        list(COMMAND),
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the parent, which then stops the offering and keeps the figures.
        start_new_session=True,
    )


def _link(child: trio.Process) -> Link:
    if child.stdin is None or child.stdout is None:
        raise AssertionError("it was started with pipes")
    return StreamLink(child.stdout.receive_some, child.stdin.send_all)


async def _end(child: trio.Process) -> None:
    """Its end of input is its sign to go."""
    if child.stdin is not None:
        await child.stdin.aclose()
    await wait_or_kill(child, ENDS_WITHIN)
