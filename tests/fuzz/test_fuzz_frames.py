"""Frames from clients that mean harm: each leads to exactly one documented outcome, and nothing stays.

`CARAVAN_FUZZ_FRAMES`: how many (100,000). A failure prints the frame and the command that replays it.
"""

import os
from collections import Counter
from collections.abc import Callable

import pytest
from campaign import Tally, run
from carriage import BREAKS, WAYS
from cases import MUTATED, RAW, STAGES, WEBSOCKET, case
from field_mutations import NAMES
from raw_attacks import ATTACKS

FRAMES = int(os.environ.get("CARAVAN_FUZZ_FRAMES", "100000"))
SEED = 20_261_124


@pytest.fixture(scope="module")
def tally() -> Tally:
    """What came of the whole campaign. That it comes to its end is the first promise: `Oracle.judge`
    raises at the first frame that has another outcome than a documented one."""
    return run((case(SEED, number) for number in range(FRAMES)), count=FRAMES)


def by_group(counter: Counter[tuple[str, str]], group: str) -> Counter[str]:
    return Counter({name: number for (of, name), number in counter.items() if of == group})


def test_every_frame_has_exactly_one_documented_outcome(
    tally: Tally, record_property: Callable[[str, object], None]
) -> None:
    record_property("counted", "\n".join(tally.lines()))
    assert tally.total == tally.came.total() == FRAMES


def test_at_least_half_of_them_are_valid_maps_with_one_field_changed(tally: Tally) -> None:
    assert by_group(tally.sent, MUTATED).total() >= FRAMES / 2


def test_no_class_of_harm_is_missing(tally: Tally) -> None:
    assert set(by_group(tally.sent, MUTATED)) == set(NAMES)
    assert set(by_group(tally.sent, RAW)) == set(ATTACKS)
    assert set(by_group(tally.sent, WEBSOCKET)) == set(BREAKS)
    assert set(tally.ways) == set(WAYS)
    assert set(tally.stages) == {stage for stage, _ in STAGES}


def test_no_documented_outcome_is_missing(tally: Tally) -> None:
    assert set(by_group(tally.came, MUTATED)) == {
        *("answered", "dispatched", "closed 4300", "closed 4303", "closed 4304"),
        *("refused bad_request", "refused too_large"),
    }
    assert set(by_group(tally.came, RAW)) >= {"answered", "dispatched", "closed 4300"}
    assert set(by_group(tally.came, WEBSOCKET)) == {
        *("closed 1000", "closed 1002", "closed 1007", "closed 4300", "closed 4304", "gone")
    }


def test_nothing_of_the_harmful_clients_stays(tally: Tally) -> None:
    assert tally.leftovers
    assert tally.stayed == {}


def test_memory_is_flat_between_the_second_tenth_and_the_last(tally: Tally) -> None:
    assert tally.is_flat, (tally.blocks, tally.allocated)
