"""The terminal: lines in, lines out. One for people, one for pipes."""

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TextIO

import trio

PROMPT: Final = "> "
ERASE_LINE: Final = "\r\x1b[2K"
UP: Final = "\x1b[1A"
STYLES: Final = {"dim": "\x1b[2m", "bold": "\x1b[1m", "error": "\x1b[31m", "": ""}
RESET: Final = "\x1b[0m"


class Screen(Protocol):
    """What a conversation needs of a terminal."""

    async def read_line(self) -> str | None:
        """The next line typed; None at the end of input."""

    def show(self, text: str, style: str = "") -> None:
        """Print lines above what is being typed. `style`: a key of `STYLES`."""

    def draft(self) -> str:
        """What is being typed and not sent yet."""


class PlainScreen:
    """Reads and prints lines: for pipes, tests and `--plain`."""

    def __init__(self, descriptor: int = 0, out: TextIO | None = None) -> None:
        self._descriptor = descriptor
        self._out = out or sys.stdout
        self._buffer = b""
        self._ended = False

    async def read_line(self) -> str | None:
        while b"\n" not in self._buffer and not self._ended:
            # Straight from the descriptor: a thread left waiting in `sys.stdin` would hold its
            # lock, and the interpreter could not end.
            chunk = await trio.to_thread.run_sync(
                os.read, self._descriptor, 65_536, abandon_on_cancel=True
            )
            self._buffer += chunk
            self._ended = not chunk
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def show(self, text: str, style: str = "") -> None:
        print(text, file=self._out, flush=True)

    def draft(self) -> str:
        return ""


class LineScreen:
    """A person's terminal: readline edits the line, messages appear above it."""

    def __init__(self) -> None:
        import readline

        self._readline = readline
        self._is_typing = False

    async def read_line(self) -> str | None:
        self._is_typing = True
        try:
            line = await trio.to_thread.run_sync(input, PROMPT, abandon_on_cancel=True)
        except EOFError:
            return None
        finally:
            self._is_typing = False
        # The room shows the line in its place of the order: take away the echo of the typing.
        sys.stdout.write(UP + ERASE_LINE)
        sys.stdout.flush()
        # What is no UTF-8 is kept as surrogates, which nobody could be sent.
        return line.encode(errors="surrogateescape").decode(errors="replace")

    def show(self, text: str, style: str = "") -> None:
        shown = f"{STYLES[style]}{text}{RESET}" if style else text
        below = PROMPT + self.draft() if self._is_typing else ""
        sys.stdout.write(f"{ERASE_LINE}{shown}\n{below}")
        sys.stdout.flush()

    def draft(self) -> str:
        return self._readline.get_line_buffer() if self._is_typing else ""


def screen_for(plain: bool) -> Screen:
    """A person's terminal when there is one."""
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return PlainScreen()
    return LineScreen()


@contextmanager
def restored_terminal() -> Iterator[None]:
    """Leave the terminal as it was: we may end while readline still has it."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(0)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, before)
