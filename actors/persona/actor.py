"""The personas of one room: they listen, one of them answers."""

from collections import Counter
from typing import Any, Final
from weakref import WeakSet

from actors.persona.answerer import Answerer
from actors.persona.arbiter import Call, may_be_meant, named
from actors.persona.fixed_texts import fixed_text
from actors.persona.judgements import Judgements
from actors.persona.learner import Learner
from actors.persona.place_book import PlaceBook
from actors.persona.ports import PersonaPorts
from actors.persona.run import PersonaRun
from actors.persona.sitting import Sitting
from actors.persona.waiting import Waiting
from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from core.errors import Rejected, Unavailable
from core.ports.personas import Run
from protocol.frames import Done
from protocol.persona import (
    PERSONA,
    Cancel,
    CloseRun,
    GlimpseRoom,
    Opened,
    Prompt,
    Rated,
    RoomGlimpsed,
    Seated,
    Unsaid,
)
from protocol.room import ROOM

IDLE_AFTER: Final = 1_800.0
"""Seconds: a talk with pauses in it goes on as it was."""

PERSONA_LANE: Final = 64
FORGET_AGAIN_AFTER: Final = 2.0


class PersonaKind:
    """What the personas of all rooms share: the place book, counts of what became of prompts, and who of
    them is awake, for what was said to a persona alone it has in mind in other rooms too.

    Owns: all of it. Borrows: the ports.
    """

    def __init__(self, ports: PersonaPorts) -> None:
        self.ports = ports
        self.book = PlaceBook(ports.catalogue, ports.meanings)
        self.counts: Counter[str] = Counter()
        self.awake: WeakSet[PersonaActor] = WeakSet()

    def unsay(self, message_id: str) -> None:
        """Out of every mind in this process: the message was deleted, or edited. What is stored of it is
        somebody else's to remove."""
        for actor in list(self.awake):
            actor.unsay(message_id)

    def spec(self) -> ActorSpec:
        """Transient: rows and memories are what lasts."""
        return ActorSpec(
            kind=PERSONA,
            make=lambda room_id: PersonaActor(room_id, self),
            lanes={Prompt: Lane.PERSONA, Cancel: Lane.CONTROL, Seated: Lane.CONTROL},
            idle_after=IDLE_AFTER,
            persona_limit=PERSONA_LANE,
        )

    def statistics(self) -> dict[str, int | float]:
        """Prompts by what became of them: `filtered` by the rules before any model, `read`, `left_alone`,
        `done`, `cancelled`, `failed`, `dropped_…` by why."""
        return {**self.counts, **self.book.statistics()}


class PersonaActor(Actor[Any]):
    """All personas of one room: one of them answers a prompt, or none.

    Owns: the sitting, the queues of who waits. Borrows: ports, the place book. Lets crash: what it does
    not know; the room keeps what was streamed, the successor closes what was open.
    """

    def __init__(self, room_id: str, kind: PersonaKind) -> None:
        self._room_id, self._kind = room_id, kind
        self._ports, self._counts = kind.ports, kind.counts

    async def started(self) -> None:
        """Know the room, and end what a crash left open. Raises `Rejected("not_found")` where there is
        no such room, `Unavailable` as the ports do."""
        room = self.context.ref_to(ROOM.at(self._room_id))
        answer = await room.ask(GlimpseRoom())
        if not isinstance(answer, RoomGlimpsed):
            raise TypeError(f"a room answered {type(answer).__name__}")
        sitting = Sitting(
            room_id=self._room_id, room=answer.room, ports=self._ports, counts=self._counts
        )
        self._sitting = sitting
        self._kind.awake.add(self)
        self._learner = Learner(sitting)
        self._judgements = Judgements(sitting, self._learner, self._kind.book)
        answerer = Answerer(sitting, room, self._kind.book, self._learner)
        self._waiting = Waiting(answerer.answer, self.context.start_soon)
        await self._end_what_was_open(answer.room.open_runs)

    async def _end_what_was_open(self, in_room: tuple[str, ...]) -> None:
        left = await self._ports.runs.fail_open(
            self._ports.tenant_id, self._room_id, at=self._ports.clock.now_ms()
        )
        room = self.context.ref_to(ROOM.at(self._room_id))
        for run_id in dict.fromkeys((*in_room, *(run.id for run in left))):
            try:
                await room.ask(CloseRun(run_id=run_id, reason="failed"))
            except Unavailable:
                raise
            except Rejected:
                continue  # the room does not know it: the server was killed meanwhile

    async def handle(self, envelope: Envelope[Any]) -> None:
        match envelope.message:
            case Prompt() as prompt:
                await self._prompted(prompt)
            case Unsaid() as unsaid:
                await self._unsaid(unsaid)
            case Seated(room=room):
                self._sitting.seat(room)
                is_silent = room.speaking == "silent"
                people = room.people
                self._waiting.drop(lambda one: is_silent or one.message.sender.id not in people)
            case Cancel(run_id=run_id):
                await self._cancel(envelope, run_id)
            case Rated() as rated:
                await self._judgements.rated(envelope.of().user_id, rated)
                envelope.answer(Done())
            case Opened() as opened:
                await self._judgements.opened(envelope.of().user_id, opened)
                envelope.answer(Done())
            case unexpected:
                raise TypeError(f"personas understand no {type(unexpected).__name__}")

    def unsay(self, message_id: str) -> None:
        """Never mind it any more."""
        self._sitting.unsay(message_id)
        self._ports.moods.forget_nowait(self._room_id, message_id)

    def redacted_state(self) -> object:
        sitting = getattr(self, "_sitting", None)
        if sitting is None:
            return None
        return {
            "personas": len(sitting.room.personas),
            "people": len(sitting.room.people),
            "dialogues": len(sitting.minds),
            "lines": len(sitting.transcript),
            "running": len(sitting.running),
            "waiting": len(self._waiting),
        }

    # Listening.

    async def _prompted(self, prompt: Prompt) -> None:
        """Judged by rules alone; what may be meant for a persona waits its turn."""
        message = prompt.message
        if message.sender.kind != "user" or not self._sitting.take(message.message_id):
            return
        self._sitting.transcript.hear(message)
        try:
            floor = await self._sitting.floor()
        except Rejected:
            self._counts["dropped_unavailable"] += 1
            return
        call = Call(
            asker_id=message.sender.id, named=prompt.mentions, replied_to=prompt.reply_to_persona
        )
        if not may_be_meant(floor, call) or not self._is_worth_reading(prompt, named(floor, call)):
            self._counts["filtered"] += 1
        elif not self._waiting.put(prompt):
            self._counts["dropped_queue_full"] += 1

    def _is_worth_reading(self, prompt: Prompt, called: str | None) -> bool:
        text = prompt.message.content
        if called is not None or self._ports.reader.may_be_prompt(text):
            return True
        return fixed_text(text) is not None

    async def _unsaid(self, unsaid: Unsaid) -> None:
        """What was learned from it goes; and while a store is away it is tried again. A deleted
        question needs no answer."""
        self._kind.unsay(unsaid.message_id)
        self._waiting.drop(lambda one: one.message.message_id == unsaid.message_id)
        if unsaid.is_deleted:
            for run in self._sitting.running.values():
                if run.task.run.reply_to == unsaid.message_id:
                    run.cancel()
        try:
            await self._learner.forget(unsaid.message_id)
        except Rejected:
            self.context.after(FORGET_AGAIN_AFTER, unsaid)

    # Stopping.

    async def _cancel(self, envelope: Envelope[Any], run_id: str) -> None:
        """For the asker, the persona's owner, the room's owner. Answered when no delta follows."""
        user_id = envelope.of().user_id
        running = self._sitting.running.get(run_id)
        if running is None:
            run = await self._ports.runs.get(self._ports.tenant_id, run_id)
            if run is None or run.room_id != self._room_id:
                raise Rejected("not_found", "There is no such run.")
            self._demand_right(user_id, run)
            envelope.answer(Done())
            return
        self._demand_right(user_id, running.task.run)
        running.cancel()
        self.context.start_soon(self._answer_when_over, envelope, running)

    def _demand_right(self, user_id: str, run: Run) -> None:
        """Raises `Rejected("forbidden")`."""
        owners = {
            view.owner_id for view in self._sitting.room.personas if view.id == run.persona_id
        }
        if user_id not in {run.asker_id, self._sitting.room.owner_id, *owners}:
            raise Rejected("forbidden", "Only who asked, or an owner, can stop this answer.")

    async def _answer_when_over(self, envelope: Envelope[Any], running: PersonaRun) -> None:
        await running.over.wait()
        envelope.answer(Done())
