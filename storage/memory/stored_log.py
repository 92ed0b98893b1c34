"""What a message log's database would hold, with its constraints: all of a batch or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.ports.message_log import Append, LogRow, MembershipChange, Outcome, PersonaChange
from storage.memory.leases import MemoryShards
from storage.months import Month
from storage.sharding import shard_of

Room = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Appended:
    """An outbox row: these seqs of a room were stored by one flush. Of another topic, `room_id` is
    that topic's key."""

    tenant_id: int
    room_id: str
    first: int
    last: int
    topic: str = "room.appended"


@dataclass(slots=True)
class StoredRoom:
    """One room's rows by seq, its keys, and what its events changed beside them."""

    rows: dict[int, LogRow] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)
    members: dict[str, MembershipChange] = field(default_factory=dict)
    personas: dict[str, PersonaChange] = field(default_factory=dict)
    had_personas: bool = False
    title: str | None = None
    settings: bytes | None = None
    first: int = 1

    def seat(self, changes: Sequence[PersonaChange]) -> None:
        """Personas come and go."""
        for change in changes:
            if change.from_seq is None:
                self.personas.pop(change.persona_id, None)
            else:
                self.personas[change.persona_id] = change


class StoredLog:
    """Tables in memory. Shared by all nodes of a simulation; survives each of them."""

    def __init__(self, shards: MemoryShards) -> None:
        self.shards = shards
        self._rooms: dict[Room, StoredRoom] = {}
        self.outbox: list[Appended] = []

    def room(self, tenant_id: int, room_id: str) -> StoredRoom:
        """Made when first asked for."""
        return self._rooms.setdefault((tenant_id, room_id), StoredRoom())

    def rooms_with(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        """Ids of the rooms in which the persona sits, ascending."""
        return sorted(
            room_id
            for (tenant, room_id), room in self._rooms.items()
            if tenant == tenant_id and persona_id in room.personas
        )

    def rooms_of(self, tenant_id: int, user_id: str) -> Sequence[str]:
        """Ids of the rooms that the user is a member of, ascending."""
        return sorted(
            room_id
            for (tenant, room_id), room in self._rooms.items()
            if tenant == tenant_id and user_id in room.members
        )

    def attempt(self, appends: Sequence[Append], bad: Sequence[bool]) -> dict[int, Outcome] | None:
        """None: stored, all of them. Otherwise nothing was, because of these (by place).

        `bad` marks the appends whose values are to be refused.
        """
        culprits = self._culprits(appends, bad)
        if culprits:
            return culprits
        for append in appends:
            self._store(append)
        self._announce(appends)
        return None

    def _culprits(self, appends: Sequence[Append], bad: Sequence[bool]) -> dict[int, Outcome]:
        """In the order of the real one: values are judged by type, then fences, keys and seqs."""
        refused = {place: Outcome.BAD_DATA for place, is_bad in enumerate(bad) if is_bad}
        if refused:
            return refused
        taken: set[tuple[object, ...]] = set()
        for place, append in enumerate(appends):
            clash = self._clash(append, taken)
            if self.shards.fence(shard_of(append.room_id)) != append.fence:
                clash = Outcome.FENCED
            if clash is not None:
                refused[place] = clash
        return refused

    def _clash(self, append: Append, taken: set[tuple[object, ...]]) -> Outcome | None:
        room, clash = self.room(append.tenant_id, append.room_id), None
        for row in append.rows:
            seq, key = (append.room_id, row.seq), (append.room_id, row.sender_id, row.client_id)
            if row.client_id is not None and (
                key in taken or (row.sender_id, row.client_id) in room.keys
            ):
                return Outcome.DUPLICATE
            if seq in taken or row.seq in room.rows:
                clash = Outcome.SEQ_TAKEN
            taken |= {seq, key}
        return clash

    def _store(self, append: Append) -> None:
        room = self.room(append.tenant_id, append.room_id)
        for row in append.rows:
            room.rows[row.seq] = row
            if row.client_id is not None:
                room.keys.add((row.sender_id, row.client_id))
        for change in append.memberships:
            if change.state is None:
                room.members.pop(change.user_id, None)
            else:
                room.members[change.user_id] = change
        room.seat(append.personas)
        for redaction in append.redactions:
            old = room.rows.get(redaction.seq)
            if old is not None and old.sent_at == redaction.sent_at:
                room.rows[redaction.seq] = replace(old, body=redaction.body)
        if append.patch is not None:
            room.title = room.title if append.patch.title is None else append.patch.title
            if append.patch.settings is not None:
                room.settings = append.patch.settings
            room.had_personas |= append.patch.had_personas

    def _announce(self, appends: Sequence[Append]) -> None:
        ranges: dict[Room, list[int]] = {}
        for append in appends:
            seqs = ranges.setdefault((append.tenant_id, append.room_id), [])
            seqs += [row.seq for row in append.rows]
        self.outbox += [
            Appended(tenant, room, min(seqs), max(seqs)) for (tenant, room), seqs in ranges.items()
        ]

    def find(self, room: Room, sender_id: str, client_id: str, now: int) -> LogRow | None:
        """In the leaves that the real one would look into."""
        this = Month.of(now)
        months = {Month.of_uuid7(client_id) or this, this, this.plus(-1)}
        for row in self.room(*room).rows.values():
            if (row.sender_id, row.client_id) == (sender_id, client_id):
                return row if Month.of(row.sent_at) in months else None
        return None
