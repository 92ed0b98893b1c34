"""One try of one rung at one segment: judged, filled and passed on as it comes."""

from collections.abc import Callable
from typing import Final

import trio

from inference.wording.filling import Filler, WordingError
from protocol.wording import Plan

MOST_WRITTEN: Final = 4_096
"""Characters of a segment, placeholders unfilled."""


class Attempt:
    """Takes a rung's pieces. Nothing is passed on once its scope is over, and nothing is ever raised
    into the rung: what was wrong is kept, and the scope cancelled.

    `words`: all that was taken, with placeholders. `has_spoken`: the first piece is out, so that no
    other rung may begin. `is_complete`: all is said. `fault`: what the rung wrote may not be said.
    `broken`: what `send` raised.
    """

    def __init__(
        self,
        plan: Plan,
        send: Callable[[str], None],
        scope: trio.CancelScope,
        *,
        stalled_after: float,
    ) -> None:
        self._filler = Filler(plan)
        self._send, self._scope, self._stalled_after = send, scope, stalled_after
        self._is_over = False
        self.words = ""
        self.has_spoken = self.is_complete = False
        self.fault: WordingError | None = None
        self.broken: Exception | None = None

    def take(self, piece: str) -> None:
        """A piece, as the rung wrote it."""
        if self._is_over or self._scope.cancel_called:
            return
        self.words += piece
        try:
            if len(self.words) > MOST_WRITTEN:
                raise WordingError("a text without an end")
            self._say(self._filler.take(piece))
        except WordingError as fault:
            self._stop(fault=fault)
        if self.has_spoken and not self._is_over:
            self._scope.deadline = trio.current_time() + self._stalled_after

    def end(self) -> None:
        """The rung said that this was all."""
        if self._is_over or self._scope.cancel_called:
            return
        try:
            self._say(self._filler.end())
            if not self.has_spoken:
                raise WordingError("nothing was said")
        except WordingError as fault:
            self._stop(fault=fault)
        self.is_complete = not self._is_over
        self._is_over = True

    def close(self) -> None:
        """Whatever the rung still sends is nobody's."""
        self._is_over = True

    def _say(self, text: str) -> None:
        text = text if self.has_spoken else text.lstrip()
        if not text:
            return
        self.has_spoken = True
        try:
            self._send(text)
        except Exception as error:
            self._stop(broken=error)

    def _stop(self, *, fault: WordingError | None = None, broken: Exception | None = None) -> None:
        self.fault, self.broken, self._is_over = fault, broken, True
        self._scope.cancel()
