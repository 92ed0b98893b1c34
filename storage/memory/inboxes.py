"""The `Inboxes` port in memory."""

from collections.abc import Sequence

from core.ports.leases import StaleFence
from core.ports.repositories import BodyAt, InboxItem
from storage.memory.leases import MemoryShards
from storage.sharding import shard_of


class MemoryInboxes:
    """Each user's items in a list; a source has one place."""

    def __init__(self, shards: MemoryShards) -> None:
        self._shards = shards
        self._items: dict[tuple[int, str], list[InboxItem]] = {}
        self._places: dict[tuple[int, str, str], int] = {}
        self._first: dict[tuple[int, str], int] = {}

    async def head(self, tenant_id: int, user_id: str) -> int:
        return self.head_nowait(tenant_id, user_id)

    def head_nowait(self, tenant_id: int, user_id: str) -> int:
        """As `head`; for who opens a session."""
        return len(self._items.get((tenant_id, user_id), ()))

    def first_nowait(self, tenant_id: int, user_id: str) -> int:
        """From where on it is kept; for who opens a session."""
        return self._first.get((tenant_id, user_id), 1)

    def forget(self, tenant_id: int, user_id: str, *, below: int) -> None:
        """As retention does with what is old."""
        self._first[tenant_id, user_id] = below

    def sources(self, tenant_id: int, user_id: str) -> set[str]:
        """What the items came from; for who checks that none is missing and none came twice."""
        mine = (tenant_id, user_id)
        return {source for *owner, source in self._places if tuple(owner) == mine}

    async def read(
        self, tenant_id: int, user_id: str, *, after: int, limit: int
    ) -> Sequence[InboxItem]:
        after = max(after, self.first_nowait(tenant_id, user_id) - 1)
        return self._items.get((tenant_id, user_id), [])[after : after + limit]

    async def append(
        self,
        tenant_id: int,
        user_id: str,
        *,
        source: str,
        kind: str,
        at: int,
        fence: int,
        body: BodyAt,
    ) -> tuple[int, bytes, bool] | None:
        if self._shards.fence(shard_of(user_id)) != fence:
            raise StaleFence
        items = self._items.setdefault((tenant_id, user_id), [])
        known = self._places.get((tenant_id, user_id, source))
        if known is not None:
            return known, items[known - 1].body, False
        seq = len(items) + 1
        encoded = body(seq)
        items.append(InboxItem(seq=seq, kind=kind, body=encoded, created_at=at))
        self._places[tenant_id, user_id, source] = seq
        return seq, encoded, True
