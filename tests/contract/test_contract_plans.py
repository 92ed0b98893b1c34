"""What the stores of trip boards promise, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from booking_worlds import TENANT
from persona_worlds import ManualClock
from postgres_for_tests import fresh_dsn, give_away

from core.chance import SystemChance
from core.ids import ProcessIds
from core.ports.durable_timers import CancelTimer, SetTimer
from core.ports.plans import MAX_KEPT, CalendarAddress, PlanChange, PlanStep, StalePlan
from protocol.plan import PLAN
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.leases import MemoryShards
from storage.memory.plans import MemoryCalendars, MemoryPlans
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.plan_calendars import PostgresCalendars
from storage.postgres.plans import PostgresPlans
from storage.postgres.pool import Connection, Database
from storage.sharding import shard_of


@dataclass
class World:
    """One room with one user. `take_over`: another node owns the room's shard now."""

    plans: Any
    calendars: Any
    timers: Any
    room_id: str
    user_id: str
    fence: int
    take_over: Callable[[], Awaitable[int]]
    nudges: list[int]
    ids: ProcessIds
    database: Database | None = None

    def step(self, version: int, **changes: Any) -> PlanStep:
        step = {
            name: changes.pop(name) for name in ("snapshot", "timers", "fence") if name in changes
        }
        fields: dict[str, Any] = {
            "version": version,
            "by": self.user_id,
            "client_id": self.ids.uuid7(),
            "at": version,
            "body": b"ops %d" % version,
        }
        return PlanStep(
            tenant_id=TENANT,
            room_id=self.room_id,
            change=PlanChange(**fields | changes),
            **{"fence": self.fence} | step,
        )

    async def due(self) -> list[str]:
        held = {shard_of(self.room_id): self.fence}
        claimed, _ = await self.timers.claim(held, now=9_000, until=9_000, most=9)
        return [each.timer.name for each in claimed]


@pytest.fixture
async def kept(server: Any) -> AsyncIterator[World]:
    ids = ProcessIds(ManualClock(), SystemChance())
    room_id, user_id = ids.uuid7(), ids.uuid7()
    nudges: list[int] = []
    shard = shard_of(room_id)
    if server is None:
        shards, timers = MemoryShards(), MemoryDurableTimers()
        shards.take_all("node")

        async def take() -> int:
            return shards.take(shard, "other")

        plans = MemoryPlans(shards, timers, on_timer_set=nudges.append)
        fence = shards.fence(shard)
        yield World(plans, MemoryCalendars(), timers, room_id, user_id, fence, take, nudges, ids)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
    ):
        await database.call(_furnish, room_id, user_id)

        async def take_over() -> int:
            return await database.call(give_away, shard)

        yield World(
            PostgresPlans(database, on_timer_set=nudges.append),
            PostgresCalendars(database),
            PostgresDurableTimers(database),
            room_id,
            user_id,
            await take_over(),
            take_over,
            nudges,
            ids,
            database,
        )


async def test_a_change_comes_back_as_it_was_and_a_board_is_snapshot_and_changes(
    kept: World,
) -> None:
    assert await kept.plans.load(TENANT, kept.room_id) is None
    assert await kept.plans.changes(TENANT, kept.room_id, after=0, limit=9) == []
    steps = [
        kept.step(1),
        kept.step(2, snapshot=b"two"),
        kept.step(3, by="system", client_id=None),
        kept.step(4),
    ]
    for step in steps:
        await kept.plans.commit(step)
    stored = await kept.plans.load(TENANT, kept.room_id)
    assert (stored.version, stored.snapshot, stored.snapshot_version) == (4, b"two", 2)
    changes = [step.change for step in steps]
    assert list(stored.changes) == changes[2:]
    assert list(await kept.plans.changes(TENANT, kept.room_id, after=1, limit=2)) == changes[1:3]
    for foreign in ((2, kept.room_id), (TENANT, kept.ids.uuid7()), (TENANT, "no id")):
        assert await kept.plans.load(*foreign) is None
        assert list(await kept.plans.changes(*foreign, after=0, limit=9)) == []


async def test_who_is_behind_or_fenced_off_changes_nothing(kept: World) -> None:
    await kept.plans.commit(kept.step(1))
    for version in (1, 3, 0):
        with pytest.raises(StalePlan):
            await kept.plans.commit(kept.step(version, snapshot=b"wrong"))
    new = await kept.take_over()
    timer = SetTimer(tenant_id=TENANT, address=PLAN.at(kept.room_id), name="d", due_at=5)
    with pytest.raises(StalePlan):
        await kept.plans.commit(kept.step(2, timers=(timer,)))
    assert (await kept.plans.load(TENANT, kept.room_id)).version == 1
    assert (await kept.due(), kept.nudges) == ([], [])
    await kept.plans.commit(kept.step(2, fence=new))


async def test_a_client_id_counts_once_for_its_sender_and_is_found_again(kept: World) -> None:
    first = kept.step(1)
    client_id = first.change.client_id
    await kept.plans.commit(first)
    with pytest.raises(StalePlan):
        await kept.plans.commit(kept.step(2, client_id=client_id))
    another = kept.step(2, client_id=client_id, by=kept.ids.uuid7())
    await kept.plans.commit(another)
    for by in (first.change, another.change):
        found = await kept.plans.by_client_id(TENANT, kept.room_id, by.by, client_id)
        assert found == by
    for wrong in (
        (2, kept.room_id, kept.user_id, client_id),
        (TENANT, kept.ids.uuid7(), kept.user_id, client_id),
        (TENANT, kept.room_id, "system", client_id),
        (TENANT, kept.room_id, kept.user_id, "none"),
    ):
        assert await kept.plans.by_client_id(*wrong) is None


async def test_a_timer_is_set_with_its_change(kept: World) -> None:
    address = PLAN.at(kept.room_id)
    timer = SetTimer(tenant_id=TENANT, address=address, name="deadline", due_at=5)
    await kept.plans.commit(kept.step(1, timers=(timer,)))
    assert (await kept.due(), kept.nudges) == (["deadline"], [5])
    cancel = CancelTimer(tenant_id=TENANT, address=address, name="deadline")
    await kept.plans.commit(kept.step(2, timers=(cancel,)))
    assert await kept.due() == []


async def test_changes_that_a_snapshot_holds_go_when_they_are_old(kept: World) -> None:
    plans = kept.plans
    await plans.commit(kept.step(1))
    await plans.commit(kept.step(2, snapshot=b"two"))
    await plans.commit(kept.step(3))
    await plans.commit(kept.step(4))
    await _age(kept, MAX_KEPT)
    stored = await plans.load(TENANT, kept.room_id)
    assert stored.snapshot == b"two"
    versions = [one.version for one in await plans.changes(TENANT, kept.room_id, after=0, limit=9)]
    assert versions[:2] == [3, 4]


async def _age(kept: World, by: int) -> None:
    """One more change, when `by` have come in between: they have only their numbers here."""
    if kept.database is not None:
        await kept.database.call(_set_version, kept.room_id, 4 + by)
    else:
        rows = kept.plans.table.rows
        rows[TENANT, kept.room_id] = replace(rows[TENANT, kept.room_id], version=4 + by)
    await kept.plans.commit(kept.step(5 + by))


async def test_an_address_is_known_by_its_secret_until_it_ends(kept: World) -> None:
    address = CalendarAddress(tenant_id=TENANT, room_id=kept.room_id, user_id=kept.user_id)
    first = await kept.calendars.share(address, at=1)
    assert await kept.calendars.find(first) == address
    second = await kept.calendars.share(address, at=2)
    assert first != second
    assert await kept.calendars.find(first) is None
    assert await kept.calendars.find(second) == address
    assert await kept.calendars.find("") is None
    assert not await kept.calendars.end(replace(address, room_id="no id"))
    assert await kept.calendars.end(address)
    assert not await kept.calendars.end(address)
    assert await kept.calendars.find(second) is None


async def _furnish(connection: Connection, room_id: str, user_id: str) -> None:
    await connection.execute(
        """INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
           VALUES ($1, 1, 'ada', 'Ada', 'ada@x.test', 'user', 'en', 0)""",
        user_id,
    )
    await connection.execute(
        """INSERT INTO room (id, tenant_id, kind, title, history, creator_id, create_client_id,
                             epoch, created_at)
           VALUES ($1, 1, 'group', '', 'all', $2, $1, 'e', 0)""",
        room_id,
        user_id,
    )


async def _set_version(connection: Connection, room_id: str, version: int) -> None:
    await connection.execute("UPDATE plan SET version = $2 WHERE room_id = $1", room_id, version)
