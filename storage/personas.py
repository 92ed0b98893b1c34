"""What both stores of personas keep to: their bounds and their refusals."""

from collections.abc import Sequence
from typing import Final

from core.errors import Rejected
from core.ports.personas import MemoryItem
from protocol.persona import MAX_PERSONAS

MAX_CHOICES: Final = 1_000
"""Rooms in which one user has chosen an active persona."""

MAX_MEMORIES: Final = 200
"""Per persona and person, and per persona about nobody."""

MAX_USABLE: Final = 400

ANALYTICS_FOR: Final = 731 * 86_400.0
"""Runs, what they showed, and feedback: 24 months, in seconds."""


def too_many() -> Rejected:
    return Rejected(
        "persona_limit",
        "You may have at most {limit} personas. Delete one first.",
        params={"limit": MAX_PERSONAS},
    )


def unknown() -> Rejected:
    return Rejected("not_found", "There is no such persona.")


def forgotten() -> Rejected:
    return Rejected("not_found", "There is no such memory.")


def newest_of_slots(items: Sequence[MemoryItem]) -> list[MemoryItem]:
    """What is left of items that are added one after the other. Raises `ValueError` for items of several
    personas or about several people."""
    if len({(item.persona_id, item.about) for item in items}) > 1:
        raise ValueError("memories of several personas or about several people")
    kept: dict[tuple[str, str | None, str], MemoryItem] = {}
    for item in items:
        key = (item.slot or item.id, item.room_id, item.slot)
        if key not in kept or kept[key].created_at <= item.created_at:
            kept[key] = item
    return list(kept.values())
