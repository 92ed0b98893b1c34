"""Where `addressed` begins: `python -m inference.training.understanding.threshold [--write]`.

Both gates at once (chatter answered, wishes missed) over the shift of the n-grams' `addressed`, on the development half;
with how well a shift does that was chosen on one random half of it and judged on the other. --write puts the
best one into the n-grams' manifest. The locked half is not read.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

import numpy as np

from inference.reader import ModelReader
from inference.training.understanding.gate import of_half
from inference.training.understanding.judging import is_answered
from inference.training.understanding.places import gazetteer
from inference.understanding.ngrams import ARTEFACT, load_ngrams

SHIFTS: Final = np.round(np.arange(-6.0, 4.01, 0.2), 1)
MOST_ANSWERED: Final = 0.02
MOST_MISSED: Final = 0.10
ROUNDS: Final = 200


def answered() -> tuple[Any, Any]:
    """[shifts, messages]: what is answered; [messages]: what is chatter."""
    ngrams, said = load_ngrams(), of_half("development")
    rows = []
    for shift in SHIFTS:
        reader = ModelReader([replace(ngrams, shift=float(shift))], gazetteer())
        rows.append([is_answered(reader.read_sync(m.text, m.setting)) for _, m in said])
    return np.array(rows), np.array([message.to == "people" for _, message in said])


def best(rows: Any, chatter: Any) -> int:
    """The shift whose worse gate has the most room; the middle one of several."""
    worse = np.maximum(
        rows[:, chatter].mean(axis=1) / MOST_ANSWERED,
        (~rows[:, ~chatter]).mean(axis=1) / MOST_MISSED,
    )
    equal = np.flatnonzero(worse <= worse.min() + 1e-9)
    return int(equal[len(equal) // 2])


def cross_checked(rows: Any, chatter: Any, *, rounds: int = ROUNDS) -> tuple[float, float]:
    """Chatter answered and wishes missed by shifts that were chosen on the other half."""
    chance, found = Random(1), []  # noqa: S311
    for _ in range(rounds):
        one = np.zeros(len(chatter), bool)
        for kind in (np.flatnonzero(chatter), np.flatnonzero(~chatter)):
            one[chance.sample(kind.tolist(), len(kind) // 2)] = True
        at = best(rows[:, one], chatter[one])
        rest = rows[at, ~one]
        found.append((rest[chatter[~one]].mean(), (~rest[~chatter[~one]]).mean()))
    share = np.mean(found, axis=0)
    return float(share[0]), float(share[1])


def main(arguments: Sequence[str]) -> int:
    """Print the curve; write the best shift if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    rows, chatter = answered()
    for shift, row in zip(SHIFTS, rows, strict=True):
        print(
            f"{shift:5.1f}  chatter answered {row[chatter].mean():.3f}"
            f"  wishes missed {(~row[~chatter]).mean():.3f}"
        )
    at = best(rows, chatter)
    of_chatter, of_wishes = cross_checked(rows, chatter)
    print(f"best {SHIFTS[at]}; chosen on the other half: {of_chatter:.3f} and {of_wishes:.3f}")
    if parser.parse_args(arguments).write:
        path = ARTEFACT / "manifest.json"
        manifest = json.loads(path.read_text("utf-8")) | {"shift": float(SHIFTS[at])}
        path.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
