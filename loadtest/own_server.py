"""A server of the load test's own: a child process with a data directory of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from loadtest.children import first_line, terminate

REPOSITORY: Final = Path(__file__).resolve().parents[1]
COMMAND: Final = (sys.executable, "main.py", "serve")
READY_WITHIN: Final = 90.0
ENDS_WITHIN: Final = 20.0
LOG_LINES_SHOWN: Final = 5


class ServerFailedError(Exception):
    """The child process did not become ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServer:
    """A running server. `url` of its HTTP API; the process and where its data is."""

    url: str
    pid: int
    data_dir: Path


@asynccontextmanager
async def own_server(
    settings: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
) -> AsyncIterator[OwnServer]:
    """Start `main.py serve` (or what `command` says) on free ports without rate limits. `settings`: more
    of its environment.

    SIGTERM at the end, SIGKILL after 20 s. Raises `ServerFailedError`.
    """
    with tempfile.TemporaryDirectory(prefix="caravan-loadtest-") as folder:
        data = Path(folder)
        # The database's own user may pass through, so that all of it goes with the folder.
        await trio.Path(folder).chmod(0o711)
        log = data / "server.log"
        with log.open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                list(command),
                cwd=REPOSITORY,
                env={**environment_of(data / "data"), **(settings or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # Ctrl-C is for us: the server hears of it once the figures are taken.
                start_new_session=True,
            )
        try:
            url = await _ready(process, log)
            yield OwnServer(url=url, pid=process.pid, data_dir=data / "data")
        finally:
            with trio.CancelScope(shield=True):
                await terminate(process, ENDS_WITHIN)


def environment_of(data: Path) -> dict[str, str]:
    """What `main.py` is started with to serve from, or to work beside a server of, `data`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CARAVAN_")}
    return {
        **inherited,
        # Empty is unset. Who operates a server has its database in the same shell, and nobody loads that.
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "CARAVAN_HTTP_PORT": "0",
        "CARAVAN_WS_PORT": "0",
        "CARAVAN_DATA_DIR": str(data),
        "CARAVAN_RATE_LIMITS": "off",
        # Nobody travels: a supplier's sandbox would start amid the load, on the same processors.
        "CARAVAN_AMADEUS_MODE": "off",
        "CARAVAN_DUFFEL_MODE": "off",
    }


async def _ready(process: trio.Process, log: Path) -> str:
    try:
        ready = json.loads(await first_line(process, READY_WITHIN))
        return str(ready["http"])
    except (ValueError, KeyError, TypeError):
        raise ServerFailedError(_last_words(log)) from None


def _last_words(log: Path) -> str:
    tail = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n  ".join(["The server did not start. Its last words:", *tail])
