"""What every `Travellers` promises."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from booking_worlds import DAY, KEY, TENANT, World, ada, world_on
from msgspec.structs import replace

from core.errors import Rejected
from core.ports.bookings import SealedTraveller
from core.ports.leases import StaleFence
from protocol.travel import Traveller
from storage.credentials.master_key import MasterKeyError
from storage.credentials.traveller_seal import TravellerSeal
from storage.postgres.pool import Connection

PASSPORT = {"type": "passport", "number": "X1234567", "issuingCountry": "FR"}


@pytest.fixture
async def world(booking_place: str | None) -> AsyncIterator[World]:
    async with world_on(booking_place) as world:
        yield world


async def test_travellers_come_back_with_their_digests(world: World) -> None:
    booking_id, payer = await _begun(world)
    given = [
        world.travellers.seal(TENANT, booking_id, traveller, by=payer, document=document)
        for traveller, document in ((ada("t2"), None), (ada("t1"), PASSPORT))
    ]
    assert await world.travellers.get(TENANT, booking_id) == {}, "it is sealed, and not stored"
    await world.bookings.commit(world.step(booking_id, 2, travellers=given))
    digests = {one.traveller_id: one.digest for one in given}
    stored = await world.travellers.get(TENANT, booking_id)
    assert list(stored) == ["t1", "t2"]
    assert stored["t2"] == (ada("t2"), digests["t2"])
    assert stored["t1"] == (ada("t1", document=PASSPORT), digests["t1"])
    assert await world.travellers.get(2, booking_id) == {}
    assert await world.travellers.get(TENANT, world.ids.uuid7()) == {}
    assert await world.travellers.get(TENANT, "no id") == {}


async def test_a_digest_is_that_of_the_data_in_their_place(world: World) -> None:
    booking_id, payer = await _begun(world)
    other, _ = await _begun(world)

    def digest(booking_id: str = booking_id, document: Any = None, **who: object) -> str:
        given = world.travellers.seal(TENANT, booking_id, ada(**who), by=payer, document=document)
        return str(given.digest)

    same = {digest(), digest()}
    reordered = dict(reversed(PASSPORT.items()))
    assert digest(document=PASSPORT) == digest(document=reordered)
    within = world.travellers.seal(
        TENANT, booking_id, ada(document=PASSPORT), by=payer, document=None
    )
    assert digest(document=PASSPORT) == within.digest
    different = same | {
        digest(given_name="Bo"),
        digest(document=PASSPORT),
        digest(traveller_id="t9"),
        digest(other),
    }
    assert (len(same), len(different)) == (1, 5)
    assert all(len(bytes.fromhex(each)) == 32 for each in different)


async def test_what_is_given_again_replaces(world: World) -> None:
    booking_id, payer = await _begun(world)
    await _named(world, booking_id, 2, ada(), by=payer, document=PASSPORT)
    renamed = ada(given_name="Augusta")
    digest = await _named(world, booking_id, 3, renamed, by=payer)
    assert await world.travellers.get(TENANT, booking_id) == {"t1": (renamed, digest)}


async def test_a_step_that_is_not_stored_names_nobody(world: World) -> None:
    booking_id, payer = await _begun(world)
    digest = await _named(world, booking_id, 2, ada(), by=payer)
    renamed = ada(given_name="Augusta")
    with pytest.raises(StaleFence):
        await _named(world, booking_id, 2, renamed, by=payer)
    await world.take_over(booking_id)
    with pytest.raises(StaleFence):
        await _named(world, booking_id, 3, renamed, by=payer)
    assert await world.travellers.get(TENANT, booking_id) == {"t1": (ada(), digest)}


async def test_a_booking_opens_with_those_whom_its_first_step_names(world: World) -> None:
    payer, booking_id = await _person(world), world.ids.uuid7()
    given = world.travellers.seal(TENANT, booking_id, ada(), by=payer, document=None)
    first, new = world.step(booking_id, 1, travellers=[given]), world.new(payer)
    assert await world.bookings.open(new, first) is None
    assert await world.travellers.get(TENANT, booking_id) == {"t1": (ada(), given.digest)}
    again = world.ids.uuid7()
    given = world.travellers.seal(TENANT, again, ada(), by=payer, document=None)
    step = world.step(again, 1, travellers=[given])
    assert await world.bookings.open(new, step) == booking_id
    assert await world.travellers.get(TENANT, again) == {}


async def test_whose_account_is_gone_names_nobody(world: World) -> None:
    if world.database is None:
        pytest.skip("no accounts")
    booking_id, payer = await _begun(world)
    await world.erase(payer)
    with pytest.raises(Rejected, match="not_found"):
        await _named(world, booking_id, 2, ada(), by=payer)
    stored = await world.bookings.load(TENANT, booking_id)
    assert stored.revision == 1


async def test_travellers_go_with_the_account_that_gave_them(world: World) -> None:
    booking_id, payer = await _begun(world)
    friend = await _person(world)
    await _named(world, booking_id, 2, ada("t1"), by=payer)
    await _named(world, booking_id, 3, ada("t2"), by=friend)
    assert await world.travellers.givers(TENANT, booking_id) == {"t1": payer, "t2": friend}
    for tenant_id, other in ((2, booking_id), (TENANT, world.ids.uuid7()), (TENANT, "no id")):
        assert await world.travellers.givers(tenant_id, other) == {}
    await world.erase(payer)
    assert list(await world.travellers.get(TENANT, booking_id)) == ["t2"]
    assert await world.bookings.load(TENANT, booking_id) is not None


async def test_travellers_go_thirty_days_after_their_bookings_end(world: World) -> None:
    ended, payer = await _begun(world)
    live, _ = await _begun(world)
    for booking_id in (ended, live):
        await _named(world, booking_id, 2, ada(), by=payer)
    world.clock.at_ms += 40 * DAY
    await world.bookings.commit(world.ended(ended, 3))
    world.clock.at_ms += 30 * DAY - 1
    await world.sweep()
    assert list(await world.travellers.get(TENANT, ended)) == ["t1"]
    world.clock.at_ms += 1
    await world.sweep()
    assert await world.travellers.get(TENANT, ended) == {}
    assert list(await world.travellers.get(TENANT, live)) == ["t1"]


async def test_nothing_that_was_given_can_be_read_in_the_database(world: World) -> None:
    if world.database is None:
        pytest.skip("no database")
    booking_id, payer = await _begun(world)
    await _named(world, booking_id, 2, ada(), by=payer, document=PASSPORT)
    [row] = await world.database.call(_rows)
    for secret in (b"Ada", b"Lovelace", b"1990", b"example.test", b"X1234567", b"passport"):
        assert secret not in bytes(row["sealed"])
        assert secret.decode() not in str(dict(row))


def test_what_is_sealed_opens_in_its_place_alone() -> None:
    seal = TravellerSeal(KEY)

    def put(by: TravellerSeal, document: Mapping[str, object] | None = None) -> SealedTraveller:
        return by.seal(1, "booking", ada(), by="payer", document=document)

    given = put(seal)
    sealed = given.sealed
    assert (given.traveller_id, given.by) == ("t1", "payer")
    assert seal.open(1, "booking", "t1", sealed) == ada()
    assert put(seal).sealed != sealed
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for tenant_id, booking_id, traveller_id, text in (
        (2, "booking", "t1", sealed),
        (1, "another", "t1", sealed),
        (1, "booking", "t2", sealed),
        (1, "booking", "t1", broken),
    ):
        with pytest.raises(MasterKeyError):
            seal.open(tenant_id, booking_id, traveller_id, text)
    stranger = TravellerSeal(b"K" * 32)
    with pytest.raises(MasterKeyError):
        stranger.open(1, "booking", "t1", sealed)
    assert put(stranger).digest != given.digest == put(seal).digest
    whole = seal.open(1, "booking", "t1", put(seal, PASSPORT).sealed)
    assert whole == replace(ada(), document=PASSPORT)


async def _person(world: World) -> str:
    user_id = world.ids.uuid7()
    await world.join(user_id)
    return user_id


async def _begun(world: World) -> tuple[str, str]:
    """(a booking, who pays)"""
    payer = await _person(world)
    return await world.opened(payer), payer


async def _named(
    world: World,
    booking_id: str,
    revision: int,
    traveller: Traveller,
    *,
    by: str,
    document: Any = None,
) -> str:
    """A step that names them; their digest."""
    given = world.travellers.seal(TENANT, booking_id, traveller, by=by, document=document)
    await world.bookings.commit(world.step(booking_id, revision, travellers=[given]))
    return str(given.digest)


async def _rows(connection: Connection) -> list[object]:
    return list(await connection.fetch("SELECT * FROM traveller"))
