"""The audit: was every acknowledged message received by everybody, once, in order? Pure.

Fed from raw frames, before any client's own dedupe. Times are seconds of one monotonic clock.
Memory: one entry per message and recipient; a run bounds it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

ACKNOWLEDGED_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the audit found. `lost` = `unanswered` + `missing` (a message at a recipient)
    + `holes` (places of a log that a recipient never saw, other than those missing).

    `conflicting`: the same place holds another message elsewhere, or another than the `ok` said.
    `unexpected`: delivered although refused, or never offered. `pending`: too young to judge.
    """

    offered: int
    acked: int
    acked_late: int
    rejected: int
    pending: int
    delivered: int
    unanswered: int
    missing: int
    holes: int
    duplicated: int
    reordered: int
    conflicting: int
    unexpected: int

    @property
    def lost(self) -> int:
        return self.unanswered + self.missing + self.holes


@dataclass(slots=True)
class _Message:
    room_id: str
    intended_at: float
    answered_at: float | None = None
    seq: int | None = None
    is_refused: bool = False
    received_by: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Log:
    """What one recipient saw of one room. `first` is where it began to listen."""

    first: int
    highest: int
    absent: set[int] = field(default_factory=set)


class Auditor:
    """Collects what was offered, answered and received, and judges it once."""

    def __init__(self) -> None:
        self._messages: dict[str, _Message] = {}
        self._members: dict[str, set[int]] = defaultdict(set)
        self._logs: dict[tuple[int, str], _Log] = {}
        self._places: dict[tuple[str, int], str] = {}
        self._duplicated = self._reordered = self._conflicting = self._unexpected = 0

    def listens(self, recipient: int, room_id: str, head: int) -> None:
        """A recipient receives a room's events from `head` + 1 on. Said again, it changes nothing."""
        self._members[room_id].add(recipient)
        self._logs.setdefault((recipient, room_id), _Log(head, head))

    def offered(self, client_id: str, room_id: str, intended_at: float) -> None:
        """A message was due, whether or not it could be sent then."""
        self._messages[client_id] = _Message(room_id, intended_at)

    def acknowledged(self, client_id: str, seq: int, message_id: str, at: float) -> None:
        message = self._messages[client_id]
        message.answered_at, message.seq = at, seq
        self._place(message.room_id, seq, message_id)

    def refused(self, client_id: str, at: float) -> None:
        message = self._messages[client_id]
        message.answered_at, message.is_refused = at, True

    def received(
        self, recipient: int, room_id: str, seq: int, message_id: str | None, client_id: str | None
    ) -> bool:
        """A durable event, as it came in. True when it is a message's first copy there."""
        log = self._logs.get((recipient, room_id))
        if log is None or seq <= log.first:
            return False
        if not self._in_order(log, seq):
            self._duplicated += 1
            return False
        if message_id is None:
            return False
        self._place(room_id, seq, message_id)
        message = self._messages.get(client_id or "")
        if message is None or message.room_id != room_id:
            self._unexpected += 1
            return False
        if recipient in message.received_by:
            self._duplicated += 1
            return False
        message.received_by.add(recipient)
        return True

    def intended_at(self, client_id: str) -> float:
        return self._messages[client_id].intended_at

    def is_settled(self) -> bool:
        """Whether every message is answered and every acknowledged one is everywhere."""
        return all(
            message.answered_at is not None
            and (message.is_refused or message.received_by >= self._members[message.room_id])
            for message in self._messages.values()
        )

    def findings(self, now: float) -> Findings:
        """Judge. A message younger than ten seconds that is still on its way is `pending`."""
        acked = late = rejected = pending = unanswered = missing = refused_yet_there = 0
        missing_places: set[tuple[int, str, int]] = set()
        for message in self._messages.values():
            lacking = self._members[message.room_id] - message.received_by
            is_young = now - message.intended_at < ACKNOWLEDGED_WITHIN
            if message.is_refused:
                rejected += 1
                refused_yet_there += bool(message.received_by)
                continue
            if message.answered_at is None:
                pending += is_young
                unanswered += not is_young
                continue
            if message.answered_at - message.intended_at > ACKNOWLEDGED_WITHIN:
                late += 1
            else:
                acked += 1
            if lacking and is_young:
                pending += 1
            else:
                missing += len(lacking)
            missing_places |= {(r, message.room_id, message.seq or 0) for r in lacking}
        return Findings(
            offered=len(self._messages),
            acked=acked,
            acked_late=late,
            rejected=rejected,
            pending=pending,
            delivered=sum(len(message.received_by) for message in self._messages.values()),
            unanswered=unanswered + late,
            missing=missing,
            holes=self._holes(missing_places),
            duplicated=self._duplicated,
            reordered=self._reordered,
            conflicting=self._conflicting,
            unexpected=self._unexpected + refused_yet_there,
        )

    def _in_order(self, log: _Log, seq: int) -> bool:
        """Count a step in a recipient's log. False when it had seen this place."""
        if seq > log.highest:
            log.absent.update(range(log.highest + 1, seq))
            log.highest = seq
        elif seq in log.absent:
            log.absent.discard(seq)
            self._reordered += 1
        else:
            return False
        return True

    def _place(self, room_id: str, seq: int, message_id: str) -> None:
        if self._places.setdefault((room_id, seq), message_id) != message_id:
            self._conflicting += 1

    def _holes(self, known: set[tuple[int, str, int]]) -> int:
        """Places that somebody skipped and that are not counted as a missing message already."""
        return sum(
            (recipient, room_id, seq) not in known
            for (recipient, room_id), log in self._logs.items()
            for seq in log.absent
        )
