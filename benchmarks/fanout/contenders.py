"""Who is compared, and the processes of each."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from protocol.limits import CONNECT_PATH

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PYTHON_PACKAGES: Final = REPOSITORY / "benchmarks" / ".contenders"
NODE: Final = REPOSITORY / "benchmarks" / "node"


@dataclass(frozen=True, slots=True)
class Contender:
    """How to start a server. `key`: its name in the JSON; `dialect`: what its clients speak."""

    key: str
    title: str
    dialect: str
    command: tuple[str, ...]
    needs: str | None = None
    """A Python module, or the folder of a Node package."""

    arguments: dict[str, str] = field(default_factory=dict)
    """Of the dialect."""

    @property
    def is_installed(self) -> bool:
        if self.needs is None:
            return True
        if self.command[0] == "node":
            return shutil.which("node") is not None and (NODE / self.needs).is_dir()
        return _finds(self.needs)


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.fanout.{module}")


OURS: Final = Contender(
    "ours",
    "Caravan",
    "websocket",
    _python("server_ours"),
    arguments={"path": CONNECT_PATH},
)
THEIRS: Final = (
    Contender("floor", "bare loop of send", "bare", _python("server_bare")),
    Contender(
        "websockets",
        "websockets.broadcast",
        "websocket",
        _python("server_websockets"),
        "websockets",
    ),
    Contender(
        "python_socketio", "python-socketio", "socketio", _python("server_socketio"), "socketio"
    ),
    Contender("ws", "Node ws", "websocket", ("node", str(NODE / "ws.js")), "node_modules/ws"),
    Contender(
        "socketio",
        "Socket.IO 4",
        "socketio",
        ("node", str(NODE / "socketio.js")),
        "node_modules/socket.io",
    ),
)


class Child:
    """A process that answers each order with a line."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(PYTHON_PACKAGES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"ended early: {self.process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Match:
    """One contender's server and its clients, in their rooms."""

    def __init__(self, contender: Contender, server: Child, clients: Child) -> None:
        self.contender = contender
        self.server, self.clients = server, clients
        self._frame_bytes: dict[int, int] = {}

    def fill(self, room: int) -> None:
        """A room with as many members as it is called; one broadcast has been checked by its bytes."""
        self.clients.ask(join=room, members=room)
        end = time.monotonic() + 20
        while self.server.ask(members=True)["members"].get(str(room), 0) < room:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.contender.title}: not everybody is in the room")
            time.sleep(0.02)
        self.server.ask(room=room, broadcasts=1, flight=1)
        self._frame_bytes[room] = self.clients.ask(learn=room)["bytes"]

    def run(self, room: int, broadcasts: int, flight: int) -> dict[str, float]:
        """Seconds of the server (`cpu`, `wall`) until the kernel had it all. Every byte arrived."""
        used = self.server.ask(room=room, broadcasts=broadcasts, flight=flight)
        self.clients.ask(expect=room, bytes=broadcasts * self._frame_bytes[room])
        return used

    def scatter(self, rooms: int, members: int) -> None:
        """From now on `run_scattered` publishes to `rooms` rooms with `members` of the same connections."""
        self.server.ask(scatter=rooms, room=members)

    def run_scattered(
        self, room: int, members: int, broadcasts: int, flight: int
    ) -> dict[str, float]:
        """As `run`, where `broadcasts` times `members` is the same number of frames for each of `room`."""
        used = self.server.ask(room=room, broadcasts=broadcasts, flight=flight)
        frames, rest = divmod(broadcasts * members, room)
        assert not rest
        self.clients.ask(expect=room, bytes=frames * self._frame_bytes[room])
        return used


@contextmanager
def match(contender: Contender) -> Iterator[Match]:
    """Server and clients, started; they end with the block."""
    server = Child(contender.command)
    try:
        port = server.answer()["port"]
        with crowd(port, contender.dialect, contender.arguments) as clients:
            yield Match(contender, server, clients)
    finally:
        server.end()


@contextmanager
def crowd(port: int, dialect: str, arguments: dict[str, str]) -> Iterator[Child]:
    """The process of a server's clients; it ends with the block."""
    clients = Child([*_python("clients"), str(port), dialect, json.dumps(arguments)])
    try:
        yield clients
    finally:
        clients.end()


def _finds(module: str) -> bool:
    sys.path.insert(0, str(PYTHON_PACKAGES))
    try:
        return importlib.util.find_spec(module) is not None
    finally:
        sys.path.remove(str(PYTHON_PACKAGES))
