"""Consultations: their calls on what is stored."""

from actors.consultation import actor as consultation
from actors.consultation.ports import ConsultationPorts
from commands.wire_storage import Storage
from core.actor import ActorSpec
from core.identity import DEFAULT_TENANT
from core.ports.clock import BusinessClock, Clock, Ids


def consultation_spec(
    storage: Storage, clock: Clock, ids: Ids, business: BusinessClock
) -> ActorSpec:
    """The kind of actors that calls are."""
    return consultation.spec(
        ConsultationPorts(
            tenant_id=DEFAULT_TENANT,
            consultations=storage.consultations,
            business=business,
            clock=clock,
            ids=ids,
        )
    )
