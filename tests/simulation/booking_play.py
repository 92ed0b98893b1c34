"""Play bookings and judge them.

`python tests/simulation/booking_play.py NAME` plays one scenario by its name (`trip3+hold:f:1=lost`), with
`--log` step by step. `--singles [STORY]` plays every fault at every site; `--doubles N [--seed S]` that many
pairs; `--all-doubles` every pair of outcome classes at every pair of sites, `--part K/N` of them.

Prints each broken promise with its scenario, then one line of JSON with what happened in all. Exit status 1
when a promise was broken.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from booking_faults import FAULT_CLASSES, SILENCES, Scenario, faults_at, named, singles
from booking_judge import judge
from booking_stories import STORIES, Story

from actors.booking.sites import OPS


def sites_of(story: Story) -> tuple[str, ...]:
    """What it reaches without further faults."""
    return tuple(_reached(story.name))


@lru_cache(4_096)
def _reached(name: str) -> Mapping[str, str]:
    """Site → state of the saga when it was first reached."""
    return judge(named(name))[0].reached


def distinct_sites(stories: Iterable[Story]) -> Iterator[tuple[Story, list[str]]]:
    """Each story with the sites that no earlier one with the same kinds of suppliers has reached in the
    same state of the saga; of what happens again and again the first three times."""
    seen: set[tuple[object, ...]] = set()
    for story in stories:
        kinds = frozenset(flavour for _, flavour, _ in story.parts)
        fresh = []
        for site, state in _reached(story.name).items():
            about = (kinds, site, state)
            if about not in seen and int(site.rpartition(":")[2]) <= MANY:
                seen.add(about)
                fresh.append(site)
        yield story, fresh


MANY = 3


def distinct_singles(stories: Iterable[Story] = tuple(STORIES.values())) -> Iterator[Scenario]:
    for story, sites in distinct_sites(stories):
        yield Scenario(story=story)
        yield from singles(story, sites)


def all_singles(stories: Iterable[Story] = tuple(STORIES.values())) -> Iterator[Scenario]:
    for story in stories:
        yield Scenario(story=story)
        yield from singles(story, sites_of(story))


def silences(stories: Iterable[Story] = tuple(STORIES.values())) -> Iterator[Scenario]:
    """From each call of a story on nobody answers for a day."""
    for story in stories:
        for site in sites_of(story):
            if site.partition(":")[0] in OPS and site not in dict(story.planted):
                for silence in SILENCES:
                    yield Scenario(story=story, faults=((site, silence),))


def first_silences() -> Iterator[Scenario]:
    """One of each kind of call, the sorts of silence by turns."""
    seen: set[str] = set()
    for one in silences():
        site, silence = one.faults[0]
        op = site.partition(":")[0]
        if op not in seen and silence == SILENCES[len(seen) % len(SILENCES)]:
            seen.add(op)
            yield one


def random_doubles(count: int, seed: int) -> Iterator[Scenario]:
    """Seeded. The second site is one that the first fault lets the story reach; in every other one things
    come in an order of their own."""
    chance = random.Random(seed)
    stories = list(STORIES.values())
    for number in range(count):
        story = chance.choice(stories)
        order = chance.randrange(1_000_000) if number % 2 else None
        none = Scenario(story=story, seed=order)
        first = _drawn(chance, story, _reached(none.name))
        one = Scenario(story=story, faults=(first,), seed=order)
        rest = [site for site in _reached(one.name) if site != first[0]]
        yield Scenario(story=story, faults=(first, _drawn(chance, story, rest)), seed=order)


def all_doubles() -> Iterator[Scenario]:
    """One fault of each outcome class at each distinct site, and with each of them one of each class at
    each site that is reached later."""
    for first in distinct_singles():
        if not first.faults or not _leads(first.faults[0]):
            continue
        site, _ = first.faults[0]
        reached = list(_reached(first.name))
        for second in reached[reached.index(site) + 1 :]:
            if int(second.rpartition(":")[2]) > MANY or second in dict(first.story.planted):
                continue
            for fault in faults_at(second):
                if _leads((second, fault)):
                    yield Scenario(story=first.story, faults=(*first.faults, (second, fault)))


def play_all(scenarios: Iterable[Scenario]) -> Counter[str]:
    """What happened in all; broken promises go to the standard error with their scenario."""
    totals: Counter[str] = Counter(failed=0)
    for scenario in scenarios:
        world, problems = judge(scenario)
        totals["scenarios"] += 1
        totals["steps"] += world.steps
        totals["failed"] += bool(problems)
        totals[f"ended {world.saga.state}"] += 1
        totals["faults fired"] += len(world.fired)
        for site in world.fired:
            totals[f"fired {site.split(':')[0]} {world.faults[site]}"] += 1
        for problem in problems:
            print(f"{scenario.name}: {problem}", file=sys.stderr)
    return totals


def _drawn(chance: random.Random, story: Story, sites: Iterable[str]) -> tuple[str, str]:
    planted = dict(story.planted)
    site = chance.choice([site for site in sites if site not in planted])
    return site, chance.choice(faults_at(site))


def _leads(fault: tuple[str, str]) -> bool:
    """Whether it is the one that stands for its class at this site."""
    site, word = fault
    for faults in FAULT_CLASSES.values():
        if word in faults:
            return next(one for one in faults_at(site) if one in faults) == word
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--singles", action="store_true")
    parser.add_argument("--story", choices=STORIES)
    parser.add_argument("--doubles", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--silences", action="store_true", help="a day without answers at each call"
    )
    parser.add_argument("--all-doubles", action="store_true")
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--log", action="store_true")
    options = parser.parse_args()
    if options.names and options.log:
        for name in options.names:
            world, problems = judge(named(name), keeps_log=True)
            print("\n".join([*world.log, f"ended {world.saga.state}", *problems]))
        return 0
    scenarios: Iterable[Scenario] = [named(name) for name in options.names]
    if options.singles:
        stories = [STORIES[options.story]] if options.story else tuple(STORIES.values())
        scenarios = all_singles(stories)
    elif options.silences:
        scenarios = silences()
    elif options.doubles:
        scenarios = random_doubles(options.doubles, options.seed)
    elif options.all_doubles:
        part, of = map(int, options.part.split("/"))
        scenarios = (one for n, one in enumerate(all_doubles()) if n % of == part)
    began = time.monotonic()
    totals = play_all(scenarios)
    print(
        json.dumps(dict(sorted(totals.items())) | {"seconds": round(time.monotonic() - began, 1)})
    )
    return int(totals["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
