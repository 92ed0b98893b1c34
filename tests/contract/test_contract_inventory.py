"""What every `Inventory` promises: the one in memory, each adapter over the sandbox's real HTTP, and
the two that the simulation plays with the same machines."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import trio
from fake_inventory import FakeInventory
from msgspec import Raw, structs
from sandbox_process import DAY_MS, SandboxProcess
from travel_ledger import Ledger
from travel_sandbox import PlayedSandbox
from travel_suppliers import PlayedAmadeus, PlayedDuffel, PlayedSupplier

from core.chance import SystemChance
from core.clock import SystemClock
from core.errors import Rejected, Unavailable
from core.ports.inventory import Priced
from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.merging import likeness
from gateways.partners.resilience import GuardPolicy
from gateways.sandbox.world import World
from protocol.suppliers import Refused
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelQuery,
    Party,
    SupplierOffer,
)

POLICY = GuardPolicy(
    call_within=5.0, most_retries=0, breaker=BreakerPolicy(opens_after=1_000), slow_after=60.0
)
WORLD = World("caravan")
AIRPORTS = {"PAR": {"PAR", "CDG", "ORY"}, "NCE": {"NCE"}}


@dataclass
class Supplied:
    """One implementation, and the world behind it, as a test may change it. `spoil` takes the type of
    a sandbox's rule; the one in memory knows what each comes to."""

    inventory: Any
    query: FlightQuery
    spoil: Callable[[str], None]
    drift: Callable[[int], None]
    sell_out: Callable[[], None]
    calm: Callable[[], None]

    async def offers(self, **changes: Any) -> list[SupplierOffer]:
        return list(await self.inventory.search(structs.replace(self.query, **changes)))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A process; its business clock stands a minute after midnight, so that no price moves."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    process.start()
    process.to_midnight()
    process.control("POST", "amadeus/options", {"tps": None})
    yield process
    process.stop()


@pytest.fixture(params=["fake", "amadeus", "duffel", "played amadeus", "played duffel"])
async def supplied(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> AsyncIterator[Any]:
    day = str(sandbox.today() + timedelta(days=40))
    query = FlightQuery(origin="PAR", destination="NCE", depart_on=day, party=Party(adults=2))
    if request.param == "fake":
        yield in_memory(query)
        return
    if request.param.startswith("played"):
        yield played(request.param, query)
        return
    inventory: Amadeus | Duffel
    if request.param == "amadeus":
        settings = AmadeusSettings(url=sandbox.urls["amadeus"], per_second=1_000)
        inventory = Amadeus(settings, clock=SystemClock(), chance=SystemChance(), policy=POLICY)
    else:
        to = DuffelSettings(url=sandbox.urls["duffel"])
        inventory = Duffel(to, clock=SystemClock(), chance=SystemChance(), policy=POLICY)
    yield over_http(inventory, sandbox, query)
    sandbox.control("DELETE", "rules")
    if isinstance(inventory, Duffel):
        await inventory.aclose()


def in_memory(query: FlightQuery) -> Supplied:
    fake = FakeInventory(SystemClock())

    def spoil(how: str) -> None:
        fake.mood = "hanging" if how.startswith("hang") else "gone"

    def drift(percent: int) -> None:
        fake.percent = percent

    def sell_out() -> None:
        fake.is_sold_out = True

    def calm() -> None:
        fake.mood, fake.percent, fake.is_sold_out = "well", 0, False

    return Supplied(fake, query, spoil, drift, sell_out, calm)


def played(name: str, query: FlightQuery) -> Supplied:
    """As the process: a minute after midnight, and no limit of calls a second."""
    clock = SystemClock()
    sandbox = PlayedSandbox(WORLD, clock.now_ms)
    sandbox.start()
    sandbox.steer("POST", "clock", {"advanceMs": DAY_MS - clock.now_ms() % DAY_MS + 60_000})
    sandbox.steer("POST", "amadeus/options", {"tps": None})
    inventory: PlayedSupplier
    given: Any = {"clock": clock, "chance": SystemChance(), "policy": POLICY, "ledger": Ledger()}
    if name == "played amadeus":
        inventory = PlayedAmadeus(sandbox, **given, per_second=1_000)
    else:
        inventory = PlayedDuffel(sandbox, **given)

    def rule(**action: Any) -> None:
        sandbox.add_rule(inventory.name, action=action, times=None)

    return steered(inventory, query, rule, lambda: sandbox.steer("DELETE", "rules"))


def over_http(inventory: Amadeus | Duffel, sandbox: SandboxProcess, query: FlightQuery) -> Supplied:
    def rule(**action: Any) -> None:
        match = {"api": inventory.name}
        sandbox.control("POST", "rules", {"match": match, "action": action, "times": None})

    return steered(inventory, query, rule, lambda: sandbox.control("DELETE", "rules"))


def steered(
    inventory: Any, query: FlightQuery, rule: Callable[..., None], calm: Callable[[], Any]
) -> Supplied:
    """By rules of a sandbox."""

    def spoil(how: str) -> None:
        rule(type="status", code=int(how)) if how.isdecimal() else rule(type=how)

    return Supplied(
        inventory,
        query,
        spoil,
        lambda percent: rule(type="price_drift", percent=percent),
        lambda: rule(type="sell_out"),
        calm,
    )


# Searching.


async def test_offers_are_for_the_search_cheapest_first(supplied: Supplied) -> None:
    found = await supplied.offers()
    assert len(found) >= 3
    assert [one.total.amount for one in found] == sorted(one.total.amount for one in found)
    for one in found:
        assert one.supplier == supplied.inventory.name
        assert one.total.amount > 0
        assert one.fetched_at < one.expires_at
        assert isinstance(one.details, FlightDetails)
        (way,) = one.details.itineraries
        assert way.segments[0].origin in AIRPORTS["PAR"]
        assert way.segments[-1].destination in AIRPORTS["NCE"]
        assert way.segments[0].departs.startswith(supplied.query.depart_on)


async def test_an_offer_comes_back_from_where_it_is_kept_token_and_all(supplied: Supplied) -> None:
    found = await supplied.offers()
    assert found
    for one in found:
        kept = msgspec.json.decode(msgspec.json.encode(one), type=SupplierOffer)
        assert (kept, bytes(kept.token)) == (one, bytes(one.token))
        assert json.loads(bytes(one.token))


async def test_a_total_is_for_the_whole_party(supplied: Supplied) -> None:
    alone = {likeness(one): one for one in await supplied.offers(party=Party(adults=1))}
    family = await supplied.offers(party=Party(adults=2, children_ages=(8, 1)))
    compared = 0
    for many in family:
        one = alone.get(likeness(many))
        if one is not None:
            compared += 1
            assert 2 * one.total.amount < many.total.amount < 4 * one.total.amount
    assert compared


async def test_there_and_back_are_two_ways(supplied: Supplied) -> None:
    found = await supplied.offers(return_on=str(_after(supplied.query.depart_on)))
    assert found
    for one in found:
        assert isinstance(one.details, FlightDetails)
        out, home = one.details.itineraries
        assert out.segments[-1].destination == "NCE"
        assert home.segments[-1].destination in AIRPORTS["PAR"]


async def test_a_cabin_is_kept_to(supplied: Supplied) -> None:
    found = await supplied.offers(cabin="business")
    assert found
    for one in found:
        assert isinstance(one.details, FlightDetails)
        cabins = {flight.cabin for way in one.details.itineraries for flight in way.segments}
        assert cabins == {"business"}


async def test_what_it_does_not_sell_it_does_not_offer(supplied: Supplied) -> None:
    stay = HotelQuery(
        city="NCE",
        check_in=supplied.query.depart_on,
        check_out=str(_after(supplied.query.depart_on)),
        party=Party(adults=2),
    )
    is_sold = supplied.inventory.capabilities("hotel") is not None
    assert bool(await supplied.inventory.search(stay)) is is_sold


def _after(day: str) -> date:
    return date.fromisoformat(day) + timedelta(days=2)


@pytest.mark.parametrize(
    "changes",
    [{"depart_on": "2020-01-01"}, {"party": Party(adults=10)}],
    ids=["a day in the past", "ten travellers"],
)
async def test_a_search_that_is_wrong_is_rejected(
    supplied: Supplied, changes: dict[str, Any]
) -> None:
    with pytest.raises(Rejected) as refused:
        await supplied.offers(**changes)
    assert refused.value.code == "bad_request"


async def test_where_nobody_flies_there_is_nothing_or_it_is_rejected(supplied: Supplied) -> None:
    outcome: object
    try:
        outcome = await supplied.offers(destination="QQQ")
    except Rejected as refused:
        outcome = refused.code
    assert outcome in ([], "bad_request")


async def test_many_searches_at_once_all_have_their_answers(supplied: Supplied) -> None:
    answers: list[int] = []

    async def ask(adults: int) -> None:
        answers.append(len(await supplied.offers(party=Party(adults=adults))))

    async with trio.open_nursery() as nursery:
        for adults in (1, 2, 3) * 4:
            nursery.start_soon(ask, adults)
    assert len(answers) == 12
    assert all(answers)
    assert all(answers)


# Pricing.


async def test_an_offer_can_be_had_at_its_price(supplied: Supplied) -> None:
    (offer, *_) = await supplied.offers()
    priced = await supplied.inventory.reprice(offer, supplied.query)
    assert isinstance(priced, Priced)
    assert priced.previous is None
    assert priced.offer.total == offer.total
    assert likeness(priced.offer) == likeness(offer)


async def test_another_price_comes_with_the_one_before(supplied: Supplied) -> None:
    (offer, *_) = await supplied.offers()
    supplied.drift(20)
    priced = await supplied.inventory.reprice(offer, supplied.query)
    assert isinstance(priced, Priced)
    assert priced.previous == offer.total
    assert priced.offer.total.amount > offer.total.amount


async def test_a_priced_offer_can_be_priced_again(supplied: Supplied) -> None:
    (offer, *_) = await supplied.offers()
    once = await supplied.inventory.reprice(offer, supplied.query)
    twice = await supplied.inventory.reprice(once.offer, supplied.query)
    assert isinstance(twice, Priced)
    assert twice.previous is None


async def test_what_cannot_be_had_any_more_is_refused(supplied: Supplied) -> None:
    (offer, *_) = await supplied.offers()
    supplied.sell_out()
    refused = await supplied.inventory.reprice(offer, supplied.query)
    assert isinstance(refused, Refused)
    assert refused.kind in ("sold_out", "expired")
    assert refused.detail


@pytest.mark.parametrize("token", [b"{}", b'{"id":"../../air/orders"}', b"[]", b"7"])
async def test_what_is_no_offer_of_its_is_refused(supplied: Supplied, token: bytes) -> None:
    (offer, *_) = await supplied.offers()
    strange = structs.replace(offer, token=Raw(token))
    refused = await supplied.inventory.reprice(strange, supplied.query)
    assert isinstance(refused, Refused)


# Trouble.

BROKEN = ["500", "503", "html_502", "reset_before", "reset_after", "truncate_body", "bad_json"]
LIMITED = ["rate_limit"]


@pytest.mark.parametrize("how", BROKEN + LIMITED)
async def test_trouble_is_unavailable_and_passes(supplied: Supplied, how: str) -> None:
    (offer, *_) = await supplied.offers()
    supplied.spoil(how)
    with pytest.raises(Unavailable):
        await supplied.offers()
    with pytest.raises(Unavailable):
        await supplied.inventory.reprice(offer, supplied.query)
    supplied.calm()
    assert await supplied.offers()


@pytest.mark.parametrize("how", ["hang_before_effect", "hang_after_effect"])
async def test_a_search_ends_when_its_callers_time_is_over(supplied: Supplied, how: str) -> None:
    supplied.spoil(how)
    with trio.fail_after(2.0), trio.move_on_after(0.1) as patience:
        await supplied.offers()
    assert patience.cancelled_caught
    supplied.calm()
    assert await supplied.offers()
