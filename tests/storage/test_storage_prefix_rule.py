"""Rooms that append as fast as they can while everything fails: each log stays exactly 1..n."""

from collections.abc import Mapping, Sequence

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage_room import Room, StoppedClock

from core.ports.message_log import Append, Outcome
from storage.append_queue import AppendQueue, Queued
from storage.memory.leases import MemoryLeases
from storage.memory.message_log import Fault, FaultPlan, MemoryMessageLog

SURVIVABLE = (Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["post", "post", "post", "poison", "repeat", "flush", "land"]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, faults=st.lists(st.sampled_from(SURVIVABLE), max_size=10))
def test_every_log_is_dense_and_holds_all_that_was_acknowledged(
    steps: list[tuple[str, str]], faults: list[Fault]
) -> None:
    trio.run(_play, steps, faults, AppendQueue(max_batch_rows=4))


def test_the_test_notices_a_queue_that_forgets_the_rule() -> None:
    """A negative control: what a refused room has queued is written all the same."""

    class Forgetful(AppendQueue):
        def _purge(self, broken: Mapping[str, Outcome]) -> list[Queued]:
            return []

    steps = [("a", "post"), ("a", "poison"), *[("a", "post")] * 8]
    trio.run(_play, steps, [], AppendQueue(max_batch_rows=4))
    with pytest.raises(AssertionError):
        trio.run(_play, steps, [], Forgetful(max_batch_rows=4))


async def _play(steps: list[tuple[str, str]], faults: list[Fault], queue: AppendQueue) -> None:
    def fault(_: Sequence[Append]) -> Fault:
        return faults.pop() if faults else Fault.NONE

    leases = MemoryLeases()
    plan = FaultPlan(flush=fault, is_bad=lambda append: b"\0" in append.rows[0].body)
    log = MemoryMessageLog(leases.shards, StoppedClock(), plan=plan, queue=queue)
    rooms = {name: Room(name, log, leases) for name in "abc"}
    for name, step in steps:
        if step == "flush":
            log.flush_now()
        elif step == "land":
            log.land_late()
        else:
            await rooms[name].post(step)
    log.flush_now()
    for room in rooms.values():
        await room.recover()
        stored = await log.read(1, room.id, after=0, limit=1_000)
        assert [row.seq for row in stored] == list(range(1, len(stored) + 1))
        keys = [row.client_id for row in stored]
        assert len(set(keys)) == len(keys)
        assert room.acknowledged <= set(keys)
        assert not room.was_contradicted
