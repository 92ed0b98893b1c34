"""Rules of the server broken on purpose, one at a time, to see that the judge notices.

Each mutant names within how many seeds it must be found, and a word of the problem that finds it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from sight_mutants import (
    always_more,
    anybody_types,
    blind_between_words,
    page_backwards,
    page_of_the_uninvited,
    page_without_changes,
    presence_lost_in_a_crash,
    resumed_in_the_dark,
    taken_for_come,
)
from simulation import LARGE, Size
from weather import PlannedCrash

from actors.room import entrance, memory, rows, seating
from actors.room.actor import RoomActor
from actors.room.catch_up import CatchUp
from actors.room.flow import Flow
from actors.room.gates import Gates
from actors.room.memory import Memory
from actors.room.open_runs import UnderWay
from actors.room.pipeline import Entry, Pipeline
from actors.room.recovery import Recovery
from actors.room.ring import Ring
from actors.room.speaking import Speaking
from actors.room.traces import Trace, Traces
from actors.session.actor import SessionActor
from actors.session.machine import GONE
from actors.user.actor import UserActor
from core.delivery import TRIES, Delivery
from core.errors import Unavailable
from core.ports.message_log import Outcome
from gateways.client.connection import Connection
from gateways.client.fanout import TopicFanout
from gateways.client.topic import Topic
from loadtest.client import Session
from protocol.chat import MessageDeleted, MessageEdited, MessagePosted, MessageReacted
from protocol.close_codes import CloseCode
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryShards
from storage.memory.outbox import MemoryOutbox
from storage.memory.rooms import MemoryRooms
from storage.memory.stored_log import StoredLog
from storage.outbox import Batch

CHANGES = (MessageEdited, MessageDeleted, MessageReacted)
Patches = Iterator[tuple[object, str, object]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """Within `within` seeds it must be found by a problem that has `word` in it, in a `climate`
    (rates of `weather.Rates`) that brings the rule's weak moment often, in worlds of a `size` where small
    ones seldom come to it. `seen_by`: the seed that found it last; it is played first, and saves the others
    their time for as long as it does."""

    break_it: Callable[[], Patches]
    within: int
    word: str
    climate: Mapping[str, float] = field(default_factory=dict)
    seen_by: int = 0
    size: Size | None = None

    @property
    def seeds(self) -> Sequence[int]:
        """All of them, the likeliest first."""
        return sorted(range(self.within), key=lambda seed: seed != self.seen_by)

    @contextmanager
    def broken(self) -> Iterator[None]:
        with ExitStack() as patches:
            for target, name, replacement in self.break_it():
                patches.enter_context(patch.object(target, name, replacement))
            yield


def ack_before_commit(of: Any = object) -> Patches:
    """The sender hears `ok` when an event of this kind is decided."""
    push = Pipeline.push

    def eager(self: Pipeline, entry: Entry) -> None:
        if entry.answer is not None and isinstance(next(iter(entry.events), None), of):
            entry.envelope.answer(entry.answer)
        push(self, entry)

    yield Pipeline, "push", eager


def no_dedupe() -> Patches:
    """A repeated clientId is a new message, for the room and for the database."""
    yield Memory, "stored", lambda *_: None
    yield StoredLog, "_clash", lambda *_: None


def burnt_seq() -> Patches:
    """After a refused append one number is never used."""
    recover = RoomActor._recover

    async def wasteful(self: Any, failed: Entry) -> None:
        await recover(self, failed)
        self._commands.decided.head += 1

    yield RoomActor, "_recover", wasteful


def forgotten_join() -> Patches:
    """A client's own join that is refused for now is not repeated."""

    def forget(self: Session, room_id: str, *_: object, **__: object) -> None:
        self.positions[room_id].is_healing = False

    yield Session, "_not_joined", forget


def deaf_after_a_crash() -> Patches:
    """A connection whose way into a room was cut short is left believing that it is in."""
    close = Connection.close_nowait

    def leave_open(self: Connection, code: CloseCode) -> None:
        if code is not CloseCode.RESTARTING:
            close(self, code)

    yield Connection, "close_nowait", leave_open


def no_catch_up() -> Patches:
    """What became durable as a room crashed is published to nobody."""

    async def forget(self: Any) -> None:
        self._trace.published = self._applied.head

    yield RoomActor, "_publish_unseen", forget


class _AnyFence(int):
    def __ne__(self, other: object) -> bool:
        return False

    __eq__ = int.__eq__
    __hash__ = int.__hash__


def stale_fence() -> Patches:
    """The database takes writes of whoever owned the shard once."""
    yield MemoryShards, "fence", lambda *_: _AnyFence()


def lost_broadcast() -> Patches:
    """Every thirtieth frame of a topic goes nowhere."""
    publish = Topic.publish
    count = 0

    def forgetful(self: Topic, *args: Any) -> None:
        nonlocal count
        count += 1
        if count % 30:
            publish(self, *args)

    yield Topic, "publish", forgetful


def restart_without_reload() -> Patches:
    """A room that crashed goes on with what its predecessor had in memory."""
    assemble = RoomActor._assemble
    kept: dict[tuple[int, str], Any] = {}

    def reuse(self: Any, room: Any, *args: Any) -> None:
        mine = (id(self._traces), self._room_id)
        is_crashed = self._traces.find(self._room_id) is not None
        kept[mine] = kept.get(mine, room) if is_crashed else room
        assemble(self, kept[mine], *args)

    yield RoomActor, "_assemble", reuse


def event_before_ok() -> Patches:
    """The room publishes first and answers then."""

    def swapped(self: Any, entry: Entry) -> None:
        for event in entry.events:
            self._applied.apply(event, entry.names)
        if entry.append is not None:
            self._publish(entry.append, entry)
        if entry.answer is not None:
            entry.envelope.answer(entry.answer)

    yield RoomActor, "_settle", swapped


def misheard() -> Patches:
    """A message is stored, and goes out, with other words than were said."""
    whole = rows.encode
    yield rows, "encode", lambda event: whole(event).replace(b"hello", b"hallo")


def other_words() -> Patches:
    """A message goes out with other words than it is stored with."""
    tell = RoomActor._tell

    def garbled(self: Any, event: Any, body: bytes) -> None:
        tell(self, event, body.replace(b"hello", b"hallo"))

    yield RoomActor, "_tell", garbled


def removed_listen_on() -> Patches:
    """Whoever is no member any more stays subscribed."""
    yield TopicFanout, "unsubscribe_user", lambda *_: None


def trusted_silence() -> Patches:
    """After a lost reply the room goes on under its old number: a late write may still land."""

    whole = Recovery._fence

    async def same(self: Recovery, failed: Entry, fence: int) -> int:
        return fence if failed.outcome is Outcome.UNKNOWN else await whole(self, failed, fence)

    yield Recovery, "_fence", same


def replay_from_one_later() -> Patches:
    """Who comes back misses one event."""
    follow = CatchUp.follow

    def later(self: CatchUp, client: Any, user_id: str, after: int, **then: Any) -> None:
        follow(self, client, user_id, min(after + 1, self._room.head), **then)

    yield CatchUp, "follow", later


def gap_check_off() -> Patches:
    """Who comes back is given what the ring holds, whether it reaches back that far or not."""

    def newest(self: Ring, seq: int) -> list[bytes]:
        return list(self._frames)[max(0, len(self._frames) - (self._head - seq)) :]

    yield Ring, "covers", lambda *_: True
    yield Ring, "after", newest


def never_near() -> Patches:
    """Nobody gets what was missed, however little that is."""
    yield entrance, "judge_position", lambda *_: "reset"


def gone_for_a_moment() -> Patches:
    """Who cannot be told of a room for now is told that it is gone."""
    verdict = SessionActor._verdict

    async def hasty(self: Any, *args: Any) -> Any:
        try:
            return await verdict(self, *args)
        except Unavailable:
            return GONE

    yield SessionActor, "_verdict", hasty


def invited_twice() -> Patches:
    """The inbox takes a source again when the courier repeats it."""
    append = MemoryInboxes.append

    async def forgetful(self: Any, *args: Any, **more: Any) -> Any:
        self._places.pop((*args, more["source"]), None)
        return await append(self, *args, **more)

    yield MemoryInboxes, "append", forgetful


def taken_for_told() -> Patches:
    """What came into an inbox while the reply was lost is told to nobody when the courier repeats it."""

    async def forget(*_: object) -> None:
        pass

    yield UserActor, "_tell_untold", forget


def given_up() -> Patches:
    """An invitation over which its reader crashes three times is left to nobody."""
    append = MemoryInboxes.append
    crashes: Counter[tuple[object, ...]] = Counter()

    async def crash_thrice(self: Any, *args: Any, **more: Any) -> Any:
        place = (id(self), *args, more["source"])
        crashes[place] += 1
        if crashes[place] <= TRIES:
            raise PlannedCrash
        return await append(self, *args, **more)

    async def forget(*_: object) -> None:
        pass

    yield MemoryInboxes, "append", crash_thrice
    yield Delivery, "_put_aside", forget


def outbox_moves_first() -> Patches:
    """A subscriber's place is moved before it has dealt with the batch."""
    next_batch = MemoryOutbox.next_batch

    async def careless(self: MemoryOutbox, name: str) -> Batch:
        batch = await next_batch(self, name)
        if not batch.rebuilding:
            await self.move(name, batch.place)
        return batch

    yield MemoryOutbox, "next_batch", careless


def answers_overtake() -> Patches:
    """What needs a read holds nobody of its connection back."""
    yield Gates, "is_closed", lambda *_: False


def judged_while_recovering() -> Patches:
    """What a settled command sets free is decided by the fold that is about to be thrown away."""

    def blind(self: Flow) -> bool:
        pipeline = self._pipeline
        return pipeline.is_full or pipeline.has_failed or bool(self._overflow)

    yield Flow, "is_saturated", property(blind)


def rooms_made_twice() -> Patches:
    """A repeated `room.create` makes another room."""
    yield MemoryRooms, "_existing", lambda *_: None


def late_to_an_answer() -> Patches:
    """Who comes in while a persona speaks is not told what it has said."""
    yield Speaking, "show", lambda *_: None


def answered_twice() -> Patches:
    """A run that is closed again becomes another message."""

    def of_people(posted: MessagePosted) -> str | None:
        return posted.client_id

    yield memory, "key_of", of_people
    yield rows, "key_of", of_people


def speechless_after_a_crash() -> Patches:
    """A room that crashes forgets what its personas were saying."""
    find = Traces.find

    def forgetful(self: Traces, room_id: str) -> Trace | None:
        left = find(self, room_id)
        return None if left is None else Trace(left.fence, left.published)

    yield Traces, "find", forgetful


def untold_words() -> Patches:
    """What a persona says as its room crashes is told to nobody afterwards."""

    def forget(self: Any) -> None:
        for run in self._runs:
            run.is_announced, run.sent = True, len(run.text)

    yield Speaking, "tell_untold", forget


def text_told_again() -> Patches:
    """Every delta holds the whole text from its beginning."""
    tell = Speaking._tell

    def whole(self: Any, run: UnderWay) -> None:
        if run.is_announced:
            run.sent = 0
        tell(self, run)

    yield Speaking, "_tell", whole


def unannounced() -> Patches:
    """The first persona comes without a word."""
    yield seating, "_announcement", lambda *_: None


MUTANTS: Mapping[str, Mutant] = {
    "late_to_an_answer": Mutant(late_to_an_answer, 60, "which had not begun", seen_by=9),
    "answered_twice": Mutant(answered_twice, 150, "is stored 2 times", {"turn": 0.15}, seen_by=5),
    "speechless_after_a_crash": Mutant(
        speechless_after_a_crash,
        60,
        "never heard the end",
        {"turn": 0.1, "cut": 0.0, "end": 0.0},
        seen_by=5,
    ),
    "untold_words": Mutant(untold_words, 40, "which had not begun", {"turn": 0.15}, seen_by=1),
    "text_told_again": Mutant(text_told_again, 30, "and not at", seen_by=1),
    "unannounced": Mutant(unannounced, 80, "was announced at", seen_by=5, size=LARGE),
    "ack_before_commit": Mutant(ack_before_commit, 20, "was acked at"),
    "changes_before_commit": Mutant(
        lambda: ack_before_commit(CHANGES), 120, "was acked at", {"flush": 0.7, "turn": 0.0}, 36
    ),
    "no_dedupe": Mutant(no_dedupe, 20, "is stored 2 times", seen_by=2),
    "burnt_seq": Mutant(burnt_seq, 20, "not 1..n"),
    "forgotten_join": Mutant(forgotten_join, 120, "is deaf", {"coup": 0.3, "cut": 0.5}, seen_by=24),
    "deaf_after_a_crash": Mutant(
        deaf_after_a_crash,
        120,
        "is deaf",
        {"turn": 0.1, "cut": 0.05, "call": 0.1},
        seen_by=24,
        size=LARGE,
    ),
    "no_catch_up": Mutant(no_catch_up, 40, "and not"),
    "stale_fence": Mutant(
        stale_fence,
        120,
        "two owners",
        {"end": 0.4, "flush": 0.0, "cut": 0.0},
        seen_by=4,
        size=LARGE,
    ),
    "lost_broadcast": Mutant(lost_broadcast, 20, "and not", seen_by=1),
    "restart_without_reload": Mutant(
        restart_without_reload, 50, "two owners", size=LARGE, seen_by=18
    ),
    "event_before_ok": Mutant(event_before_ok, 10, "before the answer"),
    "misheard": Mutant(misheard, 10, "which nobody said"),
    "other_words": Mutant(other_words, 10, "not what is stored"),
    "removed_listen_on": Mutant(removed_listen_on, 60, "without being a member", seen_by=5),
    "trusted_silence": Mutant(
        trusted_silence,
        120,
        "two owners",
        {"flush": 0.7, "turn": 0.0, "cut": 0.0, "end": 0.0},
        seen_by=12,
        size=LARGE,
    ),
    "replay_from_one_later": Mutant(replay_from_one_later, 15, "and not", seen_by=2),
    "gap_check_off": Mutant(gap_check_off, 20, "and not", size=LARGE),
    "never_near": Mutant(never_near, 20, "and got reset"),
    "gone_for_a_moment": Mutant(
        gone_for_a_moment, 100, "and got gone", {"call": 0.2, "turn": 0.1}, seen_by=2
    ),
    "invited_twice": Mutant(invited_twice, 30, "came twice", seen_by=5),
    "taken_for_told": Mutant(
        taken_for_told,
        100,
        "is deaf to the inbox",
        {"call": 0.3}
        | dict.fromkeys(("flush", "turn", "cut", "silence", "end", "outage", "coup"), 0.0),
        seen_by=5,
    ),
    "given_up": Mutant(given_up, 10, "never came"),
    "outbox_moves_first": Mutant(outbox_moves_first, 30, "never came", seen_by=4),
    "answers_overtake": Mutant(answers_overtake, 100, "was answered", seen_by=13),
    "rooms_made_twice": Mutant(rooms_made_twice, 30, "rooms were made", seen_by=6),
    "judged_while_recovering": Mutant(
        judged_while_recovering,
        100,
        "",
        {"flush": 0.7, "turn": 0.0, "cut": 0.0, "end": 0.0},
        seen_by=8,
    ),
    "page_without_changes": Mutant(page_without_changes, 40, "never stood in the log"),
    "page_backwards": Mutant(page_backwards, 10, "asked for"),
    "page_of_the_uninvited": Mutant(page_of_the_uninvited, 60, "asked for", seen_by=11, size=LARGE),
    "always_more": Mutant(always_more, 10, "asked for"),
    "anybody_types": Mutant(anybody_types, 60, "typed in", seen_by=5),
    "taken_for_come": Mutant(taken_for_come, 60, "came online in", seen_by=14),
    "presence_lost_in_a_crash": Mutant(
        presence_lost_in_a_crash, 60, "believes", {"turn": 0.2}, seen_by=7
    ),
    "resumed_in_the_dark": Mutant(resumed_in_the_dark, 40, "never told", seen_by=20),
    "blind_between_words": Mutant(blind_between_words, 40, "believes", seen_by=14),
}
