"""A consolidator in memory: issues what a supplier only holds, and keeps the queue of what was made."""

from collections.abc import Callable, Sequence

import trio
from fake_orders import MINUTE_MS, OrdersCore

from core.errors import Unavailable
from core.ports.consolidator import FeedPage, Released, ReleaseResult
from protocol.suppliers import Refused
from protocol.travel import OrderState

PAGE = 50


class ConsolidatorCore:
    """Of one supplier's orders, synchronous. `lag`: ms until an order is in the queue; `issues_after`:
    ms until a released one has its tickets. `refuses`: it issues nothing.

    Borrows: the supplier's orders.
    """

    def __init__(
        self,
        orders: OrdersCore,
        now: Callable[[], int],
        *,
        lag: int = 0,
        issues_after: int = MINUTE_MS,
    ) -> None:
        self._orders = orders
        self._now = now
        self.lag = lag
        self.issues_after = issues_after
        self.refuses = False

    def release(self, order_id: str) -> ReleaseResult:
        """Again: the first one counts."""
        if self.refuses or not self._orders.issue(order_id, self.issues_after):
            return Refused(kind="invalid", detail="nothing to be released")
        return Released(order_id=order_id)

    def find(self, remark: str) -> tuple[list[OrderState], int]:
        until = self._now() - self.lag
        return self._orders.marked(remark, until), until

    def feed(self, since: str | None) -> FeedPage:
        """`since` counts orders."""
        until, first = self._now() - self.lag, int(since or 0)
        taken = [order for order in self._orders.orders.values() if order.made_at <= until]
        page = taken[first : first + PAGE]
        states = [
            state
            for order in page
            for state in self._orders.marked(order.reference, until)
            if state.order_id == order.id
        ]
        after = first + len(page)
        return FeedPage(
            orders=states,
            complete_until=until if after == len(taken) else page[-1].made_at,
            next_since=str(after),
        )


class FakeConsolidator:
    """Implements `core.ports.consolidator.Consolidator`. `is_away`: reading reaches nobody."""

    def __init__(self, core: ConsolidatorCore) -> None:
        self.core = core
        self.is_away = False

    async def release(self, order_id: str, reference: str) -> ReleaseResult:
        await trio.lowlevel.checkpoint()
        return self.core.release(order_id)

    async def feed(self, since: str | None) -> FeedPage:
        await self._reach()
        return self.core.feed(since)

    async def find(self, remark: str) -> tuple[Sequence[OrderState], int]:
        await self._reach()
        return self.core.find(remark)

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise Unavailable
