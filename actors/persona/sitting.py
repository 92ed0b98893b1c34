"""One room's personas while the actor is awake: who sits there, what they have in mind, what is under
way."""

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from actors.persona.arbiter import Floor, Seat
from actors.persona.dialogue import Dialogue
from actors.persona.minds import Minds
from actors.persona.ports import PersonaPorts
from actors.persona.run import PersonaRun
from actors.persona.transcript import Transcript
from core.ports.personas import Run
from core.ports.repositories import User
from protocol.persona import Persona, RoomGlimpse

MAX_OPEN: Final = 2
"""Runs under way in one room."""

SEATED_FOR: Final = 30.0
"""Seconds in which a persona's row is taken as it was."""

MOST_USERS: Final = 64
MOST_UNSAID: Final = 512
MOST_ANSWERED: Final = 512


@dataclass(slots=True)
class Sitting:
    """Owns: all of it. `places`: of runs that may be open. `unsaid`: messages that are not there any more;
    `forgotten`: how many they were, so that who has loaded something knows; `taken`: those that were dealt
    with, so that none is answered twice."""

    room_id: str
    room: RoomGlimpse
    ports: PersonaPorts
    counts: Counter[str]
    minds: Minds = field(default_factory=Minds)
    transcript: Transcript = field(default_factory=Transcript)
    running: dict[str, PersonaRun] = field(default_factory=dict)
    places: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(MAX_OPEN))
    last_speaker: str | None = None
    unsaid: OrderedDict[str, None] = field(default_factory=OrderedDict)
    forgotten: int = 0
    taken: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _users: dict[str, tuple[User | None, float]] = field(default_factory=dict)
    _personas: dict[str, tuple[Persona | None, float]] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether anybody but one person reads here, or may."""
        return len(self.room.people) + self.room.invited > 1

    def seat(self, room: RoomGlimpse) -> None:
        """The room as it is now."""
        was_group, read_from, self.room = self.is_group, self.room.read_from, room
        if room.read_from > read_from:
            self.minds.clear()
        if self.is_group and not was_group:
            self.minds.clear()
            # What was said to a persona alone stays between them, when somebody comes in.
            self.minds.change(lambda *_: True, Dialogue.said_here)
            self._stop(lambda run: run.is_looking)
        ids = [view.id for view in room.personas]
        self.minds.keep_only(ids, room.people)
        self.transcript.keep_only(room.people)
        names = {view.id: view.name for view in room.personas}
        self._personas = {
            one: kept
            for one, kept in self._personas.items()
            if one in names and kept[0] is not None and kept[0].name == names[one]
        }
        self._stop(lambda run: run.task.run.persona_id not in ids)

    async def floor(self) -> Floor:
        """Who may speak, each with the style of its row."""
        seats = []
        for view in self.room.personas:
            persona = await self.persona(view.id)
            if persona is not None:
                seats.append(
                    Seat(id=view.id, owner_id=view.owner_id, name=view.name, style=persona.style)
                )
        return Floor(
            speaking=self.room.speaking,
            seats=tuple(seats),
            people=frozenset(self.room.people),
            last=self.last_speaker,
        )

    async def persona(self, persona_id: str) -> Persona | None:
        """Its row; None: it is gone. At most `SEATED_FOR` old."""
        kept = self._personas.get(persona_id)
        now = trio.current_time()
        if kept is None or now - kept[1] > SEATED_FOR:
            row = await self.ports.personas.get(self.ports.tenant_id, persona_id)
            kept = self._personas[persona_id] = row, now
        return kept[0]

    async def user(self, user_id: str) -> User | None:
        """A profile, at most `SEATED_FOR` old."""
        kept = self._users.get(user_id)
        now = trio.current_time()
        if kept is None or now - kept[1] > SEATED_FOR:
            row = await self.ports.users.get(self.ports.tenant_id, user_id)
            if len(self._users) >= MOST_USERS:
                self._users.clear()
            kept = self._users[user_id] = row, now
        return kept[0]

    @asynccontextmanager
    async def place(self, within: float) -> AsyncIterator[bool]:
        """One of the room's places for runs; False: none became free in time."""
        with trio.move_on_after(within) as waiting:
            await self.places.acquire()
        if waiting.cancelled_caught:
            yield False
            return
        try:
            yield True
        finally:
            self.places.release()

    def take(self, message_id: str) -> bool:
        """Whether this message was not dealt with before."""
        if message_id in self.taken or message_id in self.unsaid:
            return False
        _remember(self.taken, message_id, MOST_ANSWERED)
        return True

    def unsay(self, message_id: str) -> None:
        """An answer that rests on it ends unsaid: its first words, which its message would keep, may tell of it."""
        self.forgotten += 1
        self._stop(lambda run: run.is_looking and self._rests_on(run.task.run, message_id))
        _remember(self.unsaid, message_id, MOST_UNSAID)
        was_used = self.minds.rest_on(message_id)
        self.minds.forget_message(message_id)
        self.transcript.unsay(message_id, was_used=was_used)

    def _rests_on(self, run: Run, message_id: str) -> bool:
        """Whether it was said before what this run answers, and is used for that."""
        said = self.minds.get(run.persona_id, run.asker_id).said
        return run.reply_to != message_id and any(one.message_id == message_id for one in said)

    def _stop(self, is_meant: Callable[[PersonaRun], bool]) -> None:
        for run in list(self.running.values()):
            if is_meant(run):
                run.cancel()


def _remember(kept: OrderedDict[str, None], key: str, most: int) -> None:
    kept[key] = None
    while len(kept) > most:
        kept.popitem(last=False)
