"""What every `Quotes` promises."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace
from postgres_for_tests import fresh_dsn

from core.chance import SystemChance
from core.ids import ProcessIds
from core.ports.offers import KEPT_FOR, DailyLow
from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelQuery,
    Offer,
    Party,
    Query,
    SupplierOffer,
)
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.offers import MemoryOffers
from storage.postgres.offers import _ENCODE, _LOWS, PostgresOffers
from storage.postgres.pool import Connection, Database

DAY = 86_400_000
FLIGHTS = FlightQuery(
    origin="PAR", destination="NCE", depart_on="2027-05-14", party=Party(adults=2)
)
FAMILY = replace(FLIGHTS, party=Party(adults=2, children_ages=(7, 1)))
ROOMS = HotelQuery(
    city="NCE", check_in="2027-05-14", check_out="2027-05-17", party=Party(adults=3, rooms=2)
)


class ManualClock:
    at_ms = 20_000 * DAY + 1_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000


class World:
    def __init__(self, offers: Any, clock: ManualClock) -> None:
        self.offers, self.clock = offers, clock
        self.ids = ProcessIds(clock, SystemChance())

    async def quote(
        self, *amounts: int, query: Query = FLIGHTS, currency: str = "EUR", tenant: int = 1
    ) -> None:
        """One supplier, heard now."""
        shown = [
            Offer(
                id=self.ids.uuid7(),
                query=query,
                source=SupplierOffer(
                    supplier="amadeus",
                    token=Raw(b"{}"),
                    total=Money(amount=amount, currency=currency),
                    fetched_at=self.clock.at_ms,
                    expires_at=self.clock.at_ms,
                    can_hold=False,
                    details=FlightDetails(itineraries=()),
                ),
            )
            for amount in amounts
        ]
        await self.offers.add(tenant, None, shown)


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    clock = ManualClock()
    if server is None:
        yield World(MemoryOffers(clock), clock)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=2) as database,
    ):
        yield World(PostgresOffers(database, clock), clock)


def low(day: int, amount: float, quotes: int = 1, currency: str = "EUR") -> DailyLow:
    return DailyLow(day=day, currency=currency, low=amount, quotes=quotes)


async def test_the_least_of_each_day_and_how_often_suppliers_were_heard(world: World) -> None:
    await world.quote(40_000, 30_000)
    world.clock.at_ms += 1
    await world.quote(32_000)
    world.clock.at_ms += DAY
    await world.quote(26_000, currency="USD")
    await world.quote(28_000)
    assert await world.offers.daily_lows(1, FLIGHTS) == [
        low(20_000, 15_000.0, quotes=2),
        low(20_001, 14_000.0),
        low(20_001, 13_000.0, currency="USD"),
    ]


async def test_the_party_does_not_matter_but_ends_days_and_cabin_do(world: World) -> None:
    await world.quote(40_000, query=FAMILY)
    assert await world.offers.daily_lows(1, FLIGHTS) == [low(20_000, 10_000.0)]
    for other in (
        replace(FLIGHTS, destination="LIS"),
        replace(FLIGHTS, depart_on="2027-05-15"),
        replace(FLIGHTS, return_on="2027-05-20"),
        replace(FLIGHTS, cabin="business"),
    ):
        assert await world.offers.daily_lows(1, other) == []


async def test_rooms_cost_by_the_room(world: World) -> None:
    await world.quote(90_000, query=ROOMS)
    alone = replace(ROOMS, party=Party(adults=1))
    await world.quote(80_000, query=alone)
    assert await world.offers.daily_lows(1, ROOMS) == [low(20_000, 45_000.0)]


async def test_other_tenants_quotes_and_old_ones_are_not_there(world: World) -> None:
    await world.quote(40_000)
    assert await world.offers.daily_lows(2, FLIGHTS) == []
    world.clock.at_ms += int(KEPT_FOR * 1_000)
    assert await world.offers.daily_lows(1, FLIGHTS) == []


async def test_a_journeys_quotes_are_found_by_the_index(world: World) -> None:
    if isinstance(world.offers, MemoryOffers):
        pytest.skip("no plans in memory")
    for day in range(40):
        query = replace(FLIGHTS, depart_on=f"2027-{1 + day % 12:02}-{1 + day % 28:02}")
        await world.quote(*range(10_000, 10_100), query=query)
    plan = await world.offers._database.call(_plan)
    assert "offer_journey" in plan
    assert "Seq Scan" not in plan


async def _plan(connection: Connection) -> str:
    await connection.execute("ANALYZE offer")
    lines = await connection.fetch("EXPLAIN " + _LOWS, 1, _ENCODE(FLIGHTS).decode(), 0)
    return "\n".join(line[0] for line in lines)
