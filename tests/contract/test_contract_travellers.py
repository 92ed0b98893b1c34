"""What every `Travellers` promises."""

from collections.abc import AsyncIterator

import pytest
from booking_worlds import DAY, KEY, TENANT, World, ada, world_on
from msgspec.structs import replace

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
    digests = {
        traveller.id: await world.travellers.put(
            TENANT, booking_id, traveller, by=payer, document=document
        )
        for traveller, document in ((ada("t2"), None), (ada("t1"), PASSPORT))
    }
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
    put = world.travellers.put

    async def digest(booking_id: str = booking_id, document: object = None, **who: object) -> str:
        traveller = ada(**who)
        return str(await put(TENANT, booking_id, traveller, by=payer, document=document))

    same = {
        await digest(),
        await digest(),
    }
    reordered = dict(reversed(PASSPORT.items()))
    assert await digest(document=PASSPORT) == await digest(document=reordered)
    assert await digest(document=PASSPORT) == await put(
        TENANT, booking_id, ada(document=PASSPORT), by=payer, document=None
    )
    different = same | {
        await digest(given_name="Bo"),
        await digest(document=PASSPORT),
        await digest(traveller_id="t9"),
        await digest(other),
    }
    assert (len(same), len(different)) == (1, 5)
    assert all(len(bytes.fromhex(each)) == 32 for each in different)


async def test_what_is_put_again_replaces(world: World) -> None:
    booking_id, payer = await _begun(world)
    await world.travellers.put(TENANT, booking_id, ada(), by=payer, document=PASSPORT)
    renamed = ada(given_name="Augusta")
    digest = await world.travellers.put(TENANT, booking_id, renamed, by=payer, document=None)
    assert await world.travellers.get(TENANT, booking_id) == {"t1": (renamed, digest)}


async def test_travellers_go_with_the_account_that_gave_them(world: World) -> None:
    booking_id, payer = await _begun(world)
    friend = await _person(world)
    await world.travellers.put(TENANT, booking_id, ada("t1"), by=payer, document=None)
    await world.travellers.put(TENANT, booking_id, ada("t2"), by=friend, document=None)
    await world.erase(payer)
    assert list(await world.travellers.get(TENANT, booking_id)) == ["t2"]
    assert await world.bookings.load(TENANT, booking_id) is not None


async def test_travellers_go_thirty_days_after_their_bookings_end(world: World) -> None:
    ended, payer = await _begun(world)
    live, _ = await _begun(world)
    for booking_id in (ended, live):
        await world.travellers.put(TENANT, booking_id, ada(), by=payer, document=None)
    world.clock.at_ms += 40 * DAY
    await world.bookings.commit(world.ended(ended, 2))
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
    await world.travellers.put(TENANT, booking_id, ada(), by=payer, document=PASSPORT)
    [row] = await world.database.call(_rows)
    for secret in (b"Ada", b"Lovelace", b"1990", b"example.test", b"X1234567", b"passport"):
        assert secret not in bytes(row["sealed"])
        assert secret.decode() not in str(dict(row))


def test_what_is_sealed_opens_in_its_place_alone() -> None:
    seal = TravellerSeal(KEY)
    sealed, digest = seal.seal(1, "booking", ada(), None)
    assert seal.open(1, "booking", "t1", sealed) == ada()
    assert seal.seal(1, "booking", ada(), None)[0] != sealed
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
    assert stranger.seal(1, "booking", ada(), None)[1] != digest
    assert replace(ada(), document=PASSPORT) == seal.open(
        1, "booking", "t1", seal.seal(1, "booking", ada(), PASSPORT)[0]
    )


async def _person(world: World) -> str:
    user_id = world.ids.uuid7()
    await world.join(user_id)
    return user_id


async def _begun(world: World) -> tuple[str, str]:
    """(a booking, who pays)"""
    payer = await _person(world)
    return await world.opened(payer), payer


async def _rows(connection: Connection) -> list[object]:
    return list(await connection.fetch("SELECT * FROM traveller"))
