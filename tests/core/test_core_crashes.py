"""Crashes: the reference and the mailbox survive, the message does not come back."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing
from core_stage import PLAYER, Player, a_stage, crash, wait_for

from core.envelope import Envelope, Lane
from core.errors import Rejected, Resting, Unavailable
from core.restart_policy import Restart, RestartPolicy
from storage.memory.crash_records import MemoryCrashRecords

OFTEN = RestartPolicy(intensity=100)


@contextmanager
def mock_state(state: Callable[[Player], object]) -> Iterator[None]:
    """Players say this of their state for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Player, "redacted_state", state)
        yield


async def test_the_reference_and_the_mailbox_survive_and_the_message_does_not_come_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        ref = stage.ref()
        for message in ("before", crash, "queued behind", "and this"):
            ref.tell_nowait(message)
        await ref.ask("later")
        assert stage.words() == [
            "started",
            "before",
            "started",
            "queued behind",
            "and this",
            "later",
        ]
        assert len(stage.players) == 2
        assert stage.count("crashes") == stage.count("restarts") == 1


async def test_the_asker_gets_internal_with_a_reference_that_the_log_knows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with a_stage() as stage:
            with pytest.raises(Rejected) as caught:
                await stage.ref().ask(crash)
    assert caught.value.code == "internal"
    (entry,) = [entry for entry in logs if entry["event"] == "actor crashed"]
    assert entry["reference"] == caught.value.params["reference"]
    assert (entry["kind"], entry["key"]) == ("player", "a")
    assert entry["error"] == "ValueError"
    assert entry["recent_messages"] == ["function"]
    assert "xyzzy" not in str(logs)


async def test_a_crash_is_recorded_with_the_last_eight_envelopes_and_the_state(
    autojump_clock: trio.testing.MockClock,
) -> None:
    records = MemoryCrashRecords()

    def state(player: Player) -> object:
        return {"said": len(stage.seen), "kind": PLAYER, "odd": player}

    async with a_stage(crash_records=records) as stage:
        for number in range(10):
            stage.ref().tell_nowait(f"word {number}")
        await stage.ref().ask("asked and answered")
        with mock_state(state), pytest.raises(Rejected) as caught:
            await stage.ref().ask(crash)
    (record,) = records.records
    assert record.reference == caught.value.params["reference"]
    assert (record.kind, record.key, record.error) == ("player", "a", "ValueError")
    assert record.place.startswith("tests/core/core_stage.py:")
    assert record.place.endswith(" crash")
    assert record.state == {"said": 12, "kind": "player", "odd": "Player"}
    assert [each.type for each in record.envelopes] == ["builtins.str"] * 7 + ["builtins.function"]
    assert [each.was_asked for each in record.envelopes] == [False] * 6 + [True] * 2
    assert {each.fields for each in record.envelopes} == {None}


async def test_a_record_that_cannot_be_made_or_kept_harms_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Broken(MemoryCrashRecords):
        def keep_nowait(self, record: object) -> None:
            raise OSError

    class Full(MemoryCrashRecords):
        def may_keep(self) -> bool:
            return False

    def unreadable(player: Player) -> object:
        raise LookupError

    for records in (Broken(), Full()):
        async with a_stage(crash_records=records) as stage:
            stage.ref().tell_nowait(crash)
            await stage.ref().ask("alive")
            with mock_state(unreadable):
                stage.ref().tell_nowait(crash)
                await stage.ref().ask("alive again")
        assert stage.count("crashes") == 2
        assert not records.records


async def test_whoever_still_waits_for_a_crashed_actor_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def keep(player: Player, envelope: Any) -> object:
        return "answer later, which never comes"

    codes: list[str] = []

    async def ask(message: Any) -> None:
        with pytest.raises(Rejected) as caught:
            await stage.ref().ask(message)
        codes.append(caught.value.code)

    async with a_stage() as stage:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, keep)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, crash)
        assert trio.current_time() == began
    assert codes == ["internal", "internal"]


async def test_restarts_wait_longer_each_time(autojump_clock: trio.testing.MockClock) -> None:
    starts: list[float] = []

    async def note(player: Player) -> None:
        starts.append(trio.current_time())

    policy = RestartPolicy(intensity=5, period=100, backoff_first=1, backoff_most=4)
    async with a_stage(restart=policy) as stage:
        stage.on_start = note
        for _ in range(5):
            stage.ref().tell_nowait(crash)
        await stage.ref().ask("alive", timeout=60)
    waits = [later - earlier for earlier, later in pairwise(starts)]
    for wait, most in zip(waits, [1, 2, 4, 4, 4], strict=True):
        assert most / 2 <= wait <= most


async def test_too_many_crashes_stop_it_and_it_wakes_after_the_longest_backoff(
    autojump_clock: trio.testing.MockClock,
) -> None:
    policy = RestartPolicy(intensity=1, period=10, backoff_first=0.1, backoff_most=5)
    async with a_stage(restart=policy) as stage:
        stage.ref().tell_nowait(crash)
        stage.ref().tell_nowait(crash)
        stage.ref().tell_nowait("lost")
        with pytest.raises(Resting):
            await stage.ref().ask("queued behind the last crash")
        assert stage.count("dead_gave_up") == 2
        with pytest.raises(Resting) as caught:
            stage.ref().tell_nowait("too early")
        assert caught.value.retry_after_ms == pytest.approx(5_000, abs=2)
        await trio.sleep(5)
        await stage.ref().ask("fresh")
        assert stage.words() == ["started", "started", "started", "fresh"]


@pytest.mark.parametrize(("apart", "code"), [(10.0, "unavailable"), (10.001, "internal")])
async def test_crashes_add_up_until_the_period_is_over(
    apart: float, code: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with a_stage(restart=RestartPolicy(intensity=1, period=10)) as stage:
        await stage.ref().ask("alive")
        with pytest.raises(Rejected, match="internal"):
            await stage.ref().ask(crash)
        await trio.sleep(apart)
        stage.ref().tell_nowait(crash)
        with pytest.raises(Rejected, match=code):
            await stage.ref().ask(crash)


async def test_crashes_far_apart_never_add_up(autojump_clock: trio.testing.MockClock) -> None:
    async with a_stage(restart=RestartPolicy(intensity=1, period=5)) as stage:
        for _ in range(10):
            stage.ref().tell_nowait(crash)
            await trio.sleep(10)
        await stage.ref().ask("alive")


async def test_a_temporary_actor_is_not_restarted(autojump_clock: trio.testing.MockClock) -> None:
    async with a_stage(restart=RestartPolicy(restart=Restart.TEMPORARY)) as stage:
        stage.ref().tell_nowait(crash)
        with pytest.raises(Unavailable):
            await stage.ref().ask("queued")
        await stage.ref().ask("a new activation")
        assert stage.count("restarts") == 0
        assert stage.count("activations") == 2


async def test_a_crash_of_a_child_task_is_the_actors_crash(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail_soon() -> None:
        await trio.sleep(1)
        raise ValueError

    async def spawn(player: Player, envelope: Any) -> None:
        player.context.start_soon(fail_soon)

    async with a_stage() as stage:
        await stage.ref().ask(spawn)
        with pytest.raises(Rejected) as caught:
            await stage.ref().ask(wait_for(5))
        assert caught.value.code == "internal"
        await stage.ref().ask("alive")
        assert stage.count("crashes") == 1


async def test_child_tasks_and_timers_die_with_their_instance(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("child")

    async def prepare(player: Player, envelope: Any) -> None:
        player.context.start_soon(forever)
        player.context.after(1, "from the dead")

    async with a_stage() as stage:
        await stage.ref().ask(prepare)
        stage.ref().tell_nowait(crash)
        await trio.sleep(5)
        assert ended == ["child"]
        assert "from the dead" not in stage.words()
        assert stage.count("timers_armed") == 1  # the kind's idle alarm


async def test_a_timer_set_by_an_instance_that_is_gone_never_fires(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        stage.ref().tell_nowait(crash)
        await stage.ref().ask("alive")
        stage.players[0].context.after(1, "from the dead").cancel()
        stage.players[0].context.after(1, "from the dead")
        await trio.sleep(5)
        assert stage.words() == ["started", "started", "alive"]


async def test_a_timers_message_that_was_queued_dies_with_the_instance_that_set_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def linger_and_crash(player: Player, envelope: Any) -> None:
        player.context.after(1, "from the dead")
        await trio.sleep(2)
        raise ValueError

    async with a_stage() as stage:
        stage.ref().tell_nowait(linger_and_crash)
        stage.ref().tell_nowait("queued")
        await trio.sleep(5)
        assert stage.words() == ["started", "started", "queued"]


class Unsayable(dict[str, object]):
    """A state that was caught halfway."""

    def items(self) -> Any:
        raise ReferenceError

    def __repr__(self) -> str:
        raise ReferenceError


class Immeasurable(list[object]):
    def __len__(self) -> int:
        raise ReferenceError


@pytest.mark.parametrize("state", [Unsayable(), {"a": Immeasurable()}])
async def test_a_state_that_cannot_be_said_costs_the_record_and_nobody_else(
    state: object, autojump_clock: trio.testing.MockClock
) -> None:
    records = MemoryCrashRecords()
    with mock_state(lambda player: state), structlog.testing.capture_logs() as logs:
        async with a_stage(crash_records=records) as stage:
            with pytest.raises(Rejected) as caught:
                await stage.ref().ask(crash)
            await stage.ref().ask("alive")
            assert stage.count("restarts") == 1
    crashed = [line for line in logs if line["event"] == "actor crashed"]
    assert [line["reference"] for line in crashed] == [caught.value.params["reference"]]


@pytest.mark.parametrize("lane", Lane)
async def test_what_comes_in_the_moment_of_a_child_tasks_crash_is_for_the_successor(
    lane: Lane, autojump_clock: trio.testing.MockClock
) -> None:
    async def send_and_crash() -> None:
        await trio.sleep(1)
        stage.ref().deliver_nowait(Envelope(dawdle, lane=lane, key="k"))
        stage.ref().deliver_nowait(Envelope("next", lane=lane, key="l"))
        raise ValueError

    async def begin(player: Player, envelope: Any) -> None:
        player.context.start_soon(send_and_crash)

    async def dawdle(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        player.say("handled")

    async with a_stage() as stage:
        await stage.ref().ask(begin)
        await trio.sleep(5)
        assert stage.words() == ["started", "started", "handled", "next"]


async def test_what_is_queued_when_a_child_task_crashes_beside_a_long_turn_is_for_the_successor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fall() -> None:
        raise ValueError

    async def last(player: Player, envelope: Any) -> None:
        player.context.start_soon(fall)
        with trio.CancelScope(shield=True):
            await trio.sleep(1)

    async def dawdle(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        player.say("handled")

    async with a_stage() as stage:
        stage.ref().tell_nowait(last)
        stage.ref().tell_nowait(dawdle)
        await trio.sleep(5)
        assert stage.words() == ["started", "started", "handled"]


async def test_what_comes_in_the_moment_of_a_cut_is_a_dead_letter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hold_on(player: Player, envelope: Any) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)

    async with a_stage(drain_within=1) as stage:
        stage.ref().tell_nowait(hold_on)
        stage.ref().tell_nowait("too late")
    assert stage.words() == ["started", "stopping", "stopped"]
    assert stage.count("dead_shut_down") == 1


async def test_a_crash_storm_leaves_no_task_behind(autojump_clock: trio.testing.MockClock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    async with a_stage(restart=OFTEN) as stage:
        for key in range(20):
            for _ in range(5):
                stage.ref(str(key)).tell_nowait(crash)
        await trio.sleep(60)
        assert stage.count("crashes") == 100
    assert trio.lowlevel.current_statistics().tasks_living == before


@pytest.mark.parametrize("seed", range(20))
async def test_every_ask_is_answered_and_every_message_handled_at_most_once(
    seed: int, autojump_clock: trio.testing.MockClock
) -> None:
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()

    async def dawdle(player: Player) -> None:
        await trio.sleep(chance.random())
        if chance.random() < 0.1:
            raise ValueError

    async def leave(player: Player, envelope: Any) -> None:
        player.context.passivate_soon()

    async def ask(n: int) -> None:
        await trio.sleep(chance.random() * 20)
        message = chance.choice([str(n), str(n), crash, leave])
        try:
            await stage.ref(str(n % 7)).ask(message, timeout=1_000)
            outcomes["answered"] += 1
        except Rejected as refusal:
            outcomes[refusal.code] += 1

    policy = RestartPolicy(intensity=3, period=5, backoff_most=2)
    async with a_stage(max_active=3, idle_after=2, restart=policy) as stage:
        stage.on_start = stage.on_stop = dawdle
        async with trio.open_nursery() as nursery:
            for n in range(200):
                nursery.start_soon(ask, n)
        assert stage.count("dead_expired") == stage.count("dead_late_answer") == 0
    assert outcomes.total() == 200
    assert set(outcomes) <= {"answered", "internal", "unavailable"}
    assert max(Counter(word for _, word in stage.seen if word.isdigit()).values()) == 1
    assert stage.count("queued") == stage.count("active") == stage.count("waiting") == 0
