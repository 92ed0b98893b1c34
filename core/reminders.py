"""An actor's own durable timers, by their names."""

from core.ports.durable_timers import CancelTimer, DurableTimers, SetTimer
from protocol.addresses import Address


class Reminders:
    """What an actor uses to be woken later, whatever happens until then. Borrows: the timers.

    Each call is as durable, and as uncertain after `Unavailable`, as `DurableTimers.apply` says.
    Passivation does not wait for a reminder.
    """

    def __init__(self, timers: DurableTimers, *, tenant_id: int, address: Address) -> None:
        self._timers, self._tenant_id, self._address = timers, tenant_id, address

    async def remind(self, name: str, at_ms: int, payload: bytes | None = None) -> None:
        """Be asked `TimerDue` at `at_ms` (wall clock). A later call with the same name wins."""
        await self._timers.apply(
            SetTimer(
                tenant_id=self._tenant_id,
                address=self._address,
                name=name,
                due_at=at_ms,
                payload=payload,
            )
        )

    async def forget(self, name: str) -> None:
        """Not to be asked, after all."""
        await self._timers.apply(
            CancelTimer(tenant_id=self._tenant_id, address=self._address, name=name)
        )
