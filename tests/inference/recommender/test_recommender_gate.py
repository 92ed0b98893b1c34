"""A fast share of `python -m inference.training.recommender.gate`, with fixed seeds."""

from dataclasses import replace

import numpy as np
import pytest

from inference.recommender.tower import load_tower
from inference.training.recommender.gate import Figures, measure, verdicts
from inference.training.recommender.simulation import Policy, ndcg

Found = dict[tuple[str, Policy], Figures]


@pytest.fixture(scope="module")
def found() -> Found:
    return measure(load_tower(), people=160, crowd=60, count=120, seed=1)


def test_who_learns_passes_and_who_does_not_fails(found: Found) -> None:
    assert verdicts(found) == []
    assert {name for name, _ in found} == {"weighers", "choosers"}
    assert "gain" in found["choosers", "no_learning"].failures
    assert "cold" in found["choosers", "no_prior"].failures


def test_the_gate_tells_when_anything_is_too_low(found: Found) -> None:
    for field in ("gain", "cold", "drift"):
        row = replace(found["weighers", "learning"], **{field: -1.0})
        assert verdicts(found | {("weighers", "learning"): row}) == [f"weighers: {field}"]
    best = found["weighers", "learning"]
    assert len(verdicts(found | {("weighers", "no_learning"): best})) == 1
    assert len(verdicts(found | {("choosers", "no_prior"): best})) == 1


def test_the_limits_are_what_was_promised(found: Found) -> None:
    kept = replace(found["weighers", "learning"], gain=0.15, cold=-0.02, drift=-0.05)
    assert kept.failures == []
    below = replace(kept, gain=0.149, cold=-0.021, drift=-0.051)
    assert below.failures == ["gain", "cold", "drift"]


def test_whoever_was_flipped_is_served_worse_at_first(found: Found) -> None:
    for name in ("weighers", "choosers"):
        row = found[name, "learning"]
        assert row.after < row.late - 0.1


def test_a_tower_that_knows_nothing_of_items_fails() -> None:
    tower = load_tower()
    rng = np.random.default_rng(1)

    class Blind:
        def run(self, _: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:  # type: ignore[type-arg]
            out = rng.normal(size=(len(inputs["features"]), 16))
            return [out / np.linalg.norm(out, axis=1, keepdims=True)]

    blind = measure(replace(tower, session=Blind()), people=30, crowd=30, count=60, seed=3)
    assert "weighers: gain" in verdicts(blind)
    assert "choosers: gain" in verdicts(blind)


def test_ndcg_is_one_for_the_best_order_and_less_for_any_other() -> None:
    grades = np.array([[0, 4, 1, 0, 2, 3]])
    best = np.argsort(-grades, axis=1)
    assert ndcg(grades, best)[0] == pytest.approx(1.0)
    assert 0 < ndcg(grades, best[:, ::-1])[0] < 0.6
    assert ndcg(np.zeros((1, 6), int), best)[0] == 1.0
