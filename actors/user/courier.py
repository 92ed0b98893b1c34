"""Carries invitations from the rooms' logs to the inboxes of the invited."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
import trio

from core.errors import Rejected
from core.ports.message_log import EventKind, LogRow, MessageLog
from core.ports.outbox import OutboxEvent
from core.reference import Ref
from protocol.addresses import Address
from protocol.codec import decode_event
from protocol.room import RoomChanged
from protocol.user import USER, InviteArrived

log = structlog.get_logger()

PAGE: Final = 500
TRIES: Final = 3
TRY_AGAIN_AFTER: Final = 2.0
"""Seconds; far enough apart that trying is not what makes an actor give up."""
_DELIVER_WITHIN: Final = 30.0


class Courier:
    """An outbox `Subscriber`. Idempotent, because an inbox takes each source once."""

    name = "inbox"

    def __init__(self, log: MessageLog, ref_to: Callable[[Address], Ref[Any]]) -> None:
        self._log = log
        self._ref_to = ref_to

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Raises `Unavailable` when an inbox cannot be reached: the batch comes again."""
        for event in events:
            if event.topic == "room.appended":
                await self._carry(event)

    async def rebuild(self) -> None:
        """Inboxes are kept: an invitation that comes again finds its place taken."""

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
                        await self._deliver(user_id, event.key, row.seq)
            after = rows[-1].seq

    async def _deliver(self, user_id: str, room_id: str, seq: int) -> None:
        """One that makes an actor crash again and again is given up: all others wait behind it."""
        code = ""
        for _ in range(TRIES):
            try:
                await self._ref_to(USER.at(user_id)).ask(
                    InviteArrived(room_id=room_id, seq=seq), timeout=_DELIVER_WITHIN
                )
                return
            except Rejected as refusal:
                code = refusal.code
                if code != "internal" and refusal.temporary:
                    raise
            if code != "internal":
                break
            await trio.sleep(TRY_AGAIN_AFTER)
        log.error("invitation_given_up", room_id=room_id, seq=seq, code=code)


def _invited(row: LogRow) -> Iterable[str]:
    event = decode_event(row.body)
    if not isinstance(event, RoomChanged) or event.change not in ("created", "invited"):
        return ()
    return [user_id for user_id in event.user_ids or () if user_id != event.by]
