from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from postgres_for_tests import until
from structlog.testing import capture_logs

from core.errors import Unavailable
from storage.postgres import shard_rows
from storage.postgres import shards as shards_module
from storage.postgres.node_name import NodeNameTakenError
from storage.postgres.pool import Connection, Database
from storage.postgres.shards import PostgresLeases, TakenOverError
from storage.sharding import SHARDS, shard_of

EXPIRE = "UPDATE node SET expires_at = clock_timestamp() - interval '1s'"
HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
ROOM = "018f3a54-7c1b-7c1b-8c1b-018f3a547c1b"


@asynccontextmanager
async def joined(
    database: Database, node: str = "a"
) -> AsyncIterator[tuple[PostgresLeases, list[str]]]:
    lost: list[str] = []
    leases = PostgresLeases(database, node=node, on_lost=lambda: lost.append(node))
    async with trio.open_nursery() as nursery:
        await nursery.start(leases.run)
        yield leases, lost
        nursery.cancel_scope.cancel()


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def test_a_node_alone_takes_every_shard_and_gives_it_back(database: Database) -> None:
    async with joined(database) as (leases, _):
        first = leases.fence(ROOM)
        assert leases.statistics()["shards"] == SHARDS
    with pytest.raises(Unavailable):
        leases.fence(ROOM)
    async with joined(database, "b") as (leases, _):
        assert leases.fence(ROOM) > first


async def test_a_living_node_is_not_robbed(database: Database) -> None:
    with capture_logs() as logs:
        async with joined(database, "a"), joined(database, "b") as (other, _):
            assert other.statistics()["shards"] == 0
            assert not other.owned_shards()
            with pytest.raises(Unavailable):
                other.fence(ROOM)
    assert [(line["event"], line["node"]) for line in logs] == [("leases.none_is_free", "b")]


async def test_an_earlier_incarnation_whose_connection_ended_is_dead_at_once_and_learns_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.5)
    with pytest.RaisesGroup(NodeNameTakenError):
        async with joined(database, "a") as (old, lost):
            number = old.fence(ROOM)
            await database.call(execute, HANG_UP)
            async with joined(database, "a") as (new, _):
                assert new.fence(ROOM) > number
                await until(lambda: bool(lost))
                with pytest.raises(Unavailable):
                    old.fence(ROOM)
                with pytest.raises(Unavailable):
                    await old.refence(ROOM, seen=number)
                await trio.sleep_forever()  # until the old one ends itself


async def test_a_node_of_the_same_name_that_lives_is_let_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.1)
    async with joined(database, "a") as (first, lost):
        number = first.fence(ROOM)
        with pytest.RaisesGroup(pytest.RaisesExc(NodeNameTakenError, match="CARAVAN_NODE_ID")):
            async with joined(database, "a"):
                pytest.fail("it may not join")
        assert first.fence(ROOM) == number
        assert not lost


async def test_an_expired_node_is_taken_over(database: Database) -> None:
    async with joined(database, "a") as (old, _):
        await database.call(execute, EXPIRE)
        async with joined(database, "b") as (new, _):
            assert new.fence(ROOM) > old.fence(ROOM)


async def test_shards_that_a_writer_held_wait_for_who_has_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second node took them, and each served a part of the rooms for ever."""
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 1.0)
    async with database.own_connection() as writer:
        await writer.call(execute, "BEGIN")
        await writer.call(execute, "SELECT FROM shard_owner WHERE shard_id < 10 FOR SHARE")
        async with joined(database, "a") as (first, _):
            assert first.statistics()["shards"] == SHARDS - 10
            await writer.call(execute, "COMMIT")
            async with joined(database, "b") as (second, _):
                assert second.statistics()["shards"] == 0
                await until(lambda: first.statistics()["shards"] == SHARDS)


async def test_of_nodes_that_start_together_one_has_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.2)
    async with database.own_connection() as another:
        await another.call(execute, "BEGIN")
        await another.call(execute, f"SELECT pg_advisory_xact_lock({shard_rows.TAKING})")
        async with joined(database, "a") as (first, _), joined(database, "b") as (second, _):
            both = (first, second)
            assert not any(leases.owned_shards() for leases in both)
            await another.call(execute, "COMMIT")
            await until(lambda: any(leases.owned_shards() for leases in both))
            assert sorted(len(leases.owned_shards()) for leases in both) == [0, SHARDS]


async def test_a_node_that_another_has_replaced_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clients would stay with it, and neither hear nor say anything any more."""
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.5)
    with pytest.RaisesGroup(TakenOverError):
        async with joined(database, "a") as (old, lost):
            number = old.fence(ROOM)
            await database.call(execute, EXPIRE)
            async with joined(database, "b") as (new, _):
                assert new.fence(ROOM) > number
                await until(lambda: bool(lost))
                assert not old.owned_shards()
                await trio.sleep_forever()  # until the old one ends itself


@pytest.mark.parametrize("is_in_the_way", [False, True])
async def test_a_node_that_another_replaced_for_a_while_ends(
    is_in_the_way: bool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rooms do not know what the other one stored; also where it has to wait for them."""

    async def serve_for_a_while(connection: Connection) -> None:
        other = await shard_rows.join(connection, "b", 10.0)
        assert len(await shard_rows.take(connection, other)) == SHARDS
        await shard_rows.give_up(connection, other)

    monkeypatch.setattr(shards_module, "BEAT_EVERY", 1.0)
    with pytest.RaisesGroup(TakenOverError), trio.fail_after(8):
        async with database.own_connection() as another, joined(database, "a") as (_, lost):
            await database.call(execute, EXPIRE)
            await database.call(serve_for_a_while)
            if is_in_the_way:
                await another.call(execute, f"SELECT pg_advisory_lock({shard_rows.TAKING})")
                await until(lambda: bool(lost))
                await trio.sleep(0.5)
                await another.call(execute, f"SELECT pg_advisory_unlock({shard_rows.TAKING})")
            await trio.sleep_forever()  # until it ends itself


async def test_a_node_whose_rows_were_lost_and_whom_nobody_replaced_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.1)
    async with joined(database) as (leases, lost):
        number = leases.fence(ROOM)
        await database.call(execute, "DELETE FROM node")
        await until(lambda: bool(lost) and bool(leases.owned_shards()))
        assert leases.statistics()["shards"] == SHARDS
        assert leases.fence(ROOM) > number


async def test_concurrent_refences_share_one_number(database: Database) -> None:
    async with joined(database) as (leases, _):
        seen = leases.fence(ROOM)
        numbers: list[int] = []

        async def refence() -> None:
            numbers.append(await leases.refence(ROOM, seen=seen))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(refence)
        assert set(numbers) == {seen + 1}
        assert leases.statistics()["refences"] == 1


async def test_a_number_whose_reply_was_lost_is_read_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A booking asks for none: under the old one nothing of it could be stored any more."""
    monkeypatch.setattr(shards_module, "BEAT_EVERY", 0.1)
    async with joined(database) as (leases, _):
        seen, real = leases.fence(ROOM), shard_rows.refence

        async def unheard(connection: Connection, shard: int, incarnation: int | None) -> None:
            await real(connection, shard, incarnation)
            raise TimeoutError

        with monkeypatch.context() as patched:
            patched.setattr(shard_rows, "refence", unheard)
            with pytest.raises(Unavailable):
                await leases.refence(ROOM, seen=seen)
        await until(lambda: leases.fence(ROOM) == seen + 1)


async def test_a_node_that_cannot_renew_stops_owning_by_its_own_clock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TTL": 0.5, "SAFETY": 0.2, "BEAT_EVERY": 0.1, "RETRY_EVERY": 0.02}.items():
        monkeypatch.setattr(shards_module, name, value)
    away = False
    real = shards_module.shard_rows.renew

    async def renew(connection: Connection, incarnation: int, ttl: float) -> bool:
        if away:
            raise ConnectionResetError
        return await real(connection, incarnation, ttl)

    monkeypatch.setattr(shards_module.shard_rows, "renew", renew)
    with capture_logs() as logs:
        async with joined(database) as (leases, lost):
            number = leases.fence(ROOM)
            away = True
            await until(lambda: bool(lost))
            with pytest.raises(Unavailable):
                leases.fence(ROOM)
            away = False
            await until(lambda: leases.statistics()["shards"] == SHARDS)
            assert leases.fence(ROOM) >= number
            assert len(lost) == 1
    said = [line["event"] for line in logs if line["event"].startswith("leases.beat")]
    assert said == ["leases.beat_failed", "leases.beats_again"]  # not a line for each try


def test_a_rooms_shard_never_changes() -> None:
    assert shard_of(ROOM) == 482


async def test_a_node_that_stops_while_the_database_is_away_just_stops(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable

    async with joined(database):
        monkeypatch.setattr(database, "transaction", away)
