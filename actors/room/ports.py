"""What a room borrows from the world, injected by the wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.room.pages import Pages
from core.ports.clock import Clock, Ids
from core.ports.fanout import Fanout
from core.ports.leases import Leases
from core.ports.message_log import MessageLog
from core.ports.personas import Personas, Runs
from core.ports.repositories import Rooms, Users


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPorts:
    """The ports of every room of one tenant.

    `are_personas_awake`: whether the personas of this room are active now, for news that nobody must
    be woken for; None: this server has none, and none is told anything. `pages`: of all rooms.
    """

    tenant_id: int
    log: MessageLog
    leases: Leases
    rooms: Rooms
    users: Users
    personas: Personas
    runs: Runs
    fanout: Fanout
    clock: Clock
    ids: Ids
    are_personas_awake: Callable[[str], bool] | None = None
    pages: Pages = field(default_factory=Pages)
