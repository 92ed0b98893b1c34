"""How commands flow through a room: decided in order, answered in order, none waits for a stranger.

A command is judged at once; what it adds goes to the log while later ones are judged. A command
that needs a read takes its turn when everything before it is durable, and then reads in a child task
while only its own connection waits.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

import trio

from actors.room.gates import Gates
from actors.room.pipeline import Entry, Job, Landing, Pipeline
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.ports.message_log import Outcome

MAX_READS: Final = 32


class Flow:
    """Owns: pipeline, gates, what has overflowed. Calls back: `judge` makes an entry of an envelope
    (and may refuse), `settle` makes a durable entry's effects, `recover` follows a failed append."""

    def __init__(
        self,
        *,
        judge: Callable[[Envelope[Any], int], Entry],
        settle: Callable[[Entry], None],
        recover: Callable[[Entry], Awaitable[None]],
        start_soon: Callable[..., None],
        wake: Callable[[], None],
    ) -> None:
        self._judge = judge
        self._settle = settle
        self._recover = recover
        self._start_soon = start_soon
        self._wake = wake
        self._pipeline = Pipeline()
        self._gates = Gates()
        self._overflow: deque[Envelope[Any]] = deque()
        self._landed: deque[Landing] = deque()
        self._reads = trio.Semaphore(MAX_READS)
        self._is_recovering = False

    @property
    def is_saturated(self) -> bool:
        """Nothing more is to be decided for now: while the room recovers, what is decided by the old
        fold would be thrown away with it."""
        pipeline = self._pipeline
        is_busy = pipeline.is_full or pipeline.has_failed or self._is_recovering
        return is_busy or bool(self._overflow)

    @property
    def has_work(self) -> bool:
        return bool(len(self._pipeline) or len(self._gates) or self._overflow or self._landed)

    @property
    def in_flight(self) -> int:
        return self._pipeline.in_flight

    def take(self, envelope: Envelope[Any]) -> None:
        """A command comes in: judged now, or when its connection's gate opens, or when the room is
        no longer saturated."""
        key = _key(envelope)
        if self._gates.is_closed(key):
            try:
                self._gates.hold(key, envelope)
            except Rejected as refusal:
                envelope.answer(refusal)
        elif self.is_saturated:
            self._overflow.append(envelope)
        else:
            self._take_now(envelope, key)

    def _take_now(self, envelope: Envelope[Any], key: int) -> None:
        self.push_judged(envelope, key, lambda: self._judge(envelope, key))

    def push_judged(self, envelope: Envelope[Any], key: int, judge: Callable[[], Entry]) -> None:
        """Judge, and queue the entry or the refusal: both are answered in their place."""
        try:
            entry = judge()
        except Rejected as refusal:
            entry = Entry(envelope=envelope, key=key, answer=refusal)
        if entry.turn is not None:
            self._gates.close(key)
        self._pipeline.push(entry)

    def conclude(self, entry: Entry, outcome: Outcome) -> None:
        """The log's word, from any task: dealt with in the room's own turn."""
        self._pipeline.conclude(entry, outcome)
        self._wake()

    def land(self, landing: Landing) -> None:
        """Something for the room's own turn, from any task."""
        self._landed.append(landing)
        self._wake()

    async def advance(self) -> None:
        """Deal with everything that can be dealt with now."""
        while True:
            settled = self._pipeline.take_settled()
            if settled is not None:
                self.settle(settled)
            elif self._pipeline.has_failed:
                failed = self._pipeline.first_failed()
                if failed is None:
                    return
                self._is_recovering = True
                await self._recover(failed)
                self._is_recovering = False
            elif self._landed:
                self._landed.popleft()()
            elif self._overflow and not self._pipeline.is_full:
                envelope = self._overflow.popleft()
                self._retake(envelope)
            else:
                return

    def _retake(self, envelope: Envelope[Any]) -> None:
        key = _key(envelope)
        if self._gates.is_closed(key):
            self.take(envelope)
        else:
            self._take_now(envelope, key)

    def settle(self, entry: Entry) -> None:
        """A durable entry's effects, and its turn."""
        self._settle(entry)
        if entry.turn is None:
            return
        try:
            job = entry.turn()
        except Rejected as refusal:
            self._finish(entry, partial(entry.envelope.answer, refusal))
            return
        if job is None:
            self._finish(entry, None)
        else:
            self._start_soon(self._run, entry, job)

    async def _run(self, entry: Entry, job: Job) -> None:
        landing: Landing
        try:
            if entry.is_page:
                landing = await job()
            else:
                async with self._reads:
                    landing = await job()
        except Rejected as refusal:
            landing = partial(entry.envelope.answer, refusal)
        self.land(lambda: self._finish(entry, landing))

    def _finish(self, entry: Entry, landing: Landing | None) -> None:
        """The slow command ends, or needs another read; who waited behind it goes on."""
        held = self._gates.open(entry.key)
        if landing is not None:
            try:
                landing()
            except Rejected as refusal:
                entry.envelope.answer(refusal)
        for envelope in held:
            self.take(envelope)

    def refuse(self, entry: Entry, refusal: Rejected) -> None:
        """An entry that was taken out fails by its own fault; what waits behind it goes on."""
        entry.envelope.answer(refusal)
        if entry.turn is not None:
            self._overflow.extend(self._gates.open(entry.key))

    def take_entries(self) -> list[Entry]:
        """Everything in the pipeline, which then is empty and has not failed (for recovery)."""
        return self._pipeline.take_all()

    def decide_anew(self, entries: Iterable[Entry], *, in_vain: bool) -> None:
        """Before anything else, in their order, each with what waits behind its gate. `in_vain`: but for
        the first ones that add something, who hear that it cannot be done now."""
        left, waiting = deque(entries), list[Envelope[Any]]()
        while in_vain and left and left[0].append is not None:
            self.refuse(left.popleft(), Unavailable())
        for entry in left:
            waiting.append(entry.envelope)
            if entry.turn is not None:
                waiting.extend(self._gates.open(entry.key))
        self._overflow.extendleft(reversed(waiting))


def _key(envelope: Envelope[Any]) -> int:
    """Names a connection; whoever comes without one waits for nobody."""
    return -id(envelope) if envelope.client is None else envelope.client.id
