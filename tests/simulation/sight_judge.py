"""What docs/protocol-v1.md §4 says of history, typing and presence, looked for in what each connection saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from people import Frame, Person, Socket
from simulated_node import TENANT
from simulation import Journey

Members = Mapping[str, tuple[str, int]]
"""Of each member: the state, and the first seq that he may read."""


def judge_sights(journey: Journey) -> Iterator[str]:
    """Every broken promise, in words."""
    logs = {
        room_id: Log([msgspec.msgpack.decode(row.body) for row in journey.rows(room_id)])
        for room_id in journey.rooms
    }
    for person in journey.people:
        for socket in person.sockets:
            yield from Eyes(person, logs).watch(socket)
    for room_id in journey.rooms:
        yield from _presence(room_id, journey)


class Log:
    """A room's events as they are stored in the end, and who was in it after each of them."""

    def __init__(self, events: Sequence[Frame]) -> None:
        self.events = events
        self.members: list[Members] = [{}]
        for event in events:
            self.members.append(_members_after(self.members[-1], event))

    def has_joined(self, user_id: str, at: int) -> bool:
        return self.members[min(at, len(self.events))].get(user_id, ("", 0))[0] == "joined"

    def texts(self, user_id: str, at: int) -> list[int]:
        """The messages that he may read when the log has come to `at`."""
        first = self.members[at].get(user_id, ("", at + 1))[1]
        return [e["seq"] for e in self.events[first - 1 : at] if e["type"] == "chat.message"]

    def shows(self, message: Frame, user_id: str, at: int) -> bool:
        """Whether it stands like this, to the last field, when the log has come to `at`; its text may have
        been taken out of the log since."""
        seen = {name: value for name, value in message.items() if value is not None}
        expected = self._view(message["seq"], user_id, at)
        if not (expected["content"] or expected.get("deleted")):
            expected["content"] = seen["content"]
        for view in (expected, seen):
            view["reactions"] = sorted(view.get("reactions") or (), key=lambda one: one["emoji"])
        return expected == seen

    def _view(self, seq: int, user_id: str, at: int) -> Frame:
        view = dict(self.events[seq - 1])
        reactions: dict[str, set[str]] = {}
        for event in self.events[seq:at]:
            if event.get("messageId") != view["messageId"]:
                continue
            match event["type"]:
                case "chat.edited":
                    view |= {"content": event["content"], "edited": event["sentAt"]}
                case "chat.deleted":
                    view |= {"content": "", "deleted": True}
                case "chat.reacted":
                    users = reactions.setdefault(event["emoji"], set())
                    (users.add if event["active"] else users.discard)(event["by"])
        if view.get("deleted"):
            gone = ("edited", "attachments", "cards")
            return {name: value for name, value in view.items() if name not in gone}
        view["reactions"] = [
            {"emoji": emoji, "count": len(users), "mine": user_id in users}
            for emoji, users in reactions.items()
            if users
        ]
        return view


def _members_after(before: Members, event: Frame) -> Members:
    if event["type"] != "room.changed":
        return before
    after, by, seq = dict(before), event["by"], event["seq"]
    match event["change"]:
        case "created":
            after[by] = ("joined", seq)
            after |= dict.fromkeys(event.get("userIds") or (), ("invited", seq))
        case "invited":
            after |= {id: ("invited", seq) for id in event["userIds"] if id not in before}
        case "joined":
            after[by] = ("joined", before.get(by, ("", seq))[1])
        case "left":
            after.pop(by, None)
        case "removed":
            for user_id in event["userIds"]:
                after.pop(user_id, None)
    return after


@dataclass
class Eyes:
    """One connection, frame by frame. `at`: how far it has seen each room."""

    person: Person
    logs: Mapping[str, Log]
    at: dict[str, int] = field(default_factory=dict)
    asked: dict[int, tuple[Frame, int]] = field(default_factory=dict)
    resumed: Mapping[str, Any] = field(default_factory=dict)

    def watch(self, socket: Socket) -> Iterator[str]:
        for direction, frame in socket.passed:
            if direction == "received":
                yield from self._received(frame)
            elif frame["type"] == "hello":
                self.resumed = frame.get("resume", {}).get("rooms", {})
            elif "ref" in frame:
                self.asked[frame["ref"]] = frame, self.at.get(frame.get("roomId", ""), 0)

    def _received(self, frame: Frame) -> Iterator[str]:
        match frame["type"]:
            case "welcome":
                for room_id, judged in frame["rooms"].items():
                    if judged["verdict"] == "complete":
                        self.at[room_id] = self.resumed[room_id]["seq"]
            case "ok" if frame.get("ref") in self.asked:
                command, seen = self.asked.pop(frame["ref"])
                if command["type"] in ("room.join", "room.create"):
                    is_behind = frame.get("verdict") == "complete"
                    head = command["after"]["seq"] if is_behind else frame["room"]["head"]
                    self.at[frame["room"]["id"]] = head
                elif command["type"] == "chat.history":
                    yield from self._page(command, frame, seen)
            case "typing.indicator" if frame["active"]:
                yield from self._is_in(frame["roomId"], [frame["userId"]], "typed in")
            case "presence.update":
                yield from self._is_in(frame["roomId"], frame["joined"], "came online in")
            case _ if "seq" in frame and "epoch" in frame:
                self.at[frame["roomId"]] = frame["seq"]

    def _is_in(self, room_id: str, user_ids: Sequence[str], did: str) -> Iterator[str]:
        at = self.at.get(room_id)
        if at is None or room_id not in self.logs:  # who makes a room hears of it before its answer
            return
        for user_id in user_ids:
            if not self.logs[room_id].has_joined(user_id, at):
                yield f"{self.person.name} saw at {at} that {user_id} {did} {room_id}, who is not in it"

    def _page(self, asked: Frame, page: Frame, seen: int) -> Iterator[str]:
        """It is the log's slice as it was at some moment since it was asked for."""
        log = self.logs.get(asked["roomId"])
        if log is None or "messages" not in page:
            return
        shown, user_id = page["messages"], self.person.user_id
        seqs = [message["seq"] for message in shown]
        flags = {
            name: bool(page.get(name)) for name in ("hasMore", "hasMoreBefore", "hasMoreAfter")
        }
        moments = range(len(log.events), max(0, seen - 1), -1)
        texts = {at: log.texts(user_id, at) for at in moments}
        sliced = [at for at in moments if _is_slice(asked, seqs, flags, texts[at])]
        if not sliced:
            yield f"{self.person.name} asked for {_words(asked)} and got {seqs}, {flags}"
        elif not any(all(log.shows(message, user_id, at) for message in shown) for at in sliced):
            yield f"{self.person.name} got a page of history with what never stood in the log: {seqs}"


def _words(asked: Frame) -> str:
    return ", ".join(f"{name} {value}" for name, value in asked.items() if name != "ref")


def _is_slice(
    asked: Frame, seqs: Sequence[int], flags: Mapping[str, bool], texts: Sequence[int]
) -> bool:
    """Whether these are the messages that were asked for, ascending, of all that there are to read."""
    limit = asked["limit"]
    if asked.get("around") is not None:
        place = texts.index(seqs[0]) if seqs and seqs[0] in texts else 0
        is_whole = list(seqs) == texts[place : place + len(seqs)] and bool(seqs) == bool(texts)
        return (
            is_whole
            and len(seqs) == min(limit, len(texts))
            and (asked["around"] in seqs or asked["around"] not in texts)
            and flags["hasMoreBefore"] == (place > 0)
            and flags["hasMoreAfter"] == (place + len(seqs) < len(texts))
        )
    if asked.get("after") is not None:
        wanted = [seq for seq in texts if seq > asked["after"]]
        return list(seqs) == wanted[:limit] and flags["hasMore"] == (len(wanted) > limit)
    before = asked.get("before")
    wanted = [seq for seq in texts if before is None or seq < before]
    return list(seqs) == wanted[-limit:] and flags["hasMore"] == (len(wanted) > limit)


def _presence(room_id: str, journey: Journey) -> Iterator[str]:
    """Long after everything has come to rest, who is online is true, and known to whom is in the room."""
    online = journey.online.get(room_id)
    if online is None:
        return
    members = journey.database.stored.room(TENANT, room_id).members
    for user_id in online:
        if user_id not in members or members[user_id].state != "joined":
            yield f"{user_id} is online in {room_id} without being in it"
    for person in journey.people:
        is_in = person.user_id in members and room_id in person.session.positions
        if person.stayed is None or person.has_quit or not is_in:
            continue
        if person.user_id not in online:
            yield f"{person.name} is in {room_id} and not online there"
        known = [count for where, count in _counts(person) if where == room_id]
        if not known:
            yield f"{person.name} was never told how many are online in {room_id}"
        elif known[-1] != len(online):
            yield f"{person.name} believes {known[-1]} online in {room_id}, who are {len(online)}"


def _counts(person: Person) -> Iterator[tuple[str, int]]:
    """How many are online, as who stayed was told by then, though he resumed and nothing changed by it."""
    for direction, frame in person.stayed.passed[: person.heard] if person.stayed else ():
        if direction == "received" and frame["type"] == "presence.update":
            yield frame["roomId"], frame["count"]
        elif direction == "received" and "online" in frame and "room" in frame:
            yield frame["room"]["id"], frame["online"]["count"]
