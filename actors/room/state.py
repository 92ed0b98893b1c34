"""What a room is: its members and settings, and how one durable event changes them (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from protocol.chat import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
)
from protocol.room import HistoryFor, MemberRole, MemberState, RoomChanged, RoomKind, Settings

RoomEvent = (
    MessagePosted | MessageEdited | MessageDeleted | MessageReacted | MessagePinned | RoomChanged
)
NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One membership. `from_seq`: the first event that this member may read."""

    name: str
    role: MemberRole
    state: MemberState
    from_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A persona's place in a room, from the event `from_seq` on. It signs with the `name` by
    which the room was told of it last."""

    name: str
    owner_id: str
    from_seq: int


@dataclass(slots=True, kw_only=True)
class RoomState:
    """One fold of a room's log. A room keeps two of them (docs/architecture.md §4): `decided` with
    what is in flight, `applied` with what is durable.

    `sent_at`: that of the newest event, below which no later one falls. `updated_seq`: the event
    that last changed title or settings. `had_personas`: one sits or sat here.
    """

    id: str
    tenant_id: int
    kind: RoomKind
    title: str
    settings: Settings
    history: HistoryFor
    epoch: str
    created_at: int
    first: int
    head: int
    sent_at: int
    updated_seq: int = 1
    members: dict[str, Member] = field(default_factory=dict)
    personas: dict[str, Seat] = field(default_factory=dict)
    had_personas: bool = False

    def copy(self) -> "RoomState":
        """A fold that goes its own way from here. Costs one reference per member."""
        return replace(self, members=dict(self.members), personas=dict(self.personas))

    def first_readable(self, member: Member) -> int:
        """The first seq that exists for this member."""
        return max(self.first, member.from_seq)

    def apply(self, event: RoomEvent, names: Mapping[str, str] = NO_NAMES) -> None:
        """Take a durable or decided event in. Never refuses. `names` of users it makes members."""
        if isinstance(event, RoomChanged):
            self._seat(event)
            for user_id, member in self.memberships_after(event, names).items():
                if member is None:
                    self.members.pop(user_id, None)
                else:
                    self.members[user_id] = member
            if event.change == "updated":
                self._update(event)
        self.head = event.seq
        self.sent_at = event.sent_at

    def forget_name(self, user_id: str) -> None:
        """A member's, if it is one, and their personas': nobody's is blank but of who was forgotten."""
        if user_id in self.members:
            self.members[user_id] = replace(self.members[user_id], name="")
        for persona_id, seat in self.personas.items():
            if seat.owner_id == user_id:
                self.personas[persona_id] = replace(seat, name="")

    def _seat(self, event: RoomChanged) -> None:
        for persona_id, seat in self.seats_after(event).items():
            if seat is None:
                self.personas.pop(persona_id, None)
            else:
                self.personas[persona_id] = seat
                self.had_personas = True

    def seats_after(self, event: RoomChanged) -> dict[str, Seat | None]:
        """The personas that come or go by `event`; None: it is gone. Those of a member who leaves or
        is removed go with him."""
        match event.change:
            case "persona":
                return self._moved(event)
            case "left":
                return self._owned_by([event.by])
            case "removed":
                return self._owned_by(event.user_ids or ())
            case _:
                return {}

    def _moved(self, event: RoomChanged) -> dict[str, Seat | None]:
        persona = event.persona
        if event.persona_id is None:
            return {}
        if not event.active or persona is None:
            return {event.persona_id: None}
        known = self.personas.get(event.persona_id)
        from_seq = event.seq if known is None else known.from_seq  # it has another name now
        seat = Seat(name=persona.name, owner_id=persona.owner_id, from_seq=from_seq)
        return {event.persona_id: seat}

    def _owned_by(self, user_ids: Iterable[str]) -> dict[str, Seat | None]:
        owners = set(user_ids)
        return {
            persona_id: None
            for persona_id, seat in self.personas.items()
            if seat.owner_id in owners
        }

    def _update(self, event: RoomChanged) -> None:
        self.updated_seq = event.seq
        if event.title is not None:
            self.title = event.title
        if event.settings is not None:
            self.settings = event.settings

    def memberships_after(
        self, event: RoomChanged, names: Mapping[str, str] = NO_NAMES
    ) -> dict[str, Member | None]:
        """The memberships that `event` changes, as they stand after it; None ends one."""
        match event.change:
            case "created":
                # Of two who are equals none owns the room.
                role: MemberRole = "owner" if self.kind == "group" else "member"
                creator = self._newcomer(event.by, names, event.seq, "joined", role)
                return {event.by: creator} | self._invited(event, names)
            case "invited":
                return self._invited(event, names)
            case "joined":
                return {event.by: self._accepted(event, names)}
            case "left":
                return self._departed(event.by)
            case "removed":
                return dict.fromkeys(event.user_ids or ())
            case _:
                return _unchanged(event.change)

    def _invited(self, event: RoomChanged, names: Mapping[str, str]) -> dict[str, Member | None]:
        return {
            user_id: self._newcomer(user_id, names, event.seq, "invited", "member")
            for user_id in event.user_ids or ()
        }

    def _newcomer(
        self,
        user_id: str,
        names: Mapping[str, str],
        seq: int,
        state: MemberState,
        role: MemberRole,
    ) -> Member:
        from_seq = 1 if self.history == "all" else seq
        return Member(name=names.get(user_id, ""), role=role, state=state, from_seq=from_seq)

    def _accepted(self, event: RoomChanged, names: Mapping[str, str]) -> Member:
        member = self.members.get(event.by)
        if member is None:
            return self._newcomer(event.by, names, event.seq, "joined", "member")
        return replace(member, state="joined", name=names.get(event.by, member.name))

    def _departed(self, user_id: str) -> dict[str, Member | None]:
        """Who leaves, and the heir when that was the owner."""
        member = self.members.get(user_id)
        changes: dict[str, Member | None] = {user_id: None}
        if member is not None and member.role == "owner":
            heir = self._heir(user_id)
            if heir is not None:
                changes[heir] = replace(self.members[heir], role="owner")
        return changes

    def _heir(self, leaving: str) -> str | None:
        """Ownership passes to the member who stands longest: joined before invited, then the
        earliest first readable event, then the older account (ids are UUIDv7)."""
        others = (
            (member.state != "joined", member.from_seq, user_id)
            for user_id, member in self.members.items()
            if user_id != leaving
        )
        eldest = min(others, default=None)
        return None if eldest is None else eldest[2]


def _unchanged(_: Literal["updated", "persona"]) -> dict[str, Member | None]:
    """Typed so that a new kind of change cannot be forgotten above."""
    return {}
