"""Rounds in which all contenders take turns, and what they come to."""

import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from benchmarks.fanout.contenders import OURS, Contender, Match, match

FLIGHTS: Final = (1, 4)
BROADCASTS: Final = {10: 64, 100: 40, 1_000: 8}
"""In one turn: few enough that a client's socket buffers hold all of it."""

TURNS: Final = {10: 4, 100: 2, 1_000: 1}
WARMING: Final = 12
"""Turns before the first that counts: Node compiles what is hot."""

Case = tuple[int, int]
"""(room, messages in flight)"""


@dataclass(slots=True)
class Figures:
    """Of one contender in one case, a value per round."""

    cpu_us: list[float] = field(default_factory=list)
    """Processor time per delivery."""

    user_us: list[float] = field(default_factory=list)
    """Of it, what the kernel did not use."""

    rate: list[float] = field(default_factory=list)
    """Deliveries per second, while the clients and all else on the machine run beside it."""


Results = dict[Case, dict[str, Figures]]


def measure(
    contenders: Iterable[Contender],
    rooms: Sequence[int],
    rounds: int,
    progress: Callable[[str], None] = lambda text: None,
) -> Results:
    """Figures by case and contender. The order of turns is drawn anew in each round."""
    cases = [(room, flight) for room in rooms for flight in FLIGHTS]
    results: Results = {case: {} for case in cases}
    with ExitStack() as stack:
        matches = [stack.enter_context(match(contender)) for contender in contenders]
        for one in matches:
            progress(f"{one.contender.title}: {sum(rooms):,} clients join and warm up")
            _prepare(one, rooms)
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for case in cases:
                for one in random.sample(matches, len(matches)):
                    figures = results[case].setdefault(one.contender.key, Figures())
                    _turn(one, case, figures)
    return results


def ratio(results: Results, case: Case, key: str) -> float | None:
    """Our processor time by theirs, the median of the rounds' own ratios. None: not installed."""
    if key not in results[case]:
        return None
    ours, theirs = results[case][OURS.key].cpu_us, results[case][key].cpu_us
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _prepare(one: Match, rooms: Sequence[int]) -> None:
    for room in rooms:
        one.fill(room)
    for room in rooms:
        for _ in range(WARMING):
            for flight in FLIGHTS:
                one.run(room, BROADCASTS[room], flight)


def _turn(one: Match, case: Case, figures: Figures) -> None:
    room, flight = case
    used = [one.run(room, BROADCASTS[room], flight) for _ in range(TURNS[room])]
    deliveries = room * BROADCASTS[room] * TURNS[room]
    figures.cpu_us.append(sum(turn["cpu"] for turn in used) / deliveries * 1e6)
    figures.user_us.append(sum(turn["user"] for turn in used) / deliveries * 1e6)
    figures.rate.append(deliveries / sum(turn["wall"] for turn in used))
