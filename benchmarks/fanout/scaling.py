"""What a delivery costs in small and large rooms, and among few and many rooms: ours, and the bare loop."""

import statistics
from collections.abc import Callable
from typing import Final

from benchmarks.fanout.contenders import OURS, THEIRS, Match, match

FLOOR: Final = THEIRS[0]
MEMBERS: Final = (2, 10, 100, 1_000, 5_000)
ROOMS: Final = (100, 1_000, 10_000)
ROUNDS: Final = 11
CONNECTIONS: Final = 1_000
PER_ROOM: Final = 10
BROADCASTS: Final = 1_000
AT_ONCE: Final = (1, 50)
"""Rooms with a message in the same turn of the loop."""


def table(progress: Callable[[str], None]) -> str:
    """Markdown: microseconds of server processor time per delivery."""
    return "\n".join([*_by_members(progress), "", *_by_rooms(progress)])


def _by_members(progress: Callable[[str], None]) -> list[str]:
    columns: dict[int, list[list[float]]] = {}
    with match(OURS) as ours, match(FLOOR) as floor:
        for one in (ours, floor):
            progress(f"{sum(MEMBERS):,} clients join {one.contender.title}")
            for members in MEMBERS:
                one.fill(members)
        for number in range(ROUNDS):
            progress(f"round {number + 1} of {ROUNDS}")
            for members in MEMBERS:
                used = [_run(ours, members, 1), _run(ours, members, 4), _run(floor, members, 1)]
                columns.setdefault(members, []).append(used)
    return [
        "| members of the room | one in flight | four in flight | bare loop |",
        "|---|---|---|---|",
        *(_line(members, rounds) for members, rounds in columns.items()),
    ]


def _by_rooms(progress: Callable[[str], None]) -> list[str]:
    lines = [
        f"| rooms of {PER_ROOM} | one room at a time | {AT_ONCE[1]} rooms in a turn |",
        "|---|---|---|",
    ]
    for rooms in ROOMS:
        progress(f"{rooms:,} rooms")
        with match(OURS) as ours:
            ours.fill(CONNECTIONS)
            ours.scatter(rooms, PER_ROOM)
            rounds = [[_run_scattered(ours, flight) for flight in AT_ONCE] for _ in range(ROUNDS)]
        lines.append(_line(rooms, rounds))
    return lines


def _run(one: Match, members: int, flight: int) -> float:
    broadcasts = max(4, min(64, 8_000 // members))
    turns = max(1, 500 // members)
    used = sum(one.run(members, broadcasts, flight)["cpu"] for _ in range(turns))
    return used / (members * broadcasts * turns) * 1e6


def _run_scattered(ours: Match, flight: int) -> float:
    used = ours.run_scattered(CONNECTIONS, PER_ROOM, BROADCASTS, flight)
    return used["cpu"] / (BROADCASTS * PER_ROOM) * 1e6


def _line(size: int, rounds: list[list[float]]) -> str:
    columns = zip(*rounds, strict=True)
    medians = " | ".join(f"{statistics.median(column):.2f}" for column in columns)
    return f"| {size:,} | {medians} |"
