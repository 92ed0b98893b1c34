"""Which payment providers a server has, and how they follow the sandbox."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from commands.sandbox_child import Urls
from commands.wire_payments import PaymentProviders
from core.business_clock import BusinessTime
from core.chance import SystemChance
from core.clock import SystemClock
from core.config import Config, ConfigError, PaymentProvider, PayPalAccount
from core.errors import Unavailable
from gateways.sandbox.paypal import PayPalMachine
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.shell import serve_sandbox
from gateways.sandbox.store import Store
from gateways.sandbox.stripe import StripeMachine
from gateways.sandbox.world import World
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks, MemoryWebhookSecrets


def payments(
    stripe: PaymentProvider,
    urls: Callable[[], Urls] = dict,
    wanted: Callable[[], None] = lambda: None,
    secrets: Any = None,
    paypal: PayPalAccount | None = None,
) -> PaymentProviders:
    storage: Any = SimpleNamespace(
        webhooks=MemoryWebhooks(MemoryDurableTimers()),
        webhook_secrets=secrets or MemoryWebhookSecrets(),
        bookings=None,
    )
    return PaymentProviders(
        Config(stripe=stripe, paypal=paypal or PayPalAccount()),
        storage,
        clock=SystemClock(),
        business=BusinessTime(SystemClock()),
        chance=SystemChance(),
        node="a",
        urls=urls,
        wanted=wanted,
        address=lambda: "http://0.0.0.0:8080",
    )


@pytest.mark.parametrize(
    ("stripe", "words"),
    [
        (PaymentProvider(mode="live"), "CARAVAN_STRIPE_KEY"),
        (PaymentProvider(mode="live", key="sk_test_1"), "is no live key"),
        (PaymentProvider(mode="live", key="sk_live_1"), "CARAVAN_STRIPE_WEBHOOK_SECRET"),
        (PaymentProvider(mode="sandbox", key="sk_live_1"), "is a live key"),
    ],
)
def test_a_key_that_is_missing_or_of_the_other_mode_keeps_the_server_from_starting(
    stripe: PaymentProvider, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        payments(stripe)


@pytest.mark.parametrize(
    ("paypal", "words"),
    [
        (PayPalAccount(mode="live"), "CARAVAN_PAYPAL_CLIENT_ID"),
        (PayPalAccount(mode="live", client_id="a", secret="b"), "CARAVAN_PAYPAL_WEBHOOK_ID"),
        (PayPalAccount(mode="sandbox", client_id="a"), "unset them"),
    ],
)
def test_credentials_of_paypal_that_are_missing_or_too_many_keep_the_server_from_starting(
    paypal: PayPalAccount, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        payments(PaymentProvider(mode="off"), paypal=paypal)


def test_nobody_pays_with_play_money_where_another_takes_real_money() -> None:
    live = PaymentProvider(mode="live", key="sk_live_1", webhook_secrets=("whsec_1",))
    with pytest.raises(ConfigError, match="both to live or both to sandbox"):
        payments(live, paypal=PayPalAccount(mode="sandbox"))
    real = PayPalAccount(mode="live", client_id="a", secret="b", webhook_id="c")
    assert list(payments(live, paypal=real).providers) == ["stripe", "paypal"]


async def test_a_provider_that_is_off_is_nowhere() -> None:
    off = payments(PaymentProvider(mode="off"))
    assert off.providers == {}
    assert await off.webhooks.receive("stripe", b"{}", {}) is None
    assert list(off.statistics()) == ["webhooks"]


async def test_who_pays_before_the_sandbox_runs_makes_it_begin(autojump_clock: Any) -> None:
    begun = trio.Event()
    early = payments(PaymentProvider(), wanted=begun.set)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(early.run)
        await trio.sleep(60)
        assert not begun.is_set()
        with pytest.raises(Unavailable):
            await early.providers["stripe"].read("pi_1")
        await begun.wait()
        nursery.cancel_scope.cancel()


async def test_providers_follow_the_sandbox_where_it_goes(tmp_path: Any) -> None:
    secrets, urls = MemoryWebhookSecrets(), dict[str, str]()
    on = PayPalAccount(mode="sandbox")
    here = payments(PaymentProvider(), urls=lambda: urls, secrets=secrets, paypal=on)
    store = Store(tmp_path / "sandbox.db")
    sandbox = Sandbox(
        world=World("w"),
        store=store,
        machines=(StripeMachine(), PayPalMachine()),
        wall=SystemClock().now_ms,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.run)
        for _ in range(2):
            async with trio.open_nursery() as life:

                async def serve(*, task_status: trio.TaskStatus[Any]) -> None:
                    await serve_sandbox(
                        sandbox, host="127.0.0.1", ports={}, task_status=task_status
                    )

                urls.update(await life.start(serve))
                with trio.fail_after(5):
                    while not (await _reads(here) and len(await _registered(secrets)) == 2):
                        await trio.sleep(0.01)
                life.cancel_scope.cancel()
            urls.clear()
            with trio.fail_after(5):
                while await _reads(here):
                    await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    store.close()
    assert len(await secrets.of("stripe")) == 1
    assert len(await secrets.of("paypal")) == 1


async def _registered(secrets: MemoryWebhookSecrets) -> list[str]:
    return [name for name in ("stripe", "paypal") if await secrets.of(name)]


async def _reads(here: PaymentProviders) -> bool:
    try:
        return all([await each.read("nobody") is None for each in here.providers.values()])
    except Unavailable:
        return False
