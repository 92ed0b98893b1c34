"""How many files and sockets this process may hold open."""

import fcntl
import os
import resource
from contextlib import suppress
from typing import Final

import structlog

from gateways.client.admission import MAX_CONNECTIONS

ENOUGH: Final = MAX_CONNECTIONS + 1_000
"""All connections, and some for everything else."""

_TRIED: Final = (1_048_576, 65_536, 10_240)
"""What to ask for where the hard limit says "infinity" and the kernel has another opinion (macOS)."""

log: Final = structlog.get_logger("caravan.open_files")


def raise_limit() -> int:
    """Raise this process's soft limit as far as its hard one, and make room for as many as connections need;
    what it is then. Logs a low one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, *_TRIED):
        if wanted <= soft and wanted != resource.RLIM_INFINITY:
            break
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
            break
    if soft != resource.RLIM_INFINITY and soft < ENOUGH:
        log.warning("few_open_files", limit=soft, needed_for_20_000_connections=ENOUGH)
    _make_room(ENOUGH if soft == resource.RLIM_INFINITY else min(soft, ENOUGH))
    return soft


def _make_room(number: int) -> None:
    """Have the kernel's table grow to its size at once.

    It grows by itself, and never shrinks: with the 257th descriptor, the 513th and so on. In a process of
    several threads whoever opens that one waits until no processor reads the old table any more
    (Linux, `expand_fdtable`): 5 to 24 ms, measured, and so does everybody behind it in the event loop.
    """
    with suppress(OSError):
        one = os.open(os.devnull, os.O_RDONLY)
        try:
            os.close(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, number - 1))
        finally:
            os.close(one)


def connections_that_fit() -> int:
    """How many clients may connect so that the database, HTTP and files still find descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    kept_back = min(ENOUGH - MAX_CONNECTIONS, soft // 2)
    return min(MAX_CONNECTIONS, soft - kept_back)
