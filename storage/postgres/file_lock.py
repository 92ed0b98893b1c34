"""Advisory whole-file locks (flock(2)): released by the kernel when the last holder is gone."""

import fcntl
import os
from pathlib import Path

import trio

POLL_EVERY = 0.02


async def lock_file(path: Path, *, within: float) -> int | None:
    """A descriptor that holds the lock; None when somebody else held it for `within` seconds.

    The lock lives as long as any copy of the descriptor, children's included.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = trio.current_time() + within
    try:
        while not _locked(descriptor):
            if trio.current_time() >= give_up_at:
                os.close(descriptor)
                return None
            await trio.sleep(POLL_EVERY)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock just now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(
            descriptor, fcntl.LOCK_SH
        )  # who only asks is in nobody else's way who asks
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
