"""The ports of webhooks in memory."""

from collections.abc import Sequence
from dataclasses import replace

from core.ports.durable_timers import SetTimer
from core.ports.webhooks import KEPT_FOR, EndpointSecret, WebhookEvent
from storage.memory.durable_timers import MemoryDurableTimers


class MemoryWebhooks:
    """`Webhooks`. Borrows: the timers of the same world."""

    def __init__(self, timers: MemoryDurableTimers) -> None:
        self._timers = timers
        self._taken: dict[tuple[str, str], int] = {}

    async def take(self, event: WebhookEvent, timer: SetTimer | None) -> bool:
        key = (event.provider, event.event_id)
        if key in self._taken:
            return False
        self._taken[key] = event.received_at
        try:
            await self._set(timer)
        except BaseException:
            del self._taken[key]
            raise
        return True

    async def _set(self, timer: SetTimer | None) -> None:
        if timer is not None:
            waiting = self._timers.table.rows.get((timer.tenant_id, timer.address, timer.name))
            if waiting is not None and waiting.timer.payload != timer.payload:
                timer = replace(timer, payload=None)
            await self._timers.apply(timer)

    def keep_house(self, now: int) -> None:
        """Forget what was taken more than thirty days ago."""
        oldest = now - int(KEPT_FOR * 1_000)
        self._taken = {key: at for key, at in self._taken.items() if at > oldest}


class MemoryWebhookSecrets:
    """`WebhookSecrets`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], EndpointSecret] = {}

    async def of(self, provider: str) -> Sequence[EndpointSecret]:
        theirs = [each for each in self._kept.values() if each.provider == provider]
        return sorted(theirs, key=lambda each: (-each.since, each.endpoint_id))

    async def keep(self, secret: EndpointSecret) -> None:
        self._kept[secret.provider, secret.endpoint_id] = secret

    async def forget(self, provider: str, endpoint_id: str) -> None:
        self._kept.pop((provider, endpoint_id), None)
