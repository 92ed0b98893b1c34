"""Who takes money: the payment providers, where they are, and how their webhooks find us."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import structlog
import trio

from commands.sandbox_child import Urls
from commands.wire_storage import Storage
from core.config import Config, ConfigError, is_loopback
from core.errors import Rejected
from core.payment_webhooks import PaymentWebhooks
from core.ports.clock import Chance, Clock
from core.ports.payments import Payments
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_calls import NAME
from gateways.partners.stripe_registration import Registration
from gateways.partners.stripe_settings import StripeSettings

LOOK_EVERY: Final = 0.25
AGAIN_AFTER: Final = 2.0
CLOSE_WITHIN: Final = 1.0
TENANT: Final = 1

_log = structlog.get_logger("caravan.payments")


class PaymentProviders:
    """Owns: the providers' adapters. Borrows: the stores of webhooks.

    `providers` by name: those that are on; `webhooks`: where what they send comes in. `urls`: where who
    is played is, while the sandbox runs; `wanted` is called once somebody pays and it does not run yet.
    `address`: our own HTTP address. Raises `ConfigError` when a provider is live and something for that
    is not said, or a key is the other mode's.
    """

    def __init__(
        self,
        config: Config,
        storage: Storage,
        *,
        clock: Clock,
        chance: Chance,
        node: str,
        urls: Callable[[], Urls],
        wanted: Callable[[], None],
        address: Callable[[], str],
    ) -> None:
        self._urls, self._wanted, self._address = urls, wanted, address
        self._is_live = config.stripe.mode == "live"
        self._stripe = _stripe(config, chance)
        self.providers: Mapping[str, Payments] = {NAME: self._stripe} if self._stripe else {}
        self.webhooks = PaymentWebhooks(
            self.providers, storage.webhooks, storage.bookings, clock=clock, tenant_id=TENANT
        )
        self._registration = (
            Registration(self._stripe, storage.webhook_secrets, clock=clock, node=node)
            if self._stripe
            else None
        )

    async def run(self) -> None:
        """Until cancelled: follow the sandbox where it goes, and fetch what was missed."""
        stripe = self._stripe
        if stripe is None:
            await trio.sleep_forever()
            return
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._ask_for_the_sandbox, stripe)
                await (self._catch_up(stripe) if self._is_live else self._follow(stripe))
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                await stripe.aclose()

    def statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        of_stripe = {NAME: self._stripe.statistics()} if self._stripe else {}
        return {"webhooks": self.webhooks.statistics(), **of_stripe}

    async def _ask_for_the_sandbox(self, stripe: Stripe) -> None:
        await stripe.calls.wanted.wait()
        self._wanted()

    async def _catch_up(self, stripe: Stripe) -> None:
        is_begun = False
        while not is_begun:
            is_begun = await self._begun(stripe, None)
            await trio.sleep(AGAIN_AFTER)
        await trio.sleep_forever()

    async def _follow(self, stripe: Stripe) -> None:
        reached: str | None = None
        while True:
            url = self._urls().get(NAME)
            if url != reached:
                stripe.calls.reach(url)
                is_begun = url is None or await self._begun(stripe, self._hook_address())
                reached = url if is_begun else None
                await trio.sleep(0 if is_begun else AGAIN_AFTER)
            await trio.sleep(LOOK_EVERY)

    def _hook_address(self) -> str | None:
        """None where the sandbox, which sends to this machine's loopback alone, cannot reach us."""
        parts = urlsplit(self._address())
        host = parts.hostname or ""
        if host in ("0.0.0.0", "::"):  # noqa: S104 (who listens everywhere listens there too)
            host = "127.0.0.1"
        if not is_loopback(host):
            _log.warning("the sandbox's webhooks cannot reach this address", host=host)
            return None
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{parts.port}/webhooks/{NAME}"

    async def _begun(self, stripe: Stripe, address: str | None) -> bool:
        """Registered, where there is an address to register, and what was missed is taken."""
        try:
            if address is not None and self._registration is not None:
                await self._registration.register(address)
            for notice in await stripe.missed():
                await self.webhooks.take(stripe, notice)
        except Rejected as error:
            _log.warning("payment provider not ready", provider=NAME, error=error.text)
            return False
        return True


def _stripe(config: Config, chance: Chance) -> Stripe | None:
    chosen = config.stripe
    if chosen.mode == "off":
        return None
    try:
        settings = StripeSettings(
            mode="live" if chosen.mode == "live" else "sandbox",
            url=chosen.url if chosen.mode == "live" else None,
            key=chosen.key,
            webhook_secrets=chosen.webhook_secrets,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return Stripe(settings, chance=chance)
