"""Searching all suppliers at once, and asking one what its offer costs today."""

from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.frames import Money
from protocol.travel import Offer, Query

SupplierState = Literal["answered", "late", "stale", "failed", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of asking one supplier. "late": it may still answer, and who searches again sees
    that; "stale": late or failed, but an earlier answer of its is among the offers; "failed": not
    reached, or given up for now; "refused": it finds the search itself wrong."""

    name: str
    state: SupplierState


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Offers, cheapest first, each stored under its id. `is_partial`: somebody has not answered."""

    offers: tuple[Offer, ...]
    suppliers: tuple[Asked, ...]

    @property
    def is_partial(self) -> bool:
        return any(asked.state not in ("answered", "refused") for asked in self.suppliers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """An offer at today's price. `previous`: the total it had before, when that was another."""

    offer: Offer
    previous: Money | None = None


class TravelSearch(Protocol):
    """One for all suppliers."""

    async def search(
        self, tenant_id: int, user_id: str | None, query: Query, *, within: float | None = None
    ) -> Found:
        """Within seconds, with or without the last of the suppliers; who has less patience says
        `within`, and gets what there is by then. Raises `Rejected` when every
        one finds the query wrong, `Overloaded` when too many searches are under way."""

    async def price(self, tenant_id: int, offer_id: str, *, to_book: bool = False) -> Repriced:
        """`to_book`: nobody else may have been shown the search that it then is from, where a supplier
        sells each search once. Raises `Rejected`: `not_found` for an unknown offer, `conflict` for one that cannot be had
        any more, `gds_timeout` when the supplier does not answer in time."""
