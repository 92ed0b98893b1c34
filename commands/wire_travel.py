"""Where offers come from: the suppliers, the sandbox that plays them, and the search over all."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final, Literal

import structlog
import trio

from commands.sandbox_child import STOP_WITHIN, SandboxError, Urls, attached, played
from core.config import Config, ConfigError, Supplier
from core.ports.clock import Chance, Clock, Ids
from core.ports.consolidator import Consolidator
from core.ports.inventory import Inventory
from core.ports.offers import Offers
from core.ports.vault import Vault
from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import NO_AGENCY, AmadeusSettings
from gateways.partners.consolidator import ConsolidatorSettings, HttpConsolidator
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.offer_search import OfferSearch
from gateways.partners.vaults import FileVault, SandboxVault
from loadtest.causes import first_cause

SANDBOX_FILE: Final = "sandbox.db"
BEGIN_AFTER: Final = 20.0
AGAIN_AFTER: Final = 2.0
CLOSE_WITHIN: Final = 1.0
STOPS_WITHIN: Final = STOP_WITHIN + CLOSE_WITHIN + 1.0
"""Seconds: longer than the sandbox is waited for, which is killed then."""
Mode = Literal["sandbox", "live"]
_ANYWHERE: Final = {"amadeus": "http://127.0.0.1", "duffel": "http://127.0.0.1"}
"""Settings are judged before anybody is played."""

_log = structlog.get_logger()


class Travel:
    """Owns: the search and, while it runs, the suppliers' adapters, the consolidator's and the sandbox.
    Borrows: the offers' store. `vault`: where the desk card is; None: there is none, and rooms of a live
    Amadeus are for browsing. `clock`: business time. `urls`: where who is played is, while the sandbox runs.
    Raises `ConfigError` when a supplier is live and something for that is not said."""

    def __init__(
        self, config: Config, offers: Offers, *, clock: Clock, ids: Ids, chance: Chance
    ) -> None:
        self._config, self._clock, self._chance = config, clock, chance
        self._suppliers: list[Amadeus | Duffel] = []
        self._consolidator: HttpConsolidator | None = None
        self.vault = self._desk_card()
        self.urls: Urls = {}
        self._trouble = ""
        self.search = OfferSearch(offers, clock=clock, ids=ids)
        self._made(_ANYWHERE)
        self._desk(_ANYWHERE)

    def suppliers(self) -> Mapping[str, Inventory]:
        """Those that are there now, by name: for bookings. None of them while the sandbox begins anew."""
        return {supplier.name: supplier for supplier in self._suppliers}

    @property
    def duffel(self) -> Duffel | None:
        """None: it is off, or not there yet."""
        return next((each for each in self._suppliers if isinstance(each, Duffel)), None)

    @property
    def consolidator(self) -> Consolidator | None:
        """Who issues Amadeus' tickets. None: nobody is set up, or the sandbox begins anew."""
        return self._consolidator

    async def run(self) -> None:
        """Until cancelled. Begins when somebody asks, or a little after the start. When the sandbox
        ends, it and what asked it begin anew."""
        with trio.move_on_after(BEGIN_AFTER):
            await self.search.asked.wait()
        while True:
            try:
                await self._run_once()
            except* SandboxError as group:
                self.urls = {}
                trouble = str(first_cause(group))
                if trouble != self._trouble:  # each try would say the same
                    _log.warning("travel.sandbox_failed", error=trouble)
                self._trouble = trouble
            await trio.sleep(AGAIN_AFTER)

    def statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        suppliers = {supplier.name: supplier.statistics() for supplier in self._suppliers}
        desk = self._consolidator
        found = {} if desk is None else {"consolidator": desk.statistics()}
        return {"travel": self.search.statistics(), **suppliers, **found}

    async def _run_once(self) -> None:
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
            self.urls = await self._sandbox(nursery)
            self._trouble = ""
            self._suppliers = self._made(self.urls)
            self._consolidator = self._desk(self.urls)
            for each in (*self._suppliers, self._consolidator):
                if isinstance(each, Duffel | HttpConsolidator):
                    stack.push_async_callback(_closed, each)
            try:
                await self.search.run(self._suppliers)
            finally:
                self._suppliers, self._consolidator = [], None

    async def _sandbox(self, nursery: trio.Nursery) -> Urls:
        """Nobody's where nobody is played."""
        config = self._config
        payers = (config.stripe.mode, config.paypal_mode)
        if "sandbox" not in (config.amadeus.mode, config.duffel.mode, *payers):
            return {}
        if config.sandbox_url is not None:
            return await attached(config.sandbox_url)
        urls: Urls = await nursery.start(played, config.data_dir / SANDBOX_FILE)
        return urls

    def _made(self, urls: Urls) -> list[Amadeus | Duffel]:
        """Those that are on. Raises `ConfigError`."""
        made: list[Amadeus | Duffel] = []
        for name, make in (("amadeus", self._amadeus), ("duffel", self._duffel)):
            supplier: Supplier = getattr(self._config, name)
            url = supplier.url if supplier.mode == "live" else urls.get(name)
            if supplier.mode == "off" or (supplier.mode == "sandbox" and not url):
                continue
            try:
                made.append(make(supplier, "live" if supplier.mode == "live" else "sandbox", url))
            except ValueError as error:
                raise ConfigError(str(error)) from None
        return made

    def _amadeus(self, supplier: Supplier, mode: Mode, url: str | None) -> Amadeus:
        settings = AmadeusSettings(
            mode=mode,
            url=url,
            client_id=supplier.key,
            client_secret=supplier.secret,
            is_issued=mode == "sandbox" or self._config.consolidator_url is not None,
            agency_email=self._config.agency_email or NO_AGENCY,
            agency_phone=self._config.agency_phone,
        )
        return Amadeus(settings, clock=self._clock, chance=self._chance, vault=self.vault)

    def _desk(self, urls: Urls) -> HttpConsolidator | None:
        """Of the Amadeus that is on. Raises `ConfigError`."""
        config = self._config
        match config.amadeus.mode:
            case "off":
                return None
            case "sandbox":
                url, key = urls.get("consolidator"), None
            case "live":
                url, key = config.consolidator_url, config.consolidator_key
                if url is not None and (key is None or config.agency_email is None):
                    raise ConfigError(
                        "CARAVAN_CONSOLIDATOR_URL is set: bookings at Amadeus also need "
                        "CARAVAN_CONSOLIDATOR_KEY, and CARAVAN_AGENCY_EMAIL for mail about them."
                    )
                if url is None and key is not None:
                    raise ConfigError(
                        "CARAVAN_CONSOLIDATOR_KEY is set without CARAVAN_CONSOLIDATOR_URL: nobody would "
                        "issue tickets. Set both, or neither."
                    )
        if url is None:
            return None
        return HttpConsolidator(ConsolidatorSettings(url=url, key=key), chance=self._chance)

    def _desk_card(self) -> Vault | None:
        """Raises `ConfigError`."""
        if self._config.amadeus.mode == "sandbox":
            return SandboxVault()
        try:
            path = self._config.desk_card_file
            return None if path is None else FileVault(path)
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def _duffel(self, supplier: Supplier, mode: Mode, url: str | None) -> Duffel:
        settings = DuffelSettings(
            mode=mode, url=url, key=supplier.key, webhook_secrets=supplier.webhook_secrets
        )
        return Duffel(settings, clock=self._clock, chance=self._chance)


async def _closed(one: Duffel | HttpConsolidator) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN):
        await one.aclose()
