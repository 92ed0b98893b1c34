"""What personas remember of people: loaded before an answer, added after it, forgotten with its message."""

from dataclasses import dataclass

import trio

from actors.persona.decisions import Heard
from actors.persona.dialogue import Dialogue, Said
from actors.persona.errands import Defaults
from actors.persona.memory import (
    Learning,
    Remembered,
    defaults_of,
    learnings,
    remembered,
    said_before,
)
from actors.persona.sitting import Sitting
from actors.persona.spoken import Atlas
from actors.persona.stating import stated_of
from core.errors import Rejected
from core.ports.inference import Taste
from core.ports.personas import MemoryItem
from core.ports.repositories import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What may be used here of the asker. `said` None: not asked for, it is in mind already. `remembered`: in
    words, what it is that lasts."""

    defaults: Defaults
    said: tuple[Said, ...] | None = ()
    remembered: tuple[Remembered, ...] = ()


class Learner:
    """Borrows: the sitting and its ports.

    One message's learning and its forgetting never overlap: whichever comes last, nothing stays of
    what was unsaid.
    """

    def __init__(self, sitting: Sitting) -> None:
        self._sitting, self._ports = sitting, sitting.ports
        self._lock = trio.Lock()

    async def known(self, persona_id: str, asker: User | None, asker_id: str) -> Known:
        """In a room with others: what was said there, and what its subject allowed. Raises
        `Unavailable`."""
        is_group = self._sitting.is_group
        is_new = not self._sitting.minds.remembers(persona_id, asker_id)
        found = await self._ports.memories.usable(
            self._ports.tenant_id,
            persona_id,
            user_id=asker_id,
            room_id=self._sitting.room_id,
            is_group=is_group,
            episodes=is_new,
        )
        # The store may be behind: it was asked before the message was unsaid, or could not forget it yet.
        items = [item for item in found if item.source_message not in self._sitting.unsaid]
        # The profile is private: where others read, nobody's home or usual party shows.
        profile = asker.preferences if asker is not None and not is_group else None
        room_id = self._sitting.room_id if is_group else None
        return Known(
            defaults=defaults_of(items, asker_id, profile),
            said=said_before(items, asker_id, room_id) if is_new else None,
            remembered=remembered(items, asker_id),
        )

    async def tastes(self, persona_id: str, asker_id: str) -> list[Taste]:
        """Alone: the asker's own. With others: those that were shown by feedback in this very room."""
        if self._sitting.is_group:
            found: list[Taste] = []
            for given in self._sitting.minds.feedbacks(persona_id).values():
                if (learned := self._ports.recommender.taste_of(given)) is not None:
                    found.append(learned)
                await trio.lowlevel.checkpoint()  # a third of a millisecond each, and up to 200
            return found
        model = await self._ports.feedbacks.load_taste(self._ports.tenant_id, asker_id, persona_id)
        taste, recommender = taste_from(model), self._ports.recommender
        # What it began from may have changed since: the profile, or what most like.
        prior = recommender.prior_of(await self._stated(asker_id))
        if taste is None or (taste.version, taste.prior) != (recommender.tower, prior):
            taste, was_anything_said = await self._made_anew(persona_id, asker_id)
            if was_anything_said and taste is not None:
                await self._store(persona_id, asker_id, taste_row(taste))
        return [] if taste is None else [taste]

    async def relearn(self, persona_id: str, user_id: str) -> None:
        """After feedback was given or taken back. Raises `Unavailable`."""
        taste, was_anything_said = await self._made_anew(persona_id, user_id)
        if not was_anything_said:
            await self._store(persona_id, user_id, {})
        elif taste is not None:  # else there is no tower to learn by, and what was learned stands
            await self._store(persona_id, user_id, taste_row(taste))

    async def _made_anew(self, persona_id: str, user_id: str) -> tuple[Taste | None, bool]:
        """A taste made of what this person said of this persona's answers, over what the profile states,
        under the weights that are in use now; and whether anything was said at all."""
        latest = await self._ports.feedbacks.latest(self._ports.tenant_id, user_id, persona_id)
        stated = await self._stated(user_id)
        taste = self._ports.recommender.taste_of(list(reversed(latest)), stated=stated)
        return taste, bool(latest)

    async def _stated(self, user_id: str) -> dict[str, float]:
        user = await self._sitting.user(user_id)
        return stated_of(user.preferences if user is not None else None)

    async def _store(self, persona_id: str, user_id: str, row: dict[str, object]) -> None:
        await self._ports.feedbacks.save_taste(self._ports.tenant_id, user_id, persona_id, row)

    async def learn(
        self, persona_id: str, heard: Heard, dialogue: Dialogue, *, atlas: Atlas, asker_id: str
    ) -> None:
        """What the message said; nothing of one that was unsaid meanwhile. A store that does not answer
        costs a memory, not the answer."""
        said = next((one for one in dialogue.said if one.message_id == heard.message_id), None)
        if said is None:
            return
        room_id = self._sitting.room_id if self._sitting.is_group else None
        async with self._lock:
            if heard.message_id in self._sitting.unsaid:
                return
            items = [
                self._item(one, persona_id, asker_id, room_id, heard.message_id)
                for one in learnings(heard, said, dialogue.trip.seeking, atlas)
            ]
            try:
                await self._ports.memories.add(self._ports.tenant_id, *items)
            except Rejected:
                self._sitting.counts["memories_lost"] += len(items)

    async def forget(self, message_id: str) -> None:
        """Everything that was learned from it. Raises `Unavailable`."""
        async with self._lock:
            await self._ports.memories.forget_message(self._ports.tenant_id, message_id)

    def _item(
        self,
        learning: Learning,
        persona_id: str,
        asker_id: str,
        room_id: str | None,
        message_id: str,
    ) -> MemoryItem:
        now = self._ports.clock.now_ms()
        return MemoryItem(
            id=self._ports.ids.uuid7(),
            persona_id=persona_id,
            kind=learning.kind,
            text=learning.text,
            about=asker_id,
            room_id=room_id,
            source_message=message_id,
            slot=learning.slot,
            value=learning.value,
            created_at=now,
            expires_at=None if learning.expires_at is None else now + learning.expires_at,
        )


def taste_from(model: object) -> Taste | None:
    """From its row; None for one that is none."""
    if not isinstance(model, dict):
        return None
    match model:
        case {"v": str(version), "w": [*weights], "n": int(seen)}:
            numbers = tuple(float(one) for one in weights if isinstance(one, int | float))
            prior = str(model.get("p", ""))
            return Taste(version=version, weights=numbers, seen=seen, prior=prior)
        case _:
            return None


def taste_row(taste: Taste) -> dict[str, object]:
    """As its row has it."""
    row: dict[str, object] = {"v": taste.version, "w": list(taste.weights), "n": taste.seen}
    return row | ({"p": taste.prior} if taste.prior else {})
