"""Play seeds and judge them: `python tests/simulation/play.py FIRST [COUNT] [--mutant NAME]`.

Prints each broken promise with its seed, then one line of JSON with what happened in all. Exit
status 1 when a promise was broken.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog
from judge import judge
from mutants import MUTANTS, Mutant
from simulation import LARGE, Size, play


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--mutant", choices=MUTANTS, help="break this rule, in its climate")
    parser.add_argument("--large", action="store_true", help="large worlds, whatever the seeds say")
    parser.add_argument("--log", action="store_true", help="show the server's log")
    options = parser.parse_args()
    if not options.log:
        structlog.configure(processors=[drop])
    mutant = MUTANTS[options.mutant] if options.mutant else None
    seeds = range(options.first, options.first + options.count)
    totals = play_all(seeds, mutant, LARGE if options.large else None)
    print(json.dumps({"seeds": options.count, **dict(sorted(totals.items()))}))
    return int(totals["failed"] > 0)


def play_all(seeds: range, mutant: Mutant | None = None, size: Size | None = None) -> Counter[str]:
    """What happened in all. Each broken promise is printed to the standard error with its seed; the
    seeds with one are counted as `failed`."""
    totals: Counter[str] = Counter(failed=0)
    for seed in seeds:
        with naming(seed), mutant.broken() if mutant else nullcontext():
            journey = play(seed, mutant.climate if mutant else {}, size)
            problems = judge(journey)
        totals["failed"] += bool(problems)
        for problem in problems:
            print(f"seed {seed}: {problem}", file=sys.stderr)
        totals.update(journey.weather.counts)
        totals.update({name: int(number) for name, number in journey.totals.figures.items()})
        totals["parts_restarted"] += int(journey.totals.parts_restarted)
        totals["messages"] += sum(len(journey.rows(room_id)) for room_id in journey.rooms)
        totals["received"] += journey.deliveries
        totals["runs"] += len(journey.said)
        totals["answers"] += sum(
            bool(said.closed and said.closed.seq) for said in journey.said.values()
        )
    return totals


@contextmanager
def naming(seed: int) -> Iterator[None]:
    """What breaks the judge, such as a frame that lacks what every frame has, names the seed, too."""
    try:
        yield
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise


def drop(*_: object) -> NoReturn:
    """Planned crashes are logged by the thousand otherwise."""
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
