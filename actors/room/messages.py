"""What a room tells itself."""

from collections.abc import Callable
from typing import Final

from protocol.frames import Value


class Progress(Value, frozen=True, kw_only=True):
    """The log answered or a read came back: look."""


class TypingOver(Value, frozen=True, kw_only=True):
    """Somebody may have stopped typing without saying so."""


class ReceiptsDue(Value, frozen=True, kw_only=True):
    """A second has passed since receipts were announced."""


class RunsOverdue(Value, frozen=True, kw_only=True):
    """Nothing may have been heard of an answer for too long."""


After = Callable[[float, object], object]
"""`Context.after`: tell oneself something after so many seconds."""

PROGRESS: Final = Progress()
TYPING_OVER: Final = TypingOver()
RECEIPTS_DUE: Final = ReceiptsDue()
RUNS_OVERDUE: Final = RunsOverdue()
