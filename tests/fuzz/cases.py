"""The cases of a campaign: number N of seed S is always the same, whatever ran before it."""

import random
from dataclasses import dataclass
from typing import Final

from carriage import BREAKS, carried, violation
from field_mutations import Expect, mutant
from raw_attacks import ATTACKS

MUTATED, RAW, WEBSOCKET = "mutated", "raw", "websocket"
SHARES: Final = ((MUTATED, 0.7), (RAW, 0.22), (WEBSOCKET, 0.08))
RAW_SHARES: Final = {
    "noise": 30,
    "spliced": 33,
    "deep": 12,
    "giant": 12,
    "trailing": 12,
    "large": 1,
}
STAGES: Final = (("open", 0.86), ("opening", 0.08), ("greeting", 0.06))
"""Where a connection stands when the frame comes: past `welcome`, before `hello`, between them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile frame. `payload` None: it breaks the WebSocket itself, and `close_code` answers.

    `name`: the mutation, attack or violation. `reads`: the client's bytes, read by read.
    """

    seed: int
    number: int
    group: str
    name: str
    stage: str
    way: str
    reads: list[bytes]
    payload: bytes | None = None
    expect: Expect | None = None
    close_code: int | None = None

    def __str__(self) -> str:
        data = self.payload if self.payload is not None else b"".join(self.reads)
        shown = data.hex() if len(data) <= 1_000 else f"{data[:1_000].hex()}... ({len(data)} bytes)"
        return (
            f"seed {self.seed} frame {self.number}: {self.group} / {self.name}, {self.stage}, "
            f"{self.way}: {shown}\nreplay: .venv/bin/python tests/fuzz/replay.py "
            f"{self.seed} {self.number}"
        )


def case(seed: int, number: int) -> Case:
    rng = random.Random(seed << 40 | number)
    group, stage = _chosen(rng, SHARES), _chosen(rng, STAGES)
    if group == WEBSOCKET:
        name = rng.choice(tuple(BREAKS))
        broken = violation(name, rng)
        return Case(
            *(seed, number, group, name, stage, "whole", broken.reads),
            close_code=broken.close_code,
        )
    if group == RAW:
        (name,) = rng.choices(tuple(RAW_SHARES), tuple(RAW_SHARES.values()))
        payload, expect = ATTACKS[name](rng), None
    else:
        payload, name, expect = mutant(rng)
    way, reads = carried(payload, rng)
    return Case(seed, number, group, name, stage, way, reads, payload, expect)


def _chosen(rng: random.Random, shares: tuple[tuple[str, float], ...]) -> str:
    at = rng.random()
    for name, share in shares:
        at -= share
        if at < 0:
            return name
    return shares[0][0]
