"""One prompt, from its reading to the end of its answer."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import trio

from actors.persona.arbiter import Call, Floor, chosen, depends_on_choice, named, talk_of
from actors.persona.conclusions import Answer, table_of
from actors.persona.decisions import Decision, Heard, Silent
from actors.persona.dialogue import Dialogue
from actors.persona.fixed_texts import FixedText, fixed_text, notice
from actors.persona.hints import Hints, hints
from actors.persona.learner import Known, Learner
from actors.persona.machine import decide, hear
from actors.persona.passages import passages_of
from actors.persona.place_book import PlaceBook
from actors.persona.plans import Manner
from actors.persona.run import Fixed, PersonaRun, Task, What
from actors.persona.sitting import Sitting
from actors.persona.soundness import sound
from actors.persona.tools import AT_LEAST, SEARCH_WITHIN, Tools
from core.errors import Rejected
from core.ports.personas import Run
from core.ports.repositories import User
from core.reference import Ref
from protocol.persona import Persona, Prompt
from protocol.understanding import Setting, Understanding

READ_WITHIN: Final = 2.0
PLACE_WITHIN: Final = 20.0
"""Seconds that a prompt waits for one of the room's two places."""

RUNS_A_MINUTE: Final = 20
"""Per user, over all rooms."""

LOADED_FOR: Final = 1.0
"""Seconds in which what was loaded while a message was read is used for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What may be used of the asker, as it stood when the message came: of whom, and what it held for."""

    persona_id: str
    known: Known
    is_group: bool
    forgotten: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A prompt, who may answer it, and what was understood of it. `reading` None: it needed no model.
    `loaded`: of the persona that is likely to answer."""

    prompt: Prompt
    floor: Floor
    call: Call
    hints: Hints
    fixed: FixedText | None
    reading: Understanding | None
    loaded: _Loaded | None = None

    @property
    def message_id(self) -> str:
        return self.prompt.message.message_id

    @property
    def asker_id(self) -> str:
        return self.prompt.message.sender.id


class Answerer:
    """Borrows: the sitting, the room's reference, the place book."""

    def __init__(self, sitting: Sitting, room: Ref[Any], book: PlaceBook, learner: Learner) -> None:
        self._sitting, self._room, self._book = sitting, room, book
        self._learner, self._ports = learner, sitting.ports

    async def answer(self, prompt: Prompt) -> None:
        """At most one run. A port that refuses drops the prompt, which is counted."""
        try:
            read = await self._read(prompt)
            if read is not None:
                await self._consider(read)
        except Rejected as refusal:
            self._sitting.counts[f"dropped_{refusal.code}"] += 1

    async def _consider(self, read: _Read) -> None:
        persona_id = chosen(read.floor, read.call)
        persona = None if persona_id is None else await self._sitting.persona(persona_id)
        if persona is None or read.message_id in self._sitting.unsaid:
            self._sitting.counts["left_alone"] += 1
            return
        async with self._sitting.place(PLACE_WITHIN) as is_free:
            if is_free:
                await self._speak(read, persona)
            else:
                self._sitting.counts["dropped_no_place"] += 1

    # Understanding it.

    async def _read(self, prompt: Prompt) -> _Read | None:
        """What needs no model is recognised before any; a group's talk is read to know whether it is
        meant for a persona at all."""
        floor, text = await self._sitting.floor(), prompt.message.content
        call = self._call(prompt)
        read = _Read(
            prompt=prompt,
            floor=floor,
            call=replace(call, addressed=1.0),
            hints=hints(text),
            fixed=fixed_text(text),
            reading=None,
        )
        is_meant = named(floor, call) is not None or floor.people <= {read.asker_id}
        if read.fixed is not None and is_meant:
            return read
        asker = await self._sitting.user(read.asker_id)
        reading, loaded, active = await self._understood(read, asker, is_meant=is_meant)
        if reading is None:
            self._sitting.counts["dropped_unread"] += 1
            return None
        self._sitting.counts["read"] += 1
        reading = sound(reading)
        call = replace(
            call,
            addressed=reading.addressed,
            slots=reading.slots,
            hints=read.hints,
            active=active,
        )
        return replace(read, call=call, reading=reading, loaded=loaded)

    async def _understood(
        self, read: _Read, asker: User | None, *, is_meant: bool
    ) -> tuple[Understanding | None, _Loaded | None, str | None]:
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
                setting = self._setting(read, self._today(asker))
                return await self._ports.reader.read(read.prompt.message.content, setting)
            return None

        async def loaded() -> _Loaded | None:
            likely = _likely(floor, call) if is_meant else None
            with suppress(Rejected):  # else it is asked for again when it is needed
                return await self._loaded(likely, asker, read.asker_id)
            return None

        async def active() -> str | None:
            if not depends_on_choice(floor, call):
                return None
            return await self._ports.personas.active(
                self._ports.tenant_id, call.asker_id, self._sitting.room_id
            )

        async with trio.open_nursery() as nursery:
            for name, asked in (("reading", reading), ("loaded", loaded), ("active", active)):
                nursery.start_soon(ask, name, asked)
        if "refusal" in found:
            raise found["refusal"]
        return found["reading"], found["loaded"], found["active"]

    async def _loaded(
        self, persona_id: str | None, asker: User | None, asker_id: str
    ) -> _Loaded | None:
        if persona_id is None:
            return None
        is_group, forgotten = self._sitting.is_group, self._learner.forgotten
        at = trio.current_time()
        known = await self._learner.known(persona_id, asker, asker_id)
        return _Loaded(
            persona_id=persona_id, known=known, is_group=is_group, forgotten=forgotten, at=at
        )

    def _is_still_true(self, loaded: _Loaded, persona_id: str) -> bool:
        """Nobody came in meanwhile, before whom not all of it may be used, and nothing was unsaid."""
        return (
            loaded.persona_id == persona_id
            and loaded.is_group == self._sitting.is_group
            and loaded.forgotten == self._learner.forgotten
            and trio.current_time() - loaded.at <= LOADED_FOR
        )

    def _call(self, prompt: Prompt) -> Call:
        asker_id, now = prompt.message.sender.id, self._ports.clock.now_ms()
        talking, asking = talk_of(self._sitting.minds.of_asker(asker_id), now)
        return Call(
            asker_id=asker_id,
            named=prompt.mentions,
            replied_to=prompt.reply_to_persona,
            talking=talking,
            asking=asking,
        )

    def _setting(self, read: _Read, today: date) -> Setting:
        """By the dialogue that the message most likely belongs to."""
        floor, call = read.floor, read.call
        persona_id = named(floor, call) or call.asking or call.talking
        dialogue = Dialogue()
        if persona_id is not None:
            dialogue = self._sitting.minds.get(persona_id, call.asker_id)
        return Setting(
            people=max(1, len(floor.people)),
            addressed=named(floor, call) is not None,
            asked=dialogue.asked,
            shown=dialogue.table.kind if dialogue.table is not None else None,
            last=read.prompt.follows,
            today=today.isoformat(),
        )

    # Answering it.

    async def _speak(self, read: _Read, persona: Persona) -> None:
        locale = read.prompt.locale
        if not self._may_run(read.asker_id):
            if self._may_be_told(read.asker_id):
                await self._say_fixed(read, persona, notice("slow_down", locale))
        elif read.fixed is not None:
            await self._say_fixed(read, persona, read.fixed.text)
        elif read.reading is not None and not read.reading.is_supported:
            language = read.reading.language
            await self._say_fixed(read, persona, notice("not_my_language", language))
        elif read.reading is not None:
            await self._decide_and_run(read, read.reading, persona)

    async def _decide_and_run(self, read: _Read, reading: Understanding, persona: Persona) -> None:
        asker = await self._sitting.user(read.asker_id)
        if read.loaded is not None and self._is_still_true(read.loaded, persona.id):
            known = read.loaded.known
        else:
            known = await self._learner.known(persona.id, asker, read.asker_id)
        for mention in (*reading.slots.destination, *reading.slots.origin):
            if mention.place_id is not None:
                # So that it is named in the reader's language from the first words on.
                await self._book.place(mention.place_id)
        heard = Heard(
            message_id=read.message_id,
            understanding=reading,
            today=self._today(asker),
            text=read.prompt.message.content,
            hints=read.hints,
            is_explicit=named(read.floor, read.call) is not None,
            defaults=known.defaults,
        )
        has_spoken = self._sitting.minds.get(persona.id, read.asker_id).spoke_at > 0
        decision = self._decide(read, heard, persona, known)
        if isinstance(decision, Silent):
            self._sitting.counts["left_alone"] += 1
            return
        manner = self._manner(read, heard, persona, has_spoken=has_spoken)
        await self._perform(read, persona, decision, manner)
        dialogue = self._sitting.minds.get(persona.id, read.asker_id)
        await self._learner.learn(
            persona.id, heard, dialogue, atlas=self._book.atlas, asker_id=read.asker_id
        )

    def _decide(self, read: _Read, heard: Heard, persona: Persona, known: Known) -> Decision:
        """All that sit there have heard it; the one that was chosen decides."""
        minds, asker_id = self._sitting.minds, read.asker_id
        if known.said is not None:
            said = [one for one in known.said if one.message_id not in self._sitting.unsaid]
            minds.remember(persona.id, asker_id, said)
        for seat in read.floor.seats:
            minds.put(seat.id, asker_id, hear(minds.get(seat.id, asker_id), heard))
        dialogue, decision = decide(minds.get(persona.id, asker_id), heard)
        if not isinstance(decision, Silent):
            dialogue = replace(dialogue, spoke_at=self._ports.clock.now_ms())
            self._sitting.last_speaker = persona.id
        minds.put(persona.id, asker_id, dialogue)
        return decision

    def _manner(self, read: _Read, heard: Heard, persona: Persona, *, has_spoken: bool) -> Manner:
        seed = seed_of(heard.message_id)
        return Manner(
            voice=persona.style,
            language=heard.understanding.language,
            user=read.prompt.message.sender.name,
            persona=persona.name,
            today=heard.today,
            seed=seed,
            passages=lambda act: passages_of(
                persona, act, said=heard.text, has_spoken=has_spoken, seed=seed
            ),
        )

    async def _say_fixed(self, read: _Read, persona: Persona, text: str) -> None:
        self._sitting.last_speaker = persona.id
        manner = Manner(
            voice=persona.style, language="en", user="", persona="", today=self._today(None)
        )
        await self._perform(read, persona, Fixed(text=text), manner)

    async def _perform(self, read: _Read, persona: Persona, what: What, manner: Manner) -> None:
        ids, read_at = self._ports.ids, read.prompt.read_at
        row = Run(
            id=ids.uuid7(),
            room_id=self._sitting.room_id,
            persona_id=persona.id,
            asker_id=read.asker_id,
            message_id=ids.uuid7(),
            reply_to=read.message_id,
            started_at=self._ports.clock.now_ms(),
            intent="" if read.reading is None else read.reading.intent,
        )
        tools = Tools(
            self._ports,
            self._book,
            asker_id=row.asker_id,
            tastes=partial(self._learner.tastes, persona.id, read.asker_id),
            deadline=max(read_at + SEARCH_WITHIN, trio.current_time() + AT_LEAST),
        )
        run = PersonaRun(
            Task(run=row, what=what, manner=manner, read_at=read_at),
            self._ports,
            self._room,
            tools,
            atlas=self._book.atlas,
            on_answer=self._answered,
        )
        self._sitting.running[row.id] = run
        try:
            outcome = await run.perform()
        finally:
            del self._sitting.running[row.id]
        self._sitting.counts[outcome] += 1

    def _answered(self, run: Run, answer: Answer) -> None:
        """What lies on the table now, for this asker and this persona."""
        minds = self._sitting.minds
        minds.show(answer.shown)
        table = table_of(answer, run.message_id)
        dialogue = minds.get(run.persona_id, run.asker_id)
        dialogue = dialogue if table is None else dialogue.showing(table)
        minds.put(
            run.persona_id, run.asker_id, replace(dialogue, spoke_at=self._ports.clock.now_ms())
        )

    # Limits and days.

    def _may_run(self, user_id: str) -> bool:
        return self._take(f"persona-runs:{user_id}", limit=RUNS_A_MINUTE)

    def _may_be_told(self, user_id: str) -> bool:
        self._sitting.counts["dropped_rate_limited"] += 1
        return self._take(f"persona-slow-down:{user_id}", limit=1)

    def _take(self, key: str, *, limit: int) -> bool:
        limits = self._ports.rate_limits
        if limits is None:
            return True
        return limits.take(f"{self._ports.tenant_id}:{key}", limit=limit, period=60.0).allowed

    def _today(self, asker: User | None) -> date:
        """Where the asker is at home."""
        now = datetime.fromtimestamp(self._ports.clock.now_ms() / 1_000, UTC)
        try:
            return now.astimezone(ZoneInfo(asker.time_zone)).date() if asker else now.date()
        except (LookupError, ValueError):
            return now.date()


def _likely(floor: Floor, call: Call) -> str | None:
    """Who will answer what is meant for a persona, as far as can be told before it is read."""
    speakers = [seat.id for seat in floor.speakers()]
    if len(speakers) == 1:
        return named(floor, call) or speakers[0]
    talking = next((one for one in (call.asking, call.talking) if one in speakers), None)
    return named(floor, call) or talking


def seed_of(message_id: str) -> int:
    """The same message is answered in the same words: its id's last 48 bits."""
    try:
        return int(message_id.replace("-", "")[-12:], 16)
    except ValueError:
        return 0
