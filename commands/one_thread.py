"""Before numpy is imported: numerical libraries take one thread."""

import os

from core.one_thread import ONE_THREAD


def take_one_thread() -> None:
    """In this process. Products of matrices as small as ours are no faster in two threads; those turn in
    circles between two messages, and chat waits for a processor. Who knows better says so in the environment."""
    for name, one in ONE_THREAD.items():
        os.environ.setdefault(name, one)
