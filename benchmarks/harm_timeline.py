"""When messages were late in a phase of `benchmarks/harm.py`, and what the server's tasks did meanwhile."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import trio

SLICE: Final = 0.05
LATE: Final = 2.0
NAMED: Final = 0.7


def lines(
    seen: list[tuple[float, float]], slices: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Of each slice of the phase whose latest message took more than twice the median's time: when, how
    long that took, how long the loop was busy, with which tasks for more than 0.7 ms (steps,
    milliseconds). `slices` are those of the server, by the clock that both processes have."""
    ahead = time.monotonic() - trio.current_time()
    begun_at = min(due for due, _ in seen)
    usual = sorted(late for _, late in seen)[len(seen) // 2]
    worst: dict[int, float] = defaultdict(float)
    for due, late in seen:
        place = int((due + ahead) / SLICE)
        worst[place] = max(worst[place], late)
    for place, late in sorted(worst.items()):
        if late > LATE * usual:
            tasks = slices.get(str(place), {})
            busy = sum(spent for _, spent, _ in tasks.values())
            named = sorted(tasks.items(), key=lambda item: -item[1][1])
            words = [f"{name} {n}, {spent:.1f}" for name, (n, spent, _) in named if spent > NAMED]
            at = place * SLICE - ahead - begun_at
            yield f"{at:7.2f} s  late {late * 1e3:5.1f}  busy {busy:4.1f}  {'; '.join(words)}"
