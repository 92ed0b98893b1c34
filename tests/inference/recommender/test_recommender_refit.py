"""What most like is learned from those who share it, judged by what they said last, and tells of nobody."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from recommender_items import a_place

from core.ports.inference import Circumstances
from core.ports.personas import Feedback
from inference.recommender.features import features_of
from inference.recommender.most_liked import MostLiked
from inference.recommender.refit import (
    MARGIN,
    TooLittle,
    Verdict,
    compared,
    compared_towers,
    enough,
    fitted,
    statistics,
)
from inference.recommender.schema import AT, FEATURES
from inference.recommender.taste import MIN_PEOPLE, MOST_OF_ONE, liking
from inference.recommender.tower import load_tower
from inference.recommender.voices import Voices, voices_of

TOWER = load_tower()
COAST = [a_place(f"coast-{n}", tags=("coast",), price_level=1 + n % 5) for n in range(5)]
HILLS = [a_place(f"hills-{n}", tags=("mountains",), price_level=1 + n % 5) for n in range(5)]
VECTORS = dict(
    zip(
        [place.id for place in COAST + HILLS],
        features_of(COAST + HILLS, Circumstances(month=5), places={}),
        strict=True,
    )
)


def feedback(user: str, item: str, value: int, at: int, **fields: Any) -> Feedback:
    values: dict[str, Any] = {
        "user_id": user,
        "persona_id": "p",
        "message_id": f"m{at}",
        "item_id": item,
        "value": value,
        "at": at,
        "features": VECTORS[item],
        "tower": TOWER.version,
    }
    return Feedback(**values | fields)


def crowd(
    rng: Generator, *, people: int = 30, each: int = 20, likes: str = "hills"
) -> list[Feedback]:
    """Who like most of what `likes` begins, and little else; everybody speaks in every round."""
    found = []
    for turn in range(each):
        for person in range(people):
            item = list(VECTORS)[int(rng.integers(len(VECTORS)))]
            is_liked = rng.random() < (0.9 if item.startswith(likes) else 0.15)
            found.append(
                feedback(f"u{person}", item, 1 if is_liked else -1, at=turn * people + person)
            )
    return found


def test_only_judgements_of_items_that_can_be_read_are_voices() -> None:
    good = [feedback("b", "coast-0", 1, 2), feedback("a", "hills-0", -1, 1, kind="booked")]
    bad = [
        feedback("a", "coast-0", 1, 3, kind="opened"),
        feedback("a", "coast-0", 0, 3),
        feedback("a", "coast-0", 1, 3, features=(1.0,)),
        feedback("a", "coast-0", 1, 3, tower="2.other"),
    ]
    voices = voices_of(good + bad)
    assert voices.person.tolist() == [0, 1]
    assert voices.liked.tolist() == [0.0, 1.0]
    assert voices.features[0].tolist() == list(VECTORS["hills-0"])
    assert (len(voices_of(bad)), voices_of(bad).features.shape) == (0, (0, len(FEATURES)))


def test_the_newest_fifth_is_held_out() -> None:
    head, tail = voices_of(crowd(default_rng(1), people=30, each=10)).split()
    assert (len(head), len(tail)) == (240, 60)


def test_nobody_counts_for_more_than_the_bound() -> None:
    voices = Voices(np.array([0] * 200 + [1]), np.zeros((201, 1)), np.ones(201))
    assert voices.share[:200].sum() == pytest.approx(MOST_OF_ONE)
    assert voices.share[200] == 1


@pytest.mark.parametrize("people", [1, MIN_PEOPLE - 1])
def test_of_few_people_nothing_is_learned(people: int) -> None:
    with pytest.raises(TooLittle, match=f"{people} people"):
        enough(voices_of(crowd(default_rng(1), people=people, each=60)))


def test_without_enough_held_out_nothing_is_compared() -> None:
    with pytest.raises(TooLittle, match="held out"):
        enough(voices_of(crowd(default_rng(1), people=30, each=4)))


def test_a_crowd_that_likes_the_hills_is_learned_and_better_than_a_guess() -> None:
    head, tail = enough(voices_of(crowd(default_rng(1))))
    weights = fitted(head, TOWER)
    items = TOWER.items(np.array([VECTORS["hills-0"], VECTORS["coast-0"]]))
    hills, coast = liking(weights, items, sharpness=TOWER.sharpness, bias=TOWER.bias)
    assert hills > 0.7 > 0.3 > coast
    verdict = compared(tail, TOWER, new=MostLiked(weights), in_use=MostLiked(TOWER.popular))
    assert verdict.is_good
    assert verdict.loss < 0.5 < verdict.in_use


def test_what_was_fitted_to_others_is_worse_and_said_to_be() -> None:
    _, tail = enough(voices_of(crowd(default_rng(1))))
    others = fitted(enough(voices_of(crowd(default_rng(2), likes="coast")))[0], TOWER)
    ours = fitted(enough(voices_of(crowd(default_rng(3))))[0], TOWER)
    verdict = compared(tail, TOWER, new=MostLiked(others), in_use=MostLiked(ours))
    assert not verdict.is_good
    assert verdict.why.startswith("worse")


def test_a_new_one_may_be_a_little_worse() -> None:
    assert Verdict(loss=0.5 + MARGIN - 1e-9, in_use=0.5).is_good
    assert not Verdict(loss=0.5 + MARGIN + 1e-9, in_use=0.5).is_good


def test_towers_are_compared_by_the_tastes_that_they_learn() -> None:
    rng = default_rng(4)
    said = crowd(rng, people=12, each=30) + [
        feedback(f"c{one.user_id}", one.item_id or "", -one.value, one.at)
        for one in crowd(rng, people=12, each=30)
    ]
    head, tail = enough(voices_of(said))
    same = TOWER, TOWER.popular
    verdict = compared_towers(head, tail, new=same, in_use=same)
    assert verdict.is_good
    assert not replace(verdict, loss=verdict.in_use + 1e-9).is_good
    # One that tells nothing apart learns nothing.
    blind = _Blind(), TOWER.popular
    verdict = compared_towers(head, tail, new=blind, in_use=same)  # type: ignore[arg-type]
    assert not verdict.is_good
    assert verdict.in_use < 0.55 < verdict.loss


class _Blind:
    sharpness, bias = TOWER.sharpness, TOWER.bias

    def items(self, features: Any) -> Any:
        return np.tile(np.eye(16)[15], (len(features), 1))


def test_statistics_tell_shares_of_what_many_judged_and_of_nothing_else() -> None:
    voices = voices_of(crowd(default_rng(1)))
    shown = np.array([VECTORS["hills-0"]] * 7 + [VECTORS["coast-0"]] * 3)
    figures = statistics(voices, shown)
    assert (figures["shown"], figures["judged"], figures["people"]) == (10, 600, 30)
    assert figures["tags.mountains.shown"] == 7
    assert figures["tags.mountains.liked"] > 0.8
    assert figures["tags.coast.liked"] < 0.25
    assert not any(name.startswith(("tags.capital", "kind.hotel")) for name in figures)
    few = statistics(voices_of(crowd(default_rng(1), people=MIN_PEOPLE - 1)), shown)
    assert set(few) == {"shown", "judged", "people"}
    assert statistics(voices_of([]), np.zeros((0, len(FEATURES))))["shown"] == 0
    assert AT["tags.capital"]
