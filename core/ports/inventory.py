"""What suppliers of travel can do for us: the seam to Amadeus, Duffel and whoever comes next.

Reading may be repeated; `hold`, `confirm`, `cancel` and `accept_change` are sent once: their results name what is not
known as a value, `Unknown`, so that no caller can forget it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.frames import Money
from protocol.suppliers import (
    CancelResult,
    HoldResult,
    NotSent,
    RefundQuoted,
    Refused,
    Unknown,
    Unsupported,
)
from protocol.travel import OfferKind, OrderState, Query, SupplierOffer, Traveller


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a supplier can do with one kind of offer.

    `hold`: "soft" reserves until a day and cancels by itself, "hard" until an exact moment.
    `cancel`: only before ticketing, by the fare's own rules, or not at all. `issue`: whether
    `confirm` makes the supplier issue tickets, or somebody else does that out of band.
    `sells_once`: of all the offers of one search one can be booked, once.
    `shows_orders`: whether `get` knows an order of this kind.
    `only_browsing`: why nothing of this kind can be booked here, a sentence for people; empty: it can.
    """

    hold: Literal["none", "soft", "hard"]
    cancel: Literal["none", "pre_ticket", "policy"]
    issue: Literal["by_supplier", "explicit"]
    finds_by_reference: bool = False
    sells_once: bool = False
    most_travellers: int = 9
    shows_orders: bool = True
    only_browsing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """An offer at today's price. `offer` is what may be held now; `previous` the total that was asked
    about, when it is another."""

    offer: SupplierOffer
    previous: Money | None = None


ConfirmResult = OrderState | Refused | NotSent | Unknown


class Inventory(Protocol):
    """One supplier. Every call raises `core.errors.Unavailable` when it cannot be reached or answers
    nonsense, but for those that change something: they say so by `Unknown`. Those are sent
    whatever the breaker of the reads says (somebody has to decide), once, and within five seconds of
    being called, or they ended `NotSent`."""

    @property
    def name(self) -> str:
        """The supplier's, as in `SupplierOffer.supplier`."""

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        """None: it does not sell that."""

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        """Offers for the whole party, cheapest first; empty when there are none. The caller has the
        deadline. Raises `Rejected` when the supplier finds the query itself wrong."""

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        """The offer at today's price, at which it may be held. `query` is the one that found it."""

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        """An order that the supplier lets go by itself unless it is confirmed. `reference` is ours,
        and is written into the order."""

    async def confirm(
        self, order_id: str, reference: str, *, at_most: Money | None = None
    ) -> ConfirmResult:
        """Pay, or release to ticketing. `at_most`: what people have paid for it; one that costs more by now
        is `Refused("price_changed")` with that `price`, and nothing is paid."""

    async def get(self, order_id: str) -> OrderState | None:
        """The order as it is; None when the supplier does not know it. Raises `Unavailable` also where the
        supplier shows no orders of that kind (Amadeus' hotels)."""

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        """Undo it, as far as the supplier lets us. `at_least`: what people were told they get back; a
        supplier that would return less, and says so before it cancels, is `Refused("price_changed")` with
        that `price`, and nothing is cancelled."""

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        """What would come back if it were cancelled now; asking changes nothing. Raises `Unavailable`."""

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        """Accept what the supplier itself has changed; one that was accepted before is accepted."""

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        """Orders that carry our reference."""
