"""Travellers who use the reference client, insist, and write down everything they see."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio
from trio_websocket import ConnectionClosed
from virtual_network import Link
from virtual_socket import VirtualSocket
from virtual_time import sleep

from loadtest.client import Refused, Session, SessionStopped
from loadtest.uuid7 import Uuid7

Frame = dict[str, Any]
ANSWERED_WITHIN = 240.0
EMOJI = ("👍", "🏖", "❤")


@dataclass(eq=False)
class Socket:
    """One connection's frames as they passed, in order: (direction, frame)."""

    owner: str
    passed: list[tuple[str, Frame]] = field(default_factory=list)
    close_code: int | None = None

    def sent(self, frame: Frame) -> None:
        self.passed.append(("sent", frame))

    def received(self, frame: Frame) -> None:
        self.passed.append(("received", frame))

    def closed(self, code: int) -> None:
        self.close_code = code


@dataclass
class Agenda:
    """What all people know of the journey: how many they are, and the `rooms` in the order they were
    made, by the first of them."""

    people: int
    rooms: list[str] = field(default_factory=list)
    messages: dict[str, list[str]] = field(default_factory=dict)
    ready: trio.Event = field(default_factory=trio.Event)


class Person:
    """A user with one client instance."""

    def __init__(
        self,
        number: int,
        user_id: str,
        name: str,
        *,
        chance: random.Random,
        now_ms: Callable[[], int],
        connect: Callable[[], Awaitable[Link]],
        agenda: Agenda,
        persona_id: str | None = None,
        eyes: random.Random,
    ) -> None:
        self.eyes = eyes
        self.number, self.user_id, self.name = number, user_id, name
        self.chance = chance
        self.agenda = agenda
        self.persona_id = persona_id
        self.sockets: list[Socket] = []
        self.events: list[Frame] = []
        self.acked: dict[tuple[str, str], list[Frame]] = {}
        self.changed: list[tuple[str, str, int]] = []
        self.unanswered: list[str] = []
        self.has_quit = False
        self.stayed: Socket | None = None
        self.heard = 0
        """How many frames `stayed` had seen as it was looked up who is online."""
        self.naps = 0.0
        self._connect = connect
        self._mine: list[tuple[str, str]] = []
        self.session = Session(
            dial=self._dial,
            credentials=self,
            name=name,
            on_event=self.events.append,
            rng=chance,
            new_id=Uuid7(chance, now_ms),
        )

    # Credentials of the reference client.

    async def token(self, *, stale: str | None = None) -> str:
        return self.user_id

    @property
    def lives_for(self) -> float:
        return 10**9

    async def _dial(self, nursery: trio.Nursery) -> Any:
        link = await self._connect()
        socket = Socket(self.name)
        self.sockets.append(socket)
        websocket = VirtualSocket(link, socket)
        if self.naps:
            websocket.pause = self._nap
        return websocket, websocket

    async def _nap(self) -> None:
        await sleep(self.chance.random() * self.naps)

    # What a person does.

    async def insist(self, command: str, /, **fields: Any) -> Frame | Refused | None:
        """Ask until the answer is final. None: the session has ended."""
        while True:
            try:
                return await self.session.ask(command, within=ANSWERED_WITHIN, **fields)
            except Refused as refusal:
                if not refusal.is_temporary:
                    return refusal
            except SessionStopped:
                return None
            except trio.TooSlowError:
                self.unanswered.append(command)
                return None
            await sleep(0.05 + self.chance.random())

    async def post(self, room_id: str, client_id: str, content: str) -> None:
        answer = await self.insist(
            "chat.message", roomId=room_id, clientId=client_id, content=content
        )
        if isinstance(answer, dict):
            self.acked.setdefault((room_id, client_id), []).append(answer)
            self.agenda.messages.setdefault(room_id, []).append(answer["messageId"])

    async def enter(self, room_id: str) -> None:
        """Join; often a word follows at once, behind the join on the same connection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.insist, "room.join", roomId=room_id))
            if self.eyes.random() < 0.3:
                nursery.start_soon(self._type, room_id)
            if self.chance.random() < 0.5:
                nursery.start_soon(self._say, room_id)

    async def live(self, steps: int) -> None:
        """A day of the journey."""
        for _ in range(steps):
            await self.step()
            await sleep(self.chance.choice((0.0, 0.0, 0.01, 0.3, 2.0)))

    async def step(self) -> None:
        room_id = self.chance.choice(self.agenda.rooms)
        if room_id not in self.session.positions:
            await self.enter(room_id)
            return
        deeds = (
            (0.5, self._say),
            (0.1, self._repeat),
            (0.06, self._say_much_at_once),
            (0.04, self._say_twice),
            (0.08, self._react),
            (0.06, self._change_own),
            (0.05, self._look_back),
            (0.05, self._mark),
            (0.04, self._leave_and_return),
            (0.06, self._rearrange),
            *(((0.06, self._bring_persona), (0.06, self._cut_short)) if self.persona_id else ()),
        )
        deed = self.chance.choices([d for _, d in deeds], [weight for weight, _ in deeds])[0]
        await deed(room_id)

    async def _say(self, room_id: str) -> None:
        client_id = self.session.new_id()
        self._mine.append((room_id, client_id))
        await self.post(room_id, client_id, self._words())

    def _words(self) -> str:
        dice = self.chance.random()
        if dice < 0.04:
            return "poison"
        return "hello " * (600 if dice < 0.1 else 2)

    async def _repeat(self, room_id: str) -> None:
        if self._mine:
            where, client_id = self.chance.choice(self._mine)
            await self.post(where, client_id, "again")

    async def _say_much_at_once(self, room_id: str) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(self.chance.randint(2, 6)):
                nursery.start_soon(self._say, room_id)

    async def _say_twice(self, room_id: str) -> None:
        """The same thing at once: the network repeated it."""
        client_id = self.session.new_id()
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(self.post, room_id, client_id, "said once")

    def _some_message(self, room_id: str) -> str | None:
        messages = self.agenda.messages.get(room_id)
        return self.chance.choice(messages) if messages else None

    async def _react(self, room_id: str) -> None:
        if message_id := self._some_message(room_id):
            await self._change(
                "chat.react",
                room_id,
                message_id,
                emoji=self.chance.choice(EMOJI),
                active=self.chance.random() < 0.6,
            )

    async def _change_own(self, room_id: str) -> None:
        """Of anybody: what is not one's own is refused."""
        if message_id := self._some_message(room_id):
            if self.chance.random() < 0.5:
                content = f"better {self.chance.randrange(9)}"
                await self._change("chat.edit", room_id, message_id, content=content)
            else:
                await self._change("chat.delete", room_id, message_id)

    async def _change(self, command: str, room_id: str, message_id: str, /, **fields: Any) -> None:
        answer = await self.insist(command, roomId=room_id, messageId=message_id, **fields)
        if isinstance(answer, dict):
            self.changed.append((room_id, message_id, answer["seq"]))

    async def _look_back(self, room_id: str) -> None:
        await self.look_at(room_id, limit=self.chance.randint(1, 50))

    async def look_at(self, room_id: str, *, limit: int) -> None:
        """A page of history, from wherever."""
        fields: dict[str, int] = {}
        where = self.eyes.choice(("newest", "newest", "before", "after", "around"))
        if where != "newest":
            head = self.session.positions[room_id].seq if room_id in self.session.positions else 9
            fields[where] = self.eyes.randint(1, head + 2)
        await self.insist("chat.history", roomId=room_id, limit=limit, **fields)

    async def _mark(self, room_id: str) -> None:
        if room_id in self.session.positions:
            seq = self.session.positions[room_id].seq
            await self._type(room_id)
            await self.insist("chat.read", roomId=room_id, seq=seq)

    async def _type(self, room_id: str) -> None:
        self.session.tell_nowait("typing.indicator", roomId=room_id, active=True)

    async def _leave_and_return(self, room_id: str) -> None:
        """Only who is no owner: an owner's room would be nobody's."""
        if self.number > len(self.agenda.rooms):
            answer = await self.insist("room.leave", roomId=room_id)
            if isinstance(answer, dict):
                self.events.append({"type": "local.room_gone", "roomId": room_id})
                await self._type(room_id)  # refused

    async def _rearrange(self, room_id: str) -> None:
        """What owners do; from others it is an invitation, or refused."""
        guests = range(len(self.agenda.rooms) + 1, self.agenda.people + 1)
        whom = f"{self.user_id[:-1]}{self.chance.choice(guests)}"
        dice = self.chance.random()
        if dice < 0.4:
            await self.insist("room.remove", roomId=room_id, userId=whom)
        elif dice < 0.8:
            await self.insist("room.invite", roomId=room_id, userIds=[whom])
        else:
            await self.insist("room.update", roomId=room_id, title=f"Day {self.chance.random()}")

    async def _bring_persona(self, room_id: str) -> None:
        """One's own in or out; another's out, which mostly is refused."""
        whose = (
            self.number
            if self.chance.random() < 0.7
            else self.chance.randint(1, self.agenda.people - 1)
        )
        await self.insist(
            "room.persona",
            roomId=room_id,
            personaId=f"{(self.persona_id or '')[:-1]}{whose}",
            active=self.chance.random() < 0.7,
        )

    async def _cut_short(self, room_id: str) -> None:
        """The answer that began last."""
        runs = [event["runId"] for event in self.events if event.get("type") == "run.started"]
        if runs:
            await self.insist("persona.cancel", runId=runs[-1])

    async def run(self) -> None:
        """The client instance, until cancelled."""
        with suppress(ConnectionClosed):
            await self.session.run()
