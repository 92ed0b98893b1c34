"""The sandbox in this very process, over loopback: the real adapters speak to it, and tests see its records.

Its wall clock stands still; what was performed can be waited for, so that nothing is left to luck."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import trio

from core.chance import SystemChance
from core.ports.vault import Vault
from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.consolidator import ConsolidatorSettings, HttpConsolidator
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.resilience import GuardPolicy
from gateways.partners.vaults import SandboxVault
from gateways.sandbox import faults
from gateways.sandbox.amadeus import AmadeusMachine
from gateways.sandbox.amadeus_options import set_options
from gateways.sandbox.amadeus_orders import ORDERS as AMADEUS_ORDERS
from gateways.sandbox.clock import advance, instant
from gateways.sandbox.consolidator import ConsolidatorMachine
from gateways.sandbox.duffel import DuffelMachine
from gateways.sandbox.duffel_orders import ORDERS as DUFFEL_ORDERS
from gateways.sandbox.exchange import Machine, Request
from gateways.sandbox.performing import Performance, Sandbox
from gateways.sandbox.records import Draft, Json, Memory
from gateways.sandbox.shell import serve_sandbox
from gateways.sandbox.store import Store
from gateways.sandbox.world import World
from protocol.suppliers import Created
from protocol.travel import (
    FlightQuery,
    HotelQuery,
    OrderState,
    Party,
    SupplierOffer,
    Traveller,
)

WORLD = World("caravan")
START = round(datetime(2027, 3, 1, 0, 1, tzinfo=UTC).timestamp() * 1_000)
DAY = 86_400_000
DEPART = "2027-04-10"
POLICY = GuardPolicy(
    call_within=5.0, most_retries=0, breaker=BreakerPolicy(opens_after=1_000), slow_after=60.0
)
PATIENT, HURRIED = 10.0, 0.25
"""Seconds that a change may take: always enough, and little to wait for where nothing will come."""


@dataclass
class StillClock:
    """Moves when it is told to. `now_ms`: the sandbox's business time."""

    wall: int = START
    offset: int = 0

    def now_ms(self) -> int:
        return self.wall + self.offset


class Watched(Sandbox):
    """Counts what is performed, and lets it be waited for."""

    def perform(self, machine: Machine, request: Request, *, late: bool = False) -> Performance:
        done = super().perform(machine, request, late=late)
        world: OrdersWorld = WATCHERS[id(self.store)]
        world.performed[machine.name, request.method, request.path.partition("?")[0]] += 1
        world.was_late = world.was_late or late
        world.bodies = [*world.bodies, request.body][-8:]
        world.moved.set()
        world.moved = trio.Event()
        return done


URLS = ("control", "amadeus", "duffel", "consolidator")
WATCHERS: dict[int, "OrdersWorld"] = {}


@dataclass
class OrdersWorld:
    """Owns: records and clock. `urls` by machine."""

    store: Memory | Store = field(default_factory=Memory)
    clock: StillClock = field(default_factory=StillClock)
    urls: dict[str, str] = field(default_factory=dict)
    performed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    moved: trio.Event = field(default_factory=trio.Event)
    was_late: bool = False
    bodies: list[bytes] = field(default_factory=list)

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(5.0):
            while not is_so():
                await self.moved.wait()

    def rule(
        self, api: str, /, *, on: str = "", nth: int = 1, times: int | None = 1, **action: Any
    ) -> None:
        """`on`: searched in the path."""
        self._draft(
            lambda draft: faults.add_rule(
                draft,
                {
                    "match": {"api": api, "pathRegex": on, "nth": nth},
                    "action": action,
                    "times": times,
                },
            )
        )

    def calm(self) -> None:
        self._draft(faults.delete_rules)

    def advance(self, days: float) -> None:
        by = round(days * DAY)
        self._draft(lambda draft: advance(draft, by))
        self.clock.offset += by

    async def airline(self, locator: str | None, what: str, **query: int) -> Json:
        """What an airline does to an order: `change`, `airline-cancel`."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            url = f"{self.urls['control']}/_sandbox/orders/{locator}/{what}"
            answer = await client.post(url, params=query)
        assert answer.is_success, answer.text
        found: Json = answer.json()["data"]
        return found

    def option(self, **changed: Any) -> None:
        self._draft(lambda draft: set_options(draft, changed))

    def orders(self, supplier: str, reference: str) -> list[Json]:
        """As the sandbox has them now, dead or alive."""
        kind = AMADEUS_ORDERS if supplier == "amadeus" else DUFFEL_ORDERS
        found = [kept for _, kept in self.store.scan(kind)]
        return [kept for kept in found if reference in str(kept)]

    def count(self, api: str, method: str, path: str) -> int:
        return sum(
            number
            for (each, verb, where), number in self.performed.items()
            if (each, verb) == (api, method) and where.startswith(path)
        )

    def _draft(self, change: Callable[[Draft], Any]) -> None:
        draft = Draft(self.store)
        change(draft)
        self.store.commit(draft.changes)

    def business(self) -> int:
        return instant(self.clock.wall, self.store).business

    # Adapters.

    def amadeus(
        self,
        within: float = PATIENT,
        *,
        vault: Vault | None = None,
        policy: GuardPolicy = POLICY,
        **more: Any,
    ) -> Amadeus:
        settings = AmadeusSettings(
            url=self.urls["amadeus"],
            per_second=1_000,
            order_within=within,
            most_offers=3,
            most_hotels=3,
            **more,
        )
        return Amadeus(
            settings,
            clock=self.clock,
            chance=SystemChance(),
            policy=policy,
            vault=vault or SandboxVault(),
        )

    def duffel(self, within: float = PATIENT, *, policy: GuardPolicy = POLICY) -> Duffel:
        settings = DuffelSettings(url=self.urls["duffel"], order_within=within, most_offers=12)
        return Duffel(settings, clock=self.clock, chance=SystemChance(), policy=policy)

    def consolidator(self, within: float = PATIENT) -> HttpConsolidator:
        settings = ConsolidatorSettings(url=self.urls["consolidator"], release_within=within)
        return HttpConsolidator(settings, chance=SystemChance(), policy=POLICY)


@asynccontextmanager
async def orders_world(store: Memory | Store | None = None) -> AsyncIterator[OrdersWorld]:
    world = OrdersWorld(store=store or Memory())
    machines: tuple[Machine, ...] = (AmadeusMachine(), DuffelMachine(), ConsolidatorMachine())
    sandbox = Watched(
        world=WORLD, store=world.store, machines=machines, wall=lambda: world.clock.wall
    )
    WATCHERS[id(world.store)] = world
    async with trio.open_nursery() as nursery:

        async def serve(*, task_status: trio.TaskStatus[Json]) -> None:
            await serve_sandbox(sandbox, host="127.0.0.1", ports={}, task_status=task_status)

        info = await nursery.start(serve)
        world.urls = {name: str(info[name]) for name in URLS}
        world.option(tps=None)
        yield world
        nursery.cancel_scope.cancel()
    del WATCHERS[id(world.store)]


FLIGHT = FlightQuery(origin="PAR", destination="NCE", depart_on=DEPART, party=Party(adults=2))
FAMILY = FlightQuery(
    origin="PAR",
    destination="NCE",
    depart_on=DEPART,
    return_on="2027-04-13",
    party=Party(adults=2, children_ages=(8, 1)),
)
STAY = HotelQuery(
    city="NCE", check_in=DEPART, check_out="2027-04-13", party=Party(adults=2, rooms=1)
)


def traveller(number: str, **changes: Any) -> Traveller:
    given: dict[str, Any] = {
        "id": number,
        "kind": "adult",
        "given_name": "Zoë",
        "family_name": "Müller-Ny",
        "born_on": "1990-02-03",
        "gender": "female",
        "email": f"t{number}@example.test",
        "phone": "+33 6 00 00 00 01",
    }
    return Traveller(**{**given, **changes})


COUPLE = (traveller("a"), traveller("b", given_name="Bo", gender="male"))
PARTY_OF_FOUR = (
    traveller("i", kind="infant", born_on="2026-03-02", with_adult="b"),
    traveller("a"),
    traveller("c", kind="child", born_on="2018-12-24", gender="male"),
    traveller("b", gender="male"),
)


async def priced(inventory: Any, query: Any = FLIGHT) -> SupplierOffer:
    """The cheapest, at today's price."""
    (offer, *_) = await inventory.search(query)
    found: SupplierOffer = (await inventory.reprice(offer, query)).offer
    return found


REFERENCE = "CARAVAN SAGA 01J9Z7 ATT 1"
ORDERS = {"amadeus": "/v1/booking/flight-orders", "duffel": "/air/orders"}


@dataclass
class Sold:
    """One supplier's adapter over one sandbox, and an offer that can be held."""

    name: str
    world: OrdersWorld
    inventory: Any
    offer: SupplierOffer

    async def hold(self, within: float = PATIENT) -> Any:
        if within == PATIENT:
            return await self.inventory.hold(self.offer, COUPLE, REFERENCE)
        other = adapter(self.world, self.name, within)
        try:
            return await other.hold(self.offer, COUPLE, REFERENCE)
        finally:
            await closed(other)

    async def held(self) -> OrderState:
        made = await self.hold()
        assert isinstance(made, Created), made
        return made.order

    def made(self) -> int:
        return len(self.world.orders(self.name, REFERENCE))

    def sent(self) -> int:
        return self.world.count(self.name, "POST", ORDERS[self.name])


def adapter(world: OrdersWorld, name: str, within: float = PATIENT, **more: Any) -> Any:
    return getattr(world, name)(within, **more)


async def closed(inventory: Any) -> None:
    if not isinstance(inventory, Amadeus):
        await inventory.aclose()
