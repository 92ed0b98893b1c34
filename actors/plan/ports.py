"""What trip boards borrow from the world, injected by the wiring."""

from dataclasses import dataclass, field

from core.ports.clock import BusinessClock, Clock
from core.ports.durable_timers import DurableTimers
from core.ports.fanout import Fanout
from core.ports.leases import Leases
from core.ports.plans import CapturedShares, Plans
from core.ports.repositories import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPorts:
    """The ports of the boards of one tenant. `told`: up to which version a room's connections know its
    board; it outlives a crash of the actor, not that of the process, which their sockets do not either."""

    tenant_id: int
    plans: Plans
    shares: CapturedShares
    users: Users
    timers: DurableTimers
    leases: Leases
    fanout: Fanout
    clock: Clock
    business: BusinessClock
    told: dict[str, int] = field(default_factory=dict)
