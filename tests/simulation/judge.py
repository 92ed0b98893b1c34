"""What the promises of docs/protocol-v1.md forbid, looked for in what a journey left behind.

Safety is judged over the whole of it, liveness after the calm. Raw frames are judged per connection,
before the reference client heals anything; what the client made of them, per client instance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec
from people import Frame, Person
from run_judge import judge_runs
from sight_judge import judge_sights
from simulated_node import TENANT
from simulation import Journey

from actors.room.state import RoomEvent
from loadtest.wire import is_durable
from protocol.chat import MessagePosted
from protocol.codec import decode_event
from protocol.room import RoomChanged

EXCUSED = frozenset({"rate_limited", "overloaded", "unavailable", "internal"})
"""Answers that may come out of turn: the command never reached its room, or the room died of it."""


def judge(journey: Journey) -> list[str]:
    """Every broken promise, in words; none is the right answer."""
    problems = list(journey.troubles)
    if journey.rooms and (made := len(journey.database.rooms)) != len(journey.rooms):
        problems.append(f"{made} rooms were made where {len(journey.rooms)} were asked for")
    if any(log.statistics()["seq_taken"] for log in journey.database.logs):
        problems.append("two owners of one room wrote at the same seq")
    parted: dict[str, set[str]] = defaultdict(set)
    for room_id in journey.rooms:
        events = [decode_event(row.body) for row in journey.rows(room_id)]
        problems += _log(room_id, events)
        problems += _acks(room_id, events, journey.people)
        problems += _sights(room_id, journey)
        problems += _removals(room_id, events, journey.people)
        problems += _invitations(room_id, events, journey)
        for person in journey.people:
            if any(isinstance(e, RoomChanged) and _is_end(e, person.user_id) for e in events):
                parted[person.user_id].add(room_id)
    for person in journey.people:
        problems += [f"{person.name} never heard of {kind}" for kind in person.unanswered]
        problems += _inbox(person, journey)
        problems += _connections(person, parted[person.user_id], journey.replays)
    problems += judge_runs(journey)
    problems += judge_sights(journey)
    problems += [
        f"{number:g} {what} are left over" for what, number in journey.left_behind.items() if number
    ]
    return problems


def _log(room_id: str, events: Sequence[RoomEvent]) -> Iterator[str]:
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        yield f"the stored seqs of {room_id} are not 1..n"


def _acks(room_id: str, events: Sequence[RoomEvent], people: Sequence[Person]) -> Iterator[str]:
    """Promise 1: acknowledged is stored, once; and in words that were said."""
    said = _said(people)
    stored: dict[tuple[str, str], list[MessagePosted]] = defaultdict(list)
    for event in events:
        if isinstance(event, MessagePosted) and event.sender.kind == "user":
            stored[event.sender.id, event.client_id or ""].append(event)
    yield from (
        f"{client_id} is stored {len(found)} times"
        for (_, client_id), found in stored.items()
        if len(found) > 1
    )
    yield from (
        f"{client_id} is stored as {event.content!r}, which nobody said"
        for (user_id, client_id), found in stored.items()
        for event in found
        if event.content and event.content not in said[user_id, client_id]
    )
    for person in people:
        for (where, client_id), answers in person.acked.items():
            found = [
                (event.seq, event.message_id, event.sent_at)
                for event in stored[person.user_id, client_id]
            ]
            for answer in answers if where == room_id else ():
                if [(answer["seq"], answer["messageId"], answer["sentAt"])] != found:
                    yield f"{client_id} was acked at {answer['seq']} and is not stored there once"
        yield from (
            f"a change of {message_id} was acked at {seq} and is not stored there"
            for where, message_id, seq in person.changed
            if where == room_id
            and message_id not in [getattr(e, "message_id", "") for e in events[seq - 1 : seq]]
        )


def _said(people: Sequence[Person]) -> Mapping[tuple[str, str], set[str]]:
    """What each user has sent under each clientId, by all connections."""
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for person in people:
        for socket in person.sockets:
            for direction, frame in socket.passed:
                if direction == "sent" and frame["type"] == "chat.message":
                    said[person.user_id, frame["clientId"]].add(frame["content"])
    return said


def _sights(room_id: str, journey: Journey) -> Iterator[str]:
    """Promise 2, as each client instance saw it after its own dedupe; and nobody is deaf."""
    rows = {row.seq: row.body for row in journey.rows(room_id)}
    members = journey.database.stored.room(TENANT, room_id).members
    for person in journey.people:
        last: int | None = None
        for event in person.events:
            if event.get("type") in ("local.room_reset", "local.room_gone"):
                gone = event.get("roomId") or event["room"]["id"]
                last = None if gone == room_id else last
            elif is_durable(event) and event["roomId"] == room_id:
                if last is not None and event["seq"] != last + 1:
                    yield f"{person.name} saw {event['seq']} of {room_id} after {last}"
                last = event["seq"]
                if not _is_stored(event, rows):
                    yield f"{person.name} saw {last} of {room_id}, which is not what is stored"
        is_member = person.user_id in members and members[person.user_id].state == "joined"
        is_in = room_id in person.session.positions
        if is_member and is_in and not person.has_quit:
            head = person.session.positions[room_id].seq
            if head != len(rows):
                yield f"{person.name} is deaf in {room_id}: at {head} of {len(rows)}"


def _is_stored(event: Frame, rows: Mapping[int, bytes]) -> bool:
    """The same event, to the last field; its text may have been taken out since."""
    body = rows.get(event["seq"])
    if body is None:
        return False
    stored = msgspec.msgpack.decode(body)
    is_blank = stored.get("content") == ""
    return bool(stored == (event | {"content": ""} if is_blank else event))


def _removals(room_id: str, events: Sequence[RoomEvent], people: Sequence[Person]) -> Iterator[str]:
    """Between an end of a membership and the next invitation its user sees nothing of the room."""
    for person in people:
        hidden: set[int] = set()
        is_out = False
        for event in events:
            if isinstance(event, RoomChanged):
                if event.change == "invited" and person.user_id in (event.user_ids or ()):
                    is_out = False
                if is_out:
                    hidden.add(event.seq)
                is_out = is_out or _is_end(event, person.user_id)
            elif is_out:
                hidden.add(event.seq)
        seen = {
            frame["seq"]
            for socket in person.sockets
            for direction, frame in socket.passed
            if direction == "received" and is_durable(frame) and frame["roomId"] == room_id
        }
        if hidden & seen:
            yield f"{person.name} saw {sorted(hidden & seen)} of {room_id} without being a member"


def _is_end(event: RoomChanged, user_id: str) -> bool:
    if event.change == "left":
        return event.by == user_id
    return event.change == "removed" and user_id in (event.user_ids or ())


def _invitations(room_id: str, events: Sequence[RoomEvent], journey: Journey) -> Iterator[str]:
    """Who was invited and is still a member has it in the inbox, each invitation once at most."""
    members = journey.database.stored.room(TENANT, room_id).members
    for user_id in sorted({person.user_id for person in journey.people}):
        last = 0
        for event in events:
            if isinstance(event, RoomChanged) and event.by != user_id:
                is_invited = event.change in ("created", "invited")
                last = event.seq if is_invited and user_id in (event.user_ids or ()) else last
        sources = journey.database.inboxes.sources(TENANT, user_id)
        if last and user_id in members and f"room:{room_id}:{last}" not in sources:
            yield f"the invitation of {user_id} at {last} of {room_id} never came"
        if journey.database.inboxes.head_nowait(TENANT, user_id) != len(sources):
            yield f"an invitation of {user_id} came twice"


def _inbox(person: Person, journey: Journey) -> Iterator[str]:
    """The events of one user are dense, as each connection sees them; and nobody is deaf to them."""
    head = journey.database.inboxes.head_nowait(TENANT, person.user_id)
    if person.stayed is not None and person.session.inbox != head:
        yield f"{person.name} is deaf to the inbox: at {person.session.inbox} of {head}"
    for socket in person.sockets:
        last: int | None = None
        for direction, frame in socket.passed:
            if direction == "received" and "inbox" in frame and frame["type"] != "welcome":
                if last is not None and frame["inbox"] != last + 1:
                    yield f"{person.name} saw inbox {frame['inbox']} after {last}"
                last = frame["inbox"]


class _Connection:
    """One connection's promises: order of answers, an answer once, dense events, ok before event; and who
    comes back to a room gets what was missed. `parted`: rooms that its user was no member of at some time.
    """

    def __init__(self, owner: str, offered: Counter[str], parted: set[str], replays: int) -> None:
        self.problems: list[str] = []
        self._owner = owner
        self._offered = offered
        self._parted = parted
        self._replays = replays
        self._asked: dict[int, Frame] = {}
        self._expected: dict[str, int] = {}
        self._resumed: Mapping[str, Any] = {}
        self._user_id = ""

    def say(self, problem: str) -> None:
        self.problems.append(f"{self._owner} {problem}")

    def sent(self, frame: Frame) -> None:
        if frame["type"] == "hello":
            self._resumed = frame.get("resume", {}).get("rooms", {})
        elif "ref" in frame:
            self._asked[frame["ref"]] = frame
            self._offered[frame.get("clientId", "")] += 1

    def received(self, frame: Frame) -> None:
        if frame["type"] == "welcome":
            self._user_id = frame["user"]["id"]
            for room_id, verdict in frame["rooms"].items():
                after = self._resumed[room_id]["seq"]
                self._resumes(room_id, after, verdict["head"], verdict["verdict"])
                if verdict["verdict"] == "complete":
                    self._expected[room_id] = after + 1
        elif frame["type"] in ("ok", "error") and "ref" in frame:
            self._answered(frame)
        elif is_durable(frame):
            self._event(frame)

    def _answered(self, answer: Frame) -> None:
        earlier = list(takewhile(lambda ref: ref != answer["ref"], self._asked))
        asked = self._asked.pop(answer["ref"], None)
        if asked is None:
            self.say(f"got a second answer to {answer['ref']}")
            return
        room_id = asked.get("roomId")
        is_excused = answer["type"] == "error" and answer["code"] in EXCUSED
        if room_id is not None and not is_excused:
            overtaken = [ref for ref in earlier if self._asked[ref].get("roomId") == room_id]
            if overtaken:
                self.say(f"was answered {asked['type']} before {overtaken}")
        if answer["type"] == "ok" and asked["type"] in ("room.join", "room.create"):
            room, after = answer["room"], asked.get("after") or {}
            is_complete = answer.get("verdict") == "complete"
            if after:
                self._resumes(room["id"], after["seq"], room["head"], answer.get("verdict"))
            start = after["seq"] if is_complete else room["head"]
            self._expected[room["id"]] = start + 1

    def _resumes(self, room_id: str, after: int, head: int, verdict: str | None) -> None:
        # Who has been replaced and has not noticed yet is behind, and cannot tell that from one who lies.
        is_ahead = after > head
        is_far = verdict == "reset" and (is_ahead or head - after > self._replays)
        if verdict != "complete" and not is_far and room_id not in self._parted:
            self.say(f"came back to {room_id} after {after} of {head} and got {verdict}")

    def _event(self, event: Frame) -> None:
        room_id, seq = event["roomId"], event["seq"]
        expected = self._expected.get(room_id)
        if expected is None:
            self.say(f"saw {seq} of a room that it never joined")
        elif seq != expected:
            self.say(f"saw {seq} of {room_id} and not {expected}")
        self._expected[room_id] = seq + 1
        mine = event.get("clientId")
        # Offered twice, its event may come from the log before the second answer.
        if mine and event["sender"]["id"] == self._user_id and self._offered[mine] == 1:
            waiting = [ref for ref, asked in self._asked.items() if asked.get("clientId") == mine]
            if waiting:
                self.say(f"saw its message at {seq} before the answer to {waiting}")


def _connections(person: Person, parted: set[str], replays: int) -> Iterator[str]:
    offered: Counter[str] = Counter()
    for socket in person.sockets:
        connection = _Connection(person.name, offered, parted, replays)
        for direction, frame in socket.passed:
            if direction == "sent":
                connection.sent(frame)
            else:
                connection.received(frame)
        yield from connection.problems
