"""Many offers are read a few at a time: whoever else is in the loop has turns between."""

from itertools import pairwise

import msgspec
import trio
from amadeus_samples import FLIGHT, FLIGHTS, NOW, flights, paired, token

from gateways.partners.amadeus_flights import flight_offer
from gateways.partners.amadeus_transport import SDK_READS
from gateways.partners.slices import AT_ONCE, readable
from protocol.travel import SupplierOffer

RAW = msgspec.Raw(FLIGHT)


async def test_others_have_a_turn_after_every_few_offers() -> None:
    made = 0
    seen = [0]

    def make(raw: msgspec.Raw) -> SupplierOffer:
        nonlocal made
        made += 1
        return flight_offer(raw, NOW)

    async def other() -> None:
        while made < 5 * AT_ONCE:
            seen.append(made)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        offers, faults = await readable([RAW] * (5 * AT_ONCE), make)
    assert (len(offers), faults) == (5 * AT_ONCE, [])
    # (Who of two is first in a round is chance.)
    assert max(later - sooner for sooner, later in pairwise(seen)) <= 2 * AT_ONCE


async def test_what_cannot_be_read_is_told_apart() -> None:
    raws = [RAW, msgspec.Raw(b"{}"), RAW]
    offers, faults = await readable(raws, lambda raw: flight_offer(raw, NOW))
    assert (len(offers), len(faults)) == (2, 1)


async def test_an_answer_too_large_for_the_sdks_own_parser_is_read_all_the_same() -> None:
    many = 2 * SDK_READS // len(FLIGHT)
    async with paired() as pair:
        pair.server.say(token(), flights(*[FLIGHT] * many))
        found = await pair.amadeus.search(FLIGHTS)
    assert [bytes(one.token) for one in found] == [FLIGHT] * many


async def test_a_large_answer_that_is_no_json_is_a_failure_like_any_other() -> None:
    broken = flights(*[FLIGHT] * (2 * SDK_READS // len(FLIGHT))).replace(b'"data":[', b'"data":{')
    async with paired(most_retries=1) as pair:
        pair.server.say(token(), broken, flights(FLIGHT))
        assert len(await pair.amadeus.search(FLIGHTS)) == 1
        assert pair.amadeus.statistics()["retries"] == 1
