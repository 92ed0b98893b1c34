"""What happened, told again to whoever keeps a read model: at least once, in order per key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """Something committed. `room.appended`: `key` is the room, rows `first`..`last` were added.
    `room.said`: the same, where it is known that none of them changes who or what the room is.
    `person.forgotten`: `key` is `ROOM/USER`, rows of that user's there have no text any more.
    """

    position: int
    tenant_id: int
    topic: str
    key: str
    first: int
    last: int


class Subscriber(Protocol):
    """A read model or a courier. It must be idempotent: events come at least once."""

    @property
    def name(self) -> str:
        """Stable: its position is stored under this name."""

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Deal with a batch; when it returns, the batch's last position is stored. Raising keeps
        the position: the batch comes again, with backoff."""

    async def rebuild(self) -> None:
        """Forget what was derived; events come again from the first."""


class Outbox(Protocol):
    """Feeds its subscribers, each at its own speed."""

    async def run(self) -> None:
        """Until cancelled."""

    def nudge(self) -> None:
        """Something was committed just now."""

    def statistics(self) -> Mapping[str, int | float]:
        """Lag per subscriber, in events and seconds."""
