"""Monitors and the lives of those who set them: full mailboxes, bounds, drains, random crashes."""

import random
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing
from core_stage import PLAYER, Line, Player, Stage, crash, wait_for
from monitor_stage import Watcher, a_watching_stage, leave, settle, told, watch

from core.clock import SystemClock
from core.errors import Overloaded, Rejected
from core.ids import ProcessIds
from core.monitors import Monitors
from core.restart_policy import RestartPolicy
from core.system import ActorSystem


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
        assert not stage.system._monitors._ringing


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
    last = monitors.watch(second, PLAYER.at("b"))  # type: ignore[arg-type]
    assert set(monitors._watched) == {PLAYER.at("a"), PLAYER.at("b")}
    last.cancel()
    assert set(monitors._watched) == {PLAYER.at("a")}


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
