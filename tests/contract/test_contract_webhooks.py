"""What the stores of webhooks promise, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from postgres_for_tests import fresh_dsn

from core.errors import Rejected
from core.ports.durable_timers import MAX_TIMERS_PER_ACTOR, SetTimer
from core.ports.webhooks import KEPT_FOR, EndpointSecret, WebhookEvent
from protocol.booking import BOOKING
from storage.asyncio_bridge import AsyncioBridge
from storage.credentials.master_key import MasterKeyError
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks, MemoryWebhookSecrets
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.housekeeping import housekeeping
from storage.postgres.pool import Connection, Database
from storage.postgres.webhooks import PostgresWebhooks, PostgresWebhookSecrets
from storage.sharding import SHARDS

T0 = 1_790_000_000_000
KEY = bytes(range(32))
EVENT = WebhookEvent(provider="stripe", event_id="evt_1", kind="refund.failed", received_at=T0)


@dataclass
class Kept:
    webhooks: Any
    secrets: Any
    timers: Any
    nudges: list[int]
    database: Database | None = None

    async def waiting(self) -> list[SetTimer]:
        claimed, _ = await self.timers.claim(
            dict.fromkeys(range(SHARDS), 0), now=T0, until=T0, most=99
        )
        return [each.timer for each in claimed]


@pytest.fixture
async def kept(server: Any) -> AsyncIterator[Kept]:
    nudges: list[int] = []
    if server is None:
        timers = MemoryDurableTimers(on_set=nudges.append)
        yield Kept(MemoryWebhooks(timers), MemoryWebhookSecrets(), timers, nudges)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
    ):
        yield Kept(
            PostgresWebhooks(database, on_set=nudges.append),
            PostgresWebhookSecrets(database, KEY),
            PostgresDurableTimers(database),
            nudges,
            database,
        )


def timer(name: str = "webhook", payload: bytes | None = b"\x81") -> SetTimer:
    return SetTimer(tenant_id=1, address=BOOKING.at("b"), name=name, due_at=T0 - 1, payload=payload)


def event(number: int) -> WebhookEvent:
    return WebhookEvent(provider="stripe", event_id=f"evt_{number}", kind="k", received_at=T0)


async def test_an_event_is_taken_once_and_wakes_its_booking_once(kept: Kept) -> None:
    assert await kept.webhooks.take(EVENT, timer())
    assert kept.nudges == [T0 - 1]
    assert not await kept.webhooks.take(EVENT, timer("another"))
    assert await kept.waiting() == [timer()]
    assert kept.nudges == [T0 - 1]


async def test_providers_do_not_share_ids_and_an_event_needs_no_timer(kept: Kept) -> None:
    assert await kept.webhooks.take(EVENT, None)
    other = WebhookEvent(provider="paypal", event_id="evt_1", kind="k", received_at=T0)
    assert await kept.webhooks.take(other, None)
    assert not await kept.webhooks.take(other, None)


async def test_of_many_deliveries_at_once_one_is_taken(kept: Kept) -> None:
    verdicts: list[bool] = []

    async def deliver() -> None:
        verdicts.append(await kept.webhooks.take(EVENT, timer()))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(deliver)
    assert sorted(verdicts) == [False] * 4 + [True]


async def test_two_payments_that_wait_at_once_become_look_at_everything(kept: Kept) -> None:
    await kept.webhooks.take(event(1), timer(payload=b"\x81"))
    await kept.webhooks.take(event(2), timer(payload=b"\x81"))
    assert await kept.waiting() == [timer(payload=b"\x81")]
    await kept.webhooks.take(event(3), timer(payload=b"\x82"))
    assert await kept.waiting() == [timer(payload=None)]
    await kept.webhooks.take(event(4), timer(payload=b"\x82"))
    assert await kept.waiting() == [timer(payload=None)]


async def test_where_no_timer_can_be_set_the_event_is_not_taken(kept: Kept) -> None:
    for number in range(MAX_TIMERS_PER_ACTOR):
        await kept.timers.apply(timer(f"other-{number}"))
    with pytest.raises(Rejected):
        await kept.webhooks.take(EVENT, timer())
    assert await kept.webhooks.take(EVENT, None)


async def test_an_event_is_forgotten_after_thirty_days(kept: Kept) -> None:
    later = T0 + int(KEPT_FOR * 1_000)

    class Clock:
        def __init__(self, at: int) -> None:
            self.at = at

        def now_ms(self) -> int:
            return self.at

        def monotonic(self) -> float:
            return 0.0

    async def keep_house(at: int) -> None:
        if kept.database is None:
            kept.webhooks.keep_house(at)
        else:
            await housekeeping(kept.database, Clock(at))

    await kept.webhooks.take(EVENT, None)
    await keep_house(later - 1)
    assert not await kept.webhooks.take(EVENT, None)
    await keep_house(later)
    assert await kept.webhooks.take(EVENT, None)


def secret(number: int, words: str = "whsec_hush") -> EndpointSecret:
    return EndpointSecret(
        provider="stripe", endpoint_id=f"we_{number}", secret=words, since=T0 + number
    )


async def test_secrets_come_back_newest_first_and_can_be_replaced_and_forgotten(kept: Kept) -> None:
    await kept.secrets.keep(secret(1))
    await kept.secrets.keep(secret(2))
    await kept.secrets.keep(secret(1, "whsec_new"))
    assert list(await kept.secrets.of("stripe")) == [secret(2), secret(1, "whsec_new")]
    assert list(await kept.secrets.of("paypal")) == []
    await kept.secrets.forget("stripe", "we_2")
    await kept.secrets.forget("stripe", "we_2")
    assert list(await kept.secrets.of("stripe")) == [secret(1, "whsec_new")]
    assert "hush" not in repr(secret(1))


async def test_at_rest_a_secret_is_unreadable_and_bound_to_its_endpoint(kept: Kept) -> None:
    if kept.database is None:
        return
    await kept.secrets.keep(secret(1))

    async def sealed(connection: Connection) -> bytes:
        return bytes(await connection.fetchval("SELECT sealed FROM webhook_secret"))

    assert b"hush" not in await kept.database.call(sealed)
    with pytest.raises(MasterKeyError):
        await PostgresWebhookSecrets(kept.database, bytes(32)).of("stripe")

    async def moved(connection: Connection) -> None:
        await connection.execute("UPDATE webhook_secret SET endpoint_id = 'we_9'")

    await kept.database.call(moved)
    with pytest.raises(MasterKeyError):
        await kept.secrets.of("stripe")
