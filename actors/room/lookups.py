"""What a decision must know first: looked up by a child task, brought back into the room's turn."""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from actors.room.decisions import Given, KnowKey, KnowMessage, KnowPersona, KnowUsers, Need
from actors.room.memory import Memory, MessageState, Stored
from actors.room.pipeline import Landing
from actors.room.ports import RoomPorts
from actors.room.reading import state_of_message
from actors.room.state import RoomState
from core.announcement import announcement
from protocol.room import PersonaView

Judge = Callable[[Given], None]


class LookUps:
    """Fills `memory` from the log. `rollbacks` counts how often the decided fold was thrown away: a
    look-up from before the last time may be older than what is durable now, and is made again."""

    def __init__(self, ports: RoomPorts, room: RoomState, memory: Memory) -> None:
        self._ports = ports
        self._room = room
        self._memory = memory
        self.rollbacks = 0

    async def look_up(self, need: Need, given: Given, judge: Judge) -> Landing:
        """Read, then return what judges the command anew."""
        match need:
            case KnowMessage(message_id):
                return await self._message(message_id, given, judge)
            case KnowKey(sender_id, client_id):
                return await self._key(sender_id, client_id, given, judge)
            case KnowUsers(user_ids):
                users = await self._ports.users.many(self._room.tenant_id, user_ids)
                names = {user_id: user.name for user_id, user in users.items()}
                return lambda: judge(replace(given, names=names))
            case KnowPersona():
                return await self._persona(need, given, judge)
            case _:
                assert_never(need)

    async def _persona(self, need: KnowPersona, given: Given, judge: Judge) -> Landing:
        found = await self._ports.personas.get(self._room.tenant_id, need.persona_id)
        if found is None:
            return lambda: judge(replace(given, personas={}))
        persona = PersonaView(id=found.id, name=found.name, owner_id=found.owner_id)
        words = announcement(persona.name, need.by, need.locale)
        known = replace(given, personas={persona.id: persona}, announcement=words)
        return lambda: judge(known)

    async def _message(self, message_id: str, given: Given, judge: Judge) -> Landing:
        rollbacks = self.rollbacks
        self._memory.pin(message_id)
        try:
            rows = await self._ports.log.message(self._room.tenant_id, self._room.id, message_id)
        except BaseException:
            self._memory.unpin(message_id)
            raise
        state = state_of_message(rows)

        def land() -> None:
            self._memory.unpin(message_id)
            is_fresh = rollbacks == self.rollbacks
            judge(self._with_message(message_id, state, given) if is_fresh else given)

        return land

    def _with_message(self, message_id: str, state: MessageState | None, given: Given) -> Given:
        if state is None:
            return replace(given, missing=given.missing | {message_id})
        self._memory.remember_message(message_id, state)
        return given

    async def _key(self, sender_id: str, client_id: str, given: Given, judge: Judge) -> Landing:
        stored = await self.find(sender_id, client_id)

        def land() -> None:
            if stored is not None:
                self._memory.remember_key(sender_id, client_id, stored)
            judge(replace(given, key_is_new=True))

        return land

    async def find(self, sender_id: str, client_id: str) -> Stored | None:
        """What the first `ok` to this key said."""
        room = self._room
        row = await self._ports.log.find(
            room.tenant_id, room.id, sender_id=sender_id, client_id=client_id
        )
        if row is None or row.message_id is None:
            return None
        return Stored(row.seq, row.message_id, row.sent_at)
