"""Ranking waits for its tower, does without one, and never forgets what it could not read yet."""

from dataclasses import replace

import numpy as np
import pytest
import trio
import trio.testing

from actors.persona.ports import Circumstances, Recommender
from commands.late_recommender import LateRecommender
from core.errors import Unavailable
from core.ports.personas import Feedback
from inference.recommender.most_liked import MostLiked
from inference.recommender.ranker import Population, TowerRanker
from inference.recommender.tower import Tower, load_tower
from protocol.travel import GeoPoint, Place

PLACE = Place(
    id="p",
    kind="destination",
    names={"en": "P"},
    country="PT",
    at=GeoPoint(latitude=0, longitude=0),
    time_zone="UTC",
    tags=("coast",),
)
ABOUT = Circumstances()


async def test_who_asks_while_the_tower_is_loaded_waits(autojump_clock: object) -> None:
    late: Recommender = LateRecommender()
    found = []

    async def ask() -> None:
        found.extend(await late.rank([PLACE], tastes=[], about=ABOUT))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert found == []
        with pytest.raises(Unavailable):
            late.taste_of([])
        late.begin(TowerRanker(load_tower()))  # type: ignore[attr-defined]
    assert found[0].because == "tags.coast"
    assert late.tower


async def test_without_a_tower_items_stay_as_they_were_found() -> None:
    late = LateRecommender()
    late.begin(None)
    ranked = await late.rank([PLACE, PLACE], tastes=[], about=ABOUT)
    assert [one.index for one in ranked] == [0, 1]
    said = Feedback(user_id="u", persona_id="p", message_id="m", item_id="i", value=1)
    assert late.taste_of([said]) is None
    assert late.tower == ""


TOWER = load_tower()
NEWER = replace(TOWER, version="1.newer")


def population(tower: Tower) -> Population:
    weights = -np.array(TOWER.popular)
    return Population(version="prior-1", tower=tower.version, weights=weights)


async def test_towers_and_populations_are_exchanged_and_taken_back() -> None:
    late = LateRecommender()
    assert late.models() == {}
    late.begin(TowerRanker(TOWER))
    assert late.models() == {"recommender": TOWER.version, "prior": "played"}
    await late.exchange(None, population(TOWER))
    assert late.models() == {"recommender": TOWER.version, "prior": "prior-1"}
    tower, most = await late.in_use() or (None, MostLiked(np.zeros(0)))
    assert (tower, most.weights.tolist()) == (TOWER, (-TOWER.popular).tolist())
    await late.exchange(NEWER, population(TOWER))
    assert late.models() == {"recommender": "1.newer", "prior": "played"}
    await late.exchange(NEWER, population(NEWER))
    assert late.models() == {"recommender": "1.newer", "prior": "prior-1"}
    # Neither places that are known later nor a new beginning forget what was exchanged.
    late.know_places({})
    late.begin(TowerRanker(TOWER))
    assert late.models() == {"recommender": "1.newer", "prior": "prior-1"}
    await late.exchange(None, None)
    assert late.models() == {"recommender": TOWER.version, "prior": "played"}


async def test_without_a_tower_nothing_is_exchanged() -> None:
    late = LateRecommender()
    late.begin(None)
    await late.exchange(NEWER, population(NEWER))
    late.know_places({})
    assert (await late.in_use(), late.models(), late.tower) == (None, {}, "")


async def test_an_exchange_keeps_the_figures(autojump_clock: object) -> None:
    late = LateRecommender()
    late.begin(TowerRanker(TOWER))
    await late.rank([PLACE], tastes=[], about=ABOUT)
    await late.exchange(None, population(TOWER))
    await late.rank([PLACE], tastes=[], about=ABOUT)
    assert (late.statistics()["ranked"], late.statistics()["cached"]) == (2, 1)
