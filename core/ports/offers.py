"""Offers that were shown: what a quote refers to, and what was agreed to if it is disputed."""

from collections.abc import Sequence
from typing import Final, Protocol

from protocol.travel import Offer

KEPT_FOR: Final = 30 * 86_400.0
"""Seconds, from when an offer was shown or last priced."""


class Offers(Protocol):
    """Kept for `KEPT_FOR`, whether they were quoted or not."""

    async def add(self, tenant_id: int, user_id: str | None, offers: Sequence[Offer]) -> None:
        """Keep what is about to be shown; all of them or none. `user_id`: who searched."""

    async def get(self, tenant_id: int, offer_id: str) -> Offer | None:
        """By id, expired or not."""

    async def replace(self, tenant_id: int, offer: Offer) -> bool:
        """After a new price: the same id with another source; False when there is no such offer."""
