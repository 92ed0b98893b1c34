"""The `Personas` port in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from core.ports.clock import Clock
from core.ports.personas import Choice, NewPersona, PersonaPatch
from protocol.persona import MAX_PERSONAS, Persona
from storage.memory.stored_personas import StoredPersonas
from storage.personas import MAX_CHOICES, too_many, unknown

RoomsOf = Callable[[int, str], Sequence[str]]


class MemoryPersonas:
    """Personas in dictionaries. Borrows: `stored`; `rooms_of` tells in which rooms one sits."""

    def __init__(
        self,
        stored: StoredPersonas,
        clock: Clock,
        *,
        rooms_of: RoomsOf = lambda tenant_id, persona_id: (),
    ) -> None:
        self._stored, self._clock, self._rooms_of = stored, clock, rooms_of

    async def create(self, tenant_id: int, new: NewPersona) -> Persona:
        known = self._stored.personas.get((tenant_id, new.id))
        if known is not None and known.owner_id == new.owner_id:
            return known
        if len(self._of(tenant_id, new.owner_id)) >= MAX_PERSONAS:
            raise too_many()
        persona = Persona(
            id=new.id,
            owner_id=new.owner_id,
            name=new.name,
            style=new.style,
            about=new.about,
            greeting=new.greeting,
            card=new.card,
            created_at=new.created_at,
        )
        self._stored.personas[tenant_id, new.id] = persona
        return persona

    async def get(self, tenant_id: int, persona_id: str) -> Persona | None:
        return self._stored.personas.get((tenant_id, persona_id))

    async def of_owner(self, tenant_id: int, owner_id: str) -> Sequence[Persona]:
        found = sorted(self._of(tenant_id, owner_id), key=lambda one: (one.created_at, one.id))
        return [replace(persona, card=None) for persona in found]

    async def patch(self, tenant_id: int, persona_id: str, patch: PersonaPatch) -> Persona:
        persona = self._stored.personas.get((tenant_id, persona_id))
        if persona is None:
            raise unknown()
        changes: dict[str, Any] = {
            name: value
            for name in PersonaPatch.__dataclass_fields__
            if (value := getattr(patch, name)) is not None
        }
        changed = replace(persona, **changes)
        if changed != persona:
            changed = replace(changed, version=persona.version + 1)
        self._stored.personas[tenant_id, persona_id] = changed
        return changed

    async def remove(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        self._stored.remove(tenant_id, persona_id)
        return await self.rooms(tenant_id, persona_id)

    async def rooms(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        return sorted(self._rooms_of(tenant_id, persona_id))

    async def switch(
        self, tenant_id: int, user_id: str, persona_id: str, room_id: str | None
    ) -> None:
        if (tenant_id, persona_id) not in self._stored.personas:
            raise unknown()
        choices, key = self._stored.choices, (tenant_id, user_id, room_id)
        choices.pop(key, None)
        choices[key] = Choice(persona_id, self._clock.now_ms())
        own = [(t, u, room) for t, u, room in choices if (t, u) == key[:2] and room is not None]
        for old in own[: max(0, len(own) - MAX_CHOICES)]:
            del choices[old]

    async def active(self, tenant_id: int, user_id: str, room_id: str) -> Choice | None:
        choices = self._stored.choices
        here = choices.get((tenant_id, user_id, room_id))
        return here or choices.get((tenant_id, user_id, None))

    def _of(self, tenant_id: int, owner_id: str) -> list[Persona]:
        return [
            persona
            for (tenant, _), persona in self._stored.personas.items()
            if tenant == tenant_id and persona.owner_id == owner_id
        ]
