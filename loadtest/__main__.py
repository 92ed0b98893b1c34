"""`python -m loadtest chat`: load a server, audit it, say whether it kept its promises."""

import argparse
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadtest.accounts import Api, ApiError, UnreachableError
from loadtest.causes import first_cause
from loadtest.chat import ChatRun, Load, report_progress
from loadtest.own_server import ServerFailedError, own_server
from loadtest.report import Objectives, as_json, failures, print_table
from loadtest.virtual_users import WorldFailedError

FAILED, COULD_NOT_RUN = 1, 2
EPILOG = """
Virtual users are sessions of at most 20 accounts (hashing is slow on purpose). User n sits in room
n mod ROOMS, so a room has USERS / ROOMS members, and each message that many recipients, its sender
among them. Latency runs from the intended send time to the receipt at each recipient. An ok that
does not come within 10 s is lost. Exit status: 0 all objectives met, 1 one missed, 2 no run.
"""


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    scenarios = whole.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    chat = scenarios.add_parser("chat", help="people talk in rooms", epilog=EPILOG)
    load, most = Load(), Objectives()
    chat.add_argument("--users", type=_at_least_one, default=load.users, help="sessions (200)")
    chat.add_argument(
        "--rooms", type=_at_least_one, default=load.rooms, help="rooms, at most 200 (20)"
    )
    chat.add_argument("--rate", type=_positive, default=load.rate, help="messages/s overall (200)")
    chat.add_argument("--seconds", type=_positive, default=load.seconds, help="duration (20)")
    chat.add_argument("--size", type=_at_least_one, default=load.size, help="bytes of text (120)")
    chat.add_argument("--url", help="a running server's HTTP address; without it, one is started")
    chat.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    chat.add_argument("--p99-ms", type=_positive, default=most.p99_ms, help="delivery p99 (200)")
    chat.add_argument("--loss", type=int, default=most.loss, help="lost messages allowed (0)")
    chat.add_argument("--dup", type=int, default=most.dup, help="duplicates allowed (0)")
    chat.add_argument("--reorder", type=int, default=most.reorder, help="out of order allowed (0)")
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    whole = parser()
    args = whole.parse_args(argv)
    if args.rooms > min(args.users, 200):
        whole.error("--rooms: at most one per user, and at most 200")
    load = Load(
        users=args.users, rooms=args.rooms, rate=args.rate, seconds=args.seconds, size=args.size
    )
    most = Objectives(p99_ms=args.p99_ms, loss=args.loss, dup=args.dup, reorder=args.reorder)
    console = Console(stderr=True)
    report = None
    try:
        report = trio.run(_measure, load, most, args.url, console)
    except* (ServerFailedError, UnreachableError, WorldFailedError, ApiError) as group:
        console.print(str(first_cause(group)), markup=False, style="red")
    except* KeyboardInterrupt:
        console.print("Interrupted before anything was measured.")
    return COULD_NOT_RUN if report is None else _judge(report, most, args.json, console)


async def _measure(
    load: Load, objectives: Objectives, url: str | None, console: Console
) -> dict[str, Any]:
    async with nullcontext(url) if url else own_server() as address, Api(str(address)) as api:
        run = ChatRun(load, api)
        async with _watched(run, console):
            await run.run()
        return as_json(
            run.findings(),
            run.measured,
            settings=asdict(load) | asdict(objectives),
            server=url or "its own: main.py serve",
        )


def _judge(
    report: dict[str, Any], objectives: Objectives, out: Path | None, console: Console
) -> int:
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n")
    print_table(report, Console())
    missed = failures(report, objectives)
    if missed:
        console.print("FAILED: " + "; ".join(missed) + ".", markup=False, style="red")
    return FAILED if missed else 0


@asynccontextmanager
async def _watched(run: ChatRun, console: Console) -> AsyncIterator[None]:
    """Show progress on standard error, and let Ctrl-C end the offering instead of the process."""
    async with trio.open_nursery() as nursery:
        await nursery.start(_interruptible, run)
        if console.is_terminal:
            with Live(console=console, auto_refresh=False, transient=True) as live:
                show = lambda line: live.update(Text(line), refresh=True)  # noqa: E731
                nursery.start_soon(report_progress, run, show, 0.5)
                yield
                nursery.cancel_scope.cancel()
        else:
            nursery.start_soon(report_progress, run, lambda line: print(line, file=sys.stderr), 5.0)
            yield
            nursery.cancel_scope.cancel()


async def _interruptible(
    run: ChatRun, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if (
                run.phase not in ("offering", "waiting for the last")
                or run.measured.was_interrupted
            ):
                raise KeyboardInterrupt
            run.interrupt()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
