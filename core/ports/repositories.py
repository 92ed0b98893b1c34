"""Users, rooms, memberships, inboxes: rows that are read and changed whole. All scoped by tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from core.identity import Role
from core.ports.message_log import LogRow, PersonaChange

ANSWERS_FOR: Final = 7 * 86_400.0
ABANDONED_AFTER: Final = 120.0
"""Seconds that an idempotency key has its answer, and after which one without any is given up (its process died):
longer than any call may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user's public profile, and with it what only oneself sees (`email`, `preferences`, …)."""

    id: str
    tenant_id: int
    handle: str
    name: str
    email: str
    role: Role
    locale: str
    time_zone: str
    currency: str
    preferences: Mapping[str, Any]
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPatch:
    """New values; None leaves a field as it is."""

    name: str | None = None
    handle: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    preferences: Mapping[str, Any] | None = None


class Users(Protocol):
    """Profiles. E-mail and handle are unique per tenant, whatever their case."""

    async def get(self, tenant_id: int, user_id: str) -> User | None: ...

    async def by_handle(self, tenant_id: int, handle: str) -> User | None: ...

    async def many(self, tenant_id: int, user_ids: Sequence[str]) -> Mapping[str, User]:
        """Those of the ids that exist."""

    async def patch(self, tenant_id: int, user_id: str, patch: UserPatch) -> User:
        """Raises `Rejected("conflict")` when the handle is taken, `not_found` without a user."""

    async def set_role(self, tenant_id: int, handle: str, role: Role) -> User:
        """Raises `Rejected("not_found")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """One membership, with the member's name and read pointer."""

    user_id: str
    name: str
    role: str
    state: str
    from_seq: int
    read_seq: int
    muted_until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaRecord:
    """A persona that sits in a room. `name`: as it was when it came, by the event `from_seq`."""

    persona_id: str
    owner_id: str
    name: str
    from_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRecord:
    """A room's row, all its members and personas, as of one moment. `settings` is JSON.
    `personas` in the order they came. `had_personas`: one sits or sat here."""

    id: str
    tenant_id: int
    kind: str
    title: str
    settings: bytes
    history: str
    creator_id: str
    epoch: str
    created_at: int
    head: int
    first: int
    members: Sequence[MemberRecord] = field(default_factory=tuple)
    personas: Sequence[PersonaRecord] = field(default_factory=tuple)
    had_personas: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRoom:
    """What `room.create` asks for, already judged. `direct_key`: the sorted pair of a direct room.

    `created` is the encoded `room.changed {change: created}` event, the log's first row. `more`: the
    rows after it, by which the personas come that it is made with.
    """

    id: str
    tenant_id: int
    kind: str
    title: str
    history: str
    creator_id: str
    client_id: str
    direct_key: str | None
    epoch: str
    created_at: int
    invited: Sequence[str]
    created: bytes
    more: Sequence[LogRow] = ()
    personas: Sequence[PersonaChange] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSummary:
    """A room in a member's list. `unread` counts events after the pointer, at most 999.

    `last_body` is the newest message's event, `last_edit` the newest edit of that message.
    """

    id: str
    kind: str
    title: str
    role: str
    state: str
    head: int
    read: int
    unread: int
    muted_until: int | None
    last_body: bytes | None
    last_edit: bytes | None
    created_at: int


class Rooms(Protocol):
    """Rooms and memberships. What changes with the log is changed by the log (`MessageLog`)."""

    async def create(self, room: NewRoom) -> tuple[str, bool]:
        """Store the room, its members, personas and first events in one transaction. Returns (room
        id, whether it is new): a repeated (creator, clientId) or direct pair finds the first room."""

    async def find(self, room: NewRoom) -> str | None:
        """The id of the room that `create` would find; None: it would make this one."""

    async def load(self, tenant_id: int, room_id: str) -> RoomRecord | None:
        """The room as it stands; `head` is that of its durable log."""

    async def members(
        self, tenant_id: int, room_id: str, *, after_user: str | None, limit: int
    ) -> Sequence[MemberRecord]:
        """Ascending by user id."""

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[RoomSummary]:
        """The user's rooms, newest id first, below the id `before`."""

    async def is_member(self, tenant_id: int, room_id: str, user_id: str) -> bool: ...

    async def advance_read(self, tenant_id: int, room_id: str, reads: Mapping[str, int]) -> None:
        """Move read pointers forward (user id → seq); never back. Durable when it returns."""

    async def set_muted(
        self, tenant_id: int, room_id: str, user_id: str, until: int | None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """One event of a user's own sequence; `body` is the encoded event frame."""

    seq: int
    kind: str
    body: bytes
    created_at: int


class Inboxes(Protocol):
    """A dense sequence of events per user."""

    async def head(self, tenant_id: int, user_id: str) -> int: ...

    async def read(
        self, tenant_id: int, user_id: str, *, after: int, limit: int
    ) -> Sequence[InboxItem]:
        """Ascending."""

    async def append(
        self,
        tenant_id: int,
        user_id: str,
        *,
        source: str,
        kind: str,
        at: int,
        fence: int,
        body: "BodyAt",
    ) -> tuple[int, bytes, bool] | None:
        """Store an event once per `source`. `body(seq)` encodes it; `fence` is that of the user id's shard.
        Returns (seq, body, is new), or None: they asked to be forgotten, nothing is put down. Raises
        `StaleFence`: somebody else writes this inbox now."""


class BodyAt(Protocol):
    """Encodes an event for the seq it gets."""

    def __call__(self, seq: int) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMessage:
    """Where a search hit is."""

    room_id: str
    seq: int
    message_id: str


class MessageSearch(Protocol):
    """Full text over the messages of rooms one is a member of, from one's first readable seq on."""

    async def find(
        self,
        tenant_id: int,
        user_id: str,
        *,
        query: str,
        room_id: str | None,
        from_user: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[FoundMessage]:
        """Newest first. Deleted messages are never found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The answer to a mutating HTTP call, kept under its idempotency key."""

    body_hash: bytes
    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key that is one call's to answer. `at`, ms, tells it from who had the key before or after: a
    claim is taken over only long after it was made."""

    scope: str
    key: str
    at: int


class IdempotencyKeys(Protocol):
    """Answers kept for `ANSWERS_FOR` per (tenant, user or address, route, key)."""

    async def begin(self, scope: str, key: str, body_hash: bytes) -> StoredAnswer | Claim:
        """Claim the key: it is ours to answer. A stored answer: replay it. Raises
        `Rejected("conflict")` when the key was used with another body, or its first call is
        still being answered. A claim whose call has not come back after `ABANDONED_AFTER` is taken over."""

    async def finish(self, claim: Claim, answer: StoredAnswer) -> None:
        """Keep the answer. One that comes late, when another call has taken the claim over, is kept only
        if that was asked the same and is not answered."""

    async def abandon(self, claim: Claim) -> None:
        """The call failed before an answer worth keeping; the key may be used again. A claim that
        another call has taken over is that call's, and stays."""
