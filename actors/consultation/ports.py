"""What calls borrow from the world, injected by the wiring."""

from dataclasses import dataclass

from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.consultations import Consultations


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationPorts:
    """The ports of the consultations of one tenant."""

    tenant_id: int
    consultations: Consultations
    business: BusinessClock
    clock: Clock
    ids: Ids
