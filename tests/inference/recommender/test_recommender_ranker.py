"""Tastes are learned from feedback, replayed under new towers, merged for groups, and explained."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from recommender_items import a_flight, a_place, a_room

from core.errors import Unavailable
from core.ports.inference import Circumstances, Taste
from core.ports.personas import Feedback
from inference.recommender.groups import chosen_how, merged
from inference.recommender.ranker import MOST_CACHED, Population, TowerRanker
from inference.recommender.reasons import is_true
from inference.recommender.schema import AT, FEATURES, REASONS
from inference.recommender.taste import WIDTH, population
from inference.recommender.tower import ARTEFACT, MANIFEST, MODEL, TowerDamaged, load_tower
from protocol.travel import MonthClimate, Place

TOWER = load_tower()
MAY = Circumstances(month=5)
COAST = [a_place(f"coast-{n}", tags=("coast",), price_level=1 + n % 5) for n in range(5)]
HILLS = [a_place(f"hills-{n}", tags=("mountains",), price_level=1 + n % 5) for n in range(5)]
PLACES = [place for pair in zip(COAST, HILLS, strict=True) for place in pair]


def a_ranker(**fields: Any) -> TowerRanker:
    return TowerRanker(TOWER, **fields)


def thumbs(ranker: TowerRanker, items: list[Place], value: int, **fields: Any) -> list[Feedback]:
    ranked = ranker.rank_sync(items, [], MAY)
    return [
        Feedback(
            **{
                "user_id": "u",
                "persona_id": "p",
                "message_id": "m",
                "item_id": items[one.index].id,
                "value": value,
                "features": one.features,
                "tower": ranker.tower,
            }
            | fields
        )
        for one in ranked
    ]


def hill_lover(ranker: TowerRanker) -> Taste:
    taste = ranker.taste_of(thumbs(ranker, HILLS[:3], 1) + thumbs(ranker, COAST[:3], -1))
    assert taste is not None
    return taste


def kinds(ranker: TowerRanker, tastes: list[Taste]) -> list[str]:
    ranked = ranker.rank_sync(PLACES, tastes, MAY)
    return [PLACES[one.index].id.partition("-")[0] for one in ranked]


async def test_each_candidate_is_ranked_once_and_the_best_first() -> None:
    ranked = await a_ranker().rank(PLACES, tastes=[], about=MAY)
    assert sorted(one.index for one in ranked) == list(range(len(PLACES)))
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert {one.how for one in ranked} == {"own"}
    assert all(len(one.features) == len(FEATURES) for one in ranked)
    assert await a_ranker().rank([], tastes=[], about=MAY) == []


class Session:
    """A tower's, that does as `run` says."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run

    def run(self, *_: Any) -> Any:
        self._run()
        return TOWER.session.run(*_)


async def test_a_tower_that_fails_is_unavailable_and_counted() -> None:
    """Whoever asks goes on without: the suppliers' order is an answer."""

    def fail() -> None:
        raise RuntimeError("onnxruntime")

    ranker = TowerRanker(replace(TOWER, session=Session(fail)))
    with pytest.raises(Unavailable):
        await ranker.rank(PLACES, tastes=[], about=MAY)
    with pytest.raises(Unavailable):
        ranker.taste_of(thumbs(a_ranker(), HILLS, 1))
    assert ranker.statistics()["failed"] == 2


async def test_a_tower_that_hangs_holds_up_nobody_who_has_a_deadline() -> None:
    goes_on, threads = threading.Event(), trio.CapacityLimiter(1)
    hung = Session(lambda: None if goes_on.wait(10) else pytest.fail("it was not let go"))
    ranker = TowerRanker(replace(TOWER, session=hung), worker=threads)
    with trio.move_on_after(0.05) as scope:
        await ranker.rank(PLACES, tastes=[], about=MAY)
    assert scope.cancelled_caught
    assert threads.borrowed_tokens == 1, "the next one waits: never two at once"
    goes_on.set()


def test_of_equals_the_order_that_they_came_in_stays() -> None:
    ranked = a_ranker().rank_sync([a_place(), a_place("other"), a_place("third")], [], MAY)
    assert [one.index for one in ranked] == [0, 1, 2]


def test_a_few_thumbs_turn_the_order_around() -> None:
    ranker = a_ranker()
    assert kinds(ranker, [])[:3] == ["coast"] * 3
    assert kinds(ranker, [hill_lover(ranker)])[:5] == ["hills"] * 5


def test_a_taste_is_the_same_however_often_it_is_made() -> None:
    assert hill_lover(a_ranker()) == hill_lover(a_ranker())
    taste = hill_lover(a_ranker())
    assert (taste.version, taste.seen, len(taste.weights)) == (TOWER.version, 6, WIDTH)


def test_nothing_is_learned_of_nothing() -> None:
    ranker = a_ranker()
    whole_answer = thumbs(ranker, COAST[:1], 1, features=())
    assert ranker.taste_of([]) is None
    assert ranker.taste_of(whole_answer) is None
    assert ranker.taste_of(thumbs(ranker, COAST[:1], 0)) is None


def test_only_the_newest_200_count() -> None:
    ranker = a_ranker()
    old, new = thumbs(ranker, COAST, 1) * 10, thumbs(ranker, HILLS, 1) * 40
    taste = ranker.taste_of(old + new)
    assert taste is not None
    assert taste.seen == 200
    assert taste == ranker.taste_of(new)


def test_what_changed_lately_counts_more() -> None:
    ranker = a_ranker()
    likes = thumbs(ranker, HILLS, 1) + thumbs(ranker, COAST, -1)
    dislikes = thumbs(ranker, HILLS, -1) + thumbs(ranker, COAST, 1)
    taste = ranker.taste_of(dislikes * 8 + likes * 8)
    assert taste is not None
    assert kinds(ranker, [taste])[0] == "hills"


def test_looking_is_less_than_saying() -> None:
    ranker = a_ranker()
    plain = np.array(TOWER.popular)
    moved = {}
    for kind in ("opened", "rating", "booked"):
        taste = ranker.taste_of(thumbs(ranker, HILLS[:1], 1, kind=kind))
        assert taste is not None
        moved[kind] = float(np.linalg.norm(np.array(taste.weights) - plain))
    assert moved["opened"] < moved["rating"] < moved["booked"]


def test_a_taste_of_another_tower_does_not_count() -> None:
    ranker = a_ranker()
    old = replace(hill_lover(ranker), version="1.00000000")
    assert kinds(ranker, [old]) == kinds(ranker, [])


def test_a_new_tower_learns_of_what_was_said_under_the_old_one() -> None:
    ranker = a_ranker()
    said = thumbs(ranker, HILLS[:3], 1) + thumbs(ranker, COAST[:3], -1)
    later = TowerRanker(replace(TOWER, version="1.ffffffff"))
    taste = later.taste_of(said)
    assert taste is not None
    assert taste.version == "1.ffffffff"
    assert kinds(later, [taste])[:5] == ["hills"] * 5
    # Features of another schema mean something else.
    assert later.taste_of([replace(one, tower="2.00000000") for one in said]) is None


def test_what_is_stated_comes_before_what_most_like_and_feedback_after_both() -> None:
    ranker = a_ranker()
    stated = ranker.taste_of([], stated={"tags.mountains": 1.0, "tags.coast": -1.0})
    assert stated is not None
    assert stated.seen == 0
    assert kinds(ranker, [stated])[:5] == ["hills"] * 5
    said = thumbs(ranker, COAST, 1) * 3 + thumbs(ranker, HILLS, -1) * 3
    taste = ranker.taste_of(said, stated={"tags.mountains": 1.0, "tags.coast": -1.0})
    assert taste is not None
    assert kinds(ranker, [taste])[:5] == ["coast"] * 5


def test_what_is_stated_in_no_feature_says_nothing() -> None:
    ranker = a_ranker()
    assert np.array_equal(ranker.prior({"opera": 1.0}), TOWER.popular)


# Groups.


def test_those_who_are_of_one_mind_get_their_average() -> None:
    ranker = a_ranker()
    taste = hill_lover(ranker)
    assert {one.how for one in ranker.rank_sync(PLACES, [taste, taste], MAY)} == {"average"}


def test_who_want_different_things_get_what_none_of_them_suffers() -> None:
    ranker = a_ranker()
    hills = hill_lover(ranker)
    coast = ranker.taste_of(thumbs(ranker, COAST, 1) + thumbs(ranker, HILLS, -1))
    assert coast is not None
    both = a_place("both", tags=("coast", "mountains"))
    ranked = ranker.rank_sync([*PLACES, both], [hills, coast], MAY)
    assert {one.how for one in ranked} == {"least_misery"}
    scores = [
        {one.index: one.score for one in ranker.rank_sync([*PLACES, both], [taste], MAY)}
        for taste in (hills, coast)
    ]
    worst = {at: min(one[at] for one in scores) for at in range(len(PLACES) + 1)}
    assert worst[ranked[0].index] == max(worst.values())


def test_least_misery_and_average_differ_where_it_matters() -> None:
    likings = np.array([[0.9, 0.5], [0.1, 0.4]])
    assert merged(likings, "average").argmax() == 0
    assert merged(likings, "least_misery").argmax() == 1
    assert chosen_how(np.array([[1.0, 0.0], [-1.0, 0.0]])) == "least_misery"


# Reasons.


def test_the_reason_is_what_weighed_most_and_is_true() -> None:
    ranker = a_ranker()
    best = ranker.rank_sync(PLACES, [hill_lover(ranker)], MAY)[0]
    assert best.because == "tags.mountains"
    for one in ranker.rank_sync(PLACES, [hill_lover(ranker)], MAY):
        assert one.because is None or is_true(one.because, one.features)
        assert one.because is None or one.because in REASONS


def test_a_room_that_is_dear_is_never_shown_for_its_price() -> None:
    ranker = a_ranker()
    rooms = [a_room(40_000), a_room(50_000), a_room(50_000), a_room(200_000)]
    reasons = {one.index: one.because for one in ranker.rank_sync(rooms, [], MAY)}
    assert reasons[0] == "price"
    assert reasons[3] != "price"


def test_what_most_like_of_flights() -> None:
    flights = [a_flight(stops=2, minutes=900), a_flight(stops=0, minutes=150)]
    ranked = a_ranker().rank_sync(flights, [], MAY)
    assert ranked[0].index == 1
    assert ranked[0].because in ("stops", "duration")


@pytest.mark.parametrize("reason", REASONS)
def test_nothing_can_be_said_of_what_is_not_known(reason: str) -> None:
    assert not is_true(reason, tuple(1.0 if "unknown" in name else 0.0 for name in FEATURES))


# Bounds, and a damaged file.


def test_the_cache_changes_nothing_and_has_an_end() -> None:
    ranker = a_ranker()
    first = ranker.rank_sync(PLACES, [], MAY)
    assert ranker.rank_sync(PLACES, [], MAY) == first
    assert ranker.statistics() == {
        "ranked": 20,
        "cached": 10,
        "kept": 10,
        "tastes": 0,
        "failed": 0,
    }
    many = [a_place(f"p-{n}", population=10_000 + 40 * n) for n in range(MOST_CACHED + 50)]
    assert len(ranker.rank_sync(many, [], MAY)) == len(many)
    assert ranker.statistics()["kept"] <= MOST_CACHED
    assert ranker.rank_sync(PLACES, [], MAY) == first


def test_an_item_is_ranked_the_same_whatever_stands_beside_it() -> None:
    alone = a_ranker().rank_sync([COAST[0]], [], MAY)[0]
    among = next(one for one in a_ranker().rank_sync(PLACES, [], MAY) if one.index == 0)
    assert (among.score, among.because) == (alone.score, alone.because)


def test_outputs_have_length_one() -> None:
    rng = np.random.default_rng(1)
    found = TOWER.items(rng.normal(0, 1, (50, len(FEATURES))))
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    assert TOWER.items(np.zeros((0, len(FEATURES)))).shape == (0, WIDTH)


def test_the_artefact_is_small_and_complete() -> None:
    assert sum(file.stat().st_size for file in ARTEFACT.iterdir()) < 100_000


@pytest.mark.parametrize("damage", ["missing", "bytes", "features", "schema"])
def test_a_damaged_tower_is_refused_with_the_reason(tmp_path: Path, damage: str) -> None:
    manifest = (ARTEFACT / MANIFEST).read_text("utf-8")
    packed = (ARTEFACT / MODEL).read_bytes()
    match damage:
        case "bytes":
            packed = packed[:-1]
        case "features":
            manifest = manifest.replace("tags.coast", "tags.sea")
        case "schema":
            manifest = manifest.replace(TOWER.version, "2.12345678")
    if damage != "missing":
        (tmp_path / MODEL).write_bytes(packed)
    (tmp_path / MANIFEST).write_text(manifest, "utf-8")
    with pytest.raises(TowerDamaged):
        load_tower(tmp_path)


# The population.


def test_a_population_of_few_people_is_none() -> None:
    x, y = np.eye(WIDTH)[:2], np.array([1.0, 0.0])
    kept = {"otherwise": TOWER.popular, "sharpness": 3.0, "bias": 0.0}
    assert np.array_equal(population([x] * 19, [y] * 19, **kept), TOWER.popular)
    found = population([x] * 20, [y] * 20, **kept)
    assert found[0] > TOWER.popular[0]
    assert found[1] < TOWER.popular[1]


def test_nobody_counts_for_more_than_sixty_feedbacks() -> None:
    x, y = np.eye(WIDTH)[:1], np.array([1.0])
    loud, loud_says = np.repeat(x, 2_000, axis=0), np.zeros(2_000)
    kept = {"otherwise": np.zeros(WIDTH), "sharpness": 3.0, "bias": 0.0}
    crowd = [np.repeat(x, 60, axis=0)] * 20, [np.repeat(y, 60)] * 20
    found = population([*crowd[0], loud], [*crowd[1], loud_says], **kept)
    assert found[0] > 0


def test_a_climate_that_is_liked_is_a_reason_only_where_it_is_known() -> None:
    warm = a_place(tags=(), climate=(MonthClimate(mean=24, rain=10),) * 12, price_level=None)
    (ranked,) = a_ranker().rank_sync([warm], [], MAY)
    assert ranked.because == "climate"
    assert ranked.features[AT["climate.warmth.unknown"]] == 0.0


def hill_people(tower: str = TOWER.version) -> Population:
    """A population that likes the hills as one person does."""
    weights = np.array(hill_lover(a_ranker()).weights)
    return Population(version="prior-1", tower=tower, weights=weights)


def test_who_said_nothing_is_served_by_what_most_like() -> None:
    assert kinds(a_ranker(), [])[0] == "coast"
    assert kinds(a_ranker(population=hill_people()), [])[0] == "hills"


def test_a_population_of_another_tower_does_not_count() -> None:
    ranker = a_ranker(population=hill_people("1.other"))
    assert (ranker.population, kinds(ranker, [])[0]) == ("", "coast")


def test_a_new_taste_begins_from_the_population_and_what_is_stated_comes_over_it() -> None:
    played, ranker = a_ranker(), a_ranker(population=hill_people())
    look = thumbs(ranker, COAST[:1], 1, kind="opened")
    begun = [one.taste_of(look) for one in (played, ranker)]
    assert [kinds(ranker, [taste])[0] for taste in begun if taste] == ["coast", "hills"]
    stated = ranker.taste_of(look, stated={"tags.coast": 1.0, "tags.mountains": -1.0})
    assert stated is not None
    assert kinds(ranker, [stated])[0] == "coast"


def test_a_taste_names_what_it_began_from() -> None:
    played, ranker = a_ranker(), a_ranker(population=hill_people())
    stated = {"tags.coast": 1.0}
    names = [one.prior_of(said) for one in (played, ranker) for said in ({}, stated)]
    assert len(set(names)) == 4
    assert names[0] == played.prior_of({"opera": 1.0}) == ""
    taste = ranker.taste_of([], stated=stated)
    assert taste is not None
    assert taste.prior == ranker.prior_of(dict(stated)) == names[3]
