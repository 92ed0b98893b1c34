"""Personas that say something, without understanding a word: they open, stream and close as the real
ones do, in a process that dies as any other."""

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import trio
from virtual_time import sleep
from weather import Weather

from core.actor import Actor, ActorSpec
from core.envelope import Envelope
from core.errors import Rejected
from core.ports.personas import Run
from core.reference import Ref
from protocol.chat import AiOrigin
from protocol.frames import Answer, Done
from protocol.persona import (
    PERSONA,
    Cancel,
    CloseRun,
    GlimpseRoom,
    OpenRun,
    Prompt,
    RoomGlimpse,
    RoomGlimpsed,
    RunClosed,
    Seated,
    StreamRun,
)
from protocol.room import ROOM

TENANT: Final = 1
PIECES: Final = ("Olá ", "sun, ", "sea, ", "18 °C ", "🐪 ", "and then ")
TRIES: Final = 40


@dataclass(slots=True, kw_only=True)
class Said:
    """What a parrot knows of one of its runs. `text`: all that it wanted to say; `closed`: what the
    room answered, if it did."""

    run: Run
    text: str = ""
    reason: Literal["done", "cancelled", "failed"] = "done"
    closed: RunClosed | None = None


@dataclass(slots=True, kw_only=True)
class Cage:
    """What all parrots of one process share. `said` outlives it: the journey's own notes."""

    runs: Any
    ids: Any
    chance: random.Random
    weather: Weather
    said: dict[str, Said]

    def spec(self) -> ActorSpec:
        return ActorSpec(kind=PERSONA, make=lambda room_id: Parrots(room_id, self))


class Parrots(Actor[Any]):
    """The personas of one room."""

    def __init__(self, room_id: str, cage: Cage) -> None:
        self._room_id, self._cage = room_id, cage
        self._talking: dict[str, trio.CancelScope] = {}
        self._stopped: dict[str, trio.Event] = {}

    @property
    def _room(self) -> Ref[Any]:
        return self.context.ref_to(ROOM.at(self._room_id))

    async def started(self) -> None:
        answer = await self._room.ask(GlimpseRoom())
        assert isinstance(answer, RoomGlimpsed)
        self._glimpse: RoomGlimpse = answer.room
        left = await self._cage.runs.fail_open(TENANT, self._room_id, at=0)
        for run_id in {*(run.id for run in left), *answer.room.open_runs}:
            self.context.start_soon(self._close, CloseRun(run_id=run_id, reason="failed"))

    async def handle(self, envelope: Envelope[Any]) -> None:
        self._cage.weather.crash()
        match envelope.message:
            case Prompt() as prompt if self._glimpse.personas and self._cage.chance.random() < 0.7:
                self.context.start_soon(self._answer, prompt)
            case Seated(room=room):
                self._glimpse = room
            case Cancel(run_id=run_id):
                if run_id in self._talking:
                    self._talking[run_id].cancel()
                    self.context.start_soon(self._confirm, envelope, self._stopped[run_id])
                else:
                    envelope.answer(Done())
            case _:
                pass

    async def _confirm(self, envelope: Envelope[Any], stopped: trio.Event) -> None:
        await stopped.wait()
        envelope.answer(Done())

    async def _answer(self, prompt: Prompt) -> None:
        """One run, from its row to its end."""
        cage, chance = self._cage, self._cage.chance
        run = Run(
            id=cage.ids.uuid7(),
            room_id=self._room_id,
            persona_id=chance.choice(self._glimpse.personas).id,
            asker_id=prompt.message.sender.id,
            message_id=cage.ids.uuid7(),
            reply_to=prompt.message.message_id,
            started_at=0,
        )
        said = Said(run=run)
        try:
            await cage.runs.begin(TENANT, run)
            await self._insist(_opening(run), tries=3)
        except Rejected:
            return
        cage.said[run.id] = said
        stopped = self._stopped[run.id] = trio.Event()
        with trio.CancelScope() as scope:
            self._talking[run.id] = scope
            await self._talk(said)
        del self._talking[run.id]
        if scope.cancelled_caught:
            said.reason = "cancelled"
        elif chance.random() < 0.1:
            said.reason = "failed"
        is_done = said.reason == "done"
        content = said.text if is_done or chance.random() < 0.5 else ""
        close = CloseRun(run_id=run.id, reason=said.reason, content=content, ai=_origin(run))
        said.closed = await self._close(close)
        if is_done and chance.random() < 0.1:
            await self._close(close)
        stopped.set()
        with suppress(Rejected):
            await cage.runs.end(TENANT, replace(run, outcome=said.reason))

    async def _talk(self, said: Said) -> None:
        chance = self._cage.chance
        for _ in range(chance.randint(0, 6)):
            await sleep(chance.choice((0.0, 0.03, 0.03, 1.0)))
            self._cage.weather.crash(rate=self._cage.weather.rates.turn / 10)
            piece = chance.choice(PIECES)
            offset = len(said.text.encode())
            more = StreamRun(run_id=said.run.id, offset=offset, text=piece, ai=_origin(said.run))
            try:
                self._room.tell_nowait(more)
            except Rejected:
                continue
            said.text += piece

    async def _close(self, command: CloseRun) -> RunClosed | None:
        try:
            answer = await self._insist(command, tries=TRIES)
        except Rejected:
            return None
        assert isinstance(answer, RunClosed)
        return answer

    async def _insist(self, command: Any, *, tries: int) -> Answer:
        """Raises `Rejected` when it is final, or was asked often enough."""
        for attempt in range(tries):
            try:
                return await self._room.ask(command, timeout=5.0)
            except Rejected as refusal:
                if not refusal.temporary or attempt == tries - 1:
                    raise
                await sleep(0.1 + self._cage.chance.random())
        raise AssertionError("it tries at least once")


def _opening(run: Run) -> OpenRun:
    return OpenRun(
        run_id=run.id,
        persona_id=run.persona_id,
        message_id=run.message_id,
        reply_to=run.reply_to,
        asker_id=run.asker_id,
    )


def _origin(run: Run) -> AiOrigin:
    return AiOrigin(model="parrot", version="1", persona_id=run.persona_id, tier="template")


def persona_id(user_number: int) -> str:
    """Everybody has one persona."""
    return f"0190c000-0000-7000-8000-00000000000{user_number}"
