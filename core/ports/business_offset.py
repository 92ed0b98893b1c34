"""How far business time runs ahead of the wall's, kept across restarts."""

from typing import Protocol


class BusinessOffset(Protocol):
    """One number of the whole installation, in milliseconds, that only grows; 0 at first."""

    async def load(self) -> int:
        """Raises `Unavailable`."""

    async def raise_to(self, offset_ms: int) -> int:
        """Keep it unless the one kept is greater already; the one kept now. Atomic and idempotent. Raises
        `Unavailable`: then, as after a cancellation, it may or may not have happened."""
