"""Play travellers' seeds and judge them: `python tests/simulation/travel_play.py FIRST [COUNT]
[--mutant NAME]`.

Prints each broken promise with its seed, then one line of JSON with what happened in all. Exit
status 1 when a promise was broken.
"""

import argparse
import json
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog
from mutants import Mutant
from play import drop, naming
from travel_judge import judge
from travel_mutants import MUTANTS
from travel_simulation import play


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--mutant", choices=MUTANTS, help="break this rule, in its climate")
    parser.add_argument("--log", action="store_true", help="show the server's log")
    options = parser.parse_args()
    if not options.log:
        structlog.configure(processors=[drop])
    mutant = MUTANTS[options.mutant] if options.mutant else None
    totals = play_all(range(options.first, options.first + options.count), mutant)
    print(json.dumps({"seeds": options.count, **dict(sorted(totals.items()))}))
    return int(totals["failed"] > 0)


def play_all(seeds: range, mutant: Mutant | None = None) -> Counter[str]:
    """What happened in all. Each broken promise is printed to the standard error with its seed; the
    seeds with one are counted as `failed`."""
    totals: Counter[str] = Counter(failed=0)
    for seed in seeds:
        with naming(seed), mutant.broken() if mutant else nullcontext():
            journey = play(seed, mutant.climate if mutant else {})
            problems = judge(journey)
        totals["failed"] += bool(problems)
        for problem in problems:
            print(f"seed {seed}: {problem}", file=sys.stderr)
        totals.update(journey.totals)
    return totals


if __name__ == "__main__":
    sys.exit(main())
