"""`POST /webhooks/{provider}`: what is genuine wakes its booking once, whatever else comes is harmless."""

import json
import time

import msgspec
import pytest
import stripe
from http_fakes import World
from stripe_stub import METADATA, REFERENCE, Stub, an_error, an_intent
from structlog.testing import capture_logs

from core.clock import SystemClock
from core.errors import Unavailable
from core.payment_webhooks import PaymentWebhooks
from core.webhooks import timer_of
from gateways.http.webhooks import MAX_WEBHOOK_BYTES
from protocol.booking import BOOKING
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks

SECRET = "whsec_one"


class _Bookings:
    """Those that exist."""

    def __init__(self):
        self.ids = {REFERENCE.booking_id}
        self.is_away = False

    async def load(self, tenant_id, booking_id):
        if self.is_away:
            raise Unavailable
        return booking_id if booking_id in self.ids else None


class _Delivered:
    def __init__(self):
        self.stub = Stub()
        self.stripe = self.stub.stripe()
        self.stripe.webhook_secrets = (SECRET,)
        self.timers = MemoryDurableTimers()
        self.bookings = _Bookings()
        self.webhooks = PaymentWebhooks(
            {"stripe": self.stripe},
            MemoryWebhooks(self.timers),
            self.bookings,
            clock=SystemClock(),
            tenant_id=1,
        )
        self.http = World(webhooks=self.webhooks, limited=True)

    async def deliver(self, body, *, secret=SECRET, ago=0, signature=None, to="stripe", more=b""):
        words = json.dumps(body) if isinstance(body, dict) else body
        signed = signature or stripe.WebhookSignature.generate_signature_header(
            words, secret, int(time.time()) - ago
        )
        return await self.http.call(
            "POST",
            f"/webhooks/{to}",
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": signed,
            },
            data=words.encode() + more,
        )

    @property
    def waiting(self):
        return [
            (row.timer.address, row.timer.name, row.timer.payload)
            for row in self.timers.table.rows.values()
        ]


@pytest.fixture
def world():
    return _Delivered()


def an_event(event_id="evt_1", of=None, kind="payment_intent.succeeded"):
    return {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": 1_795_400_000,
        "data": {"object": of or an_intent()},
    }


async def test_a_genuine_event_wakes_its_booking_however_often_it_comes(world):
    first = await world.deliver(an_event())
    assert (first.status, first.json) == (200, {"received": "taken"})
    payload = msgspec.msgpack.encode({"paymentId": "pi_sbx0001"})
    assert world.waiting == [(BOOKING.at(REFERENCE.booking_id), timer_of("pi_sbx0001"), payload)]
    again = await world.deliver(an_event())
    assert (again.status, again.json) == (200, {"received": "known"})
    assert len(world.waiting) == 1
    assert world.stub.requests == []


async def test_what_is_not_signed_so_lately_or_not_byte_for_byte_is_refused_and_changes_nothing(
    world,
):
    for answer in (
        await world.deliver(an_event(), secret="whsec_of_somebody"),
        await world.deliver(an_event(), ago=301),
        await world.deliver(an_event(), more=b" "),
        await world.deliver(an_event(), signature="t=1,v1=x"),
        await world.deliver(an_event(), signature="nonsense"),
        await world.deliver('{"id": "evt_1"}'),
        await world.deliver("not JSON"),
        await world.http.call("POST", "/webhooks/stripe", json=an_event()),
    ):
        assert answer.status == 400
    assert (await world.deliver(an_event(), ago=295)).status == 200
    assert world.webhooks.statistics() == {
        "taken": 1,
        "known": 0,
        "foreign": 0,
        "not_genuine": 8,
        "disputes": 0,
    }


async def test_a_dispute_is_told_to_operators_once_and_by_ids_alone(world):
    dispute = {
        "id": "dp_1",
        "object": "dispute",
        "payment_intent": "pi_sbx0001",
        "evidence": {"customer_name": "Ada Byron"},
    }
    with capture_logs() as logs:
        for _ in range(2):
            answer = await world.deliver(an_event("evt_d", dispute, "charge.dispute.created"))
            assert answer.status == 200
    [line] = [one for one in logs if one["event"] == "payment disputed"]
    assert line == {
        "event": "payment disputed",
        "log_level": "error",
        "provider": "stripe",
        "booking_id": REFERENCE.booking_id,
        "payment_id": "pi_sbx0001",
    }
    assert world.webhooks.statistics()["disputes"] == 1


async def test_while_a_secret_is_rotated_both_are_good(world):
    world.stripe.webhook_secrets = ("whsec_two", SECRET)
    assert (await world.deliver(an_event("evt_1"), secret="whsec_two")).status == 200
    assert (await world.deliver(an_event("evt_2"), secret=SECRET)).status == 200


async def test_before_the_secret_is_known_nobody_says_that_it_is_not_genuine(world):
    world.stripe.webhook_secrets = ()
    assert (await world.deliver(an_event())).status == 504
    assert world.webhooks.statistics()["not_genuine"] == 0
    world.stripe.webhook_secrets = (SECRET,)
    assert (await world.deliver(an_event())).json == {"received": "taken"}


async def test_what_is_of_nothing_here_is_taken_and_counted(world):
    strange = [
        an_intent(metadata={}),
        an_intent(metadata={**METADATA, "saga_id": "../etc"}),
        an_intent(metadata={**METADATA, "split_version": "x"}),
        an_intent(metadata={**METADATA, "saga_id": REFERENCE.booking_id[:-1] + "9"}),
        {"object": "payout", "id": "po_1"},
    ]
    world.stub.body = an_intent(metadata={})
    for number, of in enumerate(strange):
        answer = await world.deliver(an_event(f"evt_{number}", of))
        assert (answer.status, answer.json) == (200, {"received": "foreign"})
    assert world.waiting == []
    assert world.webhooks.statistics()["foreign"] == len(strange)


async def test_an_event_that_does_not_say_whose_it_is_is_looked_up(world):
    charge = {"object": "charge", "id": "ch_1", "payment_intent": "pi_sbx0001", "metadata": {}}
    answer = await world.deliver(an_event(of=charge, kind="charge.refunded"))
    assert answer.json == {"received": "taken"}
    assert [request.method for request in world.stub.requests] == ["GET"]
    world.stub.status, world.stub.body = 404, an_error("invalid_request_error", "resource_missing")
    answer = await world.deliver(an_event("evt_2", of=charge))
    assert answer.json == {"received": "foreign"}


async def test_what_cannot_be_kept_now_is_to_come_again(world):
    world.bookings.is_away = True
    assert (await world.deliver(an_event())).status == 504
    world.bookings.is_away = False
    assert (await world.deliver(an_event())).json == {"received": "taken"}


async def test_an_event_may_be_large_but_not_larger(world):
    def of_size(size):
        bare = an_event(of=an_intent(description=""))
        return an_event(of=an_intent(description="x" * (size - len(json.dumps(bare)))))

    assert (await world.deliver(of_size(MAX_WEBHOOK_BYTES))).status == 200
    assert (await world.deliver(of_size(MAX_WEBHOOK_BYTES + 1))).status == 400


async def test_nobody_is_asked_who_they_are_and_no_hourly_limit_counts(world):
    for number in range(101):
        assert (await world.deliver(an_event(f"evt_{number}"))).status == 200


async def test_a_provider_that_is_not_here_is_not_found(world):
    assert (await world.deliver(an_event(), to="paypal")).status == 404
    nobody = World()
    assert (await nobody.call("POST", "/webhooks/stripe", json={})).status == 404
