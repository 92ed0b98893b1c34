"""What all activations of one system share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.dead_letters import DeadLetters
from core.idleness import Idleness
from core.monitors import Monitors
from core.places import Places
from core.ports.clock import Chance, Ids
from core.ports.crash_records import CrashRecords
from core.reference import Ref
from core.registry import Registry
from core.timers import Timers
from protocol.addresses import Address


@dataclass(slots=True)
class Counts:
    """What happened since the system was made."""

    activations: int = 0
    passivations: int = 0
    crashes: int = 0
    restarts: int = 0
    failed_starts: int = 0


@dataclass(slots=True, kw_only=True)
class Runtime:
    """The parts of a system, handed to each activation."""

    chance: Chance
    ids: Ids
    timers: Timers
    idleness: Idleness
    places: Places
    registry: Registry
    dead_letters: DeadLetters
    monitors: Monitors
    counts: Counts
    crash_records: CrashRecords | None
    ref_to: Callable[[Address], Ref[Any]]
