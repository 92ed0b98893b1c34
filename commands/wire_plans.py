"""Trip boards: their actors on what is stored."""

from actors.plan import actor as plan
from actors.plan.ports import PlanPorts
from commands.wire_actors import Actors
from commands.wire_storage import Storage
from core.actor import ActorSpec
from core.identity import DEFAULT_TENANT
from core.ports.clock import BusinessClock, Clock


def plan_spec(storage: Storage, actors: Actors, clock: Clock, business: BusinessClock) -> ActorSpec:
    """The kind of actors that boards are."""
    return plan.spec(
        PlanPorts(
            tenant_id=DEFAULT_TENANT,
            plans=storage.plans,
            shares=storage.captured_shares,
            users=storage.users,
            timers=storage.timers,
            leases=storage.leases,
            fanout=actors.fanout,
            clock=clock,
            business=business,
        )
    )
