"""Suppliers' orders in memory: the mutating half of the inventory port, as a pure core and the port on top.

Flavours (APIS §5.2): "amadeus" holds softly, finds nothing and does not issue; "duffel" holds hard, finds
by reference and issues when it is paid; "instant" is the same supplier's offer that cannot be held; "hotel"
holds nothing, and nobody undoes an order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import trio

from core.errors import Unavailable
from core.ports.inventory import Capabilities, ConfirmResult, Priced
from protocol.frames import Money
from protocol.suppliers import (
    Cancelled,
    CancelResult,
    Created,
    HoldResult,
    RefundQuoted,
    Refused,
    Unsupported,
)
from protocol.travel import (
    FlightDetails,
    Itinerary,
    OfferKind,
    OrderState,
    Query,
    SupplierOffer,
    Ticket,
    Traveller,
)

Flavour = Literal["amadeus", "duffel", "instant", "hotel"]
Status = Literal["pending", "held", "confirmed", "ticketed", "cancelled"]
MINUTE_MS = 60_000
HOLDS_FOR_MS: Mapping[Flavour, int] = {
    "amadeus": 2 * 24 * 60 * MINUTE_MS,
    "duffel": 24 * 60 * MINUTE_MS,
    "instant": 0,
    "hotel": 0,
}
CAPABILITIES: Mapping[Flavour, tuple[OfferKind, Capabilities]] = {
    "amadeus": ("flight", Capabilities(hold="soft", cancel="pre_ticket", issue="explicit")),
    "duffel": (
        "flight",
        Capabilities(hold="hard", cancel="policy", issue="by_supplier", finds_by_reference=True),
    ),
    "instant": (
        "flight",
        Capabilities(hold="none", cancel="policy", issue="by_supplier", finds_by_reference=True),
    ),
    "hotel": ("hotel", Capabilities(hold="none", cancel="none", issue="by_supplier")),
}


@dataclass(slots=True)
class Order:
    """As the supplier keeps it. `issue_at`: when its tickets will be there; `travellers`: how many.
    `pending`: what it will be, and when. `ways`: as it will be flown; `change_id`: a change that waits to be
    accepted, `accepted` the last that was. `returned`: minor units that were given back when it was cancelled
    after it was bought. `is_called_off`: by the airline."""

    id: str
    reference: str
    total: Money
    made_at: int
    travellers: int
    status: Status
    hold_until: int | None = None
    issue_at: int | None = None
    pending: tuple[Status, int] | None = None
    ways: tuple[Itinerary, ...] = ()
    change_id: str | None = None
    accepted: str | None = None
    returned: int | None = None
    is_called_off: bool = False

    @property
    def is_live(self) -> bool:
        return self.status != "cancelled"


class OrdersCore:
    """One supplier, synchronous. `now`: business time in ms. `prices`: what an offer costs now, by its
    token; an offer not named costs what it says. `heard(kind, order_id)`: what a webhook would say.

    Owns: orders, prices, what is sold out.
    """

    def __init__(
        self,
        flavour: Flavour,
        now: Callable[[], int],
        heard: Callable[[str, str], None] | None = None,
        name: str | None = None,
    ) -> None:
        self.flavour = flavour
        self.name = name or flavour
        self.capabilities = CAPABILITIES[flavour][1]
        self.kind = CAPABILITIES[flavour][0]
        self._now = now
        self._heard = heard or (lambda kind, order_id: None)
        self.orders: dict[str, Order] = {}
        self.prices: dict[bytes, Money] = {}
        self.sold_out: set[bytes] = set()
        self.refuses_cancel = False
        self.keeps = 0
        """Minor units of each order that is cancelled after it was bought."""
        self.accepts_for = 0
        """ms for which an order is only accepted (Duffel's 202), before it is made."""

    def reprice(self, offer: SupplierOffer) -> Priced | Refused:
        if bytes(offer.token) in self.sold_out:
            return Refused(kind="sold_out", detail="34651")
        total = self.prices.get(bytes(offer.token), offer.total)
        now = self._now()
        priced = SupplierOffer(
            supplier=offer.supplier,
            token=offer.token,
            total=total,
            fetched_at=now,
            expires_at=now + 20 * MINUTE_MS,
            can_hold=offer.can_hold,
            details=offer.details,
        )
        return Priced(offer=priced, previous=None if total == offer.total else offer.total)

    def hold(
        self,
        priced: SupplierOffer,
        travellers: int,
        reference: str,
        asked_at: int | None = None,
    ) -> HoldResult:
        """Twice with one reference makes two orders: nothing here is idempotent. `asked_at`: when it was
        asked for, if that was earlier."""
        token = bytes(priced.token)
        total = self.prices.get(token, priced.total)
        if token in self.sold_out:
            return Refused(kind="sold_out", detail="34651")
        if (self._now() if asked_at is None else asked_at) >= priced.expires_at:
            return Refused(kind="expired", detail="4926")
        if total != priced.total:
            return Refused(kind="price_changed", detail="37200", price=total)
        if not 0 < travellers <= self.capabilities.most_travellers:
            return Refused(kind="invalid", detail="travelers")
        holds = self.capabilities.hold != "none"
        order = Order(
            id=f"{self.name}_{len(self.orders) + 1}",
            reference=reference,
            total=total,
            made_at=self._now(),
            travellers=travellers,
            status="held" if holds else "ticketed" if self.kind == "flight" else "confirmed",
            hold_until=self._now() + HOLDS_FOR_MS[self.flavour] if holds else None,
            ways=priced.details.itineraries if isinstance(priced.details, FlightDetails) else (),
        )
        if self.accepts_for:
            order.pending = order.status, self._now() + self.accepts_for
            order.status = "pending"
        self.orders[order.id] = order
        self._heard("order.created", order.id)
        return Created(order=self._state(order))

    def confirm(self, order_id: str, at_most: Money | None = None) -> ConfirmResult:
        """Pay for a held order, which issues. Again: it is paid already."""
        order = self._order(order_id)
        if self.capabilities.issue == "explicit" or order is None:
            return Refused(kind="invalid", detail="not_found")
        if order.status != "held":
            return Refused(kind="invalid", detail="already_paid_or_cancelled")
        if at_most is not None and order.total.amount > at_most.amount:
            return Refused(kind="price_changed", detail="dearer", price=order.total)
        order.status, order.hold_until = "ticketed", None
        self._heard("order.updated", order.id)
        return self._state(order)

    def issue(self, order_id: str, after: int) -> bool:
        """The consolidator's word: it is ticketed `after` ms from now, and never again. False: there is
        no such live order."""
        order = self._order(order_id)
        if order is None or not order.is_live:
            return False
        if order.status == "held" and order.issue_at is None:
            order.issue_at, order.hold_until = self._now() + after, None
        return True

    def get(self, order_id: str) -> OrderState | None:
        """What Amadeus deleted it does not know any more; what an airline called off it shows."""
        order = self._order(order_id)
        is_hidden = self.flavour == "amadeus" and order is not None and not order.is_live
        if order is None or (is_hidden and not order.is_called_off):
            return None
        return self._state(order)

    def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        order = self._order(order_id)
        if self.capabilities.cancel != "policy":
            return Unsupported()
        if order is None or order.status not in ("ticketed", "confirmed"):
            return Refused(kind="invalid", detail="nothing was paid for it")
        return RefundQuoted(refund=self._back(order))

    def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        order = self._order(order_id)
        if self.capabilities.issue == "explicit":
            return Unsupported()
        if order is None or not order.is_live:
            return Refused(kind="expired", detail="not_found")
        if change_id not in (order.change_id, order.accepted):
            return Refused(kind="expired", detail="no such change waits")
        if change_id == order.change_id:
            order.change_id, order.accepted = None, change_id
        return self._state(order)

    def move(
        self, order_id: str, ways: tuple[Itinerary, ...], change_id: str | None = None
    ) -> None:
        """The airline flies at other times from now on."""
        order = self.orders[order_id]
        order.ways, order.change_id = ways, change_id
        self._heard("order.airline_initiated_change_detected", order.id)

    def call_off(self, order_id: str, returned: int | None = None) -> None:
        """The airline does not fly. `returned`: minor units; None: it does not say."""
        order = self.orders[order_id]
        order.status, order.returned, order.is_called_off = "cancelled", returned, True
        self._heard("order.cancelled", order.id)

    def takes_back(self, order: Order) -> bool:
        """Whether its supplier cancels what stands as this does."""
        may = {"none": (), "pre_ticket": ("held",), "policy": ("held", "ticketed", "confirmed")}
        return order.status in may[self.capabilities.cancel]

    def cancel(self, order_id: str, at_least: Money | None = None) -> CancelResult:
        order = self._order(order_id)
        if order is None or not order.is_live:
            return Cancelled(was_gone=True)
        if self.refuses_cancel or not self.takes_back(order):
            return Refused(kind="invalid", detail="cannot be cancelled")
        if order.issue_at is not None:
            return Refused(kind="invalid", detail="is being ticketed")
        refund = self._back(order) if order.status != "held" else None
        if refund is not None:
            if at_least is not None and refund.amount < at_least.amount:
                return Refused(kind="price_changed", detail="less comes back", price=refund)
            order.returned = refund.amount
        order.status, order.hold_until = "cancelled", None
        self._heard("order.cancelled", order.id)
        return Cancelled(refund=refund)

    def find(self, reference: str) -> list[OrderState] | Unsupported:
        if not self.capabilities.finds_by_reference:
            return Unsupported()
        return self.marked(reference)

    def marked(self, reference: str, made_before: int | None = None) -> list[OrderState]:
        """What a back office sees: all with our mark, the gone ones too."""
        return [
            self._state(order)
            for order in map(self._aged, self.orders.values())
            if order.reference == reference
            and (made_before is None or order.made_at <= made_before)
        ]

    def lapse(self, order_id: str) -> None:
        """The supplier lets a held order go before its time."""
        order = self._order(order_id)
        if order is not None and order.status == "held" and order.issue_at is None:
            order.status, order.hold_until = "cancelled", None
            self._heard("order.cancelled", order.id)

    def _back(self, order: Order) -> Money:
        amount = max(0, order.total.amount - self.keeps)
        return Money(amount=amount, currency=order.total.currency)

    def _order(self, order_id: str) -> Order | None:
        order = self.orders.get(order_id)
        return None if order is None else self._aged(order)

    def _aged(self, order: Order) -> Order:
        now = self._now()
        if order.status == "pending" and order.pending is not None and now >= order.pending[1]:
            order.status, order.pending = order.pending[0], None
        if order.status == "held" and order.issue_at is not None and now >= order.issue_at:
            order.status = "ticketed"
        elif order.status == "held" and order.hold_until is not None and now >= order.hold_until:
            order.status, order.hold_until = "cancelled", None
        return order

    def _state(self, order: Order) -> OrderState:
        tickets = range(order.travellers if order.status == "ticketed" else 0)
        return OrderState(
            supplier=self.name,
            order_id=order.id,
            status=order.status,
            locator=f"L{order.id}".upper()[-6:],
            reference=order.reference,
            total=order.total,
            hold_until=order.hold_until,
            tickets=tuple(
                Ticket(number=f"{order.id}-{seat}", traveller_id=str(seat + 1)) for seat in tickets
            ),
            itineraries=order.ways if order.is_live else (),
            change_id=order.change_id if order.is_live else None,
            returned=None
            if order.returned is None
            else Money(amount=order.returned, currency=order.total.currency),
        )


class FakeOrders:
    """The mutating half of `core.ports.inventory.Inventory`, and `reprice`. `is_away`: reading reaches
    nobody."""

    def __init__(self, core: OrdersCore) -> None:
        self.core = core
        self.is_away = False

    @property
    def name(self) -> str:
        return self.core.name

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        return self.core.capabilities if kind == self.core.kind else None

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        await self._reach()
        return ()

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        await self._reach()
        return self.core.reprice(offer)

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        await trio.lowlevel.checkpoint()
        return self.core.hold(priced, len(travellers), reference)

    async def confirm(
        self, order_id: str, reference: str, *, at_most: Money | None = None
    ) -> ConfirmResult:
        await trio.lowlevel.checkpoint()
        return self.core.confirm(order_id, at_most)

    async def get(self, order_id: str) -> OrderState | None:
        await self._reach()
        return self.core.get(order_id)

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        await trio.lowlevel.checkpoint()
        return self.core.cancel(order_id, at_least)

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        await self._reach()
        return self.core.quote_refund(order_id)

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        await trio.lowlevel.checkpoint()
        return self.core.accept_change(order_id, change_id)

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        await self._reach()
        return self.core.find(reference)

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise Unavailable
