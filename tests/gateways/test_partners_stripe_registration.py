"""How webhooks find us: the sandbox's Stripe over loopback, our own HTTP server, and what is stored."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
import trio
from http_fakes import World as HttpWorld
from stripe_stub import EUR, REFERENCE

from core.chance import SystemChance
from core.clock import SystemClock
from core.errors import Unavailable
from core.payment_webhooks import PaymentWebhooks
from core.webhooks import timer_of
from gateways.http.server import HttpServer, bind_http, port_of
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_registration import Registration
from gateways.partners.stripe_settings import StripeSettings
from gateways.partners.stripe_webhooks import EVENTS
from gateways.partners.stripe_wire import Endpoint, EndpointPage
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.shell import serve_sandbox
from gateways.sandbox.store import Store
from gateways.sandbox.stripe import StripeMachine
from gateways.sandbox.world import World
from protocol.booking import BOOKING
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks, MemoryWebhookSecrets

CLOCK = SystemClock()
HERE = "http://127.0.0.1:1/webhooks/stripe"
THERE = "http://127.0.0.1:2/webhooks/stripe"


class _Ticking(SystemClock):
    """A millisecond later each time."""

    at = 1_790_000_000_000

    def now_ms(self) -> int:
        _Ticking.at += 1
        return _Ticking.at


class _Every:
    """Bookings, all of which exist."""

    async def load(self, tenant_id: int, booking_id: str) -> Any:
        return booking_id


@dataclass
class Played:
    """The sandbox, and a node of ours that has just started."""

    stripe: Stripe
    control: str
    secrets: MemoryWebhookSecrets = field(default_factory=MemoryWebhookSecrets)
    timers: MemoryDurableTimers = field(default_factory=MemoryDurableTimers)

    def registration(self, node: str = "a") -> Registration:
        return Registration(self.stripe, self.secrets, clock=_Ticking(), node=node)

    def webhooks(self) -> PaymentWebhooks:
        kept: Any = MemoryWebhooks(self.timers)
        bookings: Any = _Every()
        return PaymentWebhooks({"stripe": self.stripe}, kept, bookings, clock=CLOCK, tenant_id=1)

    async def rule(self, **action: Any) -> None:
        rule = {"match": {"api": "stripe.webhooks"}, "action": action, "times": None}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.control}/_sandbox/rules", json=rule)
            assert answer.is_success, answer.text

    async def endpoints(self) -> dict[str, str]:
        return {each.id: each.url for each in await self.listed()}

    async def listed(self) -> list[Endpoint]:
        params: Any = {"limit": 100}
        page = await self.stripe.calls.read(
            lambda of: of.v1.webhook_endpoints.list_async(params),
            msgspec.json.Decoder(EndpointPage).decode,
        )
        assert page is not None
        return page.data

    async def delete(self, endpoint_id: str) -> None:
        await self.stripe.calls.change(
            lambda of: of.v1.webhook_endpoints.delete_async(endpoint_id), bytes
        )

    async def hold(self) -> str:
        made: Any = await self.stripe.open(EUR, REFERENCE, note="", key="open")
        await self.stripe.authorise(made.payment_id, "pm_card_visa", return_url=None, key="hold")
        return str(made.payment_id)

    @property
    def woken(self) -> list[Any]:
        return [(each.timer.address, each.timer.name) for each in self.timers.table.rows.values()]


@pytest.fixture
async def played(tmp_path: Any) -> AsyncIterator[Played]:
    store = Store(tmp_path / "sandbox.db")
    sandbox = Sandbox(
        world=World("webhooks"), store=store, machines=(StripeMachine(),), wall=CLOCK.now_ms
    )
    async with trio.open_nursery() as nursery:

        async def serve(*, task_status: trio.TaskStatus[Any]) -> None:
            await serve_sandbox(sandbox, host="127.0.0.1", ports={}, task_status=task_status)

        info = await nursery.start(serve)
        stripe = Stripe(StripeSettings(url=info["stripe"]), chance=SystemChance())
        yield Played(stripe, info["control"])
        await stripe.aclose()
        nursery.cancel_scope.cancel()
    store.close()


async def test_an_address_is_registered_once_and_its_secret_kept(played: Played) -> None:
    await played.registration().register(HERE)
    [endpoint] = await played.listed()
    assert (endpoint.url, set(endpoint.enabled_events)) == (HERE, set(EVENTS))
    [kept] = await played.secrets.of("stripe")
    assert kept.endpoint_id == endpoint.id
    assert played.stripe.webhook_secrets == (kept.secret,)
    played.stripe.webhook_secrets = ()
    await played.registration().register(HERE)
    assert list(await played.endpoints()) == [endpoint.id]
    assert played.stripe.webhook_secrets == (kept.secret,)


async def test_who_moves_keeps_endpoint_and_secret(played: Played) -> None:
    await played.registration().register(HERE)
    [before] = await played.secrets.of("stripe")
    await played.registration().register(THERE)
    assert await played.endpoints() == {before.endpoint_id: THERE}
    assert list(await played.secrets.of("stripe")) == [before]


async def test_an_endpoint_whose_secret_was_lost_is_replaced_and_others_are_left_alone(
    played: Played,
) -> None:
    await played.registration("another node").register(THERE)
    [others] = await played.secrets.of("stripe")
    await played.secrets.forget("stripe", others.endpoint_id)
    await played.registration().register(HERE)
    [lost] = await played.secrets.of("stripe")
    await played.secrets.forget("stripe", lost.endpoint_id)
    await played.registration().register(HERE)
    there = await played.endpoints()
    assert there.pop(others.endpoint_id) == THERE
    [new] = await played.secrets.of("stripe")
    assert there == {new.endpoint_id: HERE}
    assert new.endpoint_id != lost.endpoint_id


async def test_a_secret_of_an_endpoint_that_is_gone_is_good_for_what_is_under_way(
    played: Played,
) -> None:
    await played.registration().register(HERE)
    [old] = await played.secrets.of("stripe")
    for number in (1, 2):
        [current] = (await played.secrets.of("stripe"))[:1]
        await played.delete(current.endpoint_id)
        await played.registration().register(HERE)
        kept = await played.secrets.of("stripe")
        assert len(kept) == 2
        assert (old in kept) == (number == 1)
        assert played.stripe.webhook_secrets == tuple(each.secret for each in kept)


async def test_where_nobody_answers_it_is_to_be_tried_again(played: Played) -> None:
    played.stripe.calls.reach(None)
    with pytest.raises(Unavailable):
        await played.registration().register(HERE)


async def test_what_happens_at_the_provider_wakes_its_booking(played: Played) -> None:
    webhooks = played.webhooks()
    listener = bind_http("127.0.0.1", 0)
    server = HttpServer(HttpWorld(webhooks=webhooks).app, listener)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: server.run(stopping=trio.Event(), task_status=task_status)
        )
        await played.registration().register(
            f"http://127.0.0.1:{port_of(listener)}/webhooks/stripe"
        )
        payment_id = await played.hold()
        with trio.fail_after(5):
            while not played.woken:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert played.woken == [(BOOKING.at(REFERENCE.booking_id), timer_of(payment_id))]
    assert webhooks.statistics()["not_genuine"] == 0


async def test_what_was_lost_on_the_way_is_fetched_by_who_starts(played: Played) -> None:
    await played.rule(type="drop")
    await played.registration().register(HERE)
    payment_id = await played.hold()
    webhooks = played.webhooks()
    missed = await played.stripe.missed()
    assert {each.kind for each in missed} == {"payment_intent.amount_capturable_updated"}
    assert {each.payment_id for each in missed} == {payment_id}
    assert [await webhooks.take(played.stripe, each) for each in missed] == ["taken"]
    assert [await webhooks.take(played.stripe, each) for each in missed] == ["known"]
    assert played.woken == [(BOOKING.at(REFERENCE.booking_id), timer_of(payment_id))]
