"""The ports of webhooks over the tables `webhook_event` and `webhook_secret`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from core.ports.durable_timers import SetTimer
from core.ports.webhooks import EndpointSecret, WebhookEvent
from storage.credentials.sealing import Seal
from storage.postgres.durable_timers import apply_changes
from storage.postgres.pool import Connection, Database

_TAKE: Final = """
    INSERT INTO webhook_event (received_at, provider, event_id, kind) VALUES ($1, $2, $3, $4)
    ON CONFLICT (provider, event_id) DO NOTHING RETURNING true"""

_WAITING: Final = """
    SELECT payload FROM durable_timer
     WHERE tenant_id = $1 AND kind = $2 AND key = $3 AND name = $4 FOR UPDATE"""

_KEEP: Final = """
    INSERT INTO webhook_secret (since, provider, endpoint_id, sealed) VALUES ($1, $2, $3, $4)
    ON CONFLICT (provider, endpoint_id) DO UPDATE SET since = $1, sealed = $4"""


class PostgresWebhooks:
    """`Webhooks`. `on_set` hears the time of a timer that was set just now."""

    def __init__(
        self, database: Database, *, on_set: Callable[[int], None] = lambda due_at: None
    ) -> None:
        self._database, self._on_set = database, on_set

    async def take(self, event: WebhookEvent, timer: SetTimer | None) -> bool:
        is_new: bool = await self._database.transaction(_take, event, timer)
        if is_new and timer is not None:
            self._on_set(timer.due_at)
        return is_new


class PostgresWebhookSecrets:
    """`WebhookSecrets`, sealed under the master key."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        self._database, self._seal = database, Seal(master_key)

    async def of(self, provider: str) -> Sequence[EndpointSecret]:
        rows = await self._database.call(_secrets, provider)
        return [
            EndpointSecret(
                provider=provider,
                endpoint_id=row["endpoint_id"],
                since=row["since"],
                secret=self._seal.open(row["sealed"], _place(provider, row["endpoint_id"])),
            )
            for row in rows
        ]

    async def keep(self, secret: EndpointSecret) -> None:
        sealed = self._seal.close(secret.secret, _place(secret.provider, secret.endpoint_id))
        await self._database.call(_keep, secret, sealed)

    async def forget(self, provider: str, endpoint_id: str) -> None:
        await self._database.call(_forget, provider, endpoint_id)


async def _take(connection: Connection, event: WebhookEvent, timer: SetTimer | None) -> bool:
    is_new = await connection.fetchval(
        _TAKE, event.received_at, event.provider, event.event_id, event.kind
    )
    if not is_new:
        return False
    if timer is not None:
        place = (timer.tenant_id, timer.address.kind, timer.address.key, timer.name)
        waiting = await connection.fetchrow(_WAITING, *place)
        if waiting is not None and waiting["payload"] != timer.payload:
            timer = replace(timer, payload=None)
        await apply_changes(connection, [timer])
    return True


async def _secrets(connection: Connection, provider: str) -> Sequence[Any]:
    return await connection.fetch(
        """SELECT endpoint_id, since, sealed FROM webhook_secret WHERE provider = $1
           ORDER BY since DESC, endpoint_id""",
        provider,
    )


async def _keep(connection: Connection, secret: EndpointSecret, sealed: bytes) -> None:
    await connection.execute(_KEEP, secret.since, secret.provider, secret.endpoint_id, sealed)


async def _forget(connection: Connection, provider: str, endpoint_id: str) -> None:
    await connection.execute(
        "DELETE FROM webhook_secret WHERE provider = $1 AND endpoint_id = $2", provider, endpoint_id
    )


def _place(provider: str, endpoint_id: str) -> str:
    """What a sealed secret is bound to."""
    return f"webhook/{provider}/{endpoint_id}"
