"""Carries invitations from the rooms' logs, and what became of consultations, to the inboxes of whom it concerns."""

from collections.abc import Iterable, Sequence
from typing import Final

from core.delivery import Delivery
from core.ports.consultations import CHANGES, TOPIC, Consultations
from core.ports.message_log import EventKind, LogRow, MessageLog
from core.ports.outbox import OutboxEvent
from protocol.codec import decode_event
from protocol.room import RoomChanged
from protocol.user import USER, InviteArrived, TellConsultation

PAGE: Final = 500


class Courier:
    """An outbox `Subscriber`. Idempotent, because an inbox takes each source once."""

    name = "inbox"

    def __init__(
        self, log: MessageLog, delivery: Delivery, consultations: Consultations | None = None
    ) -> None:
        self._log, self._delivery, self._consultations = log, delivery, consultations

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Raises `Unavailable` when an inbox cannot be reached: the batch comes again. An event over
        which its reader crashes again and again is put aside: all others wait behind it."""
        for event in events:
            if event.topic == "room.appended":
                await self._carry(event)
            elif event.topic == TOPIC and self._consultations is not None:
                await self._carry_consultation(event, self._consultations)

    async def rebuild(self) -> None:
        """Inboxes are kept: what comes again finds its place taken."""

    async def _carry(self, event: OutboxEvent) -> None:
        after = event.first - 1
        while after < event.last:
            rows = await self._log.read(
                event.tenant_id, event.key, after=after, limit=PAGE, up_to=event.last
            )
            if not rows:
                return
            for row in rows:
                if row.kind is EventKind.ROOM:
                    for user_id in _invited(row):
                        await self._delivery.deliver(
                            event.tenant_id,
                            USER.at(user_id),
                            InviteArrived(room_id=event.key, seq=row.seq),
                            name=f"invite:{event.key}:{row.seq}",
                        )
            after = rows[-1].seq

    async def _carry_consultation(self, event: OutboxEvent, stored: Consultations) -> None:
        found = await stored.get(event.tenant_id, event.key)
        if found is None:
            return
        state = CHANGES[event.first - 1]
        news = TellConsultation(consultation_id=event.key, state=state)
        for user_id in (found.professional_id, found.traveller_id):
            if user_id is not None:
                name = f"consultation:{event.key}:{state}"
                await self._delivery.deliver(event.tenant_id, USER.at(user_id), news, name=name)


def _invited(row: LogRow) -> Iterable[str]:
    event = decode_event(row.body)
    if not isinstance(event, RoomChanged) or event.change not in ("created", "invited"):
        return ()
    return [user_id for user_id in event.user_ids or () if user_id != event.by]
