"""Who owns which shard of rooms, bookings and inboxes: the fence that a stale owner's writes bounce off."""

from collections.abc import Mapping
from typing import Protocol

from core.errors import Rejected


class StaleFence(Rejected):
    """Somebody else owns the shard, or has written since: nothing was stored. Load again."""

    def __init__(self) -> None:
        super().__init__("unavailable", "This cannot be answered right now. Please try again.")


class Leases(Protocol):
    """Ownership of shards, as this node knows it."""

    def fence(self, room_id: str) -> int:
        """The number under which this node owns the room's shard. Raises `Unavailable` when it
        does not, or when it could not confirm that for too long."""

    async def refence(self, room_id: str, *, seen: int) -> int:
        """Take a number newer than `seen` for the room's shard. When this returns, no write
        under `seen` can appear any more. Raises `Unavailable` when this node is no longer the owner
        or the database is away."""

    def owned_shards(self) -> Mapping[int, int]:
        """Those that this node owns, each with its number; none when it could not confirm that for too
        long."""

    def statistics(self) -> Mapping[str, int | float]: ...
