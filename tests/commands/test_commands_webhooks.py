"""Which suppliers' webhooks a server takes, and how the one that is played learns where to send them."""

from types import SimpleNamespace
from typing import Any

import pytest
import trio
from orders_world import orders_world

from commands.hook_address import hook_address
from commands.wire_webhooks import SupplierHooks
from core.clock import SystemClock
from core.config import Config, Supplier
from core.errors import Unavailable
from core.ports.payments import NotGenuine
from gateways.partners.duffel import Duffel
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks, MemoryWebhookSecrets


def hooks(travel: Any, duffel: Supplier | None = None) -> SupplierHooks:
    storage: Any = SimpleNamespace(
        webhooks=MemoryWebhooks(MemoryDurableTimers()),
        webhook_secrets=MemoryWebhookSecrets(),
        bookings=None,
    )
    return SupplierHooks(
        Config(duffel=duffel or Supplier()),
        storage,
        travel,
        clock=SystemClock(),
        address=lambda: "http://0.0.0.0:8080",
    )


async def test_whoever_is_played_is_told_where_to_send_however_often_it_begins_anew() -> None:
    travel: Any = SimpleNamespace(duffel=None)
    made = hooks(travel)
    async with orders_world() as world, trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        with pytest.raises(Unavailable):
            await made.webhooks.receive("duffel", b"", {})
        told: list[Duffel] = []
        for _ in range(2):
            told.append(world.duffel())
            travel.duffel = told[-1]
            with trio.fail_after(5):
                while not told[-1].webhook_secrets:
                    await trio.sleep(0.01)
        (webhook,) = await told[-1].webhooks()
        assert webhook.url == "http://127.0.0.1:8080/webhooks/duffel"
        assert told[0].webhook_secrets == told[1].webhook_secrets
        assert await made.webhooks.receive("duffel", b"", {}) == NotGenuine("signature")
        for each in told:
            await each.aclose()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("duffel", "is_taken"),
    [
        (Supplier(mode="sandbox"), True),
        (Supplier(mode="live", webhook_secrets=("s",)), True),
        (Supplier(mode="live"), False),
        (Supplier(mode="off"), False),
    ],
)
async def test_a_live_one_tells_where_its_secret_is_known(duffel: Supplier, is_taken: bool) -> None:
    travel: Any = SimpleNamespace(duffel=None)
    reception = hooks(travel, duffel).webhooks
    if is_taken:
        with pytest.raises(Unavailable):
            await reception.receive("duffel", b"", {})
    else:
        assert await reception.receive("duffel", b"", {}) is None
    assert await reception.receive("amadeus", b"", {}) is None


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://0.0.0.0:80", "http://127.0.0.1:80/webhooks/x"),
        ("http://[::1]:80", "http://[::1]:80/webhooks/x"),
        ("http://10.0.0.1:80", None),
    ],
)
def test_the_sandbox_sends_to_this_machine_alone(address: str, url: str | None) -> None:
    assert hook_address(address, "x") == url
