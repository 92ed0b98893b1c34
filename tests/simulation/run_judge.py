"""What docs/protocol-v1.md §5 forbids: looked for in the raw frames of each connection, and in the log."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from people import Frame, Person, Socket
from simulated_node import TENANT
from simulation import Journey

from actors.room.state import RoomEvent
from protocol.chat import MessagePosted
from protocol.codec import decode_event
from protocol.room import RoomChanged


def judge_runs(journey: Journey) -> Iterator[str]:
    """Every broken promise about personas and their answers, in words."""
    for room_id in journey.rooms:
        events = [decode_event(row.body) for row in journey.rows(room_id)]
        yield from _announcement(room_id, events)
        yield from _seats(room_id, journey)
        yield from _answers(room_id, events, journey)
    for person in journey.people:
        for socket in person.sockets:
            yield from _socket(person, socket, is_live=socket is person.stayed)


def _announcement(room_id: str, events: Sequence[RoomEvent]) -> Iterator[str]:
    """The first persona is announced at once, and no other."""
    told = [e.seq for e in events if isinstance(e, MessagePosted) and e.sender.kind == "system"]
    came = [e.seq for e in events if isinstance(e, RoomChanged) and e.change == "persona"]
    if told != [seq + 1 for seq in came[:1]]:
        yield f"the first persona of {room_id} came at {came[:1]} and was announced at {told}"


def _seats(room_id: str, journey: Journey) -> Iterator[str]:
    stored = journey.database.stored.room(TENANT, room_id)
    for seat in stored.personas.values():
        if seat.owner_id not in stored.members:
            yield f"{seat.name} sits in {room_id} without its owner"


def _answers(room_id: str, events: Sequence[RoomEvent], journey: Journey) -> Iterator[str]:
    """One message of a run at most; what the room confirmed is what is stored."""
    spoken = [e for e in events if isinstance(e, MessagePosted) and e.sender.kind == "persona"]
    times = Counter(event.message_id for event in spoken)
    yield from (f"the answer {id} is stored {n} times" for id, n in times.items() if n > 1)
    stored = {event.message_id: event for event in spoken}
    for said in journey.said.values():
        if said.run.room_id != room_id:
            continue
        message = stored.pop(said.run.message_id, None)
        if said.closed is not None and said.closed.seq != (message and message.seq):
            yield f"{said.run.id} was confirmed at {said.closed.seq} and is stored at {message}"
        if message is None:
            continue
        if not said.text.startswith(message.content) and message.content:
            yield f"{said.run.id} said {said.text!r} and {message.content!r} is stored"
        if message.ai is None or message.reply_to != said.run.reply_to:
            yield f"{said.run.id} became a message that does not say what it is"
        elif message.ai.partial is None and message.content not in ("", said.text):
            yield f"{said.run.id} is stored in part and does not say so"
    yield from (f"nobody said {message_id} of {room_id}" for message_id in stored)


@dataclass
class _Shown:
    """A run as one connection sees it. `is_sure`: it is open, as far as this connection can know."""

    room_id: str
    message_id: str
    text: bytes = b""
    content: str | None = None
    is_sure: bool = True


@dataclass
class _Stage:
    """One connection's runs, frame by frame."""

    owner: str
    user_id: str = ""
    open: dict[str, _Shown] = field(default_factory=dict)
    asked: dict[int, Frame] = field(default_factory=dict)

    def sent(self, frame: Frame) -> None:
        if "ref" in frame:
            self.asked[frame["ref"]] = frame

    def received(self, frame: Frame) -> Iterator[str]:
        match frame["type"]:
            case "welcome":
                self.user_id = frame["user"]["id"]
            case "ok":
                self._answered(self.asked.pop(frame.get("ref", -1), {}))
            case "run.started":
                self.open[frame["runId"]] = _Shown(frame["roomId"], frame["messageId"])
            case "chat.delta":
                yield from self._grown(frame)
            case "chat.message":
                yield from self._said(frame)
            case "run.ended":
                yield from self._ended(frame)
            case "room.changed":
                self._changed(frame)

    def _answered(self, command: Frame) -> None:
        """Who comes in anew is told of the runs that are open, and of no other."""
        if command.get("type") == "room.join":
            for shown in self.open.values():
                if shown.room_id == command["roomId"]:
                    shown.is_sure = False

    def _grown(self, frame: Frame) -> Iterator[str]:
        shown = self.open.get(frame["runId"])
        if shown is None:
            yield f"{self.owner} saw text of {frame['runId']}, which had not begun"
        elif frame["offset"] != len(shown.text):
            yield f"{self.owner} saw text at {frame['offset']} and not at {len(shown.text)}"
        elif shown.content is not None:
            yield f"{self.owner} saw text of {frame['runId']} behind its message"
        else:
            shown.text += frame["text"].encode()

    def _said(self, frame: Frame) -> Iterator[str]:
        for run_id, shown in self.open.items():
            if shown.message_id == frame["messageId"]:
                shown.content = frame["content"]
                # Deleted meanwhile, it comes from the log without its text.
                if frame["content"] and not frame["content"].encode().startswith(shown.text):
                    yield f"{self.owner} saw {shown.text!r} of {run_id}, then {frame['content']!r}"

    def _ended(self, frame: Frame) -> Iterator[str]:
        shown = self.open.pop(frame["runId"], None)
        if shown is None:
            return  # it began before this connection came, with an earlier process
        if (shown.content is not None) != ("seq" in frame):
            yield f"{self.owner} saw {shown.content!r} of {frame['runId']}, then {frame}"
        is_whole = shown.content in (None, "", shown.text.decode())
        if frame["reason"] == "done" and shown.is_sure and not is_whole:
            yield f"{self.owner} saw {shown.text!r} grow to {shown.content!r}"

    def _changed(self, frame: Frame) -> None:
        is_out = frame["change"] == "left" and frame["by"] == self.user_id
        if is_out or (self.user_id in frame.get("userIds", ()) and frame["change"] == "removed"):
            self.open = {
                id: shown for id, shown in self.open.items() if shown.room_id != frame["roomId"]
            }


def _socket(person: Person, socket: Socket, *, is_live: bool) -> Iterator[str]:
    stage = _Stage(person.name)
    for direction, frame in socket.passed:
        if direction == "sent":
            stage.sent(frame)
        else:
            yield from stage.received(frame)
    if is_live:
        yield from (
            f"{person.name} never heard the end of {run_id}"
            for run_id, shown in stage.open.items()
            if shown.is_sure
        )
