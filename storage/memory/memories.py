"""The `Memories` port in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import msgspec

from core.ports.clock import Clock
from core.ports.personas import MemoryItem
from storage.memory.stored_personas import StoredPersonas
from storage.personas import MAX_MEMORIES, MAX_USABLE, forgotten, newest_of_slots


class MemoryMemories:
    """What personas remember, in dictionaries. Borrows: `stored`, where the personas are."""

    def __init__(self, stored: StoredPersonas, clock: Clock) -> None:
        self._stored, self._clock = stored, clock

    async def add(self, tenant_id: int, *items: MemoryItem) -> None:
        for item in newest_of_slots(items):
            self._add(tenant_id, item)

    def _add(self, tenant_id: int, item: MemoryItem) -> None:
        memories, key = self._stored.memories, (tenant_id, item.id)
        if (tenant_id, item.persona_id) not in self._stored.personas or key in memories:
            return
        same = [
            old
            for (tenant, _), old in memories.items()
            if item.slot and tenant == tenant_id and _slot(old) == _slot(item)
        ]
        if any(old.created_at > item.created_at and not self._is_over(old) for old in same):
            return
        for old in same:
            del memories[tenant_id, old.id]
        value = msgspec.json.decode(msgspec.json.encode(item.value))
        memories[key] = replace(item, value=value)
        self._make_room(tenant_id, item)

    def _make_room(self, tenant_id: int, newest: MemoryItem) -> None:
        own = [
            (old.id == newest.id, not self._is_over(old), *_worth(old), old.id)
            for (tenant, _), old in self._stored.memories.items()
            if (tenant, old.persona_id, old.about) == (tenant_id, newest.persona_id, newest.about)
        ]
        for *_, memory_id in sorted(own, reverse=True)[MAX_MEMORIES:]:
            del self._stored.memories[tenant_id, memory_id]

    async def usable(
        self,
        tenant_id: int,
        persona_id: str,
        *,
        user_id: str,
        room_id: str,
        is_group: bool,
        episodes: bool = True,
    ) -> Sequence[MemoryItem]:
        def may(item: MemoryItem) -> bool:
            if not episodes and item.kind == "episode":
                return False
            if item.room_id == room_id:
                return True
            if item.about not in (None, user_id):
                return False
            if item.in_groups:
                return True
            return not is_group and (item.about is not None or item.room_id is None)

        found = self._newest(tenant_id, lambda one: one.persona_id == persona_id and may(one))
        return sorted(found, key=lambda item: item.kind != "taboo")[:MAX_USABLE]

    async def of_person(
        self, tenant_id: int, persona_id: str, user_id: str
    ) -> Sequence[MemoryItem]:
        return self._newest(
            tenant_id,
            lambda one: one.persona_id == persona_id and self._is_his(tenant_id, one, user_id),
        )

    async def change(
        self,
        tenant_id: int,
        memory_id: str,
        user_id: str,
        *,
        text: str | None,
        in_groups: bool | None,
    ) -> MemoryItem:
        item = self._find(tenant_id, memory_id, user_id)
        if text is not None and text != item.text:
            item = replace(item, text=text, value=None)
        if in_groups is not None:
            item = replace(item, in_groups=in_groups)
        self._stored.memories[tenant_id, memory_id] = item
        return item

    async def remove(self, tenant_id: int, memory_id: str, user_id: str) -> None:
        item = self._find(tenant_id, memory_id, user_id)
        del self._stored.memories[tenant_id, item.id]

    async def forget_message(self, tenant_id: int, message_id: str) -> int:
        learned = [
            key
            for key, item in self._stored.memories.items()
            if (key[0], item.source_message) == (tenant_id, message_id)
        ]
        for key in learned:
            del self._stored.memories[key]
        return len(learned)

    def _find(self, tenant_id: int, memory_id: str, user_id: str) -> MemoryItem:
        item = self._stored.memories.get((tenant_id, memory_id))
        if item is None or self._is_over(item) or not self._is_his(tenant_id, item, user_id):
            raise forgotten()
        return item

    def _is_his(self, tenant_id: int, item: MemoryItem, user_id: str) -> bool:
        if item.about is not None:
            return item.about == user_id
        return self._stored.personas[tenant_id, item.persona_id].owner_id == user_id

    def _is_over(self, item: MemoryItem) -> bool:
        return item.expires_at is not None and item.expires_at <= self._clock.now_ms()

    def _live(self, tenant_id: int) -> Iterator[MemoryItem]:
        for (tenant, _), item in self._stored.memories.items():
            if tenant == tenant_id and not self._is_over(item):
                yield item

    def _newest(self, tenant_id: int, is_meant: Callable[[MemoryItem], bool]) -> list[MemoryItem]:
        found = [item for item in self._live(tenant_id) if is_meant(item)]
        return sorted(found, key=lambda item: (item.created_at, item.id), reverse=True)


def _slot(item: MemoryItem) -> tuple[str, str | None, str | None, str]:
    return item.persona_id, item.about, item.room_id, item.slot


def _worth(item: MemoryItem) -> tuple[bool, bool, int]:
    """What is worth less makes way first."""
    return item.kind == "taboo", item.kind != "episode", item.created_at
