"""What was offered to a party is found again for a smaller one, at each supplier of the sandbox."""

import pytest
import trio
from msgspec.structs import replace
from orders_world import FLIGHT, STAY, closed, orders_world

from core.ports.inventory import Priced
from gateways.partners.merging import likeness
from gateways.partners.offer_search import OfferSearch
from protocol.travel import Party, Query
from storage.memory.offers import MemoryOffers


class NoIds:
    """Nothing is shown."""

    def uuid7(self) -> str:
        raise AssertionError


FOUR = Party(adults=4, rooms=2)
CASES = {
    "amadeus": replace(FLIGHT, party=FOUR),
    "duffel": replace(FLIGHT, party=FOUR),
    "rooms": replace(STAY, party=FOUR),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_same_is_found_for_fewer_and_costs_them_less_or_the_same(case: str) -> None:
    query: Query = CASES[case]
    async with orders_world() as world, trio.open_nursery() as nursery:
        inventory = getattr(world, "duffel" if case == "duffel" else "amadeus")()
        search = OfferSearch(MemoryOffers(world.clock), clock=world.clock, ids=NoIds())
        await nursery.start(search.run, [inventory])
        (shown, *_) = await inventory.search(query)
        fewer = replace(query, party=replace(FOUR, adults=3))
        found = await search.reprice(shown, fewer, anew=True)
        assert isinstance(found, Priced)
        assert likeness(found.offer) == likeness(shown)
        assert found.offer.total.currency == shown.total.currency
        assert found.offer.total.amount <= shown.total.amount
        if case != "rooms":
            assert found.offer.total.amount * 4 == shown.total.amount * 3
        nursery.cancel_scope.cancel()
        await closed(inventory)
