"""The part of Amadeus' `Inventory` that is about orders: each call is sent once, and says how it ended."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from core.errors import Unavailable
from core.ports.inventory import ConfirmResult
from core.ports.vault import Vault
from gateways.partners import amadeus_orders as orders
from gateways.partners import amadeus_stays as stays
from gateways.partners.amadeus_calls import AmadeusCalls, Changed
from gateways.partners.amadeus_errors import WireError
from gateways.partners.amadeus_settings import AmadeusSettings
from protocol.frames import Money
from protocol.suppliers import (
    Cancelled,
    CancelResult,
    Created,
    HoldResult,
    NotSent,
    RefundQuoted,
    Refused,
    Unknown,
    Unsupported,
)
from protocol.travel import FlightDetails, OrderState, SupplierOffer, Traveller

_FLIGHTS: Final = "/v1/booking/flight-orders"
_HOTELS: Final = "/v2/booking/hotel-orders"
_PRICE_CHANGED: Final = 37200


class AmadeusOrders:
    """Of `gateways.partners.amadeus.Amadeus`. The breaker of reads is not asked by what changes something:
    whether an order is to be made is the saga's to decide, and one call more harms nobody."""

    _settings: AmadeusSettings
    _calls: AmadeusCalls
    _vault: Vault | None

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        """A flight: an order that cancels itself (`amadeus_orders.DELAY_DAYS`). Rooms: booked, for good."""
        if isinstance(priced.details, FlightDetails):
            return await self._hold_flight(priced, travellers, reference)
        return await self._book_rooms(priced, travellers, reference)

    async def confirm(
        self, order_id: str, reference: str, *, at_most: Money | None = None
    ) -> ConfirmResult:
        """Always `Refused`: a consolidator issues its tickets."""
        return Refused(kind="invalid", detail="Amadeus issues no tickets: the consolidator does")

    async def get(self, order_id: str) -> OrderState | None:
        """Raises `Unavailable` always for an order of rooms, which Amadeus does not show again."""
        if stays.is_stay(order_id):
            raise Unavailable
        if not orders.is_order_id(order_id):
            return None

        async def understand(answer: bytes) -> OrderState:
            return orders.order_state(answer)

        found = await self._calls.read(
            "price", lambda client: client.booking.flight_order(order_id).get(), understand
        )
        if not isinstance(found, WireError):
            return found
        if found.verdict == "not_found":
            return None
        raise Unavailable

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        """`Refused` once it is ticketed, and for rooms; what is not ticketed was not paid, so that nothing of
        `at_least` can be asked."""
        if stays.is_stay(order_id) or not orders.is_order_id(order_id):
            return Refused(kind="invalid", detail="Amadeus cancels no such order")
        changed = await self._calls.change(
            lambda client: client.booking.flight_order(order_id).delete()
        )
        match changed:
            case bytes():
                return Cancelled()
            case NotSent() | Unknown():
                return changed
            case WireError(verdict="not_found"):
                return Cancelled(was_gone=True)
            case WireError():
                # Amadeus does not say with which code it refuses to cancel what is ticketed.
                if changed.proof is not None and changed.proof.kind in ("quota", "auth"):
                    return changed.proof
                return Refused(kind="invalid", detail=str(changed))

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        """Amadeus has no search for orders: the consolidator's queue has them."""
        return Unsupported()

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        """Whoever issued the tickets knows, and Amadeus does not ask them."""
        return Unsupported()

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        """A changed order is as it is: nothing waits to be accepted here."""
        return Unsupported()

    async def _hold_flight(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        try:
            body = orders.order_body(priced, travellers, reference, self._settings)
        except (ValueError, msgspec.MsgspecError) as error:
            return Refused(kind="invalid", detail=str(error))
        changed = await self._calls.change(lambda client: client.post(_FLIGHTS, body))
        return _made(changed, orders.order_state, priced)

    async def _book_rooms(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        if self._vault is None:
            return Refused(kind="auth", detail="there is no desk card")
        try:
            card = await self._vault.desk_card()
        except Unavailable:
            return NotSent(detail="the desk card cannot be had")
        try:
            body = stays.stay_body(priced, travellers, reference, card, self._settings)
        except (ValueError, msgspec.MsgspecError) as error:
            return Refused(kind="invalid", detail=str(error))
        changed = await self._calls.change(lambda client: client.post(_HOTELS, body))
        return _made(changed, stays.stay_state, priced)


def _made(
    changed: Changed, understand: Callable[[bytes], OrderState], priced: SupplierOffer
) -> HoldResult:
    match changed:
        case bytes():
            try:
                return Created(order=understand(changed))
            except (ValueError, msgspec.MsgspecError):
                return Unknown(detail="a success that cannot be read")
        case NotSent() | Unknown():
            return changed
        case WireError():
            refused = changed.proof
            if refused is None:
                return Unknown(detail=str(changed))
            price: Any = None
            if changed.code == _PRICE_CHANGED:
                price = orders.price_now(changed.detail, priced.total.currency)
            return msgspec.structs.replace(refused, price=price)
