"""What durable timers promise whoever sets and whoever delivers them, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from postgres_for_tests import fresh_dsn

from core.errors import Rejected
from core.ports.durable_timers import (
    MAX_PAYLOAD_BYTES,
    MAX_PUT_OFF_MS,
    MAX_TIMERS_PER_ACTOR,
    STUCK_FROM,
    CancelTimer,
    SetTimer,
)
from protocol.addresses import Kind
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.durable_timers import MemoryDurableTimers
from storage.postgres.durable_timers import PostgresDurableTimers, apply_changes
from storage.postgres.pool import Connection, Database
from storage.sharding import SHARDS, shard_of

BOOKING = Kind("booking")
A, B = BOOKING.at("a"), BOOKING.at("b")
T0 = 1_790_000_000_000
ALL = dict.fromkeys(range(SHARDS), 0)


@pytest.fixture
def nudges() -> list[int]:
    return []


@pytest.fixture
async def timers(server: Any, nudges: list[int]) -> AsyncIterator[Any]:
    if server is None:
        yield MemoryDurableTimers(on_set=nudges.append)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
    ):
        yield PostgresDurableTimers(database, on_set=nudges.append)


def timer(name: str = "payment", at: int = T0, address: Any = A, **more: Any) -> SetTimer:
    return SetTimer(tenant_id=1, address=address, name=name, due_at=at, **more)


def cancel(name: str = "payment", address: Any = A) -> CancelTimer:
    return CancelTimer(tenant_id=1, address=address, name=name)


async def claim(timers: Any, now: int = T0, *, shards: Any = ALL, most: int = 64) -> list[Any]:
    claimed, _ = await timers.claim(shards, now=now, until=now + 15_000, most=most)
    return list(claimed)


async def names(timers: Any, now: int = T0, **how: Any) -> list[str]:
    return sorted(each.timer.name for each in await claim(timers, now, **how))


async def outlook(timers: Any, now: int = T0) -> Any:
    """Without claiming: that of a node that looks, and has no room."""
    _, outlook = await timers.claim(ALL, now=now, until=now, most=0)
    return outlook


async def test_a_timer_is_claimed_from_its_time_on_and_not_before(timers: Any) -> None:
    await timers.apply(timer(at=T0, payload=b"\x01"))
    assert await claim(timers, T0 - 1) == []
    [claimed] = await claim(timers, T0)
    assert claimed.timer == timer(at=T0, payload=b"\x01")
    assert claimed.attempts == 1


async def test_what_is_claimed_is_nobody_elses_until_the_claim_is_over(timers: Any) -> None:
    await timers.apply(timer())
    [first] = await claim(timers, T0)
    assert await claim(timers, T0 + 14_999) == []
    [again] = await claim(timers, T0 + 15_000)
    assert (again.generation, again.attempts) == (first.generation, 2)


async def test_what_is_finished_is_gone(timers: Any) -> None:
    await timers.apply(timer())
    [claimed] = await claim(timers)
    await timers.finish(claimed)
    assert await claim(timers, T0 + 10**9) == []
    await timers.finish(claimed)


async def test_what_is_put_off_comes_when_that_is_over(timers: Any) -> None:
    await timers.apply(timer())
    [claimed] = await claim(timers)
    await timers.put_off(claimed, until=T0 + 1_000)
    assert await claim(timers, T0 + 999) == []
    assert await names(timers, T0 + 1_000) == ["payment"]


async def test_no_put_off_lets_one_fire_before_its_time(timers: Any) -> None:
    """The clock was ahead when it was claimed, and is back when it is put off."""
    await timers.apply(timer(at=T0))
    [claimed] = await claim(timers, T0)
    await timers.put_off(claimed, until=T0 - 86_400_000)
    assert await claim(timers, T0 - 1) == []
    assert await names(timers, T0) == ["payment"]


async def test_the_last_set_wins(timers: Any) -> None:
    await timers.apply(timer(at=T0), timer(at=T0 + 5_000))
    await timers.apply(timer(at=T0 + 9_000, payload=b"new"))
    assert await claim(timers, T0 + 8_999) == []
    [claimed] = await claim(timers, T0 + 9_000)
    assert claimed.timer.payload == b"new"


async def test_a_timer_set_anew_while_it_was_delivered_stays(timers: Any) -> None:
    await timers.apply(timer())
    [old] = await claim(timers)
    await timers.apply(timer())  # even to the same time
    await timers.finish(old)
    await timers.put_off(old, until=T0 + 10**9)
    [new] = await claim(timers)
    assert new.generation != old.generation
    assert new.attempts == 1


async def test_one_that_fired_and_is_set_again_is_another(timers: Any) -> None:
    await timers.apply(timer())
    [old] = await claim(timers)
    await timers.finish(old)
    await timers.apply(timer())
    await timers.finish(old)
    assert await names(timers) == ["payment"]


async def test_who_was_too_slow_does_not_put_off_anothers_claim(timers: Any) -> None:
    await timers.apply(timer())
    [slow] = await claim(timers, T0)
    [other] = await claim(timers, T0 + 15_000)
    await timers.put_off(slow, until=T0)
    assert await claim(timers, T0 + 15_001) == []
    await timers.finish(other)


async def test_what_is_cancelled_is_never_claimed(timers: Any) -> None:
    await timers.apply(timer("payment"), timer("poll"))
    await timers.apply(cancel("payment"), cancel("never set"))
    assert await names(timers, T0 + 10**9) == ["poll"]


async def test_changes_happen_together_or_not_at_all(timers: Any) -> None:
    await timers.apply(*(timer(f"{n}") for n in range(MAX_TIMERS_PER_ACTOR)))
    with pytest.raises(Rejected) as refused:
        await timers.apply(cancel("0"), timer("x"), timer("y"))
    assert (refused.value.code, refused.value.temporary) == ("conflict", False)
    assert await names(timers) == sorted(f"{n}" for n in range(MAX_TIMERS_PER_ACTOR))


async def test_an_actor_has_at_most_64_and_may_move_those(timers: Any) -> None:
    await timers.apply(*(timer(f"{n}") for n in range(MAX_TIMERS_PER_ACTOR)))
    with pytest.raises(Rejected):
        await timers.apply(timer("one more"))
    await timers.apply(timer("0", at=T0 + 1), timer("another's", address=B))
    await timers.apply(cancel("1"), timer("one more"))


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 65}, {"payload": bytes(MAX_PAYLOAD_BYTES + 1)}]
)
def test_bounds_of_one_timer_are_held_before_it_is_stored(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="timer"):
        timer(**wrong)


async def test_a_node_claims_for_its_own_shards_alone(timers: Any) -> None:
    assert shard_of("a") != shard_of("b")
    await timers.apply(timer("its", address=A), timer("another's", address=B))
    assert await names(timers, shards={shard_of("a"): 0}) == ["its"]
    assert await names(timers, shards={}) == []
    assert await names(timers, shards={shard_of("b"): 0}) == ["another's"]


async def test_two_nodes_never_hold_the_same_claim(timers: Any) -> None:
    await timers.apply(*(timer(f"{n}") for n in range(60)))
    found: list[str] = []

    async def node() -> None:
        while claimed := await claim(timers, most=7):
            found.extend(each.timer.name for each in claimed)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(node)
    # One may have passed over what another held for a moment; the next look has it.
    found += await names(timers)
    assert sorted(found) == sorted(f"{n}" for n in range(60))


async def test_the_longest_waiting_are_claimed_first(timers: Any) -> None:
    await timers.apply(*(timer(f"{n}", at=T0 - n) for n in range(10)))
    assert await names(timers, most=3) == ["7", "8", "9"]
    assert await names(timers, most=3) == ["4", "5", "6"]


async def test_a_claim_made_under_a_clock_that_was_a_day_ahead_keeps_nobody_waiting(
    timers: Any,
) -> None:
    day = 86_400_000
    await timers.apply(timer("due"), timer("tomorrow", at=T0 + day // 2))
    assert await names(timers, T0 + day) == ["due", "tomorrow"]
    assert await names(timers, T0) == ["due"]
    assert await names(timers, T0 + day // 2) == ["due", "tomorrow"]


async def test_no_backoff_within_bounds_is_cut_short(timers: Any) -> None:
    await timers.apply(timer())
    [claimed] = await claim(timers)
    await timers.put_off(claimed, until=T0 + MAX_PUT_OFF_MS)
    assert await claim(timers, T0) == []


async def test_the_outlook_counts_what_waits_and_says_when_to_look_again(timers: Any) -> None:
    assert (await outlook(timers)).next_at is None
    await timers.apply(timer("late", at=T0 - 500), timer("now"), timer("later", at=T0 + 700))
    seen = await outlook(timers)
    assert (seen.armed, seen.due, seen.stuck) == (3, 2, 0)
    assert (seen.oldest_due_at, seen.next_at) == (T0 - 500, T0 - 500)


async def test_the_outlook_counts_those_that_failed_often(timers: Any) -> None:
    await timers.apply(timer(), timer("never tried", at=T0 + 10**6))
    for attempt in range(STUCK_FROM):
        assert (await outlook(timers)).stuck == 0
        assert await names(timers, T0 + attempt * 15_000) == ["payment"]
    assert (await outlook(timers)).stuck == 1


async def test_whoever_delivers_hears_of_the_earliest_time_that_was_set(
    timers: Any, nudges: list[int]
) -> None:
    await timers.apply(timer("b", at=T0 + 5), timer("a", at=T0 + 3))
    await timers.apply(cancel("a"))
    assert nudges == [T0 + 3]


async def test_a_timer_is_part_of_whatever_transaction_sets_it(database: Database) -> None:
    timers = PostgresDurableTimers(database)

    async def decide(connection: Connection, *, fails: bool) -> None:
        await apply_changes(connection, [timer("with it")])
        if fails:
            raise RuntimeError("the journal refused")

    with pytest.raises(RuntimeError):
        await database.transaction(decide, fails=True)
    assert await claim(timers) == []
    await database.transaction(decide, fails=False)
    assert await names(timers) == ["with it"]
