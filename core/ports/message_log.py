"""The durable log of every room (docs/architecture.md §4): group commit, fenced, prefix-safe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class EventKind(Enum):
    """What a log row is; `value` is stored."""

    MESSAGE = 1
    EDITED = 2
    DELETED = 3
    REACTED = 4
    PINNED = 5
    ROOM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One durable event. `body` is the encoded event frame, as sent on the wire.

    `client_id` and `message_id` belong to messages; `target_seq` is the message an edit, reaction,
    … changes. `sent_at` is ms since the epoch and never falls within a room.
    """

    seq: int
    sent_at: int
    kind: EventKind
    sender_id: str
    body: bytes
    client_id: str | None = None
    message_id: str | None = None
    target_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChange:
    """A membership row as it stands after its event; `state` None ends it.

    `from_seq`: the first event that the member may read.
    """

    user_id: str
    role: str
    state: str | None
    from_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaChange:
    """A persona's place in a room as it stands after its event; `from_seq` None ends it.

    `name`: as it was when the persona came. `from_seq`: the event by which it came.
    """

    persona_id: str
    owner_id: str
    name: str
    from_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPatch:
    """New values of a room's row, with the event that changed them. `settings` is JSON.
    `had_personas`: a persona sits or sat here; it never becomes untrue again."""

    title: str | None = None
    settings: bytes | None = None
    had_personas: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Replace the stored body of an earlier row (a deleted message keeps its place, not its text)."""

    seq: int
    sent_at: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What one decision adds to one room's log: all of it or nothing.

    `fence` is the ownership number under which the rows' seqs were assigned.
    """

    tenant_id: int
    room_id: str
    fence: int
    rows: tuple[LogRow, ...]
    memberships: tuple[MembershipChange, ...] = ()
    personas: tuple[PersonaChange, ...] = ()
    patch: RoomPatch | None = None
    redactions: tuple[Redaction, ...] = ()


class Outcome(Enum):
    """What became of an append.

    STORED: durable. Every other outcome also refuses every later append of the same room that was
    queued by then (with the same outcome), so that a room's log stays a prefix.
    FENCED: the shard has another owner number. DUPLICATE: a key (sender, clientId) is already stored.
    BAD_DATA: the database refuses a row's values. SEQ_TAKEN: another row has this seq; an alarm.
    UNKNOWN: the reply was lost; the rows may or may not be there, and may still appear under this
    fence: take a new fence before reading the head.
    """

    STORED = "stored"
    FENCED = "fenced"
    DUPLICATE = "duplicate"
    BAD_DATA = "bad_data"
    SEQ_TAKEN = "seq_taken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """How far behind a reader is."""

    events: int
    bytes: int


class MessageLog(Protocol):
    """Appends in order, reads of what is durable."""

    def append_nowait(self, append: Append, done: Callable[[Outcome], None]) -> None:
        """Queue an append; `done` is called in the trio thread, in the order appended per room.

        Raises `Overloaded` when the queue is full (20,000 rows); then nothing was queued. What was
        queued is written even if the caller is gone by then.
        """

    async def head(self, tenant_id: int, room_id: str) -> int:
        """The last durable seq; 0 for an empty log."""

    async def read(
        self, tenant_id: int, room_id: str, *, after: int, limit: int, up_to: int | None = None
    ) -> Sequence[LogRow]:
        """Rows after `after`, ascending, at most `limit`."""

    async def recent(self, tenant_id: int, room_id: str, *, limit: int) -> Sequence[LogRow]:
        """The newest rows, ascending."""

    async def missed(self, tenant_id: int, room_id: str, *, after: int) -> Missed:
        """Count and size of the events after `after`."""

    async def find(
        self, tenant_id: int, room_id: str, *, sender_id: str, client_id: str
    ) -> LogRow | None:
        """The message stored under this key: looked for in the leaf of the key's own time, this
        month's and the last."""

    async def message(self, tenant_id: int, room_id: str, message_id: str) -> Sequence[LogRow]:
        """A message's own row, then those that changed it and count, ascending; empty when unknown.

        Every edit and the deletion count; of one person's reactions with one emoji, and of the pins, the
        first and the newest, however often they were set and cleared."""

    async def of_member(
        self, tenant_id: int, user_id: str, message_id: str
    ) -> tuple[str, LogRow] | None:
        """A message of one of the user's rooms, with that room's id; None: none of them has it. Whether
        they may read it is for the room to say."""

    async def history(
        self,
        tenant_id: int,
        room_id: str,
        *,
        first: int,
        up_to: int,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int,
    ) -> "HistoryPage":
        """Messages in [first, up_to] by place (none of the three: the newest), with the rows up to
        `up_to` that changed them and count, as `message` has them."""

    def statistics(self) -> Mapping[str, int | float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """`messages` ascending; `changes` maps a message's seq to the rows that changed it and count,
    ascending."""

    messages: Sequence[LogRow]
    changes: Mapping[int, Sequence[LogRow]]
    has_before: bool
    has_after: bool
