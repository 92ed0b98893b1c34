"""What a session borrows from the world, injected by the wiring."""

from dataclasses import dataclass

from core.ports.clock import Clock, Ids
from core.ports.credentials import Credentials
from core.ports.fanout import Fanout
from core.ports.message_log import MessageLog
from core.ports.repositories import MessageSearch, Rooms
from core.ports.sessions import Sessions
from protocol.limits import DEFAULT_LIMITS, HEARTBEAT_MS, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPorts:
    """The ports and figures of every session."""

    credentials: Credentials
    sessions: Sessions
    fanout: Fanout
    search: MessageSearch
    rooms: Rooms
    log: MessageLog
    clock: Clock
    ids: Ids
    limits: Limits = DEFAULT_LIMITS
    heartbeat_ms: int = HEARTBEAT_MS
