"""How a room becomes what it was: from its row, its members and the newest part of its log."""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from actors.room.memory import Memory
from actors.room.ring import Ring
from actors.room.state import Member, RoomState, Seat
from core.ports.message_log import LogRow
from core.ports.repositories import MemberRecord, RoomRecord
from protocol.codec import decode_event
from protocol.room import HistoryFor, MemberRole, MemberState, RoomChanged, RoomKind, Settings

MAX_RECALLED: Final = 1_024
"""How many of the newest rows are read at activation."""


def state_of(record: RoomRecord, recent: Sequence[LogRow]) -> RoomState:
    """The room as of `recent`'s last row."""
    return RoomState(
        id=record.id,
        tenant_id=record.tenant_id,
        kind=cast(RoomKind, record.kind),
        title=record.title,
        settings=_settings(record.settings),
        history=cast(HistoryFor, record.history),
        epoch=record.epoch,
        created_at=record.created_at,
        first=max(record.first, 1),
        head=record.head,
        sent_at=recent[-1].sent_at if recent else record.created_at,
        updated_seq=_updated_seq(recent),
        members={member.user_id: _member(member) for member in record.members},
        personas={
            seated.persona_id: Seat(
                name=seated.name, owner_id=seated.owner_id, from_seq=seated.from_seq
            )
            for seated in record.personas
        },
        had_personas=record.had_personas,
    )


def _settings(stored: bytes) -> Settings:
    return msgspec.json.decode(stored, type=Settings) if stored else Settings()


def _member(record: MemberRecord) -> Member:
    return Member(
        name=record.name,
        role=cast(MemberRole, record.role),
        state=cast(MemberState, record.state),
        from_seq=record.from_seq,
    )


def _updated_seq(recent: Sequence[LogRow]) -> int:
    for row in reversed(recent):
        event = decode_event(row.body) if row.kind.name == "ROOM" else None
        if isinstance(event, RoomChanged) and event.change == "updated":
            return row.seq
    return 1


def recall(memory: Memory, ring: Ring, recent: Sequence[LogRow]) -> None:
    """Fill memory and ring from the newest rows, ascending."""
    if recent and recent[0].seq > 1:
        memory.since = recent[0].sent_at
    for row in recent:
        memory.remember(decode_event(row.body))
        ring.append(row.seq, row.body)
