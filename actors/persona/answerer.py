"""One prompt, from its reading to the end of its answer."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

import trio

from actors.persona.arbiter import chosen, named
from actors.persona.conclusions import Answer, table_of
from actors.persona.decisions import Decision, Heard, Silent
from actors.persona.fixed_texts import notice, spoken_in
from actors.persona.learner import Known, Learner
from actors.persona.listener import Listener, Read, today_of
from actors.persona.lying import Lying, is_of_what_lies_there, pointing, sharing
from actors.persona.machine import decide, hear, passed_by
from actors.persona.passages import character_of, passages_of
from actors.persona.place_book import PlaceBook
from actors.persona.plans import Manner
from actors.persona.run import Fixed, PersonaRun, Task, What
from actors.persona.sitting import Sitting
from actors.persona.tools import AT_LEAST, SEARCH_WITHIN, Tools
from core.errors import Rejected
from core.headroom import Work
from core.ports.personas import Run
from core.reference import Ref
from protocol.persona import Persona, Prompt
from protocol.understanding import Understanding

PLACE_WITHIN: Final = 20.0
"""Seconds that a prompt waits for one of the room's two places."""

RUNS_A_MINUTE: Final = 20
"""Per user, over all rooms."""


class Answerer:
    """Borrows: the sitting, the room's reference, the place book."""

    def __init__(self, sitting: Sitting, room: Ref[Any], book: PlaceBook, learner: Learner) -> None:
        self._sitting, self._room, self._book = sitting, room, book
        self._learner, self._ports = learner, sitting.ports
        self._listener = Listener(sitting, learner)

    async def answer(self, prompt: Prompt) -> None:
        """At most one run. A port that refuses drops the prompt, which is counted."""
        try:
            read = await self._listener.read(prompt)
            if read is not None:
                await self._consider(read)
        except Rejected as refusal:
            self._sitting.counts[f"dropped_{refusal.code}"] += 1

    async def _consider(self, read: Read) -> None:
        persona_id = chosen(read.floor, read.call)
        persona = None if persona_id is None else await self._sitting.persona(persona_id)
        if persona is None:
            self._sitting.counts["left_alone"] += 1
            self._sitting.minds.change(lambda _, asker_id: asker_id == read.asker_id, passed_by)
            return
        async with self._sitting.place(PLACE_WITHIN) as is_free:
            if not is_free:
                self._sitting.counts["dropped_no_place"] += 1
            elif not self._is_unsaid(read):
                await self._speak(read, persona)

    def _is_unsaid(self, read: Read) -> bool:
        """Then nobody needs an answer, and nothing of it is heard. Asked for after whatever takes time."""
        is_unsaid = read.message_id in self._sitting.unsaid
        self._sitting.counts["left_alone"] += is_unsaid
        return is_unsaid

    # Answering it.

    async def _speak(self, read: Read, persona: Persona) -> None:
        locale = read.prompt.locale
        if not self._may_run(read.asker_id):
            if self._may_be_told(read.asker_id):
                await self._say_fixed(read, persona, notice("slow_down", locale))
        elif read.fixed is not None:
            await self._say_fixed(read, persona, read.fixed.text)
        elif read.reading is not None and not read.reading.is_supported:
            # What people say among themselves in their own language is theirs.
            if named(read.floor, read.call) or _is_alone(read) or not _is_aside(read):
                language = spoken_in(read.prompt.message.content) or read.reading.language
                await self._say_fixed(read, persona, notice("not_my_language", language))
        elif read.reading is not None:
            await self._decide_and_run(read, read.reading, persona)

    async def _decide_and_run(self, read: Read, reading: Understanding, persona: Persona) -> None:
        asker = await self._sitting.user(read.asker_id)
        for mention in (*reading.slots.destination, *reading.slots.origin):
            if mention.place_id is not None:
                # So that it is named in the reader's language from the first words on.
                await self._book.place(mention.place_id)
        is_explicit = named(read.floor, read.call) is not None
        # Last, so that nobody comes in between, before whom it may not be used.
        known = await self._listener.known(read, persona.id, asker)
        if self._is_unsaid(read):
            return
        heard = Heard(
            message_id=read.message_id,
            understanding=reading,
            today=today_of(asker, self._ports.business.business_ms()),
            text=read.prompt.message.content,
            hints=read.hints,
            is_explicit=is_explicit,
            is_aside=not is_explicit and not _is_alone(read) and _is_aside(read),
            defaults=known.defaults,
        )
        has_spoken = self._sitting.minds.get(persona.id, read.asker_id).spoke_at > 0
        decision = self._decide(read, heard, persona, known)
        if isinstance(decision, Silent):
            self._sitting.counts["left_alone"] += 1
            return
        manner = self._manner(read, heard, persona, known, has_spoken=has_spoken)
        await self._perform(read, persona, decision, manner)
        dialogue = self._sitting.minds.get(persona.id, read.asker_id)
        await self._learner.learn(
            persona.id, heard, dialogue, atlas=self._book.atlas, asker_id=read.asker_id
        )

    def _decide(self, read: Read, heard: Heard, persona: Persona, known: Known) -> Decision:
        """All that sit there have heard it; the one that was chosen decides."""
        minds, asker_id = self._sitting.minds, read.asker_id
        if known.said is not None:
            minds.remember(persona.id, asker_id, known.said)
        lying = self._listener.shared(read, persona.id)
        if lying is not None and is_of_what_lies_there(heard.understanding, heard.hints):
            dialogue = sharing(minds.get(persona.id, asker_id), lying)
            if heard.understanding.intent != "refine":  # a change is one of their own search
                dialogue = pointing(dialogue, lying)
            minds.put(persona.id, asker_id, dialogue)
        for seat in read.floor.seats:
            minds.put(seat.id, asker_id, hear(minds.get(seat.id, asker_id), heard))
        dialogue, decision = decide(minds.get(persona.id, asker_id), heard)
        if not isinstance(decision, Silent):
            dialogue = replace(dialogue, spoke_at=self._ports.clock.now_ms())
            self._sitting.last_speaker = persona.id
        minds.put(persona.id, asker_id, dialogue)
        return decision

    def _manner(
        self, read: Read, heard: Heard, persona: Persona, known: Known, *, has_spoken: bool
    ) -> Manner:
        sitting, seed = self._sitting, seed_of(heard.message_id)

        def remembered() -> tuple[str, ...]:
            """What is still there."""
            unsaid = sitting.unsaid
            return tuple(one.text for one in known.remembered if one.source_message not in unsaid)

        return Manner(
            voice=persona.style,
            language=heard.understanding.language,
            user=read.prompt.message.sender.name,
            persona=persona.name,
            today=heard.today,
            seed=seed,
            character=character_of(persona),
            passages=lambda act: passages_of(
                persona, act, said=heard.text, has_spoken=has_spoken, seed=seed
            ),
            remembered=remembered,
            heard=lambda: sitting.transcript.heard_by(
                persona.id,
                sitting.room,
                asker_id=read.asker_id,
                message_id=read.message_id,
                now=self._ports.clock.now_ms(),
            ),
        )

    async def _say_fixed(self, read: Read, persona: Persona, text: str) -> None:
        self._sitting.last_speaker = persona.id
        manner = Manner(
            voice=persona.style,
            language="en",
            user="",
            persona="",
            today=today_of(None, self._ports.business.business_ms()),
        )
        await self._perform(read, persona, Fixed(text=text), manner)

    async def _perform(self, read: Read, persona: Persona, what: What, manner: Manner) -> None:
        ids, read_at = self._ports.ids, read.prompt.read_at
        self._ports.headroom.spend(Work.ANSWER)
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
            Task(run=row, what=what, manner=manner, read_at=read_at, reader=_reader(read, what)),
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
        unsaid = self._sitting.unsaid
        if run.said is not None and row.message_id not in unsaid and row.reply_to not in unsaid:
            self._sitting.transcript.answered(run.said)
        self._sitting.counts[outcome] += 1

    def _answered(self, run: Run, answer: Answer) -> None:
        """What lies on the table now, for this asker and this persona."""
        minds = self._sitting.minds
        minds.show(answer.shown)
        table = table_of(answer, run.message_id)
        dialogue = minds.get(run.persona_id, run.asker_id)
        if table is not None:
            dialogue = dialogue.showing(table)
            asked = {"asker_id": run.asker_id, "asked_in": run.reply_to}
            minds.lay(Lying(persona_id=run.persona_id, table=table, **asked))
        minds.put(
            run.persona_id, run.asker_id, replace(dialogue, spoke_at=self._ports.clock.now_ms())
        )

    # Limits.

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


def _reader(read: Read, what: What) -> str:
    """Fixed words are chosen by rules."""
    return "" if read.reading is None or isinstance(what, Fixed) else read.reading.reader


def seed_of(message_id: str) -> int:
    """The same message is answered in the same words: its id's last 48 bits."""
    try:
        return int(message_id.replace("-", "")[-12:], 16)
    except ValueError:
        return 0


def _is_alone(read: Read) -> bool:
    return read.floor.people <= {read.asker_id}


def _is_aside(read: Read) -> bool:
    """It calls nobody, and follows a person's word, or a persona's to somebody else."""
    if read.call.called is not None:
        return False
    follows = read.prompt.follows
    is_of_one = read.call.talking is not None or read.call.showing is not None
    return follows == "human" or (follows == "persona" and not is_of_one)
