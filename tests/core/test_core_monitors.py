"""Monitors: `Down` comes once, in order, says why, and wakes nobody (`erlang:monitor/2`)."""

import random
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing
from core_stage import PLAYER, Line, Player, Stage, a_stage, crash, wait_for

from core.clock import SystemClock
from core.errors import Overloaded, Rejected, Unavailable
from core.ids import ProcessIds
from core.monitors import Down, Monitor, Monitors
from core.restart_policy import Restart, RestartPolicy
from core.system import ActorSystem

NEVER = 1e6


class Watcher(Player):
    """Says what it is told of others, as `key reason` (and whether it comes back)."""

    def __init__(self, key: str, stage: Stage) -> None:
        super().__init__(key, stage)
        self.downs: list[Down] = []
        self.monitors: list[Monitor] = []

    async def handle(self, envelope: Any) -> None:
        if isinstance(envelope.message, Down):
            down = envelope.message
            self.downs.append(down)
            back = " and comes back" if down.will_restart else ""
            self.say(f"{down.address.key} {down.reason.value}{back}")
        else:
            await super().handle(envelope)


def a_watching_stage(**spec: Any) -> Any:
    return a_stage(player=Watcher, **spec)


def watch(*keys: str) -> Line:
    async def line(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        for key in keys:
            player.monitors.append(player.context.monitor(PLAYER.at(key)))

    return line


def cancel(which: int = 0) -> Line:
    async def line(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        player.monitors[which].cancel()

    return line


async def leave(player: Player, envelope: Any) -> None:
    player.context.passivate_soon()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


def told(stage: Stage, key: str = "w") -> list[str]:
    return [word for word in stage.words(key) if " " in word]


async def test_a_crash_is_told_once_with_its_reference_and_that_a_successor_follows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        with pytest.raises(Rejected) as caught:
            await stage.ref("a").ask(crash)
        await stage.ref("a").ask("alive again")
        with pytest.raises(Rejected):
            await stage.ref("a").ask(crash)
        await settle()
        assert told(stage) == ["a crashed and comes back"]
        (down,) = stage.players[1].downs
        assert down.reference == caught.value.params["reference"]
        assert down.monitor == stage.players[1].monitors[0].id


async def test_whoever_asks_between_a_crash_and_the_restart_watches_the_successor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    policy = RestartPolicy(backoff_first=10, backoff_most=10)
    async with a_watching_stage(restart=policy) as stage:
        stage.ref("a").tell_nowait(crash)
        await settle()
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave, timeout=60)
        await settle()
        assert told(stage) == ["a passivated"]


async def test_the_crash_too_many_is_told_as_gave_up_and_a_resting_actor_as_noproc(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage(restart=RestartPolicy(intensity=0)) as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        await stage.ref("w").ask(watch("a"))
        await settle()
        assert told(stage) == ["a gave_up", "a noproc"]


async def test_a_temporary_actor_that_crashed_does_not_come_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage(restart=RestartPolicy(restart=Restart.TEMPORARY)) as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        assert told(stage) == ["a crashed"]


async def test_a_crash_in_the_last_word_is_told_as_a_crash(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        raise ValueError

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.on_stop = fail
        await stage.ref("a").ask(leave)
        await settle()
        stage.on_stop = None
        assert told(stage) == ["a crashed"]


async def test_passivation_is_told_and_whether_somebody_already_wakes_it_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def dawdle(player: Player) -> None:
        await trio.sleep(1)

    async with a_watching_stage(idle_after=NEVER) as stage:
        await stage.ref("w").ask("alive")
        for _ in range(2):
            await stage.ref("a").ask(leave)
            await settle()
            await stage.ref("a").ask("awake")
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave)
        await settle()
        assert told(stage) == ["a passivated"]

        stage.on_stop = dawdle
        await stage.ref("a").ask("awake")
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave)
        await settle()
        await stage.ref("a").ask("during the last word")
        await settle()
        stage.on_stop = None
        assert told(stage) == ["a passivated", "a passivated and comes back"]


@pytest.mark.parametrize(
    ("refusal", "word"),
    [(Rejected("not_found", "No."), "a refused"), (Unavailable(), "a refused and comes back")],
)
async def test_a_start_that_was_refused_is_told(
    refusal: Rejected, word: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def refuse_once(player: Player) -> None:
        if player.key == "a" and sum(each.key == "a" for each in stage.players) == 1:
            await trio.sleep(1)
            raise refusal

    async with a_watching_stage() as stage:
        stage.on_start = refuse_once
        stage.ref("a").tell_nowait("wakes it")
        await stage.ref("w").ask(watch("a"))
        await trio.sleep(2)
        assert told(stage) == [word]


async def test_who_is_not_active_is_noproc_at_once_and_stays_asleep(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        began = trio.current_time()
        await stage.ref("w").ask(watch("a"))
        await settle()
        assert told(stage) == ["a noproc"]
        assert trio.current_time() == began
        assert [player.key for player in stage.players] == ["w"]
        assert stage.count("monitors_armed") == 0


async def test_two_monitors_of_one_actor_are_told_apart_and_in_the_order_they_were_set(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        for key in ("a", "b"):
            await stage.ref(key).ask("alive")
        await stage.ref("w").ask(watch("a", "b", "a"))
        await stage.ref("v").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        watcher, other = (next(p for p in stage.players if p.key == key) for key in "wv")
        assert [down.monitor for down in watcher.downs] == [1, 3]
        assert [down.monitor for down in other.downs] == [4]


async def test_a_down_comes_before_what_is_queued(autojump_clock: trio.testing.MockClock) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("w").tell_nowait(wait_for(1))
        stage.ref("w").tell_nowait("queued")
        await settle()
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(2)
        assert stage.words("w")[-2:] == ["a crashed and comes back", "queued"]


async def test_a_cancelled_monitor_tells_nothing_and_cancelling_twice_is_harmless(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a", "a"))
        await stage.ref("w").ask(cancel())
        await stage.ref("w").ask(cancel())
        stage.ref("a").tell_nowait(crash)
        await settle()
        watcher = stage.players[1]
        assert [down.monitor for down in watcher.downs] == [watcher.monitors[1].id]
        assert stage.count("monitors_armed") == 0


async def test_cancelling_flushes_a_down_that_is_queued_already(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def cancel_too_late(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(5)
        assert stage.count("monitors_downs") == 2
        player.monitors[0].cancel()

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a", "a"))
        await stage.ref("w").ask(cancel_too_late)
        await settle()
        watcher = stage.players[1]
        assert [down.monitor for down in watcher.downs] == [watcher.monitors[1].id]
        assert stage.count("dead_expired") == 0


@pytest.mark.parametrize("end", [crash, leave])
async def test_a_monitor_dies_with_the_instance_that_set_it(
    end: Line, autojump_clock: trio.testing.MockClock
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        assert stage.count("monitors_armed") == 1
        stage.ref("w").tell_nowait(end)
        await settle()
        assert stage.count("monitors_armed") == 0
        await stage.ref("w").ask("alive again")
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(5)
        assert told(stage) == ["alive again"]


async def test_a_successor_is_not_told_what_its_predecessor_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The mailbox survives a crash; the `Down` in it was for the one that crashed."""

    async def linger_and_crash(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        raise ValueError

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("w").tell_nowait(linger_and_crash)
        await settle()
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(5)
        assert stage.count("monitors_downs") == 1
        assert told(stage) == []


async def test_a_monitor_set_by_an_instance_that_is_gone_watches_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        stage.ref("w").tell_nowait(crash)
        await stage.ref("w").ask("alive")
        stage.players[1].context.monitor(PLAYER.at("a")).cancel()
        stage.players[1].context.monitor(PLAYER.at("a"))
        assert stage.count("monitors_armed") == 0


async def test_watching_oneself_is_allowed_and_never_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("w").ask(watch("w"))
        stage.ref("w").tell_nowait(crash)
        await trio.sleep(5)
        assert told(stage) == []
        assert stage.count("monitors_armed") == 0


async def test_an_unknown_kind_is_an_error_of_the_caller(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def watch_a_ghost(player: Player, envelope: Any) -> None:
        with pytest.raises(LookupError):
            player.context.monitor(PLAYER.at("a")._replace(kind="ghost"))

    async with a_watching_stage() as stage:
        await stage.ref("w").ask(watch_a_ghost)


async def test_a_full_mailbox_loses_no_down_and_keeps_their_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    keys = [f"a{n}" for n in range(6)]
    async with a_watching_stage(mailbox_limit=4, control_reserve=2) as stage:
        for key in keys:
            await stage.ref(key).ask("alive")
        await stage.ref("w").ask(watch(*keys))
        stage.ref("w").tell_nowait(wait_for(1))
        await settle()
        for key in keys:
            stage.ref(key).tell_nowait(crash)
            await settle()
        assert stage.count("monitors_pending") == 2
        assert stage.count("monitors_downs") == 4
        await trio.sleep(2)
        assert told(stage) == [f"{key} crashed and comes back" for key in keys]
        assert stage.count("monitors_pending") == 0


@pytest.mark.parametrize("watched", ["abcd", "abc"])
async def test_a_down_that_waits_for_its_place_can_be_cancelled_and_holds_passivation_back(
    watched: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def wait_then_leave(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        player.monitors[2].cancel()  # type: ignore[attr-defined]
        player.context.passivate_soon()

    keys = list(watched)
    async with a_watching_stage(mailbox_limit=2, control_reserve=1) as stage:
        for key in keys:
            await stage.ref(key).ask("alive")
        await stage.ref("w").ask(watch(*keys))
        stage.ref("w").tell_nowait(wait_then_leave)
        await settle()
        for key in keys:
            stage.ref(key).tell_nowait(crash)
            await settle()
        await trio.sleep(5)
        assert told(stage) == [f"{key} crashed and comes back" for key in watched if key != "c"]
        assert stage.words("w")[-1] == "stopped"


async def test_monitors_are_bounded_per_instance_and_in_all() -> None:
    class Anybody:
        pass

    monitors = Monitors(is_active=lambda _: True, most=5, most_each=3)
    first, second = Anybody(), Anybody()
    for _ in range(3):
        kept = monitors.watch(first, PLAYER.at("a"))  # type: ignore[arg-type]
    with pytest.raises(Overloaded):
        monitors.watch(first, PLAYER.at("a"))  # type: ignore[arg-type]
    for _ in range(2):
        monitors.watch(second, PLAYER.at("a"))  # type: ignore[arg-type]
    with pytest.raises(Overloaded):
        monitors.watch(second, PLAYER.at("a"))  # type: ignore[arg-type]
    assert monitors.statistics() == {"armed": 5, "pending": 0, "downs": 0}
    kept.cancel()
    monitors.watch(second, PLAYER.at("b"))  # type: ignore[arg-type]


async def test_both_at_drain_end_once_and_nothing_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def busy(player: Player, envelope: Any) -> None:
        await trio.sleep(1)

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(watch("w"))
        stage.ref("w").tell_nowait(busy)
        await settle()
    assert told(stage) == ["a shut_down"]
    assert told(stage, "a") == []
    assert stage.count("monitors_armed") == stage.count("monitors_pending") == 0


async def test_who_is_cut_short_is_told_as_shut_down_and_never_as_coming_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The watcher says its last word after the watched one is gone, and still cannot be told."""

    async def outlast(player: Player) -> None:
        if player.key == "w":
            await trio.sleep(1)

    ended: list[tuple[str, bool]] = []
    async with a_watching_stage(drain_within=1) as stage:
        stage.on_stop = outlast
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        monitors = stage.system._monitors
        tell = monitors.ended

        def note(address: Any, reason: Any, **more: Any) -> None:
            ended.append((f"{address.key} {reason.value}", more.get("will_restart", False)))
            tell(address, reason, **more)

        monitors.ended = note  # type: ignore[method-assign]
        for _ in range(2):
            stage.ref("a").tell_nowait(wait_for(100))
    assert ("a shut_down", False) in ended
    assert not any(comes_back for word, comes_back in ended if word.startswith("a"))
    assert stage.count("monitors_armed") == 0


async def test_a_cancelled_system_leaves_no_monitor_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    chance = random.Random(1)
    system = ActorSystem(chance=chance, ids=ProcessIds(SystemClock(), chance))
    stage = Stage(system)
    system.register(stage.spec(Watcher))
    async with trio.open_nursery() as nursery:
        await nursery.start(system.run)
        await system.ref(PLAYER.at("a")).ask("alive")
        await system.ref(PLAYER.at("w")).ask(watch("a"))
        nursery.cancel_scope.cancel()
    assert stage.count("monitors_armed") == 0


@pytest.mark.parametrize("seed", range(20))
async def test_every_monitor_is_told_exactly_once_unless_its_setter_went_first(
    seed: int, autojump_clock: trio.testing.MockClock
) -> None:
    chance = random.Random(seed)
    keys = [f"a{n}" for n in range(5)]

    async def shake() -> None:
        await trio.sleep(chance.random() * 20)
        message = chance.choice([crash, leave, "alive", watch(*chance.sample(keys, 2))])
        with suppress(Rejected):
            await stage.ref(chance.choice(keys)).ask(message, timeout=1_000)

    policy = RestartPolicy(intensity=3, period=5, backoff_most=2)
    async with a_watching_stage(
        idle_after=2, restart=policy, mailbox_limit=4, control_reserve=2
    ) as stage:
        async with trio.open_nursery() as nursery:
            for _ in range(150):
                nursery.start_soon(shake)
        await settle()
        assert stage.count("monitors_downs") > 20
        for watcher, watch_kept in stage.system._monitors._watches.items():
            player: Any = watcher._actor
            assert {down.monitor for down in player.downs} | set(watch_kept.monitors) == {
                monitor.id for monitor in player.monitors
            }
    for player in stage.players:
        heard = [down.monitor for down in player.downs]
        assert len(set(heard)) == len(heard)
        assert set(heard) <= {monitor.id for monitor in player.monitors}
    assert stage.count("monitors_armed") == stage.count("monitors_pending") == 0
