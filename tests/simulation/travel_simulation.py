"""Travellers who search and price, two suppliers that their own machines play, on virtual time.

Production code is `OfferSearch` with its merging and cache, and the doors of both suppliers: breaker,
retry budget, bulkhead. `play(seed)` gives a `Journey` for `travel_judge.judge`. Same seed, same trace.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

import msgspec
import trio
from travel_ledger import CALL, Call, Ledger
from travel_oracle import flown
from travel_sandbox import PlayedSandbox
from travel_store import VirtualClock, WatchedOffers
from travel_suppliers import PlayedAmadeus, PlayedDuffel, PlayedSupplier
from travel_weather import ADVANCES, TravelWeather, policy
from virtual_time import dice, run_seeded, sleep

from core.errors import Rejected
from core.ids import ProcessIds
from core.ports.travel_search import Found, Repriced
from gateways.partners import search_cache
from gateways.partners.offer_search import OfferSearch
from gateways.sandbox.cities import CITIES
from gateways.sandbox.records import Draft
from gateways.sandbox.stock import seats_left, take_seats
from gateways.sandbox.world import World
from protocol.travel import FlightDetails, FlightQuery, HotelQuery, Offer, Party, Query

TENANT: Final = 1
T0: Final = 1_800_000_000_000
WORLDS: Final = 4
SOLD_TO: Final = ("LIS", "NCE", "ROM", "PMI")
TRAVELLERS: Final = 4
STEPS: Final = 6
TICKS: Final = (1.0, 3.0, 3.0, 20.0)
"""Seconds, one drawn each time, after which something may go wrong."""

FORGIVES: Final = 0.1
"""Chance per tick that all rules are deleted."""

MOST_RULES: Final = 12
AGAIN_AFTER: Final = 2.0
"""Seconds until the search begins anew with its suppliers, as the server does it."""

CALM_FOR: Final = 150.0
"""Virtual seconds of quiet before the last searches: the longest pause of a breaker, and what is still
under way."""

LONGEST: Final = 40_000.0
NAPS: Final = {0.0: 6, 0.05: 3, 1.0: 3, 4.0: 2, 20.0: 2, 70.0: 2, 400.0: 0.4, 1_300.0: 0.4}
"""Seconds between two things that somebody does, by weight: some let offers expire."""


@dataclass
class Journey:
    """What happened, as travellers and suppliers know it."""

    seed: int
    ledger: Ledger
    weather: TravelWeather
    world: World
    troubles: list[str] = field(default_factory=list)
    left_behind: dict[str, float] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    error: BaseException | None = None

    def digest(self) -> str:
        """Of all that travellers saw, and when."""
        trace = hashlib.sha256()
        for call in self.ledger.calls:
            seen = [call.traveller, call.what, call.ended_at, _seen(call.outcome)]
            trace.update(msgspec.json.encode(seen))
        for door in self.ledger.doors:
            trace.update(str(door.steps).encode())
        return trace.hexdigest()


def _seen(outcome: object) -> list[object]:
    if isinstance(outcome, Found):
        return [outcome.offers, [[one.name, one.state] for one in outcome.suppliers]]
    if isinstance(outcome, Repriced):
        return [outcome.offer, outcome.previous]
    return [str(outcome)]


class Simulation:
    """Runs one seed."""

    def __init__(self, seed: int, climate: Mapping[str, float]) -> None:
        self.chance = dice(seed, "travel")
        self.weather = TravelWeather(seed, climate)
        self.ledger = Ledger()
        morning = T0 + self.chance.randrange(86_400_000)
        skew = self.chance.choice((0, 0, -300_000, 1_770_000, 1_799_000))
        self.clock = VirtualClock(morning + skew)
        self.world = _world(seed % WORLDS)
        self.sandbox = PlayedSandbox(
            self.world, VirtualClock(morning).now_ms, travels=self.weather.travels
        )
        ids = ProcessIds(self.clock, dice(seed, "ids"))
        offers = WatchedOffers(self.clock, self.weather, self.ledger)
        self.search = OfferSearch(offers, clock=self.clock, ids=ids)
        self.journey = Journey(seed, self.ledger, self.weather, self.world)
        self.queries = _queries(dice(seed, "queries"), morning)
        self._seed, self._policy = seed, policy(seed)
        self._suppliers: list[PlayedSupplier] = []
        self._shown: list[Offer] = []
        self._era = trio.CancelScope()
        self._is_away = True

    async def run(self) -> Journey:
        async with trio.open_nursery() as nursery:
            self.sandbox.start()
            nursery.start_soon(self._operate)
            await sleep(0.001)  # until all wait
            tasks = trio.lowlevel.current_statistics().tasks_living
            async with trio.open_nursery() as travellers:
                travellers.start_soon(self._disturb)
                async with trio.open_nursery() as on_the_way:
                    for number in range(1, TRAVELLERS + 1):
                        on_the_way.start_soon(self._travel, number)
                self.weather.calmed.set()
                travellers.cancel_scope.cancel()
            self._clear_up()
            await sleep(CALM_FOR)
            self._look_for_leaks(tasks)
            await self._last_searches()
            nursery.cancel_scope.cancel()
        self._count()
        return self.journey

    # The search, which begins anew with its suppliers when what plays them ends

    async def _operate(self) -> None:
        while True:
            doors: dict[str, Any] = {
                "clock": self.clock,
                "chance": dice(self._seed, f"back-off {len(self._suppliers)}"),
                "policy": self._policy,
                "ledger": self.ledger,
            }
            suppliers: list[PlayedSupplier] = [
                PlayedAmadeus(self.sandbox, **doors),
                PlayedDuffel(self.sandbox, **doors),
            ]
            self._suppliers += suppliers
            with trio.CancelScope() as self._era:
                self._is_away = False
                await self.search.run(suppliers)
            self._is_away = True
            await sleep(AGAIN_AFTER)

    # Those who travel

    async def _travel(self, number: int) -> None:
        name, chance = f"traveller {number}", dice(self._seed, f"traveller {number}")
        for _ in range(STEPS):
            await sleep(chance.choices(list(NAPS), list(NAPS.values()))[0])
            is_in_a_hurry = chance.random() < self.weather.rates.hurry
            patience = chance.choice((0.0, 0.1, 0.5, 1.5, 9.0)) if is_in_a_hurry else None
            if self._shown and chance.random() < 0.45:
                # The latest, or any that anybody was ever shown.
                few = self._shown[-8:] if chance.random() < 0.7 else self._shown
                await self._price(name, chance.choice(few), patience)
            else:
                within = chance.choice((0.2, 3.0)) if chance.random() < 0.2 else None
                await self._look(name, chance.choice(self.queries), patience, within=within)

    async def _look(
        self,
        name: str,
        query: Query,
        patience: float | None = None,
        *,
        within: float | None = None,
        is_last: bool = False,
    ) -> Call:
        call = Call(name, "search", query, within=within, is_last=is_last)
        asked = partial(self.search.search, TENANT, name, query, within=within)
        await self._ask(call, asked, patience)
        if isinstance(call.outcome, Found):
            self._shown += call.outcome.offers
        return call

    async def _price(
        self, name: str, offer: Offer, patience: float | None = None, *, is_last: bool = False
    ) -> None:
        call = Call(name, "price", offer.query, offer.id, is_last=is_last)
        await self._ask(call, partial(self.search.price, TENANT, offer.id), patience)

    async def _ask(self, call: Call, asked: Any, patience: float | None) -> None:
        self.ledger.calls.append(call)
        call.began, call.began_at = self.ledger.number(), trio.current_time()
        # (They may be gone before the task that looks after them knows.)
        call.is_away = self._is_away or self._era.cancel_called
        token = CALL.set(call)
        with trio.move_on_after(float("inf") if patience is None else patience):
            try:
                call.outcome = await asked()
            except Rejected as refused:
                call.outcome = refused
            except Exception as error:
                call.outcome = error
        CALL.reset(token)
        call.ended, call.ended_at = self.ledger.number(), trio.current_time()

    async def _last_searches(self) -> None:
        """One after the other, because a supplier that was left alone takes one first."""
        for query in self.queries:
            call = await self._look("the last", query, is_last=True)
            if isinstance(call.outcome, Found) and call.outcome.offers:
                await self._price("the last", call.outcome.offers[0], is_last=True)

    # What goes wrong

    async def _disturb(self) -> None:
        weather, rates, rules = self.weather, self.weather.rates, 0
        while True:
            await sleep(weather.chance.choice(TICKS))
            if weather.strikes("kill", rates.kill):
                await self._kill()
            if weather.chance.random() < FORGIVES or rules == MOST_RULES:
                self.sandbox.steer("DELETE", "rules")
                rules = 0
            if weather.strikes("rule", rates.rule):
                api = weather.chance.choice(("amadeus", "duffel", None))
                self.sandbox.add_rule(api, **weather.rule())
                rules += 1
            if weather.strikes("leap", rates.leap):
                self._leap(weather.chance.choice(ADVANCES))
            if weather.strikes("bought", rates.bought):
                self._buy()

    async def _kill(self) -> None:
        """Alone, as one that is attached, or with the search that lives with it."""
        self.sandbox.kill()
        if self.weather.chance.random() < 0.5:
            self.ledger.renewals.append(trio.current_time())
            self._era.cancel()
        with trio.CancelScope(shield=True):
            await sleep(self.weather.chance.choice((0.0, 0.5, 1.9, 9.0)))
        self.sandbox.start()

    def _leap(self, by: int) -> None:
        self.sandbox.steer("POST", "clock", {"advanceMs": by})

    def _buy(self) -> None:
        """Somebody else takes all seats of a flight that was shown."""
        offers = [one for one in self._shown if isinstance(one.source.details, FlightDetails)]
        if not offers:
            return
        details: Any = self.weather.chance.choice(offers).source.details
        flight, fare = flown(self.world, details.itineraries[0].segments[0])
        draft = Draft(self.sandbox.records)
        left = seats_left(self.world, draft, flight, fare.fare_class)
        take_seats(draft, flight, fare.fare_class, left)
        self.sandbox.records.commit(draft.changes)

    def _clear_up(self) -> None:
        if not self.sandbox.is_up:
            self.sandbox.start()
        self.sandbox.steer("DELETE", "rules")

    # At the end

    def _look_for_leaks(self, tasks: int) -> None:
        running = sum(one.statistics()["running"] for one in self._suppliers)
        waiting = sum(one.statistics()["waiting"] for one in self._suppliers)
        self.journey.left_behind = {
            "searches": self.search.statistics()["searches"],
            "places": running + waiting,
            "calls to the sandbox": self.sandbox.calls_under_way,
            "tasks": trio.lowlevel.current_statistics().tasks_living - tasks,
        }

    def _count(self) -> None:
        totals, calls = self.journey.totals, self.ledger.calls
        totals.update(self.weather.counts)
        totals["faults"] = len(self.sandbox.fired())
        totals.update(f"fault {action}" for action in self.sandbox.fired())
        totals["restarts"] = self.sandbox.kills
        totals["renewals"] = len(self.ledger.renewals)
        totals["left by their caller"] = sum(call.outcome is None for call in calls)
        totals["prices"] = sum(isinstance(call.outcome, Repriced) for call in calls)
        for call in calls:
            if isinstance(call.outcome, Rejected):
                totals[f"{call.what} {call.outcome.code}"] += 1
            if isinstance(call.outcome, Found):
                totals["searches"] += 1
                totals["offers"] += len(call.outcome.offers)
                totals["merged"] += sum(bool(offer.others) for offer in call.outcome.offers)
                totals["stale"] += sum(offer.is_stale for offer in call.outcome.offers)
                totals.update(f"supplier {one.state}" for one in call.outcome.suppliers)
        for supplier in self._suppliers:
            for name in ("calls", "retries", "refused"):
                totals[f"door {name}"] += int(supplier.statistics()[name])


@lru_cache(maxsize=WORLDS)
def _world(number: int) -> World:
    """Four cities and no hub: a timetable that is quickly asked."""
    return World(f"travel {number}", [city for city in CITIES if city.code in SOLD_TO])


def _queries(chance: Any, now: int) -> list[Query]:
    """Few, so that people ask the same; some for days that leaps of the clock go past."""
    today = datetime.fromtimestamp(now / 1_000, UTC).date()
    found: list[Query] = []
    for _ in range(3):
        origin, destination = chance.sample(SOLD_TO, 2)
        day = today + timedelta(days=chance.choice((2, 40, 41)))
        back = day + timedelta(days=3) if chance.random() < 0.1 else None
        party = chance.choice(
            (
                Party(adults=1),
                Party(adults=2),
                Party(adults=2, children_ages=(8, 1)),
                Party(adults=1, children_ages=(13,)),
                Party(adults=1, children_ages=(1, 0)),  # with two on one lap only Amadeus flies
            )
        )
        found.append(
            FlightQuery(
                origin=origin,
                destination=destination,
                depart_on=str(day),
                return_on=None if back is None else str(back),
                party=party,
                cabin=chance.choice(("economy", "economy", "business")),
            )
        )
    stay = today + timedelta(days=chance.choice((2, 40)))
    guests = Party(adults=chance.choice((1, 2, 4)), rooms=chance.choice((1, 2)))
    end = str(stay + timedelta(days=2))
    found.append(
        HotelQuery(city=chance.choice(SOLD_TO), check_in=str(stay), check_out=end, party=guests)
    )
    if chance.random() < 0.2:
        wrong = FlightQuery(
            origin="LIS", destination="NCE", depart_on=str(stay), party=Party(adults=10)
        )
        found.append(wrong)
    return found


@contextmanager
def small_bounds(seed: int) -> Iterator[None]:
    """Half of the worlds remember two answers only, and have few searches under way."""
    bounds = dice(seed, "travel bounds")
    few = bounds.choice((True, False))
    remembered, under_way = (2, bounds.choice((3, 256))) if few else (2_000, 256)
    cache = partial(search_cache.SearchCache, remembered)
    with (
        patch("gateways.partners.offer_search.SearchCache", cache),
        patch("gateways.partners.offer_search.MOST_SEARCHES", under_way),
    ):
        yield


def play(seed: int, climate: Mapping[str, float] = MappingProxyType({})) -> Journey:
    """One seed from its beginning to its end; what goes wrong in it is among its troubles. `climate`
    fixes rates of `travel_weather.Rates` that the seed would choose."""
    with small_bounds(seed):
        simulation = Simulation(seed, climate)
        try:
            return run_seeded(seed, simulation.run, longest=LONGEST)
        except (Exception, BaseExceptionGroup) as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            simulation.journey.error = error
            simulation.journey.troubles.append(f"it never ended well: {error!r}")
            return simulation.journey
