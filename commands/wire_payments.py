"""Who takes money: the payment providers, where they are, and how their webhooks find us."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
import trio

from commands.hook_address import hook_address
from commands.sandbox_child import Urls
from commands.wire_storage import Storage
from core.config import Config, ConfigError
from core.errors import Rejected
from core.identity import DEFAULT_TENANT
from core.payment_webhooks import PaymentWebhooks
from core.ports.clock import BusinessClock, Chance, Clock
from core.ports.payments import Payments, WebhookNotice
from core.webhooks import is_here
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_registration import PayPalRegistration
from gateways.partners.paypal_settings import PayPalSettings
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_registration import Registration
from gateways.partners.stripe_settings import StripeSettings

LOOK_EVERY: Final = 0.25
AGAIN_AFTER: Final = 2.0
CLOSE_WITHIN: Final = 1.0

_log = structlog.get_logger("caravan.payments")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """One provider that is on. `register`: have its events sent to an address; `missed`: events of
    which it says that they did not reach us."""

    provider: Stripe | PayPal
    is_live: bool
    register: Callable[[str], Awaitable[None]]
    missed: Callable[[], Awaitable[Sequence[WebhookNotice]]]


class PaymentProviders:
    """Owns: the providers' adapters. Borrows: the stores of webhooks.

    `providers` by name, the preferred one first: those that are on; `webhooks`: where what they send comes
    in. `urls`: where who is played is, while the sandbox runs; `wanted` is called once somebody pays and it does not run yet.
    `address`: our own HTTP address. Raises `ConfigError` when a provider is live and something for that
    is not said, or a key is the other mode's, or one takes real money and the other plays.
    """

    def __init__(
        self,
        config: Config,
        storage: Storage,
        *,
        clock: Clock,
        business: BusinessClock,
        chance: Chance,
        node: str,
        urls: Callable[[], Urls],
        wanted: Callable[[], None],
        address: Callable[[], str],
    ) -> None:
        self._urls, self._wanted, self._address = urls, wanted, address
        if {config.stripe.mode, config.paypal_mode} == {"live", "sandbox"}:
            raise ConfigError(
                "CARAVAN_STRIPE and CARAVAN_PAYPAL: one is live and the other is sandbox, where anybody pays "
                "with nothing. Set both to live or both to sandbox, or one of them to off."
            )
        self._served: list[_Served] = []
        stripe = _stripe(config, chance)
        if stripe is not None:
            registration = Registration(stripe, storage.webhook_secrets, clock=clock, node=node)
            self._served.append(
                _Served(
                    provider=stripe,
                    is_live=config.stripe.mode == "live",
                    register=registration.register,
                    missed=stripe.missed,
                )
            )
        paypal = _paypal(
            config, business, chance, partial(is_here, storage.bookings, DEFAULT_TENANT)
        )
        if paypal is not None:
            self._served.append(
                _Served(
                    provider=paypal,
                    is_live=config.paypal_mode == "live",
                    register=PayPalRegistration(
                        paypal, storage.webhook_secrets, clock=clock
                    ).register,
                    missed=_nothing,
                )
            )
        self.providers: Mapping[str, Payments] = {
            each.provider.name: each.provider for each in self._served
        }
        self.webhooks = PaymentWebhooks(
            self.providers,
            storage.webhooks,
            storage.bookings,
            clock=clock,
            tenant_id=DEFAULT_TENANT,
        )

    async def run(self) -> None:
        """Until cancelled: follow the sandbox where it goes, and fetch what was missed."""
        try:
            async with trio.open_nursery() as nursery:
                for served in self._served:
                    nursery.start_soon(self._ask_for_the_sandbox, served)
                    follow = self._catch_up if served.is_live else self._follow
                    nursery.start_soon(follow, served)
                await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
                for served in self._served:
                    await served.provider.aclose()

    def statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        found = {each.provider.name: each.provider.statistics() for each in self._served}
        return {"webhooks": self.webhooks.statistics(), **found}

    async def _ask_for_the_sandbox(self, served: _Served) -> None:
        await served.provider.calls.wanted.wait()
        self._wanted()

    async def _catch_up(self, served: _Served) -> None:
        is_begun = False
        while not is_begun:
            is_begun = await self._begun(served, None)
            await trio.sleep(AGAIN_AFTER)

    async def _follow(self, served: _Served) -> None:
        reached: str | None = None
        name = served.provider.name
        while True:
            url = self._urls().get(name)
            if url != reached:
                served.provider.calls.reach(url)
                is_begun = url is None or await self._begun(
                    served, hook_address(self._address(), name)
                )
                reached = url if is_begun else None
                await trio.sleep(0 if is_begun else AGAIN_AFTER)
            await trio.sleep(LOOK_EVERY)

    async def _begun(self, served: _Served, address: str | None) -> bool:
        """Registered, where there is an address to register, and what was missed is taken."""
        try:
            if address is not None:
                await served.register(address)
            for notice in await served.missed():
                await self.webhooks.take(served.provider, notice)
        except Rejected as error:
            name = served.provider.name
            _log.warning("payment provider not ready", provider=name, error=error.text)
            return False
        return True


async def _nothing() -> Sequence[WebhookNotice]:
    """PayPal delivers for three days by itself, and bookings look by themselves."""
    await trio.lowlevel.checkpoint()
    return ()


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


def _paypal(
    config: Config,
    business: BusinessClock,
    chance: Chance,
    is_ours: Callable[[str], Awaitable[bool]],
) -> PayPal | None:
    chosen, mode = config.paypal, config.paypal_mode
    if mode == "off":
        return None
    try:
        settings = PayPalSettings(
            mode="live" if mode == "live" else "sandbox",
            url=chosen.url if mode == "live" else None,
            client_id=chosen.client_id,
            secret=chosen.secret,
            webhook_id=chosen.webhook_id,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return PayPal(settings, business_ms=business.business_ms, chance=chance, is_ours=is_ours)
