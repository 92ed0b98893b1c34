"""A server whose bookings break one rule on purpose, to see that the load test's auditor notices.

`python broken_booking_server.py RULE`: serves as `main.py serve` does, but for the rule.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.booking import performer
from actors.booking.calls import Capture, Confirm, Hold, Release
from actors.booking.state import Part, Saga
from commands.command_line import main
from core.ports.fraud import Screened
from core.ports.inventory import Inventory
from core.ports.payments import Payments
from gateways.partners import amadeus_orders, stripe_wire
from gateways.partners.stripe import Stripe
from inference.fraud.screener import FraudScreener
from protocol.frames import Money
from protocol.payments import PaymentReference, PaymentState
from protocol.suppliers import Created, Unknown
from protocol.travel import SupplierOffer, Traveller

CARD = "pm_card_visa"


def double_capture() -> None:
    """Whoever is charged is charged once more, with another payment."""
    pay = performer._pay

    async def twice(ports: Any, saga: Saga, provider: Payments, call: Any) -> Any:
        if isinstance(call, Capture):
            reference = PaymentReference(
                booking_id=saga.booking_id, share_id=call.share_id, split_version=1, version=99
            )
            again = await provider.open(
                call.amount, reference, note="again", key=f"{call.key}:again"
            )
            if isinstance(again, PaymentState):
                one = again.payment_id
                await provider.authorise(one, CARD, return_url=None, key=f"{call.key}:hold")
                await provider.capture(one, call.amount, key=f"{call.key}:take")
        return await pay(ports, saga, provider, call)

    performer._pay = twice


def create_and_confirm() -> None:
    """A payment is made and confirmed in one call."""

    async def at_once(
        self: Stripe, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> Any:
        params: Any = {
            "amount": self._settings.money.to_stripe(amount),
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "payment_method": CARD,
            "confirm": True,
            "transfer_group": stripe_wire.group_of(reference.booking_id),
            "metadata": stripe_wire.metadata_of(reference),
        }
        return await self.calls.change(
            lambda of: of.v1.payment_intents.create_async(params, {"idempotency_key": key}),
            self._state,
        )

    Stripe.open = at_once  # type: ignore[method-assign]


def order_sent_again() -> None:
    """An order that was not answered is sent once more."""
    order = performer._order

    async def stubborn(
        inventory: Inventory, part: Part, call: Any, travellers: Sequence[Traveller]
    ) -> Any:
        outcome = await order(inventory, part, call, travellers)
        if isinstance(call, Hold) and isinstance(outcome, Unknown):
            return await order(inventory, part, call, travellers)
        return outcome

    performer._order = stubborn


def ticket_before_capture() -> None:
    """What is held is issued at once."""
    call_out = performer._call

    async def hasty(ports: Any, saga: Saga, call: Any, travellers: Sequence[Traveller]) -> Any:
        outcome = await call_out(ports, saga, call, travellers)
        if isinstance(call, Hold) and isinstance(outcome, Created):
            part = performer.part_of(saga, call.part_id)
            issue = Release if part.issues == "explicit" else Confirm
            ticket = issue(
                part_id=part.id, order_id=outcome.order.order_id, reference=call.reference
            )
            await call_out(ports, saga, ticket, travellers)
        return outcome

    performer._call = hasty


def no_dead_man() -> None:
    """What is held at Amadeus is held for ever."""
    order_body = amadeus_orders.order_body

    def lasting(
        offer: SupplierOffer, travellers: Sequence[Traveller], reference: str, of: Any
    ) -> str:
        body = order_body(offer, travellers, reference, of)
        switch = '"ticketingAgreement":{"option":"DELAY_TO_CANCEL","delay":"2D"}'
        if switch not in body:
            raise AssertionError("the switch has another form")
        return body.replace(switch, '"ticketingAgreement":{"option":"CONFIRM"}')

    amadeus_orders.order_body = lasting


def no_screening() -> None:
    """Whoever pays may travel."""

    async def trusting(self: FraudScreener, facts: Any, histories: Any) -> Screened:
        return Screened(verdict="allow")

    FraudScreener.screen = trusting  # type: ignore[method-assign]


RULES = {
    rule.__name__: rule
    for rule in (
        double_capture,
        create_and_confirm,
        order_sent_again,
        ticket_before_capture,
        no_dead_man,
        no_screening,
    )
}

if __name__ == "__main__":
    RULES[sys.argv[1]]()
    sys.exit(main(["serve"]))
