"""What a played supplier that only answers searches cannot do: orders."""

from collections.abc import Sequence

from core.errors import Unavailable
from core.ports.inventory import ConfirmResult
from protocol.frames import Money
from protocol.suppliers import CancelResult, HoldResult, RefundQuoted, Refused, Unsupported
from protocol.travel import OrderState, SupplierOffer, Traveller


class NoOrders:
    """The part of `core.ports.inventory.Inventory` that is about orders: each call raises
    `Unavailable`, and nothing was sent."""

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        raise Unavailable

    async def confirm(
        self, order_id: str, reference: str, *, at_most: Money | None = None
    ) -> ConfirmResult:
        raise Unavailable

    async def get(self, order_id: str) -> OrderState | None:
        raise Unavailable

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        raise Unavailable

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        raise Unavailable

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        raise Unavailable

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        raise Unavailable
