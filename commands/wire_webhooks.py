"""How suppliers' webhooks find us: Duffel's, which is told our address where it is played."""

from collections.abc import Callable, Mapping
from typing import Final

import structlog
import trio

from commands.hook_address import hook_address
from commands.wire_storage import Storage
from commands.wire_travel import Travel
from core.config import Config
from core.errors import Rejected
from core.identity import DEFAULT_TENANT
from core.ports.clock import Clock
from core.ports.webhooks import OrderEvents
from core.supplier_webhooks import SupplierWebhooks
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_offers import NAME
from gateways.partners.duffel_registration import DuffelRegistration

LOOK_EVERY: Final = 0.25
AGAIN_AFTER: Final = 2.0

_log = structlog.get_logger("caravan.partners")


class SupplierHooks:
    """Borrows: the adapters, which come and go with the sandbox, and the stores. `webhooks`: where what they send
    comes in. `address`: our own HTTP address."""

    def __init__(
        self,
        config: Config,
        storage: Storage,
        travel: Travel,
        *,
        clock: Clock,
        address: Callable[[], str],
    ) -> None:
        self._duffel, self._travel, self._address = config.duffel, travel, address
        self._storage, self._clock = storage, clock
        self.webhooks = SupplierWebhooks(
            self._telling, storage.webhooks, storage.bookings, clock=clock, tenant_id=DEFAULT_TENANT
        )

    async def run(self) -> None:
        """Until cancelled: who is played is told where to send, however often it begins anew."""
        if self._duffel.mode != "sandbox":
            await trio.sleep_forever()
        told: Duffel | None = None
        while True:
            duffel = self._travel.duffel
            if duffel is not told:
                told = duffel if duffel is None or await self._is_told(duffel) else told
                await trio.sleep(0 if duffel is told else AGAIN_AFTER)
            await trio.sleep(LOOK_EVERY)

    def statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        return {"supplier_webhooks": self.webhooks.statistics()}

    def _telling(self) -> Mapping[str, OrderEvents | None]:
        """A live one tells only where an operator gave its webhook's secret."""
        is_on = self._duffel.mode == "sandbox" or (
            self._duffel.mode == "live" and self._duffel.webhook_secrets
        )
        return {NAME: self._travel.duffel} if is_on else {}

    async def _is_told(self, duffel: Duffel) -> bool:
        """Also where the sandbox cannot reach us: bookings look by themselves."""
        address = hook_address(self._address(), NAME)
        if address is None:
            return True
        registration = DuffelRegistration(duffel, self._storage.webhook_secrets, clock=self._clock)
        try:
            await registration.register(address)
        except Rejected as error:
            _log.warning("supplier's webhooks not ready", supplier=NAME, error=error.text)
            return False
        return True
