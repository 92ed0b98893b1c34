"""How a run's text reaches the room: the first piece at once, the rest in frames of 30 ms."""

from collections.abc import Callable
from typing import Final

import trio

from core.errors import Rejected
from protocol.chat import AiOrigin
from protocol.limits import MAX_CONTENT_BYTES
from protocol.persona import StreamRun

FRAME_EVERY: Final = 0.03
"""Seconds between two deltas at least, the first excepted."""

Tell = Callable[[StreamRun], None]


class Delivery:
    """The text of one run so far, and the part of it that was told.

    Owns: the text, at most as long as a message may be: what goes beyond is dropped and
    `is_full`. Borrows: `tell`, which may refuse; what was refused goes with the next frame.
    `author`: who wrote it so far. Nothing is told before `begin`, nor once it is closed.
    """

    def __init__(self, run_id: str, tell: Tell, author: Callable[[], AiOrigin]) -> None:
        self._run_id, self._tell, self._author = run_id, tell, author
        self._pending: list[str] = []
        self._told_bytes = 0
        self._told_at: float | None = None
        self._size = 0
        self._news = trio.Event()
        self._has_begun = self._is_closed = False
        self.text = ""
        self.is_full = False

    def begin(self) -> None:
        """The room knows the run: what there is by now is told at once."""
        self._has_begun = True
        self._flush()

    def add(self, piece: str) -> None:
        """Never blocks. The first piece is told before this returns, if it may be."""
        if self._is_closed or not piece or self.is_full:
            return
        size = len(piece.encode())
        if self._size + size > MAX_CONTENT_BYTES:
            self.is_full = True
            return
        self._size += size
        self.text += piece
        self._pending.append(piece)
        if self._told_at is None:
            self._flush()
        self._news.set()

    async def run(self) -> None:
        """Tell what comes, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            if self._told_at is not None:
                await trio.sleep_until(self._told_at + FRAME_EVERY)
            self._flush()

    def close(self, *, is_flushed: bool) -> None:
        """No delta from here on. `is_flushed`: what was not told yet is told first."""
        if is_flushed and not self._is_closed:
            self._flush()
        self._is_closed = True

    def _flush(self) -> None:
        if self._is_closed or not self._has_begun or not self._pending:
            return
        text = "".join(self._pending)
        delta = StreamRun(
            run_id=self._run_id, offset=self._told_bytes, text=text, ai=self._author()
        )
        self._told_at = trio.current_time()
        try:
            self._tell(delta)
        except Rejected:
            self._news.set()  # a full mailbox: with the next frame
            return
        self._pending.clear()
        self._told_bytes += len(text.encode())
