"""What every `Offers` promises."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from msgspec import Raw
from msgspec.structs import replace
from postgres_for_tests import fresh_dsn

from core.chance import SystemChance
from core.ids import ProcessIds
from core.ports.offers import KEPT_FOR
from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Party,
    Segment,
    SupplierOffer,
)
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.offers import MemoryOffers
from storage.postgres.housekeeping import housekeeping
from storage.postgres.offers import _ADD, _GET, PostgresOffers, _row
from storage.postgres.pool import Connection, Database

FLIGHT = FlightDetails(
    itineraries=(
        Itinerary(
            segments=(
                Segment(
                    carrier="YY",
                    number="4821",
                    origin="ORY",
                    destination="NCE",
                    departs="2027-05-14T08:10:00",
                    arrives="2027-05-14T09:45:00",
                    cabin="economy",
                ),
            ),
            minutes=95,
        ),
    ),
    seats=6,
)
HOTEL = HotelDetails(
    hotel_id="ZZNCE001",
    name='"Palace" \x00 of 東京',
    check_in="2027-05-14",
    check_out="2027-05-17",
    free_until=1_800_000_000_000,
)
FLIGHTS = FlightQuery(
    origin="PAR",
    destination="NCE",
    depart_on="2027-05-14",
    party=Party(adults=2, children_ages=(7, 1)),
)
HOTELS = HotelQuery(
    city="NCE", check_in="2027-05-14", check_out="2027-05-17", party=Party(adults=3, rooms=2)
)


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at_ms = 1_790_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000

    def advance(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1_000)


@dataclass
class World:
    offers: Any
    clock: ManualClock
    ids: ProcessIds
    sweep: Callable[[], Awaitable[object]]
    database: Database | None = None

    def offer(self, **changes: Any) -> Offer:
        return Offer(**{"id": self.ids.uuid7(), "query": FLIGHTS, "source": source()} | changes)


def source(token: bytes = b'{"id": "1"}', **changes: Any) -> SupplierOffer:
    fields = {
        "supplier": "amadeus",
        "token": Raw(token),
        "total": Money(amount=21_340, currency="EUR"),
        "fetched_at": 1_790_000_000_000,
        "expires_at": 1_790_001_200_000,
        "can_hold": True,
        "details": FLIGHT,
    }
    return SupplierOffer(**fields | changes)


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    clock = ManualClock()
    ids = ProcessIds(clock, SystemChance())
    if server is None:
        memory = MemoryOffers(clock)

        async def add_one() -> None:
            await memory.add(1, None, [Offer(id=ids.uuid7(), query=FLIGHTS, source=source())])

        yield World(memory, clock, ids, sweep=add_one)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=2) as database,
    ):

        async def sweep() -> None:
            await housekeeping(database, clock)

        yield World(PostgresOffers(database, clock), clock, ids, sweep=sweep, database=database)


async def test_an_offer_comes_back_as_it_was_shown(world: World) -> None:
    user_id = world.ids.uuid7()
    hotel = source(supplier="other", details=HOTEL, can_hold=False)
    shown = [
        world.offer(),
        world.offer(query=HOTELS, source=hotel, is_stale=True),
        world.offer(others=(source(b'{"a":1.50}', supplier="duffel"), source(b"[ 1 ]"))),
    ]
    await world.offers.add(1, user_id, shown)
    assert [await world.offers.get(1, offer.id) for offer in shown] == shown


@pytest.mark.parametrize(
    "token",
    [
        b'{ "b" : 1.50,\n "a": [1e3, 0.10, "\\u0000", "\\ud83d\\ude00", "\xc3\xa9"], "a": 2 }',
        b"{}" + b" " * 70_000,
    ],
)
async def test_a_suppliers_json_is_kept_byte_for_byte(world: World, token: bytes) -> None:
    offer = world.offer(source=source(token), others=(source(token.strip(), supplier="duffel"),))
    await world.offers.add(1, None, [offer])
    found = await world.offers.get(1, offer.id)
    assert bytes(found.source.token) == token
    assert bytes(found.others[0].token) == token.strip()


async def test_of_a_batch_all_are_kept_or_none(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory refuses no offer")
    good = world.offer()
    bad = world.offer(source=source(total=Money(amount=2**70, currency="EUR")))
    with pytest.raises((asyncpg.DataError, OverflowError)):
        await world.offers.add(1, None, [good, bad])
    assert await world.offers.get(1, good.id) is None


async def test_nothing_shown_is_nothing_kept(world: World) -> None:
    await world.offers.add(1, None, [])


async def test_another_tenants_and_a_foreign_id_are_unknown(world: World) -> None:
    offer = world.offer()
    await world.offers.add(1, None, [offer])
    for tenant_id, offer_id in ((2, offer.id), (1, world.ids.uuid7()), (1, "not an id")):
        assert await world.offers.get(tenant_id, offer_id) is None
        assert not await world.offers.replace(tenant_id, replace(offer, id=offer_id))
    assert await world.offers.get(1, offer.id) == offer


async def test_a_new_price_replaces_the_source_under_the_same_id(world: World) -> None:
    offer, untouched = (
        world.offer(is_stale=True, others=(source(supplier="duffel"),)),
        world.offer(),
    )
    await world.offers.add(1, world.ids.uuid7(), [offer, untouched])
    priced = source(
        b'{"priced":true}', total=Money(amount=21_890, currency="EUR"), expires_at=1_790_009_000_000
    )
    now = Offer(id=offer.id, query=HOTELS, source=priced)
    assert await world.offers.replace(1, now)
    assert await world.offers.get(1, offer.id) == now
    assert await world.offers.get(1, untouched.id) == untouched


async def test_an_offer_is_kept_for_30_days_from_its_last_price_and_then_no_more(
    world: World,
) -> None:
    forgotten, priced = world.offer(), world.offer()
    await world.offers.add(1, None, [forgotten, priced])
    world.clock.advance(KEPT_FOR - 1)
    await world.offers.replace(1, priced)
    await world.sweep()
    assert await world.offers.get(1, forgotten.id) == forgotten
    world.clock.advance(2)
    await world.sweep()
    assert await world.offers.get(1, forgotten.id) is None
    assert await world.offers.get(1, priced.id) == priced
    world.clock.advance(KEPT_FOR)
    await world.sweep()
    assert await world.offers.get(1, priced.id) is None


async def test_neither_a_look_nor_the_sweep_reads_the_whole_table(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has no plans")
    get, sweep = await world.database.transaction(_plans, world.offer())
    assert "offer_pkey" in get
    assert "offer_stored" in sweep
    assert "Seq Scan on offer" not in get + sweep


async def _plans(connection: Connection, offer: Offer) -> tuple[str, str]:
    row = [[value] * 1_000 for value in _row(offer)]
    for day in range(40):
        row[0] = [f"{day:08x}-0000-7000-8000-{n:012x}" for n in range(1_000)]
        await connection.execute(_ADD, 1, None, day * 86_400_000, *row)
    await connection.execute("ANALYZE offer")
    old = "SELECT id FROM offer WHERE stored_at <= $1 LIMIT $2"
    get = await connection.fetch("EXPLAIN " + _GET, 1, offer.id)
    sweep = await connection.fetch(
        f"EXPLAIN DELETE FROM offer WHERE id IN ({old})", 10 * 86_400_000, 100
    )
    return "\n".join(line[0] for line in get), "\n".join(line[0] for line in sweep)
