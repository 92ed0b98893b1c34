"""Shard ownership in memory: `MemoryShards` is what the database would know, `MemoryLeases` one node."""

from collections.abc import Callable, Mapping

import trio

from core.errors import Unavailable
from storage.sharding import SHARDS, shard_of


class MemoryShards:
    """Owner and fence of every shard, shared by all nodes of a simulation.

    `before_refence` is called with the shard before its fence grows: writes in flight land there
    or never, as they do where a real taker waits for their row lock.
    """

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}
        self._fences = [0] * SHARDS
        self.before_refence: list[Callable[[int], None]] = []

    def owner(self, shard: int) -> str | None:
        return self._owners.get(shard)

    def fence(self, shard: int) -> int:
        return self._fences[shard]

    def take(self, shard: int, node: str) -> int:
        """Give the shard to `node` under a new fence, whoever had it."""
        for landed in self.before_refence:
            landed(shard)
        self._owners[shard] = node
        self._fences[shard] += 1
        return self._fences[shard]

    def take_all(self, node: str) -> None:
        """Give every shard to `node`."""
        for shard in range(SHARDS):
            self.take(shard, node)

    def free(self, node: str) -> None:
        """The node owns nothing any more; fences stay."""
        self._owners = {shard: owner for shard, owner in self._owners.items() if owner != node}


class MemoryLeases:
    """Implements `core.ports.leases.Leases` for one node.

    `is_away` True: the database does not answer this node. `on_lost` as in the real one.
    """

    def __init__(
        self,
        shards: MemoryShards | None = None,
        *,
        node: str = "node",
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.shards = shards or MemoryShards()
        self.is_away = False
        self._node, self._on_lost = node, on_lost
        self._fences: dict[int, int] = {}
        self._refences = 0
        self.take_free()

    def take_free(self) -> None:
        """Take every shard that nobody owns."""
        for shard in range(SHARDS):
            if self.shards.owner(shard) is None:
                self._fences[shard] = self.shards.take(shard, self._node)

    def fence(self, room_id: str) -> int:
        fence = self._fences.get(shard_of(room_id))
        if fence is None:
            raise Unavailable
        return fence

    async def refence(self, room_id: str, *, seen: int) -> int:
        await trio.lowlevel.checkpoint()
        shard = shard_of(room_id)
        fence = self.fence(room_id)
        if fence > seen:
            return fence
        if self.is_away:
            raise Unavailable
        if self.shards.owner(shard) != self._node:
            del self._fences[shard]
            raise Unavailable
        self._refences += 1
        self._fences[shard] = self.shards.take(shard, self._node)
        return self._fences[shard]

    def owned_shards(self) -> Mapping[int, int]:
        return dict(self._fences)

    def lose(self) -> None:
        """Learn that this node was declared dead."""
        self._fences.clear()
        self._on_lost()

    async def give_up(self) -> None:
        """Idempotent."""
        await trio.lowlevel.checkpoint()
        self._fences.clear()
        self.shards.free(self._node)

    def statistics(self) -> Mapping[str, int | float]:
        return {"shards": len(self._fences), "refences": self._refences}
