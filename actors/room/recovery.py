"""After an append failed: what is durable, and under which fence to go on (docs/architecture.md §4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from actors.room.lookups import LookUps
from actors.room.memory import Stored, key_of
from actors.room.pipeline import Entry
from actors.room.ports import RoomPorts
from actors.room.state import NO_NAMES, RoomState
from core.errors import Unavailable
from core.ports.message_log import LogRow, Outcome
from protocol.chat import MessagePosted
from protocol.codec import decode_event
from protocol.room import RoomChanged

RECOVER_WITHIN: Final = 10.0
RETRY_FIRST: Final = 0.05
RETRY_MOST: Final = 1.0
_PAGE: Final = 256

log = structlog.get_logger()


class SeqTakenError(RuntimeError):
    """Another row has a seq that this room gave away: two owners, or a bug. An alarm."""


class LeaseLostError(RuntimeError):
    """The shard has another owner number and this node does not hold it."""


class DatabaseAwayError(RuntimeError):
    """What became of appends could not be found out in time."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What recovery found: the fence to go on under, the rows after the applied head, and for a
    duplicate the first answer to its key. `names` of users that those rows made members."""

    fence: int
    rows: Sequence[LogRow]
    duplicate: Stored | None = None
    names: Mapping[str, str] = field(default_factory=dict)


class Recovery:
    """Asks the database until it answers, for at most `RECOVER_WITHIN` seconds; and for as long, ever more
    slowly, a log that answers and stores nothing (its disk is full) is given the same again."""

    def __init__(self, ports: RoomPorts, room: RoomState, lookups: LookUps) -> None:
        self._ports = ports
        self._room = room
        self._lookups = lookups
        self._head, self._stuck_since, self._pause = -1, 0.0, 0.0

    def is_in_vain(self, failed: Entry) -> bool:
        """Whether nothing could be stored for so long that whoever waits is better told so: under the fence
        that was found last it cannot appear any more."""
        is_stuck = failed.outcome is Outcome.UNKNOWN and self._head == self._room.head
        return is_stuck and trio.current_time() >= self._stuck_since + RECOVER_WITHIN

    async def find_out(self, failed: Entry, *, fence: int) -> Truth:
        """Raises one of the three errors above: the room then crashes."""
        if failed.outcome is Outcome.SEQ_TAKEN:
            log.critical("seq_taken", room_id=self._room.id, head=self._room.head)
            raise SeqTakenError(self._room.id)
        log.warning("append_refused", room_id=self._room.id, outcome=failed.outcome)
        if failed.outcome is Outcome.UNKNOWN:
            await self._wait_longer(failed)
        wait = RETRY_FIRST
        with trio.move_on_after(RECOVER_WITHIN):
            while True:
                try:
                    return await self._ask(failed, fence)
                except Unavailable:
                    await trio.sleep(wait)
                    wait = min(2 * wait, RETRY_MOST)
        raise DatabaseAwayError(self._room.id)

    async def _wait_longer(self, failed: Entry) -> None:
        """Not at all the first time since something was stored; nor for a client who is to be refused at
        once. What the room does of its own accord it asks for again and again."""
        if self._head != self._room.head:
            self._head, self._stuck_since, self._pause = self._room.head, trio.current_time(), 0.0
        elif failed.envelope.client is None or not self.is_in_vain(failed):
            self._pause = min(2 * self._pause or RETRY_FIRST, RETRY_MOST)
            await trio.sleep(self._pause)

    async def _ask(self, failed: Entry, fence: int) -> Truth:
        fence = await self._fence(failed, fence)
        rows = await self.unseen(self._room.head)
        duplicate = None
        event = failed.events[0] if failed.events else None
        if failed.outcome is Outcome.DUPLICATE and isinstance(event, MessagePosted):
            duplicate = await self._lookups.find(event.sender.id, key_of(event) or "")
        return Truth(fence, rows, duplicate, await self._names(rows))

    async def _fence(self, failed: Entry, fence: int) -> int:
        """The number to go on under.

        After an unknown outcome a newer one: nothing under the old can appear any more, and what is
        read next is the whole truth. Fenced with the newest number that this node knows, the shard
        was taken, or a crashed predecessor's append took ours along: asking for a newer tells.
        """
        if failed.outcome is Outcome.UNKNOWN:
            return await self._ports.leases.refence(self._room.id, seen=fence)
        if failed.outcome is Outcome.FENCED:
            try:
                return await self._ports.leases.refence(self._room.id, seen=fence)
            except Unavailable:
                raise LeaseLostError(self._room.id) from None
        return fence

    async def unseen(self, after: int) -> list[LogRow]:
        """Every durable row after `after`."""
        rows: list[LogRow] = []
        while True:
            page = await self._ports.log.read(
                self._room.tenant_id, self._room.id, after=after, limit=_PAGE
            )
            rows.extend(page)
            if len(page) < _PAGE:
                return rows
            after = page[-1].seq

    async def _names(self, rows: Sequence[LogRow]) -> Mapping[str, str]:
        """Of users whom another owner of the room made members meanwhile."""
        ids: set[str] = set()
        for row in rows:
            event = decode_event(row.body)
            if isinstance(event, RoomChanged) and event.change in ("invited", "joined"):
                ids.update(event.user_ids or ())
                ids.add(event.by)
        ids -= self._room.members.keys()
        if not ids:
            return NO_NAMES
        users = await self._ports.users.many(self._room.tenant_id, sorted(ids))
        return {user_id: user.name for user_id, user in users.items()}
