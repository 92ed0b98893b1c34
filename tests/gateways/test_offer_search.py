"""Searching several suppliers that answer, hang, fail or contradict one another."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from core.errors import Overloaded, Rejected, Unavailable
from core.ports.inventory import Capabilities, Priced
from gateways.partners import offer_search
from gateways.partners.merging import likeness, merge
from gateways.partners.offer_search import OfferSearch
from gateways.partners.search_cache import FRESH_FOR_MS, KEPT_FOR_MS, SearchCache
from protocol.frames import Money
from protocol.suppliers import Refused
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelQuery,
    Itinerary,
    Offer,
    Party,
    Segment,
    SupplierOffer,
)
from storage.memory.offers import MemoryOffers

QUERY = FlightQuery(origin="LIS", destination="PAR", depart_on="2027-05-14", party=Party(adults=2))


class Wall:
    """Wall time on trio's clock, plus what the test adds."""

    def __init__(self) -> None:
        self.added = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.added + round(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


class Numbers:
    def __init__(self) -> None:
        self.last = 0

    def uuid7(self) -> str:
        self.last += 1
        return f"offer-{self.last}"

    def secret(self) -> str:
        return "secret"


def flight(
    supplier: str, amount: int, *, number: str = "1", currency: str = "EUR", until: int = 2**50
) -> SupplierOffer:
    segment = Segment(
        carrier="YY",
        number=number,
        origin="LIS",
        destination="ORY",
        departs="2027-05-14T08:10:00",
        arrives="2027-05-14T11:45:00",
    )
    return SupplierOffer(
        supplier=supplier,
        token=Raw(b"{}"),
        total=Money(amount=amount, currency=currency),
        fetched_at=0,
        expires_at=until,
        can_hold=True,
        details=FlightDetails(itineraries=(Itinerary(segments=(segment,)),)),
    )


class Supplier:
    """Does what the test says. `found` and `priced` may be exceptions; `searched` counts."""

    def __init__(self, name: str, found: Any = (), priced: Any = None, after: float = 0.0) -> None:
        self.name = name
        self.found, self.priced, self.after = found, priced, after
        self.searched = 0
        self.sells_once = False

    def capabilities(self, kind: str) -> Capabilities | None:
        if kind != "flight":
            return None
        return Capabilities(
            hold="soft", cancel="pre_ticket", issue="explicit", sells_once=self.sells_once
        )

    async def search(self, query: Any) -> Sequence[SupplierOffer]:
        self.searched += 1
        await trio.sleep(self.after)
        return self._told(self.found)

    async def reprice(self, offer: SupplierOffer, query: Any) -> Any:
        await trio.sleep(self.after)
        return self._told(self.priced or Priced(offer=offer))

    def _told(self, what: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        return what


class World:
    def __init__(self, *suppliers: Supplier) -> None:
        self.clock = Wall()
        self.offers = MemoryOffers(self.clock)
        self.desk = OfferSearch(self.offers, clock=self.clock, ids=Numbers())
        self.suppliers: Any = suppliers  # what mutates is not asked for here

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OfferSearch]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.desk.run, self.suppliers)
            yield self.desk
            nursery.cancel_scope.cancel()

    async def shown(self) -> Offer:
        """The first offer of a search."""
        found = await self.desk.search(1, "ada", QUERY)
        return found.offers[0]


def states(found: Any) -> dict[str, str]:
    return {asked.name: asked.state for asked in found.suppliers}


async def test_all_suppliers_are_asked_at_once_and_alike_offers_are_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a = Supplier("a", [flight("a", 200), flight("a", 150, number="2")], after=1.0)
    b = Supplier("b", [flight("b", 180, number="0001")], after=1.5)
    world = World(a, b)
    async with world.open() as desk:
        found = await desk.search(1, "ada", QUERY)
        assert trio.current_time() == pytest.approx(1.5)
        assert [offer.source.total.amount for offer in found.offers] == [150, 180]
        assert [one.supplier for one in found.offers[1].others] == ["a"]
        assert states(found) == {"a": "answered", "b": "answered"}
        assert not found.is_partial
        for offer in found.offers:
            assert await world.offers.get(1, offer.id) == offer
            assert offer.query == QUERY


async def test_one_hangs_one_resets_and_the_third_is_shown(
    autojump_clock: trio.testing.MockClock,
) -> None:
    suppliers = (
        Supplier("hangs", after=1e6),
        Supplier("resets", Unavailable()),
        Supplier("works", [flight("works", 100)], after=0.5),
    )
    async with World(*suppliers).open() as desk:
        found = await desk.search(1, None, QUERY)
        assert trio.current_time() == pytest.approx(0.5 + offer_search.PATIENCE)
        assert states(found) == {"hangs": "late", "resets": "failed", "works": "answered"}
        assert found.is_partial
        assert len(found.offers) == 1


async def test_who_has_less_patience_gets_what_there_is_by_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    quick = Supplier("quick", [flight("quick", 100)], after=2.9)
    slow = Supplier("slow", [flight("slow", 90, number="2")], after=3.5)
    async with World(quick, slow).open() as desk:
        found = await desk.search(1, "ada", QUERY, within=3.0)
        assert trio.current_time() == pytest.approx(3.0)
        assert (len(found.offers), states(found)) == (1, {"quick": "answered", "slow": "late"})
        again = await desk.search(1, "ada", QUERY, within=1e6)
        assert trio.current_time() == pytest.approx(3.5)
        assert len(again.offers) == 2
        assert quick.searched == slow.searched == 1


async def test_who_is_late_is_there_when_one_asks_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    late = Supplier("late", [flight("late", 90)], after=offer_search.ANSWER_WITHIN + 5)
    async with World(late).open() as desk:
        found = await desk.search(1, "ada", QUERY)
        assert trio.current_time() == pytest.approx(offer_search.ANSWER_WITHIN)
        assert (found.offers, states(found)) == ((), {"late": "late"})
        again = await desk.search(1, "ada", QUERY)
        assert trio.current_time() == pytest.approx(late.after)
        assert (len(again.offers), states(again)) == (1, {"late": "answered"})
        assert late.searched == 1


async def test_a_supplier_that_never_answers_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with World(Supplier("hangs", after=1e6)).open() as desk:
        await desk.search(1, "ada", QUERY)
        assert desk.statistics()["searches"] == 1
        await trio.sleep(offer_search.GIVE_UP_AFTER)
        assert desk.statistics()["searches"] == 0


async def test_people_who_ask_the_same_share_one_search(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supplier = Supplier("a", [flight("a", 100)], after=1.0)
    ids: list[str] = []

    async def ask(user: str) -> None:
        found = await desk.search(1, user, QUERY)
        ids.append(found.offers[0].id)

    async with World(supplier).open() as desk:
        async with trio.open_nursery() as nursery:
            for user in ("ada", "bob", "eve"):
                nursery.start_soon(ask, user)
        assert supplier.searched == 1
        assert len(set(ids)) == 3


async def test_a_fresh_answer_is_shown_again_and_an_old_one_only_when_nothing_newer_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supplier = Supplier("a", [flight("a", 100)])
    world = World(supplier)
    async with world.open() as desk:
        await desk.search(1, "ada", QUERY)
        found = await desk.search(1, "ada", QUERY)
        assert (supplier.searched, states(found)) == (1, {"a": "answered"})
        assert not found.offers[0].is_stale
        world.clock.added += FRESH_FOR_MS
        supplier.found = Unavailable()
        found = await desk.search(1, "ada", QUERY)
        assert (supplier.searched, states(found)) == (2, {"a": "stale"})
        assert found.offers[0].is_stale
        assert found.is_partial
        world.clock.added += KEPT_FOR_MS
        assert (await desk.search(1, "ada", QUERY)).offers == ()


async def test_what_has_expired_is_not_fresh(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    supplier = Supplier("a", [flight("a", 100, until=world.clock.added + 5_000)])
    world = World(supplier)
    async with world.open() as desk:
        await desk.search(1, "ada", QUERY)
        world.clock.added += 6_000
        await desk.search(1, "ada", QUERY)
        assert supplier.searched == 2


async def test_what_expires_while_others_are_waited_for_is_shown_as_stale(
    autojump_clock: trio.testing.MockClock,
) -> None:
    until = Wall().added + 1_000
    quick = Supplier("quick", [flight("quick", 100, until=until), flight("quick", 90, number="2")])
    async with World(quick, Supplier("slow", after=1e6)).open() as desk:
        found = await desk.search(1, "ada", QUERY)
        assert states(found) == {"quick": "answered", "slow": "late"}
        assert [offer.is_stale for offer in found.offers] == [False, True]


async def test_what_has_just_come_is_shown_even_if_the_cache_forgot_it(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_search, "SearchCache", lambda: SearchCache(most=1))
    suppliers = [Supplier(name, [flight(name, 100, number=name)]) for name in "abc"]
    async with World(*suppliers).open() as desk:
        found = await desk.search(1, "ada", QUERY)
        assert {offer.source.supplier for offer in found.offers} == set("abc")
        assert set(states(found).values()) == {"answered"}


async def test_of_who_refuses_no_earlier_answer_is_shown(
    autojump_clock: trio.testing.MockClock,
) -> None:
    refuses, works = (Supplier(name, [flight(name, 1, number=name)]) for name in "ab")
    world = World(refuses, works)
    async with world.open() as desk:
        await desk.search(1, "ada", QUERY)
        world.clock.added += FRESH_FOR_MS
        refuses.found = Rejected("bad_request", "That day is over.")
        found = await desk.search(1, "ada", QUERY)
        assert states(found) == {"a": "refused", "b": "answered"}
        assert [offer.source.supplier for offer in found.offers] == ["b"]


async def test_a_query_that_all_refuse_is_refused_and_one_that_some_refuse_is_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    refuses = Supplier("refuses", Rejected("bad_request", "Too many travellers."))
    async with World(refuses).open() as desk:
        with pytest.raises(Rejected, match="Too many travellers"):
            await desk.search(1, "ada", QUERY)
    async with World(refuses, Supplier("works", [flight("works", 1)])).open() as desk:
        found = await desk.search(1, "ada", QUERY)
        assert states(found) == {"refuses": "refused", "works": "answered"}
        assert not found.is_partial


async def test_a_supplier_whose_adapter_crashes_harms_no_other_search(
    autojump_clock: trio.testing.MockClock,
) -> None:
    crashes = Supplier("crashes", ValueError("a bug"))
    async with World(crashes, Supplier("works", [flight("works", 1)])).open() as desk:
        for _ in range(2):
            found = await desk.search(1, "ada", QUERY)
            assert states(found) == {"crashes": "failed", "works": "answered"}


async def test_nobody_is_asked_for_what_they_do_not_sell(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stay = HotelQuery(
        city="PAR", check_in="2027-05-14", check_out="2027-05-15", party=Party(adults=1)
    )
    async with World(Supplier("a")).open() as desk:
        with pytest.raises(Rejected) as refused:
            await desk.search(1, "ada", stay)
        assert refused.value.code == "unavailable"
        assert not refused.value.temporary


async def test_who_asks_before_there_are_suppliers_waits_a_little(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(Supplier("a", [flight("a", 1)]))
    assert not world.desk.asked.is_set()
    with pytest.raises(Unavailable):
        await world.desk.search(1, "ada", QUERY, within=3.0)
    assert trio.current_time() == pytest.approx(3.0)
    with pytest.raises(Unavailable):
        await world.desk.search(1, "ada", QUERY)
    assert trio.current_time() == pytest.approx(3.0 + offer_search.SUPPLIERS_WITHIN)
    assert world.desk.asked.is_set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.shown)
        await trio.sleep(1)
        nursery.start_soon(world.desk.run, world.suppliers)
        await trio.sleep(1)
        assert world.suppliers[0].searched == 1
        nursery.cancel_scope.cancel()
    with pytest.raises(Unavailable):
        await world.desk.price(1, "offer-1")


async def test_who_asks_while_the_suppliers_change_is_answered_by_the_next_ones(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(Supplier("a", [flight("a", 200)]))
    answered = []

    async def ask(amount: int) -> None:
        query = replace(QUERY, party=Party(adults=amount))
        answered.append(states(await world.desk.search(1, "ada", query)))

    async def run(scope: trio.CancelScope, *, task_status: Any) -> None:
        with scope:
            await world.desk.run(world.suppliers, task_status=task_status)

    async with trio.open_nursery() as nursery:
        before, after = trio.CancelScope(), trio.CancelScope()
        await nursery.start(run, before)
        nursery.start_soon(ask, 9)
        before.cancel()
        for turn in range(8):
            await trio.lowlevel.checkpoint()
            nursery.start_soon(ask, turn + 1)
        await trio.sleep(1.0)
        await nursery.start(run, after)
        await trio.sleep(1.0)
        after.cancel()
    # Who asks before the change is seen may be cut off, and hears that.
    assert len(answered) == 9
    assert answered.count({"a": "answered"}) >= 7, answered
    assert world.desk.statistics()["searches"] == 0


async def test_searches_under_way_are_bounded(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_search, "MOST_SEARCHES", 3)
    async with World(Supplier("a", after=1e6)).open() as desk, trio.open_nursery() as nursery:
        for day in range(1, 4):
            query = replace(QUERY, depart_on=f"2027-05-0{day}")
            nursery.start_soon(desk.search, 1, "ada", query)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Overloaded):
            await desk.search(1, "ada", QUERY)
        nursery.cancel_scope.cancel()


# Pricing.


async def test_a_price_that_stays_and_one_that_moves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supplier = Supplier("a", [flight("a", 100)])
    world = World(supplier)
    async with world.open() as desk:
        offer = await world.shown()
        assert (await desk.price(1, offer.id)).previous is None
        supplier.priced = Priced(offer=flight("a", 120), previous=Money(amount=100, currency="EUR"))
        priced = await desk.price(1, offer.id)
        assert priced.offer.source.total.amount == 120
        assert priced.previous == Money(amount=100, currency="EUR")
        assert await world.offers.get(1, offer.id) == priced.offer
        assert (await desk.price(1, offer.id)).previous is None


async def test_an_expired_offer_is_searched_again(autojump_clock: trio.testing.MockClock) -> None:
    supplier = Supplier("a", [flight("a", 100)], Refused(kind="expired", detail="gone"))
    world = World(supplier)
    async with world.open() as desk:
        offer = await world.shown()

        async def reprice(offered: SupplierOffer, query: Any) -> Any:
            is_new = offered.total.amount == 130
            return Priced(offer=offered) if is_new else Refused(kind="expired", detail="gone")

        supplier.reprice = reprice  # type: ignore[method-assign]
        supplier.found = [flight("a", 110, number="7"), flight("a", 130)]
        priced = await desk.price(1, offer.id)
        assert priced.offer.source.total.amount == 130
        assert likeness(priced.offer.source) == likeness(offer.source)
        assert priced.previous == offer.source.total


async def test_what_was_offered_to_another_party_is_searched_again_for_this_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The old offer's price stands, and is that of more travellers."""
    supplier = Supplier("a", [flight("a", 70, number="7"), flight("a", 100)])
    world = World(supplier)
    async with world.open() as desk:
        shown = flight("a", 150)
        assert await desk.reprice(shown, QUERY) == Priced(offer=shown)
        assert supplier.searched == 0
        found = await desk.reprice(shown, QUERY, anew=True)
        assert found == Priced(offer=flight("a", 100), previous=shown.total)
        assert supplier.searched == 1
        supplier.found = [flight("a", 70, number="7")]
        assert isinstance(await desk.reprice(shown, QUERY, anew=True), Refused)


@pytest.mark.parametrize(("sells_once", "searches"), [(True, 3), (False, 1)])
async def test_who_books_from_a_search_that_sells_once_has_one_of_their_own(
    autojump_clock: trio.testing.MockClock, sells_once: bool, searches: int
) -> None:
    """Two groups were shown the same search: the second to book found its offer gone."""
    supplier = Supplier("a", [flight("a", 100)])
    supplier.sells_once = sells_once
    world = World(supplier)
    async with world.open() as desk:
        ada, ben = await world.shown(), await world.shown()
        assert supplier.searched == 1
        assert (await desk.price(1, ada.id)).previous is None
        assert supplier.searched == 1
        for offer in (ada, ben):
            assert (await desk.price(1, offer.id, to_book=True)).previous is None
        assert supplier.searched == searches


async def test_another_supplier_of_the_same_takes_over(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a = Supplier("a", [flight("a", 100)], Refused(kind="sold_out", detail="gone"))
    b = Supplier("b", [flight("b", 115)])
    world = World(a, b)
    async with world.open() as desk:
        offer = await world.shown()
        priced = await desk.price(1, offer.id)
        assert priced.offer.source.supplier == "b"
        assert priced.previous == offer.source.total
        a.priced = Unavailable()
        assert (await desk.price(1, offer.id)).offer.source.supplier == "b"


@pytest.mark.parametrize(
    ("priced", "code"),
    [
        (Refused(kind="sold_out", detail="gone"), "conflict"),
        (Refused(kind="invalid", detail="?"), "conflict"),
        (Unavailable(), "unavailable"),
    ],
)
async def test_what_cannot_be_had_says_why(
    priced: Any, code: str, autojump_clock: trio.testing.MockClock
) -> None:
    world = World(Supplier("a", [flight("a", 100)], priced))
    async with world.open() as desk:
        offer = await world.shown()
        with pytest.raises(Rejected) as refused:
            await desk.price(1, offer.id)
        assert refused.value.code == code
        with pytest.raises(Rejected) as unknown:
            await desk.price(2, offer.id)
        assert unknown.value.code == "not_found"


async def test_a_search_that_its_supplier_finds_wrong_by_now_is_no_price(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = Supplier("a", [flight("a", 100, until=0)]), Supplier("b", [flight("b", 115)])
    world = World(a, b)
    async with world.open() as desk:
        offer = await world.shown()
        a.found = Rejected("bad_request", "That day is over.")
        assert (await desk.price(1, offer.id)).offer.source.supplier == "b"
        b.priced = Refused(kind="sold_out", detail="gone")
        with pytest.raises(Rejected) as refused:
            await desk.price(1, offer.id)
        assert refused.value.code == "conflict"


async def test_while_the_suppliers_change_nothing_is_said_to_be_gone(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(Supplier("a", [flight("a", 100)]))
    get = world.offers.get

    async def slow(tenant_id: int, offer_id: str) -> Offer | None:
        await trio.sleep(1)
        return await get(tenant_id, offer_id)

    async def price() -> None:
        with pytest.raises(Unavailable):
            await world.desk.price(1, "offer-1")
        was_asked.set()

    was_asked = trio.Event()
    monkeypatch.setattr(world.offers, "get", slow)
    async with trio.open_nursery() as nursery, world.open():
        await world.shown()
        nursery.start_soon(price)
        await trio.testing.wait_all_tasks_blocked()
    assert was_asked.is_set()


async def test_an_offer_that_is_forgotten_while_it_is_priced_is_unknown(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> bool:
        return False

    world = World(Supplier("a", [flight("a", 100)]))
    async with world.open() as desk:
        offer = await world.shown()
        monkeypatch.setattr(world.offers, "replace", gone)
        with pytest.raises(Rejected) as refused:
            await desk.price(1, offer.id)
        assert refused.value.code == "not_found"


async def test_a_supplier_that_hangs_while_pricing_is_timed_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supplier = Supplier("a", [flight("a", 100)])
    world = World(supplier)
    async with world.open() as desk:
        offer = await world.shown()
        supplier.after, begun_at = 1e6, trio.current_time()
        with pytest.raises(Rejected) as refused:
            await desk.price(1, offer.id)
        assert refused.value.code == "gds_timeout"
        assert trio.current_time() - begun_at == pytest.approx(offer_search.PRICE_WITHIN)


# Merging and the cache.

OFFERS = st.lists(
    st.builds(
        flight,
        st.sampled_from("abc"),
        st.integers(0, 500),
        number=st.sampled_from(["1", "01", "2", "3"]),
        currency=st.sampled_from(["EUR", "USD"]),
    ),
    max_size=20,
)


@given(OFFERS)
def test_merging_loses_nothing_and_the_cheapest_of_each_is_what_is_sold(
    offers: list[SupplierOffer],
) -> None:
    merged = merge(offers)
    together = [offer for one in merged for offer in (one.source, *one.others)]
    assert Counter(map(id, together)) == Counter(map(id, offers))
    kinds = [(one.source.total.currency, likeness(one.source)) for one in merged]
    assert len(set(kinds)) == len(kinds)
    for one, kind in zip(merged, kinds, strict=True):
        for other in one.others:
            assert (other.total.currency, likeness(other)) == kind
            assert one.source.total.amount <= other.total.amount
    for currency in ("EUR", "USD"):
        prices = [o.source.total.amount for o in merged if o.source.total.currency == currency]
        assert prices == sorted(prices)


@pytest.mark.parametrize(
    ("said", "are_one"),
    [
        ({"is_refundable": False}, True),
        ({"is_refundable": True}, False),
        ({"checked_bags": 0}, True),
        ({"checked_bags": 1}, False),
        ({"checked_bags": 0, "is_refundable": False}, True),
    ],
)
def test_what_a_supplier_does_not_say_is_not_promised(said: dict[str, Any], are_one: bool) -> None:
    """Amadeus says nothing of refunds: its fare is what another sells without one."""
    silent, other = flight("a", 100), flight("b", 100)
    other = replace(other, details=replace(other.details, **said))
    assert (likeness(silent) == likeness(other)) is are_one


def test_the_cache_forgets_the_least_used() -> None:
    cache = SearchCache(most=2)
    cache.put("a", QUERY, [], 0)
    cache.put("b", QUERY, [], 0)
    assert cache.get("a", QUERY, 0) is not None
    cache.put("c", QUERY, [], 0)
    assert [cache.get(name, QUERY, 0) is not None for name in "abc"] == [True, False, True]
    assert len(cache) == 2


def test_what_is_forgotten_is_one_suppliers_whole_route_and_nothing_else() -> None:
    cache = SearchCache()
    later, elsewhere = replace(QUERY, depart_on="2027-07-01"), replace(QUERY, destination="LIS")
    for supplier in "ab":
        for query in (QUERY, later, elsewhere):
            cache.put(supplier, query, [], 0)
    assert cache.forget("a", QUERY) == 2
    kept = [(s, q) for s in "ab" for q in (QUERY, later, elsewhere) if cache.get(s, q, 0)]
    assert kept == [("a", elsewhere), ("b", QUERY), ("b", later), ("b", elsewhere)]
