"""Many cases through one gateway, counted; what is left at the end is nothing."""

import ctypes
import gc
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio
import trio.testing
from cases import Case
from frame_oracle import Broken, Oracle
from memory_gateway import MemoryGateway

from gateways.client.policy import Policy

CASES_PER_SECOND: Final = 500
"""Of virtual time: what clients leave to the deadlines is ended by them."""


MOST_NEW_BLOCKS: Final = 10_000
"""Caches that fill late; what every tenth frame left behind would be as much in 100,000."""
MOST_NEW_BYTES: Final = 2**20
"""What is in use, not what the process holds of the machine's memory: that grows and shrinks by tens of
megabytes with what the tests before have left in pieces."""


@dataclass
class Tally:
    """What was sent and what came of it. `blocks` of Python, and `allocated` bytes beside them: memory in use
    at each tenth of the way."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    came: Counter[tuple[str, str]] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    blocks: list[int] = field(default_factory=list)
    allocated: list[int] = field(default_factory=list)
    leftovers: dict[str, int | float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.sent.total()

    def count(self, case: Case, outcome: str) -> None:
        self.sent[case.group, case.name] += 1
        self.came[case.group, outcome] += 1
        self.ways[case.way] += 1
        self.stages[case.stage] += 1

    def weigh(self) -> None:
        """Note how much memory is in use."""
        gc.collect()
        self.blocks.append(sys.getallocatedblocks())
        self.allocated.append(allocated_bytes())

    @property
    def is_flat(self) -> bool:
        """Whether memory stayed as it was from the second tenth to the last."""
        new_blocks = self.blocks[9] - self.blocks[1]
        new_bytes = self.allocated[9] - self.allocated[1]
        return new_blocks < MOST_NEW_BLOCKS and new_bytes < MOST_NEW_BYTES

    @property
    def stayed(self) -> dict[str, int | float]:
        """What is not gone with its clients."""
        return {name: number for name, number in self.leftovers.items() if number}

    def lines(self) -> Iterable[str]:
        """Everything, for people."""
        yield f"{self.total:,} frames"
        for title, counter in (("sent", self.sent), ("came", self.came)):
            for (group, name), number in sorted(counter.items()):
                yield f"  {title} {group:>9} {number:>9,}  {name}"
        yield f"  carried {dict(self.ways.most_common())}"
        yield f"  stages {dict(self.stages.most_common())}"
        yield f"  memory blocks {self.blocks}, allocated KiB {[each >> 10 for each in self.allocated]}"
        yield f"  left {self.leftovers}"


def run(cases: Iterable[Case], *, count: int) -> Tally:
    """All `cases` (`count` of them), on virtual time. Raises `frame_oracle.Broken`."""
    clock = trio.testing.MockClock()
    tally = Tally()

    async def main() -> None:
        gateway, broken = MemoryGateway(Policy(command_rate=None)), None
        async with gateway.running():
            with structlog.testing.capture_logs() as logs:
                tasks = trio.lowlevel.current_statistics().tasks_living
                try:
                    await _send(cases, count, gateway, Oracle(gateway, logs), clock, tally)
                except Broken as problem:
                    broken = problem  # said alone, in no group of the nursery's
            tally.leftovers = gateway.leftovers() | {
                "tasks": trio.lowlevel.current_statistics().tasks_living - tasks,
                "logged": len(logs),
            }
        if broken is not None:
            raise broken

    trio.run(main, clock=clock)
    return tally


async def _send(
    cases: Iterable[Case],
    count: int,
    gateway: MemoryGateway,
    oracle: Oracle,
    clock: trio.testing.MockClock,
    tally: Tally,
) -> None:
    for number, case in enumerate(cases, 1):
        tally.count(case, oracle.judge(case))
        if number % CASES_PER_SECOND == 0:
            await gateway.let_time_pass(clock, 1.0)
        if number % max(1, count // 10) == 0:
            tally.weigh()
    oracle.hang_up()
    await gateway.let_time_pass(clock, 120.0)


class _Mallinfo2(ctypes.Structure):
    """mallinfo(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def allocated_bytes() -> int:
    """What the C library has given out and not got back: all of more than 512 bytes, which is in no block of
    Python's; 0 where it does not say (glibc from 2.33 on does)."""
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return 0
    mallinfo2.restype = _Mallinfo2
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd)
