"""Client instances that outlive their sockets."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from core.identity import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """`resumed`: the session was known. `inbox_head`: the last event of the user's own sequence;
    `inbox_first`: from where on it is kept, `inbox_head + 1` where nothing of it is."""

    session_id: str
    resumed: bool
    inbox_head: int
    inbox_first: int


class Sessions(Protocol):
    """Sessions live 30 minutes after their last socket, also across a restart, and die with their
    login."""

    async def open(
        self, principal: Principal, *, session_id: str, resuming: bool, now: int
    ) -> SessionOpened | None:
        """Make the session, or (when `resuming`) take a known one of this very login over. None:
        `session_id` is unknown, expired or another's; open a fresh id instead."""

    async def touch(self, session_ids: Collection[str], *, now: int) -> None:
        """Their sockets are gone now (or still there): they live 30 minutes from here. Those that
        are being resumed or removed at this moment are left to that; waits for nobody."""
