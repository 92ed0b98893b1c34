"""A real server as a child process: started, killed, started again on the same ports and data."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import trio

ROOT = Path(__file__).parents[2]
SERVE = (sys.executable, "main.py", "serve")
READY_WITHIN = 60.0
GONE_WITHIN = 30.0


def lasting_port() -> int:
    """A free one that stays free while its server is down: below those that Linux gives to whoever
    connects or asks for any (ip_local_port_range, 32768 on)."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ServerProcess:
    """`command` is what serves, `settings` its environment beside the data directory and limits that
    are off; ports are chosen at the first start and kept."""

    def __init__(
        self,
        data_dir: Path,
        command: Sequence[str] = SERVE,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name(data_dir.name + ".log")
        self.http = self.ws = ""
        self.pid = 0
        self._command = command
        self._settings = dict(settings or {})
        self._process: Any = None

    async def start(self) -> float:
        """Start and wait until it is ready; how many seconds that took."""
        begun = trio.current_time()
        with self.log.open("ab") as stderr:
            self._process = await self._open(stderr)
        with trio.fail_after(READY_WITHIN):
            ready = await self._ready_line()
        self.http, self.ws, self.pid = ready["http"], ready["ws"], ready["pid"]
        return trio.current_time() - begun

    async def _open(self, stderr: IO[bytes]) -> Any:
        """A `trio.Process`, or what can be told and asked the same."""
        return await trio.lowlevel.open_process(
            [*self._command],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if "CARAVAN" not in name}
        return inherited | {
            "DATABASE_URL": "",  # of whoever runs the tests: never theirs
            "CARAVAN_DATA_DIR": str(self.data_dir),
            "CARAVAN_HTTP_PORT": str(urlsplit(self.http).port or lasting_port()),
            "CARAVAN_WS_PORT": str(urlsplit(self.ws).port or lasting_port()),
            "CARAVAN_RATE_LIMITS": "off",
            # Tests that promise a template's words say nothing of a model; the others set their own.
            "CARAVAN_CHAT_MODEL": os.environ.get("CARAVAN_TEST_CHAT_MODEL", "off"),
            **self._settings,
        }

    async def _ready_line(self) -> dict[str, object]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            chunk = await self._process.stdout.receive_some()
            if not chunk:
                raise AssertionError(f"the server ended: {self.last_words()}")
            line += chunk
        ready: dict[str, object] = json.loads(line)
        return ready

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""

    async def kill(self) -> None:
        """kill -9; what the server started must end by itself."""
        await self._signal(signal.SIGKILL)

    async def interrupt(self) -> int:
        """Ctrl-C, and the exit status."""
        return await self._signal(signal.SIGINT)

    async def stop(self) -> int:
        """SIGTERM, and the exit status."""
        return await self._signal(signal.SIGTERM)

    async def _signal(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        with trio.fail_after(GONE_WITHIN):
            status: int = await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()
        return status

    async def end(self) -> None:
        """At the end of a test, whatever state it is in."""
        with trio.CancelScope(shield=True):
            process = self._process
            if process is not None and process.returncode is None:
                await self.stop()

    @property
    def postmaster(self) -> int | None:
        """The pid of the embedded PostgreSQL's first process; None while there is none."""
        dsn = json.loads((self.data_dir / "server.json").read_text())["database"]
        socket_dir = Path(parse_qs(urlsplit(dsn).query)["host"][0])
        try:
            return int((socket_dir / ".s.PGSQL.5432.lock").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None


def is_alive(pid: int) -> bool:
    """Whether a process of this number lives (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def wait_gone(pid: int, *, within: float) -> None:
    """Until the process is gone. Raises `trio.TooSlowError`."""
    with trio.fail_after(within):
        while is_alive(pid):
            await trio.sleep(0.02)
