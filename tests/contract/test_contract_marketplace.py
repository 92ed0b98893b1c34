"""What every `Listings` promises."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
from persona_worlds import ManualClock, execute, plan_of
from postgres_for_tests import fresh_database
from sellers_world import OTHER_TENANT, TENANT, People

from core.chance import SystemChance
from core.errors import Rejected
from core.identity import Role
from core.ids import ProcessIds
from core.ports.marketplace import Listing, Listings, NewListing, Review, Wanted
from core.ports.personas import NewPersona, PersonaPatch, Personas
from protocol.persona import Persona
from storage.memory.marketplace import MemoryListings
from storage.memory.personas import MemoryPersonas
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers
from storage.postgres.marketplace import _FIND, PostgresListings
from storage.postgres.personas import PostgresPersonas
from storage.postgres.pool import Connection
from storage.postgres.users import PostgresUsers

CARD = {"spec": "chara_card_v2", "data": {"name": "Rosa", "über": [1, None]}}
ALL = Wanted()


@dataclass(kw_only=True)
class Market(People):
    """The ports of a marketplace."""

    listings: Listings
    personas: Personas

    async def persona(self, owner: str, name: str = "Rosa", **changes: Any) -> Persona:
        new = NewPersona(id=self.ids.uuid7(), owner_id=owner, name=name, style="foodie", **changes)
        return await self.personas.create(TENANT, new)

    async def publish(self, persona: Persona, **changes: Any) -> Listing:
        new = NewListing(
            persona_id=persona.id,
            owner_id=persona.owner_id,
            summary="Eats in Bologna.",
            tags=("bologna", "it"),
            at=7,
        )
        return await self.listings.publish(TENANT, replace(new, **changes))

    async def reviewed(self, listing_id: str, user_id: str, stars: int, text: str = "") -> Review:
        review = Review(id=self.ids.uuid7(), user_id=user_id, stars=stars, text=text, written_at=9)
        await self.listings.took(TENANT, listing_id, user_id, at=8)
        await self.listings.review(TENANT, listing_id, review)
        return review

    async def found(self, wanted: Wanted = ALL) -> list[str]:
        return [one.name for one in await self.listings.find(TENANT, wanted, after=None, limit=50)]


@pytest.fixture
async def market(server: Any) -> AsyncIterator[Market]:
    clock = ManualClock()
    ids = ProcessIds(clock, SystemChance())
    if server is None:
        stored, users = StoredPersonas(), MemoryUsers()
        yield Market(
            users=users,
            ids=ids,
            listings=MemoryListings(stored, users),
            personas=MemoryPersonas(stored, clock),
        )
        return
    async with fresh_database(server) as database:
        yield Market(
            users=PostgresUsers(database),
            ids=ids,
            database=database,
            listings=PostgresListings(database),
            personas=PostgresPersonas(database, clock),
        )


async def test_a_persona_is_offered_as_it_was_published(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner, about="A cook.", greeting="Ciao!", card=CARD)
    listing = await market.publish(rosa)
    assert listing == Listing(
        id=rosa.id,
        owner_id=owner,
        owner_name="Agent",
        owner_handle="agent",
        name="Rosa",
        style="foodie",
        summary="Eats in Bologna.",
        tags=("bologna", "it"),
        version=1,
        imports=0,
        reviews=0,
        stars=0,
        is_offered=True,
        suspended_for="",
        published_at=7,
    )
    await market.personas.patch(TENANT, rosa.id, PersonaPatch(name="Scam", about="Send money."))
    goods = await market.listings.get(TENANT, rosa.id)
    assert goods is not None
    assert (goods.listing, goods.about, goods.greeting, goods.card) == (
        *(listing, "A cook.", "Ciao!"),
        CARD,
    )
    assert await market.found() == ["Rosa"]
    again = await market.publish(rosa, summary="New.", tags=())
    assert (again.name, again.version, again.summary, again.tags) == ("Scam", 2, "New.", ())
    assert await market.listings.of_persona(TENANT, rosa.id) == again


async def test_nobody_offers_what_is_not_theirs_or_not_there(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    other = await market.person("other", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    await market.publish(rosa)
    for changes in ({"owner_id": other}, {"persona_id": other}, {"persona_id": "none"}):
        with pytest.raises(Rejected) as refused:
            await market.publish(rosa, **changes, summary="Mine.")
        assert refused.value.code == "not_found"
    listing = await market.listings.of_persona(TENANT, rosa.id)
    assert listing is not None
    assert (listing.owner_id, listing.summary) == (owner, "Eats in Bologna.")


async def test_what_is_withdrawn_suspended_or_of_who_may_not_sell_is_not_on_the_market(
    market: Market,
) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    ports = market.listings

    async def is_there() -> bool:
        one, found = await ports.get(TENANT, rosa.id), await market.found()
        assert (one is not None) == (found == ["Rosa"])
        return one is not None

    assert not await is_there()
    await ports.withdraw(TENANT, rosa.id)
    await market.publish(rosa)
    assert await is_there()
    for _ in range(2):
        await ports.withdraw(TENANT, rosa.id)
        assert not await is_there()
    await market.publish(rosa)
    assert await is_there()
    await market.users.set_role(TENANT, "agent", Role.USER)
    assert not await is_there()
    await market.users.set_role(TENANT, "agent", Role.PROFESSIONAL)
    assert await is_there()
    assert (await ports.suspend(TENANT, rosa.id, "Untrue.")).suspended_for == "Untrue."
    assert not await is_there()
    with pytest.raises(Rejected) as refused:
        await market.publish(rosa, summary="All true now.")
    assert refused.value.code == "conflict"
    kept = await ports.of_persona(TENANT, rosa.id)
    assert kept is not None
    assert (kept.summary, kept.suspended_for) == ("Eats in Bologna.", "Untrue.")
    assert (await ports.suspend(TENANT, rosa.id, "")).suspended_for == ""
    assert await is_there()
    for nothing in (owner, "none"):
        with pytest.raises(Rejected):
            await ports.suspend(TENANT, nothing, "Untrue.")


async def test_it_goes_with_its_persona(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    taker = await market.person("ada")
    rosa = await market.persona(owner)
    await market.publish(rosa)
    await market.reviewed(rosa.id, taker, 5)
    await market.personas.remove(TENANT, rosa.id)
    assert await market.listings.of_persona(TENANT, rosa.id) is None
    assert await market.found() == []
    assert list(await market.listings.reviews(TENANT, rosa.id, before=None, limit=9)) == []
    await market.listings.took(TENANT, rosa.id, taker, at=9)
    with pytest.raises(Rejected):
        await market.reviewed(rosa.id, taker, 5)


async def test_all_that_is_wanted_holds(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    await market.publish(rosa)
    bo = await market.persona(owner, "Bo", about="Knows waves.")
    await market.publish(bo, summary="Surf teacher.", tags=("lisbon",))
    for handle, stars in (("ada", 3), ("bob", 5)):
        await market.reviewed(rosa.id, await market.person(handle), stars)
    for wanted, found in (
        (Wanted(query="BOLOGNA"), ["Rosa"]),
        (Wanted(query="rosa eats"), ["Rosa"]),
        (Wanted(query="surf lisbon"), ["Bo"]),
        (Wanted(query="waves"), ["Bo"]),
        (Wanted(query="bologna waves"), []),
        (Wanted(query="bolog"), []),
        (Wanted(query="' | !"), []),
        (Wanted(tags=("it",)), ["Rosa"]),
        (Wanted(tags=("it", "bologna")), ["Rosa"]),
        (Wanted(tags=("it", "lisbon")), []),
        (Wanted(min_rating=1), ["Rosa"]),
        (Wanted(min_rating=4), ["Rosa"]),
        (Wanted(min_rating=4.1), []),
        (Wanted(query="eats", tags=("it",), min_rating=3.5), ["Rosa"]),
    ):
        assert await market.found(wanted) == found, wanted


@pytest.mark.parametrize(
    ("stars", "shown", "below"),
    [([5, 5, 5, 3], 4.5, 4.6), ([4, 4, 4, 5], 4.3, 4.4), ([5, 4, 5, 4, 5, 5, 4], 4.6, 4.7)],
)
async def test_what_is_found_by_a_rating_is_what_shows_it(
    market: Market, stars: list[int], shown: float, below: float
) -> None:
    rosa = await market.persona(await market.person("agent", Role.PROFESSIONAL))
    await market.publish(rosa)
    for number, given in enumerate(stars):
        await market.reviewed(rosa.id, await market.person(f"taker{number}"), given)
    listing = await market.listings.of_persona(TENANT, rosa.id)
    assert listing is not None
    assert listing.rating == shown
    assert await market.found(Wanted(min_rating=shown)) == ["Rosa"]
    assert await market.found(Wanted(min_rating=below)) == []


async def test_the_best_come_first_and_pages_meet(market: Market) -> None:
    seller, takers = "agent", [await market.person(f"taker{number}") for number in range(3)]
    owner = await market.person(seller, Role.PROFESSIONAL)
    for name, stars in (
        ("Bad", [1]),
        ("One", [5]),
        ("Many", [5, 5, 5]),
        ("New", []),
        ("Newer", []),
    ):
        persona = await market.persona(owner, name)
        await market.publish(persona)
        for taker, given in zip(takers, stars, strict=False):
            await market.reviewed(persona.id, taker, given)
    best_first = ["Many", "One", "Newer", "New", "Bad"]
    assert await market.found() == best_first
    seen, after = list[str](), None
    while len(seen) < 5:
        page = await market.listings.find(TENANT, ALL, after=after, limit=2)
        seen += [one.name for one in page]
        after = page[-1].score, page[-1].id
    assert seen == best_first
    assert list(await market.listings.find(TENANT, ALL, after=after, limit=2)) == []


async def test_only_who_took_it_reviews_it_once_and_nobody_ones_own(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    ada, bob = await market.person("ada"), await market.person("bob")
    rosa = await market.persona(owner)
    await market.publish(rosa)
    await market.listings.took(TENANT, rosa.id, ada, at=8)
    review = Review(id=market.ids.uuid7(), user_id=bob, stars=1, text="", written_at=9)
    with pytest.raises(Rejected) as refused:
        await market.listings.review(TENANT, rosa.id, review)
    assert refused.value.code == "forbidden"
    with pytest.raises(Rejected):
        await market.reviewed(rosa.id, owner, 5)
    await market.reviewed(rosa.id, ada, 1, "Bad.")
    last = await market.reviewed(rosa.id, ada, 4, "Better.")
    listing = await market.listings.of_persona(TENANT, rosa.id)
    assert listing is not None
    assert (listing.imports, listing.reviews, listing.stars, listing.rating) == (1, 1, 4, 4.0)
    assert list(await market.listings.reviews(TENANT, rosa.id, before=None, limit=9)) == [last]


async def test_reviews_come_newest_first_in_pages_and_stay_when_it_is_published_anew(
    market: Market,
) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    await market.publish(rosa)
    written = [
        await market.reviewed(rosa.id, await market.person(f"taker{number}"), number + 1)
        for number in range(3)
    ]
    await market.listings.withdraw(TENANT, rosa.id)
    again = await market.publish(rosa)
    assert (again.imports, again.reviews, again.stars, again.rating) == (3, 3, 6, 2.0)
    first = await market.listings.reviews(TENANT, rosa.id, before=None, limit=2)
    rest = await market.listings.reviews(TENANT, rosa.id, before=first[-1].id, limit=2)
    assert [*first, *rest] == written[::-1]


async def test_a_review_is_taken_out_by_its_author_or_by_its_id(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    ada, bob = await market.person("ada"), await market.person("bob")
    rosa, other = await market.persona(owner), await market.persona(owner, "Other")
    for persona in (rosa, other):
        await market.publish(persona)
    hers = await market.reviewed(rosa.id, ada, 1)
    his = await market.reviewed(rosa.id, bob, 5)
    assert not await market.listings.unreview(TENANT, other.id, review_id=hers.id)
    assert not await market.listings.unreview(OTHER_TENANT, rosa.id, review_id=hers.id)
    assert not await market.listings.unreview(TENANT, "x", review_id=hers.id)
    assert not await market.listings.unreview(TENANT, rosa.id, review_id="x")
    for left, which in (([his], {"user_id": ada}), ([], {"review_id": his.id})):
        for is_there in (True, False):
            assert await market.listings.unreview(TENANT, rosa.id, **which) is is_there
        assert list(await market.listings.reviews(TENANT, rosa.id, before=None, limit=9)) == left
        listing = await market.listings.of_persona(TENANT, rosa.id)
        assert listing is not None
        assert (listing.reviews, listing.stars) == (len(left), sum(one.stars for one in left))


async def test_what_is_said_and_taken_at_once_is_counted_once_each(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    await market.publish(rosa)
    takers = [await market.person(f"taker{number}") for number in range(6)]
    async with trio.open_nursery() as nursery:
        for taker in takers * 2:
            nursery.start_soon(market.reviewed, rosa.id, taker, 5)
    listing = await market.listings.of_persona(TENANT, rosa.id)
    assert listing is not None
    assert (listing.imports, listing.reviews, listing.stars) == (6, 6, 30)


async def test_another_tenants_market_is_another(market: Market) -> None:
    owner = await market.person("agent", Role.PROFESSIONAL)
    rosa = await market.persona(owner)
    await market.publish(rosa)
    assert await market.listings.get(OTHER_TENANT, rosa.id) is None
    assert await market.listings.of_persona(OTHER_TENANT, rosa.id) is None
    assert list(await market.listings.find(OTHER_TENANT, ALL, after=None, limit=9)) == []
    await market.listings.withdraw(OTHER_TENANT, rosa.id)
    with pytest.raises(Rejected):
        await market.listings.suspend(OTHER_TENANT, rosa.id, "Untrue.")
    assert await market.found() == ["Rosa"]


async def test_the_market_is_read_in_the_order_of_its_index(market: Market) -> None:
    if market.database is None:
        pytest.skip("the memory has no plans")
    plan = await market.database.transaction(_plan, _FIND, *(TENANT, "", [], None, None, None, 50))
    assert "listing_best" in plan
    assert "Sort" not in plan


async def _plan(connection: Connection, sql: str, *values: Any) -> str:
    """However few rows there are, for which sorting would be as cheap."""
    await connection.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
    return await plan_of(connection, sql, *values)


@pytest.mark.parametrize("what", ["publish", "took"])
async def test_what_goes_at_the_same_moment_is_as_if_it_had_gone_before(
    market: Market, what: str
) -> None:
    database = market.database
    if database is None:
        pytest.skip("in memory nothing comes between")
    owner = await market.person("gio", Role.PROFESSIONAL)
    taker = await market.person("ada")
    persona = await market.persona(owner)
    if what == "took":
        await market.publish(persona)
    outcomes: list[str] = []

    async def act() -> None:
        try:
            if what == "publish":
                await market.publish(persona)
            else:
                await market.listings.took(TENANT, persona.id, taker, at=8)
            outcomes.append("done")
        except Rejected as refusal:
            outcomes.append(refusal.code)

    async with database.own_connection() as slow, trio.open_nursery() as nursery:
        await slow.call(execute, "BEGIN")
        await slow.call(execute, "DELETE FROM persona WHERE id = $1", persona.id)
        nursery.start_soon(act)
        while not await database.call(_is_anybody_waiting):
            await trio.lowlevel.checkpoint()
        await slow.call(execute, "COMMIT")
    assert outcomes == ["not_found" if what == "publish" else "done"]


async def _is_anybody_waiting(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
