"""What driver, servers and clients say to one another: a line of JSON over a pipe, one at a time."""

import json
import os
import sys
import time
from resource import RUSAGE_SELF, getrusage
from typing import Any, Final

PAYLOAD: Final = b"x" * 350
"""About the size of a `message.posted` with a sentence in it; ASCII, so that it is a text as well."""

ROOMS: Final = (10, 100, 1_000)
"""Members; the number is the room's name too."""


def say(**words: Any) -> None:
    """To the driver."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def heard() -> dict[str, Any]:
    """The driver's next order: it is there, or this waits. Ends the process when the driver ended."""
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(0, 65_536)
        if not more:
            os._exit(0)
        line += more
    order: dict[str, Any] = json.loads(line)
    return order


class Stopwatch:
    """Processor time of all threads of this process (user and system), and time by the clock."""

    def __init__(self) -> None:
        self._used, self._wall = getrusage(RUSAGE_SELF), time.perf_counter()

    def report(self) -> None:
        """To the driver, in seconds. `user`: the part of `cpu` that was not the kernel's."""
        used, wall = getrusage(RUSAGE_SELF), time.perf_counter() - self._wall
        user = used.ru_utime - self._used.ru_utime
        say(user=user, cpu=user + used.ru_stime - self._used.ru_stime, wall=wall)
