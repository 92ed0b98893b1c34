"""Servers of `warm_server.py`, as their tests see them."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import trio
from server_process import ServerProcess

WARM = Path(__file__).with_name("warm_server.py")


@contextmanager
def warm_server(folder: Path) -> Iterator[Path]:
    """The socket of a process that has imported the server."""
    path = folder / "warm"
    command = [sys.executable, str(WARM), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield path
        process.communicate()


class ForkedServer(ServerProcess):
    """`warm`: the socket of a `warm_server`; `rule`: which of `broken_server` it breaks."""

    def __init__(self, data_dir: Path, warm: Path, rule: str = "") -> None:
        super().__init__(data_dir)
        self._warm, self._rule = warm, rule

    async def _open(self, stderr: IO[bytes]) -> "_Forked":
        order = {"rule": self._rule, "settings": self._environment()}
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._warm))
        reading, writing = os.pipe()
        line = json.dumps(order).encode() + b"\n"
        socket.send_fds(connection, [line], [writing, stderr.fileno()])
        os.close(writing)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
        return _Forked(stream, trio.lowlevel.FdStream(reading), int(await stream.receive_some()))


class _Forked:
    """What `ServerProcess` needs of a `trio.Process`."""

    def __init__(self, keeper: trio.SocketStream, stdout: trio.lowlevel.FdStream, pid: int) -> None:
        self.stdout, self.pid = stdout, pid
        self.returncode: int | None = None
        self._keeper = keeper

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def wait(self) -> int:
        self.returncode = int(await self._keeper.receive_some())
        await self._keeper.aclose()
        return self.returncode
