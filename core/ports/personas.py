"""Personas, what became of their runs, and what people thought of it: rows, scoped by tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from protocol.persona import Persona, Voice
from protocol.wording import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPersona:
    """What is asked for, already judged."""

    id: str
    owner_id: str
    name: str
    style: Voice
    about: str = ""
    greeting: str = ""
    card: dict[str, Any] | None = None
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaPatch:
    """New values; None leaves a field as it is."""

    name: str | None = None
    style: Voice | None = None
    about: str | None = None
    greeting: str | None = None
    is_favourite: bool | None = None
    card: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A user's active persona. `at`: when it was chosen, ms since the epoch."""

    persona_id: str
    at: int


class Personas(Protocol):
    """At most `MAX_PERSONAS` of one owner, however many are created at the same moment."""

    async def create(self, tenant_id: int, new: NewPersona) -> Persona:
        """Raises `Rejected("persona_limit")` for a sixth. An id that its owner has used already: the
        persona as it stands."""

    async def get(self, tenant_id: int, persona_id: str) -> Persona | None: ...

    async def of_owner(self, tenant_id: int, owner_id: str) -> Sequence[Persona]:
        """Oldest first; all of them, without their cards, which may be large (`card` is None)."""

    async def patch(self, tenant_id: int, persona_id: str, patch: PersonaPatch) -> Persona:
        """`version` grows when anything became other than it was. Raises `Rejected("not_found")`."""

    async def remove(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        """Gone, with its memories, tastes, the feedback on it and the choices of it, and nothing of
        the kind is kept for it any more; its runs stay, they are history. Returns the rooms that it
        sits in, which are to be told. Harmless to repeat."""

    async def rooms(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        """The rooms that it sits in, ascending."""

    async def switch(
        self, tenant_id: int, user_id: str, persona_id: str, room_id: str | None
    ) -> None:
        """The user's active persona, in one room or (None) everywhere else. Of a user's choices for
        single rooms the newest 1,000 are kept. Raises `Rejected("not_found")` without a persona."""

    async def active(self, tenant_id: int, user_id: str, room_id: str) -> Choice | None:
        """That of this room, else the one of everywhere; None: none was chosen."""


Outcome = Literal["open", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord:
    """One segment as it was worded: times in ms after the prompt was read."""

    act: str
    tier: Tier
    model: str
    version: str
    tokens: int
    first_ms: int | None
    ended_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, a row from its start on. `tools`: their names, in order. `cost`: units, one per model
    token and fifty per search."""

    id: str
    room_id: str
    persona_id: str
    asker_id: str
    message_id: str
    reply_to: str
    started_at: int
    outcome: Outcome = "open"
    intent: str = ""
    tools: Sequence[str] = ()
    segments: Sequence[SegmentRecord] = ()
    ended_at: int | None = None
    seq: int | None = None
    cost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A recommendation that was shown: the item and the features by which it was ranked."""

    card_id: str
    item_id: str
    place: int
    features: Sequence[float]
    tower: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTo:
    """A row of what was shown, and whom to (empty: its run is not there any more)."""

    asker_id: str
    run_id: str
    at: int
    shown: Shown


class Runs(Protocol):
    """The history of runs, 24 months of it."""

    async def begin(self, tenant_id: int, run: Run) -> None:
        """A row before anybody hears of it. Idempotent."""

    async def end(self, tenant_id: int, run: Run, shown: Sequence[Shown] = ()) -> None:
        """Its last state, and what it showed, both or neither; also of one that never began.
        Idempotent: of two ends the later one holds."""

    async def fail_open(self, tenant_id: int, room_id: str, *, at: int) -> Sequence[Run]:
        """Runs of the room that a crash left open become `failed`, ended `at`; those runs, oldest
        first. The second call finds none."""

    async def failed_since(
        self, tenant_id: int, room_id: str, *, since: int, limit: int
    ) -> Sequence[Run]:
        """The newest of the room's runs that failed later than `since`, without a message of theirs;
        oldest first."""

    async def get(self, tenant_id: int, run_id: str) -> Run | None: ...

    async def of_message(self, tenant_id: int, message_id: str) -> Run | None:
        """The run that wrote this message."""

    async def of_persona(
        self, tenant_id: int, persona_id: str, *, before: str | None, limit: int
    ) -> Sequence[Run]:
        """Newest id first, below the id `before`."""

    async def shown(self, tenant_id: int, run_id: str) -> Sequence[Shown]:
        """What it showed, by place."""

    async def shown_to_all(
        self, tenant_id: int, *, before: ShownTo | None, limit: int
    ) -> Sequence[ShownTo]:
        """What all runs showed, newest first: the page after the row `before`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person thinks of an answer or of one item in it. `value` 1, -1, or 0: taken back.
    `features`: those the item was ranked by; empty for an answer as a whole."""

    user_id: str
    persona_id: str
    message_id: str
    item_id: str | None
    value: Literal[-1, 0, 1]
    reason: str | None = None
    kind: Literal["rating", "opened", "booked"] = "rating"
    at: int = 0
    features: Sequence[float] = field(default_factory=tuple)
    tower: str = ""


class Feedbacks(Protocol):
    """A state per (user, message, item, kind): the last one holds. Kept for 24 months, and as long
    as there is the persona."""

    async def set(self, tenant_id: int, feedback: Feedback) -> None:
        """Sets a state; 0 takes it back, and nothing is left of it."""

    async def latest(
        self, tenant_id: int, user_id: str, persona_id: str, *, limit: int = 200
    ) -> Sequence[Feedback]:
        """Newest first."""

    async def of_all(
        self, tenant_id: int, *, before: Feedback | None, limit: int
    ) -> Sequence[Feedback]:
        """Everybody's on items, newest first: the page after the row `before`. Whoever learns of others
        than the one who gave it asks for their consent first."""

    async def load_taste(
        self, tenant_id: int, user_id: str, persona_id: str
    ) -> dict[str, Any] | None:
        """The row's `learningModel`: `{"v": tower, "w": [...], "n": seen, "p"?: prior}`. It lives as long as the
        persona."""

    async def save_taste(
        self, tenant_id: int, user_id: str, persona_id: str, model: dict[str, Any]
    ) -> None:
        """Raises `ValueError` for what is no JSON, NaN and infinities among it."""


MemoryKind = Literal["fact", "preference", "episode", "taboo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryItem:
    """One thing that a persona remembers. `about`: the person it is about (None: the room). `room_id`
    None: of what was said in private with it. `source_message`: where it was learned; gone with it.
    `in_groups`: its subject allowed its use where others read. `slot` and `value`: what it is to the
    policy (a slot's JSON), beside `text`, which people read."""

    id: str
    persona_id: str
    kind: MemoryKind
    text: str
    about: str | None
    room_id: str | None
    source_message: str | None
    in_groups: bool = False
    slot: str = ""
    value: Any = None
    created_at: int = 0
    expires_at: int | None = None


class Memories(Protocol):
    """Bounded: 200 per persona and person, and as many about nobody. The oldest episode makes way,
    else the oldest of the rest, a taboo only for another. What has expired is not there."""

    async def add(self, tenant_id: int, *items: MemoryItem) -> None:
        """All or none of them; of one persona and about one person, else `ValueError`. The newest per
        (persona, about, room, slot) replaces the older one, and its `in_groups` with it. Idempotent by
        id."""

    async def usable(
        self,
        tenant_id: int,
        persona_id: str,
        *,
        user_id: str,
        room_id: str,
        is_group: bool,
        episodes: bool = True,
    ) -> Sequence[MemoryItem]:
        """What may be used here: in a group only the room's own memories and what is `in_groups` and
        about the user or nobody; alone with the user also all that is about the user, or about
        nobody and of no room. Taboos first, then the newest; at most 400. `episodes` False: without
        these, of which there are most."""

    async def of_person(
        self, tenant_id: int, persona_id: str, user_id: str
    ) -> Sequence[MemoryItem]:
        """All that this person may change, newest first."""

    async def change(
        self,
        tenant_id: int,
        memory_id: str,
        user_id: str,
        *,
        text: str | None,
        in_groups: bool | None,
    ) -> MemoryItem:
        """None leaves as it is. With a new text its `value` is gone: it said something else. Raises
        `Rejected("not_found")` unless it is about this person, or this person owns the persona and
        it is about nobody."""

    async def remove(self, tenant_id: int, memory_id: str, user_id: str) -> None:
        """Raises as `change` does."""

    async def forget_message(self, tenant_id: int, message_id: str) -> int:
        """Everything that was learned from a message; how many that were."""
