"""What was learned from a message goes when it is taken back, though nobody was told of it."""

from typing import Any

import pytest
from test_storage_read_models import ADA, NOW, ROOM, ManualClock, a_room, a_room_with

from core.ports.message_log import EventKind
from core.ports.outbox import OutboxEvent
from core.ports.personas import MemoryItem, NewPersona
from storage.outbox import Place
from storage.postgres.erasure import erase
from storage.postgres.forgetting import Forgetting
from storage.postgres.memories import PostgresMemories
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.personas import PostgresPersonas
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms

NOVA = "01999999-0000-7000-8000-0000000000cc"


def nothing(*_: str) -> None: ...


def message_id(seq: int) -> str:
    return f"01999999-0000-7000-8000-{seq:012x}"


async def learned(database: Database, *sources: int) -> PostgresMemories:
    """A memory of each of these messages, and one of none."""
    memories, clock = PostgresMemories(database, ManualClock()), ManualClock()
    new = NewPersona(id=NOVA, owner_id=ADA, name="Nova", style="local", created_at=NOW)
    await PostgresPersonas(database, clock).create(1, new)
    for number, source in enumerate((*sources, None)):
        item = MemoryItem(
            id=f"01999999-0000-7000-8000-0000000001{number:02x}",
            persona_id=NOVA,
            kind="fact",
            text=str(source),
            about=ADA,
            room_id=None,
            source_message=None if source is None else message_id(source),
            created_at=NOW,
        )
        await memories.add(1, item)
    return memories


async def known(memories: PostgresMemories) -> set[str]:
    return {item.text for item in await memories.of_person(1, NOVA, ADA)}


async def take_back(database: Database, kind: EventKind, seq: int, of: int) -> None:
    """The row alone: as after a kill right behind the commit."""

    async def insert(connection: Connection) -> None:
        await connection.execute(
            """INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, body, target_seq)
               VALUES ($1, $2, $3, 1, $4, $5, '', $6)""",
            *(seq, NOW + seq, ROOM, kind.value, ADA, of),
        )

    await database.call(insert)


def span(first: int, last: int, topic: str = "room.said") -> OutboxEvent:
    return OutboxEvent(position=1, tenant_id=1, topic=topic, key=ROOM, first=first, last=last)


@pytest.mark.parametrize("kind", [EventKind.EDITED, EventKind.DELETED])
async def test_what_a_message_taught_goes_with_it(database: Any, kind: EventKind) -> None:
    await a_room_with(database, ["we are two", "by the sea", "no flights"])
    memories = await learned(database, 2, 3, 4)
    await take_back(database, kind, 5, of=3)
    await take_back(database, EventKind.REACTED, 6, of=4)
    told: list[str] = []
    forgetting = Forgetting(database, on_unsaid=told.append, on_forgotten=nothing)
    await forgetting.receive([span(2, 4)])
    assert await known(memories) == {"2", "3", "4", "None"}
    assert told == []
    for _ in range(2):  # at least once
        await forgetting.receive([span(5, 6)])
    assert await known(memories) == {"2", "4", "None"}
    assert told == [message_id(3)] * 2


async def test_whole_logs_tell_what_was_missed_before(database: Any) -> None:
    await a_room_with(database, [f"number {number}" for number in range(600)])
    memories = await learned(database, 2, 601)
    await take_back(database, EventKind.DELETED, 602, of=601)
    forgetting = Forgetting(database, on_unsaid=nothing, on_forgotten=nothing)
    await forgetting.rebuild()
    assert await known(memories) == {"2", "601", "None"}
    await forgetting.receive(await PostgresOutbox(database).whole_logs(None))
    assert await known(memories) == {"2", "None"}


async def test_other_news_change_nothing(database: Any) -> None:
    await PostgresRooms(database).create(a_room(created_at=NOW))
    memories = await learned(database, 2)
    await Forgetting(database, on_unsaid=nothing, on_forgotten=nothing).receive(
        [span(1, 9, "booking.changed"), span(1, 1)]
    )
    assert await known(memories) == {"2", "None"}


async def test_rooms_are_told_of_whom_nothing_is_there_any_more(database: Any) -> None:
    """Where they said something, and where they stay."""
    await a_room_with(database, ["tea"])
    member = f"INSERT INTO membership VALUES ('{NOVA}', '{ADA}', 1, NULL, 1, 'member', 'joined')"
    await database.call(lambda connection: connection.execute(member))
    assert await erase(database, 1, ADA) == 1
    outbox, told = PostgresOutbox(database), set[tuple[str, str]]()
    forgetting = Forgetting(
        database, on_unsaid=nothing, on_forgotten=lambda room, user: told.add((room, user))
    )
    await outbox.next_batch("forgetting")
    await outbox.end_rebuild("forgetting", Place(0, 0))
    await forgetting.receive((await outbox.next_batch("forgetting")).events)
    assert told == {(ROOM, ADA), (NOVA, ADA)}
