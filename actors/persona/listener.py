"""What a prompt means, whom it may be meant for, and what an answer will need of the asker."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import trio

from actors.persona.arbiter import (
    Call,
    Floor,
    called,
    depends_on_choice,
    hailed,
    named,
    person_hailed,
    talk_of,
)
from actors.persona.dialogue import Dialogue
from actors.persona.fixed_texts import FixedText, fixed_text
from actors.persona.fixed_words import LAUGHS, PRESSING
from actors.persona.hints import Hints, hints
from actors.persona.learner import Known, Learner
from actors.persona.lying import Lying, is_of_what_lies_there, may_point, sharing
from actors.persona.meant import ASK_BELOW, SURE_FROM
from actors.persona.sitting import Sitting
from actors.persona.soundness import sound
from actors.persona.when import when
from core.errors import Rejected
from core.ports.personas import Choice
from core.ports.repositories import User
from protocol.persona import Prompt
from protocol.understanding import Intent, Language, Setting, Slots, Understanding

READ_WITHIN: Final = 2.0

IDLE: Final = frozenset[Intent]({"thanks", "smalltalk"})
"""What people say to one another all day, in words that a persona is thanked with too."""

LOADED_FOR: Final = 1.0
"""Seconds in which what was loaded while a message was read is used for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What may be used of the asker, as it stood when the message came: of whom, and what it held for."""

    persona_id: str
    known: Known
    is_group: bool
    forgotten: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A prompt, who may answer it, and what was understood of it. `reading` None: it needed no model.
    `loaded`: of the persona that is likely to answer."""

    prompt: Prompt
    floor: Floor
    call: Call
    hints: Hints
    fixed: FixedText | None
    reading: Understanding | None
    loaded: Loaded | None = None

    @property
    def message_id(self) -> str:
        return self.prompt.message.message_id

    @property
    def asker_id(self) -> str:
        return self.prompt.message.sender.id


class Listener:
    """Borrows: the sitting, the learner."""

    def __init__(self, sitting: Sitting, learner: Learner) -> None:
        self._sitting, self._learner, self._ports = sitting, learner, sitting.ports

    async def read(self, prompt: Prompt) -> Read | None:
        """What needs no model is recognised before any; a group's talk is read to know whether it is
        meant for a persona at all. None: nothing read it in time. Raises `Rejected`."""
        floor, text = await self._sitting.floor(), prompt.message.content
        others = self._sitting.room.people.values()
        is_hailed = hailed(floor, text, others)
        call = replace(self._call(prompt, called(floor, text)), is_hailed=is_hailed)
        fixed = fixed_text(text)
        await trio.lowlevel.checkpoint()  # in a long text it took a millisecond, and hints take two
        read = Read(
            prompt=prompt,
            floor=floor,
            call=replace(call, addressed=1.0),
            hints=hints(text),
            fixed=fixed,
            reading=None,
        )
        is_meant = named(floor, call) is not None or floor.people <= {read.asker_id}
        if read.fixed is not None and (is_meant or _is_pressing(read)):
            return replace(read, call=self._choosing(read.call, await self._choice(read)))
        asker = await self._sitting.user(read.asker_id)
        reading, loaded, choice = await self._understood(read, asker, is_meant=is_meant)
        if reading is None:
            self._sitting.counts["dropped_unread"] += 1
            return None
        self._sitting.counts["read"] += 1
        self._note_mood(read, asker)
        reading = sound(reading)
        hailed_one = None if is_hailed or call.called else self._person_hailed(read)
        call = replace(
            call,
            named=call.named if hailed_one is None else (*call.named, hailed_one),
            addressed=reading.addressed,
            is_idle=_is_idle(read, reading),
            slots=reading.slots,
            hints=read.hints,
            showing=self._showing(read, reading),
        )
        return replace(read, call=self._choosing(call, choice), reading=reading, loaded=loaded)

    async def _understood(
        self, read: Read, asker: User | None, *, is_meant: bool
    ) -> tuple[Understanding | None, Loaded | None, Choice | None]:
        """The reading, and beside it what the answer will need of the database: the memories of whoever
        is likely to give it, and the asker's own choice. Raises `Rejected`."""
        floor, call = read.floor, read.call
        found: dict[str, Any] = {}

        async def ask(name: str, asked: Callable[[], Awaitable[object]]) -> None:
            try:
                found[name] = await asked()
            except Rejected as refusal:
                found["refusal"] = refusal

        async def reading() -> Understanding | None:
            with trio.move_on_after(READ_WITHIN):
                today = today_of(asker, self._ports.business.business_ms())
                setting = self._setting(read, today, language_spoken(asker))
                return await self._ports.reader.read(read.prompt.message.content, setting)
            return None

        async def loaded() -> Loaded | None:
            likely = _likely(floor, call) if is_meant else None
            if likely is not None:
                with suppress(Rejected):  # else it is asked for again when it is needed
                    return await self._loaded(likely, asker, read.asker_id)
            return None

        async def choice() -> Choice | None:
            return await self._choice(read)

        async with trio.open_nursery() as nursery:
            for name, asked in (("reading", reading), ("loaded", loaded), ("choice", choice)):
                nursery.start_soon(ask, name, asked)
        if "refusal" in found:
            raise found["refusal"]
        return found["reading"], found["loaded"], found["choice"]

    def _person_hailed(self, read: Read) -> str | None:
        people = self._sitting.room.people.items()
        others = {user_id: name for user_id, name in people if user_id != read.asker_id}
        return person_hailed(read.floor, read.prompt.message.content, others)

    def _note_mood(self, read: Read, asker: User | None) -> None:
        """For how content the room is: of whoever said in their profile that they may be counted."""
        if read.message_id in self._sitting.unsaid:
            return
        agrees = asker is not None and asker.preferences.get("shareMood") is True
        text = read.prompt.message.content
        self._ports.moods.heard_nowait(
            self._sitting.room_id, read.message_id, read.asker_id, text, agrees=agrees
        )

    async def _choice(self, read: Read) -> Choice | None:
        """The asker's own choice, where it may decide."""
        if not depends_on_choice(read.floor, read.call):
            return None
        return await self._ports.personas.active(
            self._ports.tenant_id, read.asker_id, self._sitting.room_id
        )

    def _choosing(self, call: Call, choice: Choice | None) -> Call:
        if choice is None:
            return call
        talks = self._sitting.minds.of_asker(call.asker_id)
        is_switched = all(choice.at > dialogue.spoke_at for _, dialogue in talks)
        return replace(call, active=choice.persona_id, is_switched=is_switched)

    async def known(self, read: Read, persona_id: str, asker: User | None) -> Known:
        """What may be used of the asker now, and is used at once. Raises `Unavailable`."""
        loaded = read.loaded
        if loaded is not None and trio.current_time() - loaded.at > LOADED_FOR:
            loaded = None
        while loaded is None or not self._is_still_true(loaded, persona_id):
            loaded = await self._loaded(persona_id, asker, read.asker_id)
        return loaded.known

    async def _loaded(self, persona_id: str, asker: User | None, asker_id: str) -> Loaded:
        is_group, forgotten = self._sitting.is_group, self._sitting.forgotten
        at = trio.current_time()
        known = await self._learner.known(persona_id, asker, asker_id)
        return Loaded(
            persona_id=persona_id, known=known, is_group=is_group, forgotten=forgotten, at=at
        )

    def _is_still_true(self, loaded: Loaded, persona_id: str) -> bool:
        """Nobody came in meanwhile, before whom not all of it may be used, and nothing was unsaid."""
        return (
            loaded.persona_id == persona_id
            and loaded.is_group == self._sitting.is_group
            and loaded.forgotten == self._sitting.forgotten
        )

    def shared(self, read: Read, persona_id: str | None) -> Lying | None:
        """What this persona (None: whichever) showed to somebody, where the message may point at it."""
        if not may_point(read.hints, follows=read.prompt.follows):
            return None
        return self._sitting.minds.lying(persona_id)

    def _showing(self, read: Read, reading: Understanding) -> str | None:
        """Of whose list somebody speaks who talks with nobody."""
        if read.call.talking is not None or not is_of_what_lies_there(reading, read.hints):
            return None
        lying = self.shared(read, read.call.called)
        return None if lying is None else lying.persona_id

    def _call(self, prompt: Prompt, called: str | None) -> Call:
        asker_id, now = prompt.message.sender.id, self._ports.clock.now_ms()
        talking, asking = talk_of(self._sitting.minds.of_asker(asker_id), now)
        return Call(
            asker_id=asker_id,
            named=prompt.mentions,
            replied_to=prompt.reply_to_persona,
            called=called,
            talking=talking,
            asking=asking,
            is_next=prompt.follows == "persona",
        )

    def _setting(self, read: Read, today: date, language: Language) -> Setting:
        """By the dialogue that the message most likely belongs to."""
        floor, call = read.floor, read.call
        persona_id = named(floor, call) or call.called or call.asking or call.talking
        dialogue = Dialogue()
        if persona_id is not None:
            dialogue = self._sitting.minds.get(persona_id, call.asker_id)
        if (lying := self.shared(read, persona_id)) is not None:
            dialogue = sharing(dialogue, lying)
        stay = when(dialogue.trip.dates, today)
        return Setting(
            people=max(1, len(floor.people)),
            addressed=call.is_hailed or named(floor, call) is not None,
            asked=dialogue.asked,
            shown=dialogue.table.kind if dialogue.table is not None else None,
            last=read.prompt.follows,
            today=today.isoformat(),
            around=stay.start.isoformat() if stay is not None else None,
            names=tuple(seat.name for seat in floor.seats if seat.name),
            language=language if dialogue.spoken is None else dialogue.spoken.language,
            is_in_talk=dialogue.spoken is not None,
        )


def _is_pressing(read: Read) -> bool:
    """A cry for help, or whether that is a machine, from who was in talk with a persona just now; and a cry for help to
    nobody in particular, where no people are in talk who would hear it: whatever a model would make of it."""
    if read.fixed is None or read.fixed.topic not in PRESSING:
        return False
    is_joke = re.search(LAUGHS, read.prompt.message.content.lower()) is not None
    is_to_anybody = read.fixed.topic == "emergency" and read.prompt.follows != "human"
    is_to_anybody = is_to_anybody and not is_joke
    return read.call.talking is not None or is_to_anybody


def _is_idle(read: Read, reading: Understanding) -> bool:
    """Whether a persona that nobody has called would only say thanks back, or that it has not understood."""
    if "?" in read.prompt.message.content or read.prompt.follows == "persona":
        return False
    says_little = reading.confidence < SURE_FROM and reading.slots == Slots()
    return reading.intent in IDLE or reading.confidence < ASK_BELOW or says_little


def _likely(floor: Floor, call: Call) -> str | None:
    """Who will answer what is meant for a persona, as far as can be told before it is read."""
    speakers = [seat.id for seat in floor.speakers()]
    if len(speakers) == 1:
        return named(floor, call) or speakers[0]
    preferred = (call.called, call.asking, call.talking)
    talking = next((one for one in preferred if one in speakers), None)
    return named(floor, call) or talking


def language_spoken(asker: User | None) -> Language:
    """The asker's own, as far as it is one that personas speak."""
    own = asker.locale.partition("-")[0] if asker is not None else ""
    return next((language for language in get_args(Language) if language == own), "en")


def today_of(asker: User | None, now_ms: int) -> date:
    """Where the asker is at home."""
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    try:
        return now.astimezone(ZoneInfo(asker.time_zone)).date() if asker else now.date()
    except (LookupError, ValueError):
        return now.date()
