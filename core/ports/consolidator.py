"""Who issues tickets for orders that their system only holds, and keeps the queue of all that was made.

Amadeus' self-service has neither issuing nor a list of orders: an agency's consolidator has both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol.ids import Millis
from protocol.suppliers import NotSent, Refused, Unknown
from protocol.travel import OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """It will be, or is, issued; the order itself says which."""

    order_id: str


ReleaseResult = Released | Refused | NotSent | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Orders in the sequence in which the queue took them. `complete_until`: every order that was made
    before (business clock) is in it or in an earlier page; `next_since`: where the next page begins."""

    orders: Sequence[OrderState]
    complete_until: Millis
    next_since: str | None


class Consolidator(Protocol):
    """Reading raises `core.errors.Unavailable`."""

    async def release(self, order_id: str, reference: str) -> ReleaseResult:
        """Have it ticketed. Idempotent: a second release of an order is the first one."""

    async def feed(self, since: str | None) -> FeedPage:
        """What the queue has taken in since that place; None: from the beginning of what it keeps."""

    async def find(self, remark: str) -> tuple[Sequence[OrderState], Millis]:
        """Orders one of whose remarks holds this text, and until when that answer is complete: one
        that was made later may be missing."""
