"""What was learned from a message goes with it, also when nobody was there to be told.

Personas forget at once when their room tells them that a message was deleted or edited. This reads the same
from the outbox: a server that is killed between the commit and the telling forgets after its next start.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from core.ports.message_log import EventKind
from core.ports.outbox import OutboxEvent
from storage.postgres.pool import Connection, Database
from storage.postgres.search import Span, portions, spans_of

PERSON_FORGOTTEN: Final = "person.forgotten"
"""The outbox's topic of what the erasure took out of rooms: the key is `ROOM/USER`."""

# Every message that an edit or a deletion in these spans is about; with its memories gone.
_FORGET: Final = f"""
WITH unsaid AS (
    SELECT DISTINCT said.tenant_id, said.message_id
      FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS s(room_id, after, up_to)
      JOIN message change ON change.room_id = s.room_id
           AND change.seq > s.after AND change.seq <= s.up_to
           AND change.kind IN ({EventKind.EDITED.value}, {EventKind.DELETED.value})
      JOIN message said ON said.room_id = s.room_id AND said.seq = change.target_seq
           AND said.kind = {EventKind.MESSAGE.value}
), forgotten AS (
    DELETE FROM persona_memory p USING unsaid
     WHERE p.tenant_id = unsaid.tenant_id AND p.source_message = unsaid.message_id
)
SELECT message_id::text FROM unsaid"""


class Forgetting:
    """The outbox's subscriber `forgetting`. A message that was edited prompts nobody again, so nothing
    that is rightly known is lost, however often an event comes.

    `on_unsaid`: told each such message once its memories are gone, for whoever has loaded them meanwhile.
    `on_forgotten`: told each room and user of whom nothing is there any more, for a room that is active.
    """

    name = "forgetting"

    def __init__(
        self,
        database: Database,
        *,
        on_unsaid: Callable[[str], None],
        on_forgotten: Callable[[str, str], None],
    ) -> None:
        self._database = database
        self._on_unsaid, self._on_forgotten = on_unsaid, on_forgotten

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Remove what was learned from the messages that these events took back."""
        for portion in portions(spans_of(events)):
            for message_id in await self._database.call(_forget, portion):
                self._on_unsaid(message_id)
        for event in events:
            if event.topic == PERSON_FORGOTTEN:
                room_id, _, user_id = event.key.partition("/")
                self._on_forgotten(room_id, user_id)

    async def rebuild(self) -> None:
        """Nothing is derived; whole logs come next, and what an earlier version missed goes."""


async def _forget(connection: Connection, spans: Sequence[Span]) -> Sequence[str]:
    columns: list[list[Any]] = [list(column) for column in zip(*spans, strict=True)]
    return [row["message_id"] for row in await connection.fetch(_FORGET, *columns)]
