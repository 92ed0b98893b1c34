"""Personas (§5): who they are, how they are steered, and the runs by which they answer."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from protocol.addresses import Kind
from protocol.chat import AiOrigin, MessagePosted
from protocol.frames import Answer, Command, Event, RoomCommand, Value
from protocol.ids import Id, Millis, at_most_bytes
from protocol.room import PersonaView, RoomKind, Speaking

PERSONA: Final = Kind("persona")
"""Keyed by a room's id: all personas of one room, for one of them may answer a prompt, not two."""

MAX_PERSONAS: Final = 5
"""Per user."""

MAX_ROOM_PERSONAS: Final = 10

Voice = Literal["explorer", "adventure", "luxury", "local", "budget", "family", "foodie", "culture"]
"""How a persona talks, and what it looks for first."""

PersonaName = Annotated[str, at_most_bytes(100, not_empty=True)]


class Persona(Value, frozen=True, kw_only=True):
    """A persona as it is stored. `about`: its owner's words on who it is. `card`: what an imported
    character card says beyond that, unknown keys included, as it came. `version` grows with every
    change."""

    id: Id
    owner_id: Id
    name: PersonaName
    style: Voice
    about: Annotated[str, at_most_bytes(4_096)] = ""
    greeting: Annotated[str, at_most_bytes(4_096)] = ""
    is_favourite: bool = False
    is_paid: bool = False
    card: dict[str, Any] | None = None
    version: int = 1
    created_at: Millis = 0


class SwitchPersona(Command, frozen=True, kw_only=True, tag="persona.switch"):
    """Make a persona the active one, in a room or everywhere."""

    persona_id: Id
    room_id: Id | None = None


class SetRoomPersona(RoomCommand, frozen=True, kw_only=True, tag="room.persona"):
    """Take a persona into a room or out of it."""

    persona_id: Id
    active: bool


class CancelRun(Command, frozen=True, kw_only=True, tag="persona.cancel"):
    """Stop a run; no delta follows the answer."""

    run_id: Id


class OpenCard(Command, frozen=True, kw_only=True, tag="card.opened"):
    """The user looked at a card."""

    message_id: Id
    card_id: Id


class RatePersona(Command, frozen=True, kw_only=True, tag="persona.feedback"):
    """What the user thinks of an answer or of one offer in it."""

    message_id: Id
    value: Literal[-1, 0, 1]
    offer_id: Id | None = None
    reason: Annotated[str, Meta(max_length=500)] | None = None


class RunStarted(Event, frozen=True, kw_only=True, tag="run.started"):
    """A persona begins to answer."""

    room_id: str
    run_id: str
    persona_id: str
    message_id: str
    reply_to: str


class TextStreamed(Event, frozen=True, kw_only=True, tag="chat.delta"):
    """More text of a run; `offset` in UTF-8 bytes."""

    room_id: str
    run_id: str
    offset: int
    text: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run.ended"):
    """A run is over; without `seq` no message came of it."""

    room_id: str
    run_id: str
    reason: Literal["done", "cancelled", "failed"]
    seq: int | None = None


# Between actors; never on the wire.


class Prompt(Value, frozen=True, kw_only=True):
    """room → personas: a person wrote this, it is durable, and a persona sits in the room.

    `read_at`: when its frame was read (trio time); every deadline of a run counts from it. `people`:
    joined members. `follows`: who wrote the message before it. `mentions`: personas and people of
    the room, whom the command named by id or the text by `@Name`. `locale`: the writer's.
    """

    message: MessagePosted
    read_at: float
    people: int
    follows: Literal["persona", "human", "nobody"]
    mentions: tuple[str, ...] = ()
    reply_to_persona: Id | None = None
    locale: str = "en"


class Unsaid(Value, frozen=True, kw_only=True):
    """room → personas: a message was deleted, or edited (it then says something else now): what was
    learned from it goes."""

    message_id: Id
    is_deleted: bool


class RoomGlimpse(Value, frozen=True, kw_only=True):
    """A room as its personas know it. `people`: joined members, id → name. `invited`: how many are
    invited, who may read it as well. `owner_id`: None where nobody owns it, in a direct room.
    `seated`: persona → the event by which it came. `read_from`: the first event that all of them, the
    invited too, may read.
    `open_runs`: ids of those that were opened and not closed."""

    kind: RoomKind
    speaking: Speaking
    personas: tuple[PersonaView, ...]
    people: dict[str, str]
    invited: int = 0
    owner_id: Id | None = None
    open_runs: tuple[Id, ...] = ()
    seated: dict[str, int] = field(default_factory=dict)
    read_from: int = 0


class Seated(Value, frozen=True, kw_only=True):
    """room → personas, if they are awake: a persona or a member came or went, or the settings
    changed. What a persona that is gone had begun, the room has closed by itself."""

    room: RoomGlimpse


class GlimpseRoom(Value, frozen=True, kw_only=True):
    """personas → room: answered by `RoomGlimpsed`. Needs no principal."""


class RoomGlimpsed(Answer, kw_only=True, tag="ok"):
    """room → personas: the room as it stands; every later change comes as `Seated`."""

    room: RoomGlimpse


class Cancel(Value, frozen=True, kw_only=True):
    """session → personas, for the envelope's principal, a joined member: stop this run. Answered by
    `Done` when no delta follows any more; refused to whom it does not concern."""

    run_id: Id


class Opened(Value, frozen=True, kw_only=True):
    """session → personas: the envelope's principal, who may read that message, looked at a card."""

    message_id: Id
    card_id: Id


class Rated(Value, frozen=True, kw_only=True):
    """session → personas: what the envelope's principal, who may read that message, thinks of it or
    of one offer in it. Answered by `Done` when it counts."""

    message_id: Id
    value: Literal[-1, 0, 1]
    offer_id: Id | None = None
    reason: str | None = None


class OpenRun(Value, frozen=True, kw_only=True):
    """personas → room: a persona begins to answer. Answered by `Done`, again when it is repeated; or
    refused: `not_found`, the persona is not there any more; `overloaded`, the room has as many open
    runs as it may. A run that nothing is heard of for a minute is closed as failed."""

    run_id: Id
    persona_id: Id
    message_id: Id
    reply_to: Id
    asker_id: Id


class StreamRun(Value, frozen=True, kw_only=True):
    """personas → room: more of its text, at `offset` UTF-8 bytes. Told, not asked: what does not
    follow on what the room has is dropped. `ai`: who wrote it so far, for a message that the room
    makes of it by itself, should the run end without a word."""

    run_id: Id
    offset: int
    text: str
    ai: AiOrigin | None = None


class CloseRun(Value, frozen=True, kw_only=True):
    """personas → room: the run is over. With `content` it becomes a message, first; without, what was
    streamed does (`ai.partial`), unless it is `done`. Answered by `RunClosed` when that is durable,
    again with the first `seq` when it is repeated; `not_found` for a run that the room does not
    know (the server was killed meanwhile)."""

    run_id: Id
    reason: Literal["done", "cancelled", "failed"]
    content: str = ""
    cards: list[dict[str, Any]] | None = None
    ai: AiOrigin | None = None


class RunClosed(Answer, kw_only=True, tag="ok"):
    """room → personas: `seq` of the message; None: nothing was streamed."""

    seq: int | None = None
