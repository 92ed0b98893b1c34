"""The `Rooms` port in memory, beside the log whose events change rooms."""

from collections.abc import Iterator, Mapping, Sequence

from core.ports.message_log import EventKind, LogRow, MembershipChange
from core.ports.repositories import (
    MemberRecord,
    NewRoom,
    PersonaRecord,
    RoomRecord,
    RoomSummary,
)
from storage.memory.stored_log import Appended, StoredLog, StoredRoom
from storage.memory.users import MemoryUsers

MAX_UNREAD = 999


class MemoryRooms:
    """Rooms in dictionaries.

    Borrows: `stored`, where the log's rows and memberships are, and the users for their names.
    """

    def __init__(self, stored: StoredLog, users: MemoryUsers) -> None:
        self._stored, self._users = stored, users
        self._rooms: dict[str, NewRoom] = {}
        self._reads: dict[tuple[str, str], int] = {}
        self._muted: dict[tuple[str, str], int | None] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    async def create(self, room: NewRoom) -> tuple[str, bool]:
        known = self._existing(room)
        if known is not None:
            return known, False
        self._rooms[room.id] = room
        stored = self._stored.room(room.tenant_id, room.id)
        stored.rows[1] = LogRow(
            seq=1,
            sent_at=room.created_at,
            kind=EventKind.ROOM,
            sender_id=room.creator_id,
            body=room.created,
        )
        for user_id in {*room.invited, room.creator_id}:
            is_creator = user_id == room.creator_id
            stored.members[user_id] = MembershipChange(
                user_id=user_id,
                role="owner" if is_creator and room.kind == "group" else "member",
                state="joined" if is_creator else "invited",
                from_seq=1,
            )
        stored.rows |= {row.seq: row for row in room.more}
        stored.seat(room.personas)
        stored.had_personas = bool(room.personas)
        self._stored.outbox.append(Appended(room.tenant_id, room.id, 1, 1 + len(room.more)))
        return room.id, True

    async def find(self, room: NewRoom) -> str | None:
        return self._existing(room)

    async def load(self, tenant_id: int, room_id: str) -> RoomRecord | None:
        room = self._rooms.get(room_id)
        if room is None or room.tenant_id != tenant_id:
            return None
        stored = self._stored.room(tenant_id, room_id)
        return RoomRecord(
            id=room.id,
            tenant_id=tenant_id,
            kind=room.kind,
            title=room.title if stored.title is None else stored.title,
            settings=stored.settings or b"{}",
            history=room.history,
            creator_id=room.creator_id,
            epoch=room.epoch,
            created_at=room.created_at,
            head=_head(stored),
            first=stored.first,
            members=tuple(await self.members(tenant_id, room_id, after_user=None, limit=10**9)),
            personas=_personas(stored),
            had_personas=stored.had_personas,
        )

    async def members(
        self, tenant_id: int, room_id: str, *, after_user: str | None, limit: int
    ) -> Sequence[MemberRecord]:
        room = self._rooms.get(room_id)
        if room is None or room.tenant_id != tenant_id:
            return []
        members = self._stored.room(tenant_id, room_id).members
        chosen = [user for user in sorted(members) if after_user is None or user > after_user]
        users = await self._users.many(tenant_id, chosen[:limit])
        return [
            MemberRecord(
                user_id=user_id,
                name=users[user_id].name if user_id in users else "",
                role=members[user_id].role,
                state=members[user_id].state or "",
                from_seq=members[user_id].from_seq,
                read_seq=self._reads.get((room_id, user_id), 0),
                muted_until=self._muted.get((room_id, user_id)),
            )
            for user_id in chosen[:limit]
        ]

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[RoomSummary]:
        mine = sorted((room_id for room_id, _ in self.stored_of(tenant_id, user_id)), reverse=True)
        chosen = [room_id for room_id in mine if before is None or room_id < before]
        return [self._summary(self._rooms[room_id], user_id) for room_id in chosen[:limit]]

    async def is_member(self, tenant_id: int, room_id: str, user_id: str) -> bool:
        room = self._rooms.get(room_id)
        if room is None or room.tenant_id != tenant_id:
            return False
        return user_id in self._stored.room(tenant_id, room_id).members

    async def advance_read(self, tenant_id: int, room_id: str, reads: Mapping[str, int]) -> None:
        for user_id, seq in reads.items():
            key = (room_id, user_id)
            self._reads[key] = max(self._reads.get(key, 0), seq)

    async def set_muted(
        self, tenant_id: int, room_id: str, user_id: str, until: int | None
    ) -> None:
        self._muted[room_id, user_id] = until

    def stored_of(self, tenant_id: int, user_id: str) -> Iterator[tuple[str, StoredRoom]]:
        """Every room that the user is a member of, with its log."""
        for room in self._rooms.values():
            stored = self._stored.room(room.tenant_id, room.id)
            if room.tenant_id == tenant_id and user_id in stored.members:
                yield room.id, stored

    def _existing(self, room: NewRoom) -> str | None:
        same_tenant = [r for r in self._rooms.values() if r.tenant_id == room.tenant_id]
        pairs = [r.id for r in same_tenant if room.direct_key and r.direct_key == room.direct_key]
        repeats = [
            r.id
            for r in same_tenant
            if (r.creator_id, r.client_id) == (room.creator_id, room.client_id)
        ]
        return next(iter(pairs + repeats), None)

    def _summary(self, room: NewRoom, user_id: str) -> RoomSummary:
        stored = self._stored.room(room.tenant_id, room.id)
        member, head = stored.members[user_id], _head(stored)
        first = max(member.from_seq, stored.first)
        read = self._reads.get((room.id, user_id), 0)
        texts = [
            row
            for row in stored.rows.values()
            if row.kind is EventKind.MESSAGE and row.seq >= max(first, head - 999)
        ]
        last = max(texts, key=lambda row: row.seq, default=None)
        edits = [
            row
            for row in stored.rows.values()
            if last is not None and row.kind is EventKind.EDITED and row.target_seq == last.seq
        ]
        edit = max(edits, key=lambda row: row.seq, default=None)
        return RoomSummary(
            id=room.id,
            kind=room.kind,
            title=room.title if stored.title is None else stored.title,
            role=member.role,
            state=member.state or "",
            head=head,
            read=read,
            unread=max(0, min(MAX_UNREAD, head - max(read, first - 1))),
            muted_until=self._muted.get((room.id, user_id)),
            last_body=None if last is None else last.body,
            last_edit=None if edit is None else edit.body,
            created_at=room.created_at,
        )


def _personas(stored: StoredRoom) -> tuple[PersonaRecord, ...]:
    records = (
        PersonaRecord(
            persona_id=one.persona_id,
            owner_id=one.owner_id,
            name=one.name,
            from_seq=one.from_seq or 0,
        )
        for one in stored.personas.values()
    )
    return tuple(sorted(records, key=lambda record: record.from_seq))


def _head(stored: StoredRoom) -> int:
    return max([*stored.rows, stored.first - 1])
