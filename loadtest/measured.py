"""What one process measured in one round, and the sum over all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.latencies import Latencies

SLOTS: Final = 60
SHORTEST_SLOT: Final = 0.5
DISCONNECTED: Final = "disconnected"
"""Among `counts`: how many users, those slow on purpose apart, had no connection at the end."""
SERVER_CLOSED: Final = "server_closed_4002"
"""Among `counts`: how many slow sockets the server says it has closed. A stuck client cannot see."""


class Timeline:
    """Latencies and throughput over a round, in at most 60 slots of `width` seconds and one more
    for what came after."""

    def __init__(self, seconds: float) -> None:
        self.width = max(SHORTEST_SLOT, seconds / SLOTS)
        count = int(seconds / self.width) + 1
        self.latencies = [Latencies() for _ in range(count)]
        self.offered, self.received = [0] * count, [0] * count

    def offer(self, intended: float) -> None:
        self.offered[self._slot(intended)] += 1

    def deliver(self, intended: float, received: float) -> None:
        """The latency belongs to the slot of the intention: a stall shows where it began."""
        self.latencies[self._slot(intended)].record(received - intended)
        self.received[self._slot(received)] += 1

    def _slot(self, at: float) -> int:
        return min(len(self.offered) - 1, max(0, int(at / self.width)))

    def rows(self) -> list[dict[str, float]]:
        """One per slot: `second` it begins at, `offered` and `delivered` per second, `p50_ms`,
        `p99_ms`, `max_ms`. The last slot, which may be longer than the others, only when used."""
        rows: list[dict[str, float]] = [
            {
                "second": round(number * self.width, 3),
                "offered": round(self.offered[number] / self.width, 1),
                "delivered": round(self.received[number] / self.width, 1),
                "p50_ms": latencies.percentile_ms(50),
                "p99_ms": latencies.percentile_ms(99),
                "max_ms": latencies.percentile_ms(100),
            }
            for number, latencies in enumerate(self.latencies)
        ]
        return rows[:-1] if len(rows) > 1 else rows

    def wire(self) -> list[Any]:
        return [[one.encoded() for one in self.latencies], self.offered, self.received]

    def add_wire(self, wire: list[Any]) -> None:
        for latencies, data in zip(self.latencies, wire[0], strict=True):
            latencies.add_encoded(data)
        self.offered = [a + b for a, b in zip(self.offered, wire[1], strict=True)]
        self.received = [a + b for a, b in zip(self.received, wire[2], strict=True)]


@dataclass(slots=True, kw_only=True)
class Measured:
    """All that a round has measured, while it runs and afterwards. Times in seconds of the round.

    `apart`: latencies that a scenario judges by themselves, by name. `marks`: the first and last
    time that something happened. `processors`: each process's share of one processor.
    """

    seconds: float = 1.0
    deliveries: Latencies = field(default_factory=Latencies)
    acknowledgements: Latencies = field(default_factory=Latencies)
    lag: Latencies = field(default_factory=Latencies)
    apart: dict[str, Latencies] = field(default_factory=dict)
    marks: dict[str, tuple[float, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    closes: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)
    offering_for: float = 0.0
    was_interrupted: bool = False
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.seconds)

    @property
    def reconnects(self) -> int:
        return sum(self.closes.values())

    def record_apart(self, name: str, seconds: float) -> None:
        if name not in self.apart:
            self.apart[name] = Latencies()
        self.apart[name].record(seconds)

    def mark(self, name: str, at: float) -> None:
        first, last = self.marks.get(name, (at, at))
        self.marks[name] = (min(first, at), max(last, at))

    def count(self, name: str, more: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + more

    def wire(self) -> dict[str, Any]:
        """As MessagePack carries it."""
        return {
            "deliveries": self.deliveries.encoded(),
            "acknowledgements": self.acknowledgements.encoded(),
            "lag": self.lag.encoded(),
            "apart": {name: latencies.encoded() for name, latencies in self.apart.items()},
            "marks": self.marks,
            "tallies": [self.counts, self.closes, self.refusals],
            "stopped": self.stopped,
            "processors": self.processors,
            "offering_for": self.offering_for,
            "was_interrupted": self.was_interrupted,
            "timeline": self.timeline.wire(),
        }

    def add_wire(self, wire: dict[str, Any]) -> None:
        """Add what another process measured in the same round."""
        self.deliveries.add_encoded(wire["deliveries"])
        self.acknowledgements.add_encoded(wire["acknowledgements"])
        self.lag.add_encoded(wire["lag"])
        for name, data in wire["apart"].items():
            self.apart.setdefault(name, Latencies()).add_encoded(data)
        for name, (first, last) in wire["marks"].items():
            self.mark(name, first)
            self.mark(name, last)
        ours = (self.counts, self.closes, self.refusals)
        for tally, more in zip(ours, wire["tallies"], strict=True):
            for name, number in more.items():
                tally[name] = tally.get(name, 0) + number
        self.stopped += wire["stopped"]
        self.processors += wire["processors"]
        self.offering_for = max(self.offering_for, wire["offering_for"])
        self.was_interrupted |= wire["was_interrupted"]
        self.timeline.add_wire(wire["timeline"])


def together(seconds: float, wires: Iterable[dict[str, Any]]) -> Measured:
    """The sum over all processes."""
    whole = Measured(seconds=seconds)
    for wire in wires:
        whole.add_wire(wire)
    return whole
