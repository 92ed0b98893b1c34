"""Ranking waits for its tower, does without one, and never forgets what it could not read yet."""

import pytest
import trio
import trio.testing

from actors.persona.ports import Circumstances, Recommender
from commands.wire_personas import LateRecommender
from core.errors import Unavailable
from core.ports.personas import Feedback
from inference.recommender.ranker import TowerRanker
from inference.recommender.tower import load_tower
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
