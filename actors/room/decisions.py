"""What the machine answers with: a decision, or what it must know first (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.room.memory import MessageState
from actors.room.state import RoomEvent
from protocol.chat import MessagePosted
from protocol.frames import Answer
from protocol.room import PersonaView


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a decision may rest on beside the room itself.

    `now`: ms since the epoch. `new_id`: for a message, should one be made. `names`: those of the
    asked-about users that exist, None before they were looked up; `personas` likewise, with the
    `announcement` that the first one needs. `key_is_new`: the clientId was looked up and not found.
    `missing`: message ids that were looked up and not found.
    """

    now: int
    new_id: str
    names: Mapping[str, str] | None = None
    key_is_new: bool = False
    missing: frozenset[str] = frozenset()
    personas: Mapping[str, PersonaView] | None = None
    announcement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """At most one event, and the answer once it is durable. `then`: a second event, which is stored
    with the first or not at all. `answer` None: the actor makes it from the room as it then is.
    `names` of users the event makes members. `redacts`: the message whose stored text disappears
    with this event."""

    event: RoomEvent | None = None
    then: MessagePosted | None = None
    answer: Answer | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    redacts: MessageState | None = None

    @property
    def events(self) -> tuple[RoomEvent, ...]:
        """In the order of their seqs."""
        return tuple(event for event in (self.event, self.then) if event is not None)


@dataclass(frozen=True, slots=True)
class KnowMessage:
    """Look this message up, remember it, and ask again."""

    message_id: str


@dataclass(frozen=True, slots=True)
class KnowKey:
    """Look this sender's clientId up, and ask again."""

    sender_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class KnowUsers:
    """Look these users up, and ask again."""

    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnowPersona:
    """Look this persona up, with the words that would announce it as brought `by` somebody, and ask
    again."""

    persona_id: str
    by: str
    locale: str


Need = KnowMessage | KnowKey | KnowUsers | KnowPersona
