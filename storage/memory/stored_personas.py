"""What the tables of personas would hold: what belongs to a persona goes with it."""

from dataclasses import dataclass, field
from typing import Any

from core.ports.personas import Choice, Feedback, MemoryItem
from protocol.persona import Persona

Owned = tuple[int, str]
"""Tenant and id."""


@dataclass(slots=True)
class StoredPersonas:
    """Tables in memory, shared by the ports over them. Keys begin with the tenant."""

    personas: dict[Owned, Persona] = field(default_factory=dict)
    choices: dict[tuple[int, str, str | None], Choice] = field(default_factory=dict)
    feedbacks: dict[tuple[int, str, str, str, str | None], Feedback] = field(default_factory=dict)
    tastes: dict[tuple[int, str, str], dict[str, Any]] = field(default_factory=dict)
    memories: dict[Owned, MemoryItem] = field(default_factory=dict)

    def remove(self, tenant_id: int, persona_id: str) -> None:
        """The persona and all that is kept of it."""
        self.personas.pop((tenant_id, persona_id), None)
        self.choices = {
            key: chosen
            for key, chosen in self.choices.items()
            if (key[0], chosen.persona_id) != (tenant_id, persona_id)
        }
        self.feedbacks = {
            key: feedback
            for key, feedback in self.feedbacks.items()
            if (key[0], feedback.persona_id) != (tenant_id, persona_id)
        }
        self.tastes = {
            key: taste
            for key, taste in self.tastes.items()
            if (key[0], key[1]) != (tenant_id, persona_id)
        }
        self.memories = {
            key: item
            for key, item in self.memories.items()
            if (key[0], item.persona_id) != (tenant_id, persona_id)
        }
