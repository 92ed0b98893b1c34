"""What is stored of a booking while it is played, and how a process ends."""

from dataclasses import dataclass, field

import msgspec

from actors.booking.calls import (
    Call,
)
from actors.booking.state import Saga
from actors.booking.steps import (
    Notice,
    Step,
)
from protocol.ledger import Posting


class Crash(Exception):
    """The process is gone."""


class TooLong(Exception):
    """It never comes to rest."""


class StaleFence(Exception):
    """Somebody else owns the booking."""


@dataclass(slots=True)
class Journal:
    """What is stored. `checks`: fence and revision are looked at (never anything else but in a control)."""

    snapshot: bytes = b""
    revision: int = 0
    fence: int = 1
    checks: bool = True
    postings: list[Posting] = field(default_factory=list)
    intents: dict[int, Call] = field(default_factory=dict)
    committed_at: dict[int, int] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    notices: list[tuple[int, Saga, Notice]] = field(default_factory=list)

    def commit(self, step: Step, fence: int, now: int) -> None:
        if self.checks and (fence != self.fence or step.saga.revision != self.revision + 1):
            raise StaleFence
        self.snapshot = msgspec.json.encode(step.saga)
        self.revision = step.saga.revision
        self.postings += step.postings
        for intent in step.intents:
            self.intents[intent.seq] = intent.call
            self.committed_at[intent.seq] = now
        self.ended |= {seq: word for seq, word, _ in step.ended}
        if step.notice is not None:
            self.notices.append((now, step.saga, step.notice))

    def load(self) -> Saga:
        return msgspec.json.decode(self.snapshot, type=Saga)
