"""Where a run stands, on standard error; and Ctrl-C, which ends the offering, not the process."""

import signal
import sys
from collections.abc import Callable
from typing import Final

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadtest.measurement import Watch
from loadtest.run import Run

LIVE_EVERY: Final = 0.5
PLAIN_EVERY: Final = 5.0


def watched(console: Console) -> Watch:
    """What runs beside a run: a live line on a terminal, a plain one every 5 s otherwise."""

    async def watch(run: Run) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear_signals, run)
            if console.is_terminal:
                with Live(console=console, auto_refresh=False, transient=True) as live:
                    await _report(
                        run, lambda line: live.update(Text(line), refresh=True), LIVE_EVERY
                    )
            else:
                await _report(run, lambda line: print(line, file=sys.stderr), PLAIN_EVERY)

    return watch


async def _report(run: Run, say: Callable[[str], None], every: float) -> None:
    while True:
        say(run.progress())
        await trio.sleep(every)


def end_as_by_ctrl_c() -> None:
    """Also when told to end, or when the terminal is closed (but not by `nohup`): whom we have started, a
    server and its database, must not outlive us."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


async def hear_signals(run: Run) -> None:
    """The first signal while messages are offered ends the offering; any other, the run."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if not run.is_offering or run.was_interrupted:
                raise KeyboardInterrupt
            await run.interrupt()
