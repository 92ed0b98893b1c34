"""The gate: `python -m inference.training.fraud.gate` (20 seconds); 0 when all of it is passed.

Judged by clean bookings that the fit has not seen, and by kinds of fraud that it has never met. Beside what
would be in use (rules and model together) three controls that must not pass: a model that guesses, one that
reads its features in another order, one that is afraid of everybody.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from inference.fraud.model import FraudModel, packed, unpacked
from inference.fraud.rules import findings
from inference.training.fraud.clean import clean
from inference.training.fraud.fit import (
    Floats,
    fitted,
    graph,
    manifest,
    rows_of,
    threshold_of,
    traffic,
)
from inference.training.fraud.planted import UNSEEN, planted
from inference.training.fraud.played import Case
from inference.training.limits import Limit
from inference.upkeep.hourly import CLEAN_REVIEWED, LEAST_STOPPED, MOST_REVIEWED, PLANTED_STOPPED

GATE_SEED: Final = 2029
CLEAN: Final = 4_000
EACH: Final = 400
LIMITS: Final = (
    Limit(CLEAN_REVIEWED, most=MOST_REVIEWED),
    Limit(PLANTED_STOPPED, least=LEAST_STOPPED),
)
CONTROLS: Final = ("guessing", "misread", "afraid")

Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged, with what rules say of it (`by_rules` [n])."""

    cases: Sequence[Case]
    rows: Floats
    by_rules: Marks
    is_clean: Marks

    @classmethod
    def of(cls, cases: Sequence[Case], *, clean: int) -> "Judged":
        """The first `clean` are."""
        by_rules = [bool(findings(one.facts, one.histories, wall=one.wall)) for one in cases]
        return cls(cases, rows_of(cases), np.array(by_rules), np.arange(len(cases)) < clean)

    def shares(self, marked: Marks) -> dict[str, float]:
        """Of clean and of planted ones that are reviewed or denied; of the latter by kind, too."""
        found = {
            CLEAN_REVIEWED: marked[self.is_clean].mean(),
            PLANTED_STOPPED: marked[~self.is_clean].mean(),
        }
        for kind in dict.fromkeys(one.kind for one in self.cases[int(self.is_clean.sum()) :]):
            of_kind = np.array([one.kind == kind for one in self.cases]) & ~self.is_clean
            found[f"stopped.{kind}"] = marked[of_kind].mean()
        return {name: round(float(share), 5) for name, share in found.items()}


def judged(*, count: int = CLEAN, each: int = EACH, seed: int = GATE_SEED) -> Judged:
    rng = default_rng(seed)
    return Judged.of([*clean(count, rng), *planted(UNSEEN, each, rng)], clean=count)


def measure(model: FraudModel, judged: Judged) -> dict[str, dict[str, float]]:
    """By policy; beside `both`, which is used, what each half does alone, and the controls."""
    scores, limit, rules = model.scores(judged.rows), model.threshold, judged.by_rules
    guesses = default_rng(GATE_SEED).permutation(scores)
    misread = model.scores(judged.rows[:, ::-1])
    afraid = float(np.median(scores[judged.is_clean]))
    marks = {
        "both": rules | (scores >= limit),
        "rules": rules,
        "model": scores >= limit,
        "guessing": rules | (guesses >= limit),
        "misread": rules | (misread >= limit),
        "afraid": rules | (scores >= afraid),
    }
    return {policy: judged.shares(marked) for policy, marked in marks.items()}


def verdicts(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What is wrong; empty: passed."""

    def passes(policy: str) -> bool:
        return all(one.is_kept(found[policy]) for one in LIMITS)

    wrong = [
        f"{limit.figure} is {found['both'][limit.figure]:.2%}, allowed is {limit}"
        for limit in LIMITS
        if not limit.is_kept(found["both"])
    ]
    return wrong + [f"the control {name} passes all the same" for name in CONTROLS if passes(name)]


def model_of(real: Floats) -> tuple[bytes, dict[str, dict[str, float]]]:
    """A fit to played traffic and these real rows, packed, and what the gate measured of it."""
    pipeline = fitted(traffic(), real)
    threshold, made = threshold_of(pipeline, real), graph(pipeline)
    found = measure(unpacked(packed(made, manifest(pipeline, threshold, {}))), judged())
    figures = {
        **found["both"],
        "rules_alone": found["rules"][PLANTED_STOPPED],
        "model_alone": found["model"][PLANTED_STOPPED],
        "controls_passed": float(sum("control" in one for one in verdicts(found))),
    }
    return packed(made, manifest(pipeline, threshold, figures)), found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    body, found = model_of(traffic()[:0])
    wrong = verdicts(found)
    if chosen.json:
        print(json.dumps({"bytes": len(body), "policies": found, "wrong": wrong}))
        return 1 if wrong else 0
    names = list(found["both"])
    print(f"{len(body):,} bytes; reviewed or denied")
    print(f"{'':9}" + "".join(f"{name.removeprefix('stopped.'):>17}" for name in names))
    for policy, shares in found.items():
        print(f"{policy:9}" + "".join(f"{shares[name]:17.2%}" for name in names))
    print("\n".join(wrong) or "passed: " + ", ".join(f"{one.figure} {one}" for one in LIMITS))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
