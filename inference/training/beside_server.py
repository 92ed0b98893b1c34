"""A program that a server has started, and that is to be felt by nobody."""

import os
import threading
from typing import Final

NICENESS: Final = 19


def give_way() -> None:
    """To all others; and end with whoever started us, who holds the other end of our standard input."""
    os.nice(max(0, NICENESS - os.nice(0)))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Read without its buffer, whose lock the interpreter would miss at its end."""
    while os.read(0, 1):
        pass
    os._exit(1)
