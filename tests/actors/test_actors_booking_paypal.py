"""A booking one of whose shares is paid at PayPal: the actors, the adapter, and the sandbox's machine."""

from typing import Any

import httpx
import pytest
import trio
from booking_actors_world import BookingsWorld, flight
from booking_world import STRIPE, T0, opening
from msgspec.structs import replace
from paypal_stage import PayPalStage
from test_actors_booking import approves, ledger
from test_booking_providers import BESIDE
from test_partners_paypal import on
from trio.testing import MockClock

from actors.booking.calls import FindPayments
from actors.booking.machine import open_saga
from actors.booking.performer import look
from actors.booking.state import Payment
from actors.booking.steps import NotSeen, PaymentsFound
from core.chance import SystemChance
from core.errors import Rejected
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_settings import PayPalSettings
from protocol.booking import BOOKING, CancelBooking, GetBooking, WakeBooking
from protocol.payments import PaymentReference


def beside(world: BookingsWorld) -> tuple[PayPalStage, PayPal]:
    stage = PayPalStage()
    stage.wall = world.business.business_ms()
    over = on(stage)

    class Timed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            stage.wall = world.business.business_ms()
            await trio.lowlevel.checkpoint()
            return await over.handle_async_request(request)

    paypal = PayPal(
        PayPalSettings(url="http://127.0.0.1:1"),
        business_ms=world.business.business_ms,
        chance=SystemChance(),
        over=Timed(),
    )
    world.beside = (paypal,)
    return stage, paypal


async def order_of(world: BookingsWorld, booking_id: str, number: int) -> str:
    """Where that person is sent."""
    seen = await world.at_booking(number, GetBooking(booking_id=booking_id))
    assert seen.action is not None
    assert seen.action.kind == "redirect"
    return str(seen.action.url.partition("token=")[2])


def psp(world: BookingsWorld, booking_id: str) -> dict[str, int]:
    found = ledger(world, booking_id)
    return {name: amount for name, amount in found.items() if name.startswith("psp:")}


@pytest.fixture
def world() -> BookingsWorld:
    return BookingsWorld()


async def test_one_pays_by_card_and_the_other_at_paypal(
    autojump_clock: MockClock, world: BookingsWorld
) -> None:
    stage, _ = beside(world)
    async with world.running():
        booking = await world.opened(flight(2))
        id_ = booking.booking_id
        await world.name_all(booking)
        await world.at_booking(1, approves(id_, 1))
        await world.at_booking(2, approves(id_, 2, "paypal"))
        await trio.sleep(5)
        order = await order_of(world, id_, 2)
        stage.control("POST", f"orders/{order}/approve")
        await world.tell(BOOKING.at(id_), world.client(1), WakeBooking(payment_id=order))
        await world.until(id_, "COMPLETED")
        assert stage.effects() == [("authorized", 10_000), ("captured", 10_000)]
        assert psp(world, id_) == {"psp:fake": 10_000, "psp:paypal": 10_000}


async def test_what_was_paid_at_paypal_is_let_go_there_when_the_trip_is_called_off(
    autojump_clock: MockClock, world: BookingsWorld
) -> None:
    stage, paypal = beside(world)
    async with world.running():
        booking = await world.opened(flight(2))
        id_ = booking.booking_id
        await world.at_booking(2, approves(id_, 2, "paypal"))
        await trio.sleep(5)
        order = await order_of(world, id_, 2)
        stage.control("POST", f"orders/{order}/approve")
        await trio.sleep(300)  # without an event it is seen by looking
        assert stage.effects() == [("authorized", 10_000)]
        await world.at_booking(1, CancelBooking(booking_id=id_))
        await world.until(id_, "CANCELLED")
        assert stage.effects() == [("authorized", 10_000), ("cancelled", 10_000)]
        seen = await paypal.read(order)
        assert seen is not None
        assert seen.status == "cancelled"


async def test_lists_are_read_of_all_with_whom_a_payment_may_have_been_made(
    world: BookingsWorld,
) -> None:
    beside(world)
    own = replace(STRIPE, name="fake")
    saga = open_saga(opening(provider=own, others=(BESIDE,)), T0).saga
    reference = PaymentReference(booking_id="b1", share_id="s1", split_version=1, version=1)
    made = await world.payments.open(saga.total, reference, note="", key="k")
    lost = Payment(version=1, amount=saga.total, split_version=1, opened_at=T0, must_find=True)
    ada, bob, cy = saga.shares
    at_paypal = replace(bob, payments=(replace(lost, provider="paypal"),))
    both = replace(saga, shares=(replace(ada, payments=(lost,)), at_paypal, cy))
    ports, since = world.booking_ports(), FindPayments(since=0)
    assert await look(ports, both, since) == PaymentsFound(payments=(made,))
    nobody_knows = replace(saga, shares=(ada, at_paypal, cy))
    assert await look(ports, nobody_knows, since) == PaymentsFound(payments=())
    world.payments.is_away = True
    assert await look(ports, both, since) == NotSeen()


async def test_what_is_no_method_of_any_provider_is_refused(
    autojump_clock: MockClock, world: BookingsWorld
) -> None:
    beside(world)
    async with world.running():
        booking = await world.opened(flight(2))
        refused: Any
        with pytest.raises(Rejected) as refused:
            await world.at_booking(2, approves(booking.booking_id, 2, "klarna"))
        assert refused.value.code == "bad_request"
