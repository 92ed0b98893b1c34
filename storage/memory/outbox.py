"""The outbox in memory: what a `StoredLog` and its like announced, and each subscriber's place in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.leases import StaleFence
from core.ports.outbox import OutboxEvent
from storage.memory.stored_log import Appended, StoredLog
from storage.outbox import BATCH, MAX_LAG_COUNTED, Batch, Place
from storage.sharding import shard_of

APPENDED: Final = "room.appended"


@dataclass(slots=True)
class _Subscription:
    position: int = 0
    rebuilding: bool = True


class MemoryOutbox:
    """The `OutboxSource` over `StoredLog.outbox`; positions count from 1, ages are unknown. `fence` as in the real
    one; None: nobody is ever replaced."""

    def __init__(self, stored: StoredLog, *, fence: Callable[[str], int] | None = None) -> None:
        self._stored, self._fence = stored, fence
        self._subscriptions: dict[str, _Subscription] = {}

    async def next_batch(self, name: str) -> Batch:
        subscription = self._subscription(name)
        start = subscription.position
        events = [
            _event(position, row)
            for position, row in enumerate(self._stored.outbox[start : start + BATCH], start + 1)
        ]
        return Batch(
            events=events,
            place=Place(0, start + len(events)),
            rebuilding=subscription.rebuilding,
            waiting=min(len(self._stored.outbox) - start, MAX_LAG_COUNTED),
            age=0.0,
        )

    async def move(self, name: str, place: Place) -> None:
        self._demand_own(name)
        subscription = self._subscription(name)
        subscription.position = max(subscription.position, place.position)

    async def place_now(self) -> Place:
        return Place(0, len(self._stored.outbox))

    async def whole_logs(self, after: str | None) -> Sequence[OutboxEvent]:
        heads: dict[tuple[str, int], int] = {}
        for row in self._stored.outbox:
            if row.topic != APPENDED:
                continue
            key = (row.room_id, row.tenant_id)
            heads[key] = max(heads.get(key, 0), row.last)
        return [
            _event(0, Appended(tenant_id, room_id, 1, last))
            for (room_id, tenant_id), last in sorted(heads.items())
            if after is None or room_id > after
        ][:BATCH]

    async def ask_for_rebuild(self, name: str) -> None:
        self._subscription(name).rebuilding = True

    async def end_rebuild(self, name: str, place: Place) -> None:
        self._demand_own(name)
        self._subscriptions[name] = _Subscription(place.position, rebuilding=False)

    def _demand_own(self, name: str) -> None:
        shards = self._stored.shards
        if self._fence is not None and shards.fence(shard_of(name)) != self._fence(name):
            raise StaleFence

    def _subscription(self, name: str) -> _Subscription:
        return self._subscriptions.setdefault(name, _Subscription())


def _event(position: int, row: Appended) -> OutboxEvent:
    return OutboxEvent(
        position=position,
        tenant_id=row.tenant_id,
        topic=row.topic,
        key=row.room_id,
        first=row.first,
        last=row.last,
    )
