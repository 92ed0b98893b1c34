"""Servers that start in a third of their processor time: forked from a process that imported it all.

`python warm_server.py SOCKET` waits there until its standard input ends. Each connection is one
server: a line of JSON says its environment (`settings`) and which rule of `broken_server` it breaks
(`rule`, perhaps ""), and brings its standard output and error; the answers are a line with its pid
and, once it has ended, one with its exit status. It is a process like any other from then on.
"""

import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from broken_server import RULES
from server_process import ROOT

from commands import serve, wiring  # noqa: F401
from commands.command_line import main


def wait_for_orders(path: str) -> None:
    """Until standard input ends: with whoever started this."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _keep(connection)
                os._exit(0)
            connection.close()


def _keep(connection: socket.socket) -> None:
    """Start one server, tell of its beginning and of its end."""
    order, descriptors, _, _ = socket.recv_fds(connection, 65_536, 2)
    while not order.endswith(b"\n"):
        order += connection.recv(65_536)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os._exit(_serve(json.loads(order), *descriptors))
    connection.sendall(f"{pid}\n".encode())
    for descriptor in descriptors:
        os.close(descriptor)
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _serve(order: dict[str, object], stdout: int, stderr: int) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.close(stdout)
    os.close(stderr)
    os.environ.clear()
    os.environ.update(order["settings"])  # type: ignore[call-overload]
    os.chdir(ROOT)
    try:
        if rule := order["rule"]:
            RULES[str(rule)]()
        return main(["serve"])
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    wait_for_orders(sys.argv[1])
