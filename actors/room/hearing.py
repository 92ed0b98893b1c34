"""What a room tells its personas: what people say to the room, what they take back, who is there."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import structlog
import trio

from actors.room.memory import Memory
from actors.room.mentions import Names
from actors.room.open_runs import OpenRuns
from actors.room.ports import RoomPorts
from actors.room.state import RoomEvent, RoomState
from core.envelope import Envelope, Lane
from core.errors import Rejected
from core.ports.message_log import EventKind, LogRow
from core.reference import Ref
from protocol.addresses import Address
from protocol.chat import MessageDeleted, MessageEdited, MessagePosted, PostMessage, SenderKind
from protocol.codec import decode_event
from protocol.persona import PERSONA, Prompt, RoomGlimpse, Seated, Unsaid
from protocol.room import PersonaView, RoomChanged

Follows = Literal["persona", "human", "nobody"]
_SPEAKERS: Final[dict[SenderKind, Follows]] = {
    "user": "human",
    "persona": "persona",
    "agent": "persona",
}

log = structlog.get_logger()


class Hearing:
    """Told of every event in its turn, when it is durable and published. Nobody but people prompts.

    Borrows: the applied room. Never waits: what a full mailbox refuses is dropped and counted. A
    prompt wakes the personas, and so does what was unsaid, which they may remember; who comes and
    goes they ask for when they wake.
    """

    def __init__(
        self,
        ports: RoomPorts,
        room: RoomState,
        memory: Memory,
        runs: OpenRuns,
        *,
        ref_to: Callable[[Address], Ref[Any]],
        counts: Counter[str],
    ) -> None:
        self._ports = ports
        self._room = room
        self._memory = memory
        self._runs = runs
        self._ref_to = ref_to
        self._counts = counts
        self._last: Follows = "nobody"
        self._names: Names | None = None
        self._people = -1

    def recall(self, recent: Sequence[LogRow]) -> None:
        """Who spoke last, from the newest rows, ascending."""
        for row in reversed(recent):
            if row.kind is EventKind.MESSAGE:
                event = decode_event(row.body)
                if isinstance(event, MessagePosted) and event.sender.kind in _SPEAKERS:
                    self._last = _SPEAKERS[event.sender.kind]
                    return

    def heard(self, event: RoomEvent, envelope: Envelope[Any] | None) -> None:
        """`envelope`: by which the event came; None: it became durable as the room crashed."""
        match event:
            case MessagePosted():
                if event.sender.kind == "user":
                    self._prompt(event, envelope)
                self._last = _SPEAKERS.get(event.sender.kind, self._last)
            case _:
                self.noticed(event)

    def noticed(self, event: RoomEvent) -> None:
        """As `heard`, of an event of another owner of this room: its own personas were prompted."""
        match event:
            case MessagePosted():
                self._last = _SPEAKERS.get(event.sender.kind, self._last)
            case MessageEdited() | MessageDeleted():
                if self._room.had_personas:
                    is_deleted = isinstance(event, MessageDeleted)
                    unsaid = Unsaid(message_id=event.message_id, is_deleted=is_deleted)
                    self._tell(unsaid, Lane.NORMAL)
            case RoomChanged():
                self._names, self._people = None, -1
                if self._are_awake():
                    self._tell(Seated(room=self.glimpse()), Lane.NORMAL)
            case _:
                pass

    def glimpse(self) -> RoomGlimpse:
        """The room as it stands."""
        room = self._room
        joined = {id: m.name for id, m in room.members.items() if m.state == "joined"}
        owners = (id for id, member in room.members.items() if member.role == "owner")
        return RoomGlimpse(
            kind=room.kind,
            speaking=room.settings.speaking,
            personas=tuple(
                PersonaView(id=id, name=seat.name, owner_id=seat.owner_id)
                for id, seat in room.personas.items()
            ),
            people=joined,
            invited=len(room.members) - len(joined),
            owner_id=next(owners, None) if room.kind == "group" else None,
            open_runs=tuple(run.opened.run_id for run in self._runs),
            seated={id: seat.from_seq for id, seat in room.personas.items()},
            read_from=max((m.from_seq for m in room.members.values()), default=0),
        )

    def _prompt(self, event: MessagePosted, envelope: Envelope[Any] | None) -> None:
        room = self._room
        if not room.personas or room.settings.speaking == "silent":
            return
        command = None if envelope is None else envelope.message
        named = command.mentions if isinstance(command, PostMessage) else None
        principal = None if envelope is None else envelope.principal
        prompt = Prompt(
            message=event,
            read_at=trio.current_time() if envelope is None else envelope.was_read_at(),
            people=self._count_people(),
            follows=self._last,
            mentions=self._mentioned(event.content, named or ()),
            reply_to_persona=self._answered(event),
            locale="en" if principal is None else principal.locale,
        )
        self._tell(prompt, Lane.PERSONA)

    def _mentioned(self, text: str, named: Sequence[str]) -> tuple[str, ...]:
        room = self._room
        ids = [id for id in named if id in room.personas or id in room.members]
        if "@" in text:
            ids += self._known_names().in_text(text)
        return tuple(dict.fromkeys(ids))

    def _known_names(self) -> Names:
        if self._names is None:
            room = self._room
            personas = [(id, seat.name) for id, seat in room.personas.items()]
            self._names = Names([*personas, *((id, m.name) for id, m in room.members.items())])
        return self._names

    def _count_people(self) -> int:
        if self._people < 0:
            self._people = sum(m.state == "joined" for m in self._room.members.values())
        return self._people

    def _answered(self, event: MessagePosted) -> str | None:
        """The persona whose message this one answers."""
        target = None if event.reply_to is None else self._memory.message(event.reply_to)
        if target is None or target.blank.sender.kind != "persona":
            return None
        return target.blank.sender.id

    def _are_awake(self) -> bool:
        is_awake = self._ports.are_personas_awake
        return is_awake is not None and is_awake(self._room.id)

    def _tell(self, message: Prompt | Unsaid | Seated, lane: Lane) -> None:
        if self._ports.are_personas_awake is None:
            return
        try:
            self._ref_to(PERSONA.at(self._room.id)).deliver_nowait(Envelope(message, lane=lane))
        except Rejected as refusal:
            if lane is Lane.PERSONA:
                self._counts["prompts_dropped"] += 1
                return
            self._counts["news_dropped"] += 1
            what = type(message).__name__
            log.warning("personas_not_told", room_id=self._room.id, what=what, code=refusal.code)
