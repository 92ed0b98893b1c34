"""One frame of a campaign again, or all up to it: `replay.py SEED NUMBER [--from NUMBER]`."""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from campaign import run  # noqa: E402
from cases import case  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("number", type=int)
    parser.add_argument("--from", type=int, dest="first", help="where the history begins")
    options = parser.parse_args()
    first = options.number if options.first is None else options.first
    tally = run(
        (case(options.seed, number) for number in range(first, options.number + 1)),
        count=options.number + 1 - first,
    )
    print("\n".join(tally.lines()))


if __name__ == "__main__":
    main()
