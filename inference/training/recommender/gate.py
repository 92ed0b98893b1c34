"""The gate: `python -m inference.training.recommender.gate` (half a minute); 0 when all of it is passed.

Two kinds of people, of which the second does not add up and none was in the training. Beside the policy that
learns, two controls that must not pass: one that learns nothing, one that begins with nothing.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from numpy.random import default_rng

from inference.recommender.tower import Tower, load_tower
from inference.training.recommender.people import Draw, chooser, weigher
from inference.training.recommender.scenes import scenes
from inference.training.recommender.simulation import Course, Policy, most_of, play, world

SIMULATORS: Final[Mapping[str, Draw]] = {"weighers": weigher, "choosers": chooser}
POLICIES: Final[tuple[Policy, ...]] = ("learning", "no_learning", "no_prior")
GAIN: Final = 0.15
COLD: Final = -0.02
DRIFT: Final = -0.05
COLD_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """NDCG@5. `gain`: over popularity in rounds 20 to 39. `cold`: over popularity in the first three.
    `drift`: of those who became others, rounds 75 to 79 against 35 to 39."""

    popular: float
    first: float
    learned: float
    after: float
    late: float
    gain: float
    cold: float
    drift: float

    @property
    def failures(self) -> list[str]:
        limits = {"gain": GAIN, "cold": COLD, "drift": DRIFT}
        return [name for name, least in limits.items() if getattr(self, name) < least]


def figures(course: Course) -> Figures:
    mine, popular, flipped = course.learned, course.popular, course.flipped
    before, late = mine[flipped, 35:40].mean(), mine[flipped, 75:80].mean()
    return Figures(
        popular=float(popular.mean()),
        first=float(mine[:, :COLD_ROUNDS].mean()),
        learned=float(mine[:, 20:40].mean()),
        after=float(mine[flipped, 40:45].mean()),
        late=float(late),
        gain=float(mine[:, 20:40].mean() - popular[:, 20:40].mean()),
        cold=float(mine[:, :COLD_ROUNDS].mean() - popular[:, :COLD_ROUNDS].mean()),
        drift=float(late - before),
    )


def measure(
    tower: Tower, *, people: int, crowd: int, count: int, seed: int
) -> dict[tuple[str, Policy], Figures]:
    """By simulator and policy."""
    seen = scenes(count, default_rng(seed))
    found: dict[tuple[str, Policy], Figures] = {}
    for name, draw in SIMULATORS.items():
        played = world(draw, seen, tower, people=people, crowd=crowd, seed=seed + 1)
        most = most_of(played, tower, default_rng(seed + 3))
        for policy in POLICIES:
            course = play(played, tower, most=most, policy=policy, seed=seed + 2)
            found[name, policy] = figures(course)
    return found


def verdicts(found: Mapping[tuple[str, Policy], Figures]) -> list[str]:
    """What is wrong; empty: passed."""
    wrong = []
    for (name, policy), row in found.items():
        failures = row.failures
        if policy == "learning":
            wrong += [f"{name}: {failure}" for failure in failures]
        elif policy == "no_learning" and "gain" not in failures:
            wrong.append(f"{name}: the control that learns nothing gains all the same")
        elif policy == "no_prior" and "cold" not in failures:
            wrong.append(f"{name}: the control without a prior begins as well")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--people", type=int, default=300)
    chosen = parser.parse_args()
    tower = load_tower()
    found = measure(tower, people=chosen.people, crowd=100, count=400, seed=chosen.seed)
    wrong = verdicts(found)
    names = tuple(Figures.__dataclass_fields__)
    if chosen.json:
        rows = [
            {"simulator": name, "policy": policy}
            | {field: round(getattr(row, field), 4) for field in names}
            for (name, policy), row in found.items()
        ]
        print(json.dumps({"tower": tower.version, "rows": rows, "wrong": wrong}))
        return 1 if wrong else 0
    print(f"tower {tower.version}, NDCG@5")
    print(f"{'':10}{'':13}" + "".join(f"{name:>9}" for name in names))
    for (name, policy), row in found.items():
        print(f"{name:10}{policy:13}" + "".join(f"{getattr(row, field):9.3f}" for field in names))
    print("\n".join(wrong) or f"passed: gain ≥ {GAIN}, cold ≥ {COLD}, drift ≥ {DRIFT}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
