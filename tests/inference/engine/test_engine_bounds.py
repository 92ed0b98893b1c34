"""What is kept is bounded, and what is counted is right."""

import numpy as np

from inference.engine.arena import Prefix
from inference.engine.pace import Pace, Rate
from inference.engine.prefixes import PrefixCache


def prefix(length: int) -> Prefix:
    return Prefix(np.zeros((4, 2, length, 16), np.float32))


def test_the_prefix_that_was_least_recently_used_goes_first() -> None:
    cache = PrefixCache(max_prefixes=2)
    cache.keep((1,), prefix(1))
    cache.keep((2,), prefix(1))
    assert cache.find((1,)) is not None
    cache.keep((3,), prefix(1))
    assert cache.find((2,)) is None
    assert cache.find((1,)) is not None
    assert cache.statistics() == {
        "prefixes": 2,
        "prefix_bytes": 2 * 4 * 2 * 16 * 4,
        "prefix_hits": 2,
        "prefix_misses": 1,
    }


def test_prefixes_are_bounded_by_their_bytes() -> None:
    one = prefix(10).values.nbytes
    cache = PrefixCache(max_bytes=2 * one)
    for number in range(5):
        cache.keep((number,), prefix(10))
    cache.keep((9,), prefix(30))  # larger than all there may be
    assert cache.statistics()["prefixes"] == 2
    assert cache.statistics()["prefix_bytes"] == 2 * one
    assert cache.find((4,)) is not None
    assert cache.find((9,)) is None


def test_keeping_a_prefix_twice_counts_it_once() -> None:
    cache = PrefixCache()
    cache.keep((1,), prefix(10))
    cache.keep((1,), prefix(10))
    assert cache.statistics()["prefix_bytes"] == prefix(10).values.nbytes


def test_a_rate_is_of_the_last_whole_seconds() -> None:
    rate = Rate()
    assert rate.per_second(0.5) == 0
    for tenth in range(100):
        rate.add(7, tenth / 10)
    assert rate.per_second(10.5) == 70
    assert rate.per_second(9.5) == 70  # this second is not over, so it does not count
    assert rate.per_second(100) == 0


def test_nobody_waits_while_slots_are_free() -> None:
    pace = Pace(step=0.004, prefill=0.010, reply_tokens=30)
    assert pace.wait(ahead=0, busy=7, slots=8) == 0
    assert pace.wait(ahead=3, busy=0, slots=8) == 3 * 0.010  # prompts are read one by one


def test_slots_become_free_one_by_one() -> None:
    pace = Pace(step=0.004, prefill=0.0, reply_tokens=30)
    assert pace.wait(ahead=0, busy=8, slots=8) == 30 * 0.004 / 8
    assert pace.wait(ahead=7, busy=8, slots=8) == 30 * 0.004
