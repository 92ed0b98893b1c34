"""What time it is: the wall's; and business time, which where suppliers are played is theirs."""

from collections.abc import Callable, Mapping

import httpx
import trio

from core.business_clock import BusinessTime, SuppliersTime
from core.config import Config
from core.ports.business_offset import BusinessOffset
from core.ports.clock import Clock
from gateways.partners.stripe_clock import played_ms
from gateways.partners.stripe_settings import SANDBOX_KEY


class Time:
    """Owns: business time, and while it runs the connection by which it is asked for. Borrows: the store
    of its offset. `urls`: where who is played is now, by name. `on_leap`: business time has leapt.

    With a live supplier business time is wall time, whatever is stored, and nobody is asked.
    """

    def __init__(
        self,
        config: Config,
        kept: BusinessOffset,
        clock: Clock,
        *,
        urls: Callable[[], Mapping[str, str]],
        on_leap: Callable[[], None],
    ) -> None:
        self.business = BusinessTime(clock)
        self._is_played = is_played(config)
        self._urls = urls
        self._client: httpx.AsyncClient | None = None
        self._following = SuppliersTime(self.business, kept, ask=self._ask, on_leap=on_leap)

    async def load(self) -> None:
        """Before anybody asks for the time. Raises `Unavailable`."""
        if self._is_played:
            await self._following.load()

    async def run(self) -> None:
        """Until cancelled."""
        if not self._is_played:
            await trio.sleep_forever()
        async with httpx.AsyncClient(trust_env=False) as self._client:
            await self._following.run()

    def statistics(self) -> Mapping[str, int | float]:
        return {"offset_ms": self.business.offset_ms}

    async def _ask(self) -> int | None:
        url = self._urls().get("stripe")
        if url is None or self._client is None:
            return None
        return await played_ms(self._client, url, SANDBOX_KEY)


def is_played(config: Config) -> bool:
    """Whether all suppliers that are on are the sandbox's: none has a time that is not ours to move."""
    modes = {config.amadeus.mode, config.duffel.mode, config.stripe.mode, config.paypal_mode}
    return "sandbox" in modes and "live" not in modes
