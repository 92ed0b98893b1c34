"""What a room remembers of its newest messages, so that most commands need no look-up (pure).

It belongs to the `decided` fold alone. Forgetting is always safe: what is not remembered is looked
up in the log before it is judged.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from actors.room.faded_keys import FadedKeys
from actors.room.state import RoomEvent, RoomState
from protocol.chat import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
)
from protocol.room import RoomChanged

MAX_KEYS: Final = 4_096
MAX_MESSAGES: Final = 2_048
MAX_DEPARTURES: Final = 256
CLOCK_SKEW_MS: Final = 300_000
"""How far a phone's clock may be off before its key is looked up first."""


class Stored(NamedTuple):
    """What a first `ok` said."""

    seq: int
    message_id: str
    sent_at: int


class Mark(NamedTuple):
    """A state that was set, and by which event."""

    active: bool
    seq: int


def digest(content: str) -> bytes:
    """Stands for a text without keeping it."""
    return blake2b(content.encode(), digest_size=16).digest()


def key_of(posted: MessagePosted) -> str | None:
    """What a message is unique by, beside its sender: its client's key. A persona's or the system's
    message has its own id for one."""
    has_own = posted.sender.kind in ("persona", "system")
    return posted.message_id if has_own else posted.client_id


@dataclass(slots=True)
class MessageState:
    """How a message stands. `blank` is the message as it looks once deleted.

    `content_seq`: the event that gave it the text with this `digest`. `edits`: (seq, sentAt) of each.
    `reactions`: emoji → user → mark.
    """

    blank: MessagePosted
    digest: bytes
    content_seq: int
    touched: int
    edits: list[tuple[int, int]] = field(default_factory=list)
    deleted_seq: int | None = None
    pin: Mark | None = None
    reactions: dict[str, dict[str, Mark]] = field(default_factory=dict)

    @staticmethod
    def of(posted: MessagePosted) -> "MessageState":
        return MessageState(
            blank=replace(posted, content="", attachments=None, cards=None),
            digest=digest(posted.content),
            content_seq=posted.seq,
            touched=posted.seq,
        )

    def apply(self, event: MessageEdited | MessageDeleted | MessageReacted | MessagePinned) -> None:
        """Take a change in; one already taken in changes nothing."""
        if event.seq <= self.touched:
            return
        self.touched = event.seq
        match event:
            case MessageEdited():
                self.digest, self.content_seq = digest(event.content), event.seq
                self.edits.append((event.seq, event.sent_at))
            case MessageDeleted():
                self.deleted_seq = event.seq
            case MessageReacted():
                marks = self.reactions.setdefault(event.emoji, {})
                marks[event.by] = Mark(event.active, event.seq)
            case _:
                self.pin = Mark(event.active, event.seq)


class Memory:
    """Keys of messages, states of messages, and who left: each bounded, the oldest goes first.

    `since`: every key stored after this server time (ms) is remembered, be it by a mark alone; None:
    every key there is.
    """

    def __init__(
        self,
        *,
        max_keys: int = MAX_KEYS,
        max_messages: int = MAX_MESSAGES,
        faded: FadedKeys | None = None,
    ) -> None:
        self.since: int | None = None
        self._faded = FadedKeys() if faded is None else faded
        self._max_keys = max_keys
        self._max_messages = max_messages
        self._keys: OrderedDict[tuple[str, str], Stored] = OrderedDict()
        self._messages: OrderedDict[str, MessageState] = OrderedDict()
        self._departures: OrderedDict[str, int] = OrderedDict()
        self._pinned: dict[str, int] = {}

    def stored(self, sender_id: str, client_id: str) -> Stored | None:
        """The first answer to this key, if it is remembered."""
        return self._keys.get((sender_id, client_id))

    def may_have_forgotten(self, sender_id: str, client_id: str, now: int) -> bool:
        """Whether a key that is not remembered must be looked up (docs/architecture.md §4)."""
        if self.since is not None:
            made_at = int(client_id[:8] + client_id[9:13], 16)
            if not self.since + CLOCK_SKEW_MS <= made_at <= now + CLOCK_SKEW_MS:
                return True
        return self._faded.may_hold(sender_id, client_id)

    def message(self, message_id: str) -> MessageState | None:
        state = self._messages.get(message_id)
        if state is not None:
            self._messages.move_to_end(message_id)
        return state

    def newest(self, most: int) -> list[MessageState]:
        """The last `most` messages that are remembered, ascending."""
        states = sorted(self._messages.values(), key=lambda state: state.blank.seq)
        return states[-most:]

    def departure(self, id: str) -> int | None:
        """The event by which a user left or was removed, or a persona taken out, if it is
        remembered."""
        return self._departures.get(id)

    def remember(self, event: RoomEvent) -> None:
        """Take an event in that was just decided, or found stored."""
        match event:
            case MessagePosted():
                key = key_of(event)
                if key is not None:
                    stored = Stored(event.seq, event.message_id, event.sent_at)
                    self.remember_key(event.sender.id, key, stored)
                self.remember_message(event.message_id, MessageState.of(event))
            case RoomChanged():
                self._remember_change(event)
            case _:
                state = self.message(event.message_id)
                if state is not None:
                    state.apply(event)

    def remember_key(self, sender_id: str, client_id: str, stored: Stored) -> None:
        self._keys[sender_id, client_id] = stored
        if len(self._keys) > self._max_keys:
            key, oldest = self._keys.popitem(last=False)
            forgotten = self._faded.add(*key, oldest.sent_at)
            if forgotten is not None:
                self.since = max(self.since or 0, forgotten)

    def remember_message(self, message_id: str, state: MessageState) -> None:
        """Add a state; one that is here already is at least as new and stays."""
        self._messages.setdefault(message_id, state)
        self._messages.move_to_end(message_id)
        excess = len(self._messages) - self._max_messages
        if excess > 0:
            self._evict(excess)

    def _evict(self, count: int) -> None:
        unpinned = (key for key in self._messages if key not in self._pinned)
        for key in [key for key, _ in zip(unpinned, range(count), strict=False)]:
            del self._messages[key]

    def pin(self, message_id: str) -> None:
        """While a look-up runs, a state that others bring in stays: the look-up's rows may be older."""
        self._pinned[message_id] = self._pinned.get(message_id, 0) + 1

    def unpin(self, message_id: str) -> None:
        self._pinned[message_id] -= 1
        if not self._pinned[message_id]:
            del self._pinned[message_id]

    def _remember_change(self, event: RoomChanged) -> None:
        gone: Iterable[str] = ()
        if event.change == "left":
            gone = (event.by,)
        elif event.change == "removed":
            gone = event.user_ids or ()
        elif event.persona_id is not None and not event.active:
            gone = (event.persona_id,)
        for user_id in gone:
            self._departures[user_id] = event.seq
            self._departures.move_to_end(user_id)
            if len(self._departures) > MAX_DEPARTURES:
                self._departures.popitem(last=False)

    def forget_after(self, head: int) -> None:
        """Drop all that rests on events after `head`: they never happened."""
        for key in [key for key, stored in self._keys.items() if stored.seq > head]:
            del self._keys[key]
        for message_id in [id for id, state in self._messages.items() if state.touched > head]:
            del self._messages[message_id]
        for user_id in [id for id, seq in self._departures.items() if seq > head]:
            del self._departures[user_id]

    def forget_person(self, user_id: str, room: RoomState) -> None:
        """Drop what they said, and what personas did that are gone, theirs among them: the rows bear no name by now.
        What something in flight is about stays."""
        for message_id, state in list(self._messages.items()):
            by = state.blank.sender
            is_theirs = by.id == user_id or (by.kind == "persona" and by.id not in room.personas)
            if is_theirs and state.touched <= room.head and message_id not in self._pinned:
                del self._messages[message_id]

    def statistics(self) -> dict[str, int | float]:
        return {
            "keys": len(self._keys),
            "faded": len(self._faded),
            "messages": len(self._messages),
        }
