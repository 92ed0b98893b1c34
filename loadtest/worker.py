"""`python -m loadtest.worker`: one process of a load test. Its parent speaks to it over stdin."""

import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import trio

from loadtest.accounts import Api, ApiError, LoginRefusedError, UnreachableError
from loadtest.causes import first_cause
from loadtest.client import Refused, SessionStopped
from loadtest.connection import Dial, Through
from loadtest.host import most_files
from loadtest.link import Link, LinkBrokenError, StreamLink, Word
from loadtest.play import Play
from loadtest.scenarios import SCENARIOS
from loadtest.virtual_users import WorldFailedError

TROUBLES = (
    ApiError,
    LoginRefusedError,
    Refused,
    SessionStopped,
    UnreachableError,
    WorldFailedError,
)
MAX_ORDERS = 16


async def work(
    link: Link,
    *,
    now: Callable[[], float] = time.perf_counter,
    dials: Callable[[Through], Dial] | None = None,
    open_api: Callable[[str], Api] = Api,
) -> None:
    """Take a part, play it, end. What goes wrong in a known way is told to the parent."""
    try:
        part = await link.receive()
    except LinkBrokenError:
        return  # nobody wants us to play
    play = Play(part, SCENARIOS[part["scenario"]], link, now=now, dials=dials, open_api=open_api)
    send, orders = trio.open_memory_channel[Word](MAX_ORDERS)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen, link, play, send)
            await play.run(orders)
            nursery.cancel_scope.cancel()
    except Exception as error:
        match first_cause(error):
            case LinkBrokenError():
                return  # the parent is gone: nobody wants to know
            case cause if isinstance(cause, TROUBLES):
                await link.send({"say": "failed", "sentence": str(cause)})
            case _:
                raise


async def _listen(link: Link, play: Play, orders: trio.MemorySendChannel[Word]) -> None:
    while True:
        word = await link.receive()
        if word["say"] == "stop":
            play.stop_offering()
        else:
            await orders.send(word)


def _raise_file_limit() -> None:
    """A user is a file, and some systems allow 256 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most_files()
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _main() -> None:
    _raise_file_limit()
    source = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
    sink = trio.lowlevel.FdStream(os.dup(sys.stdout.fileno()))
    async with source, sink:
        await work(StreamLink(source.receive_some, sink.send_all))


if __name__ == "__main__":
    trio.run(_main)
