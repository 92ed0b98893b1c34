"""What a session borrows from the world, injected by the wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from actors.session.searches import Searches
from core.ports.clock import Clock, Ids
from core.ports.credentials import Credentials
from core.ports.fanout import Fanout
from core.ports.leases import Leases
from core.ports.message_log import MessageLog
from core.ports.personas import Personas, Runs
from core.ports.repositories import MessageSearch, Rooms
from core.ports.sessions import Sessions
from core.reference import Ref
from protocol.addresses import Address
from protocol.limits import DEFAULT_LIMITS, HEARTBEAT_MS, Limits

RefTo = Callable[[Address], Ref[Any]]
"""`Context.ref_to`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPorts:
    """The ports and figures of every session. `searches`: of all sessions."""

    credentials: Credentials
    sessions: Sessions
    fanout: Fanout
    search: MessageSearch
    rooms: Rooms
    personas: Personas
    runs: Runs
    log: MessageLog
    leases: Leases
    clock: Clock
    ids: Ids
    limits: Limits = DEFAULT_LIMITS
    heartbeat_ms: int = HEARTBEAT_MS
    searches: Searches = field(default_factory=Searches)
