"""What docs/architecture.md §3 promises of the runtime and no other file here is named after."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing
from core_stage import PLAYER, Player, a_stage, crash, wait_for

from actors.room.actor import spec as room_spec
from core.actor import ActorSpec
from core.errors import Overloaded, Rejected, Resting
from core.restart_policy import RestartPolicy
from core.telemetry import bind_request

ROOT = Path(inspect.getfile(ActorSpec)).parent.parent
IMPURE = {"time", "random", "secrets", "uuid", "datetime.now"}
READS_THE_CLOCK = {"now", "today", "utcnow"}
DOORS = {"core/clock.py", "core/ids.py"}
"""Where time and chance come in: implementations of ports."""


async def test_an_actor_handles_one_message_at_a_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inside: list[int] = [0, 0]

    async def enter(player: Player, envelope: Any) -> None:
        inside[0] += 1
        inside[1] = max(inside)
        await trio.sleep(1)
        inside[0] -= 1

    async with a_stage() as stage:
        began = trio.current_time()
        for _ in range(5):
            stage.ref().tell_nowait(enter)
        await stage.ref().ask("last")
        assert trio.current_time() == began + 5
    assert inside == [0, 1]


async def test_a_reference_activates_at_its_first_message_and_not_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        ref = stage.ref()
        await trio.sleep(1)
        assert stage.players == []
        assert not stage.system.is_active(PLAYER.at("a"))
        ref.tell_nowait("hello")
        await trio.testing.wait_all_tasks_blocked()
        assert stage.words() == ["started", "hello"]
        stage.ref().tell_nowait("again")
        await trio.testing.wait_all_tasks_blocked()
        assert len(stage.players) == 1


async def test_an_actor_inherits_nothing_of_who_woke_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its log lines would bear a stranger's request id for as long as it lives."""
    found: list[dict[str, Any]] = []

    async def note(player: Player, envelope: Any) -> None:
        found.append(structlog.contextvars.get_contextvars())

    async def wake_another(player: Player, envelope: Any) -> None:
        bind_request("of the first")
        await player.context.ref_to(PLAYER.at("b")).ask(note)

    async with a_stage() as stage:
        with structlog.contextvars.bound_contextvars(request_id="of the test"):
            await stage.ref().ask(note)
            await stage.ref().ask(wake_another)
    assert found == [{}, {}]


async def test_a_full_mailbox_answers_overloaded_at_once_and_keeps_what_is_queued(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(mailbox_limit=4, control_reserve=1) as stage:
        stage.ref().tell_nowait(wait_for(1))
        await trio.testing.wait_all_tasks_blocked()
        for word in ("one", "two", "three"):
            stage.ref().tell_nowait(word)
        began = trio.current_time()
        with pytest.raises(Overloaded):
            stage.ref().tell_nowait("one too many")
        with pytest.raises(Overloaded):
            await stage.ref().ask("one too many")
        assert trio.current_time() == began
        await trio.sleep(2)
        assert stage.words() == ["started", "one", "two", "three"]


def test_the_bounds_of_a_kind_are_those_of_the_architecture_page() -> None:
    spec = ActorSpec(kind="x", make=Player)  # type: ignore[arg-type]
    assert (spec.ephemeral_limit, spec.persona_limit) == (64, 128)
    assert (spec.mailbox_limit, spec.control_reserve) == (1_024, 64)
    assert spec.idle_after == 300.0
    room = room_spec(None)  # type: ignore[arg-type]
    assert (room.mailbox_limit, room.idle_after) == (1_024, 300.0)


async def test_dead_letters_are_counted_by_cause_and_logged_without_their_content(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with a_stage(restart=RestartPolicy(intensity=0)) as stage:
            stage.ref().tell_nowait(crash)
            for _ in range(3):
                stage.ref().tell_nowait("marmalade")
            await trio.testing.wait_all_tasks_blocked()
            assert stage.count("dead_gave_up") == 3
            with pytest.raises(Resting):
                stage.ref().tell_nowait("marmalade")
            assert stage.count("dead_gave_up") == 4
    (line,) = [line for line in logs if line["event"] == "dead letters"]
    assert (line["cause"], line["messages"], line["total"]) == ("gave_up", {"str": 3}, 3)
    assert "marmalade" not in str(logs)


async def test_a_storm_of_dead_letters_is_one_line_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def refuse(player: Player) -> None:
        raise Rejected("not_found", "No.")

    with structlog.testing.capture_logs() as logs:
        async with a_stage() as stage:
            stage.on_start = refuse
            for key in range(50):
                stage.ref(str(key)).tell_nowait("hello")
            await trio.sleep(1)
            stage.ref("late").tell_nowait("hello")
            await trio.testing.wait_all_tasks_blocked()
            assert stage.count("dead_not_started") == 51
    assert len([line for line in logs if line["event"] == "dead letters"]) == 2


async def test_the_system_counts_everything_that_it_bounds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        await stage.ref().ask("hello")
        figures = stage.system.statistics()
    assert {
        "active",
        "waiting",
        "idle",
        "queued",
        "deepest_mailbox",
        "resting",
        "timers_armed",
        "monitors_armed",
        "monitors_pending",
        "dead_gave_up",
    } <= set(figures)
    assert all(isinstance(figure, int | float) for figure in figures.values())


def _impure(source: str) -> set[str]:
    """What of time, chance and ids a source could read. Days may be reckoned with, today may not be asked."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in READS_THE_CLOCK:
            owner = ast.unparse(node.value).rpartition(".")[2]
            names |= {"datetime.now"} if owner in ("datetime", "date") else set()
        elif isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names & IMPURE


def test_who_reckons_with_days_is_pure_and_who_asks_for_today_is_not() -> None:
    assert not _impure("from datetime import date\ndate(2027, 1, 1)")
    assert not _impure("self.clock.now()")
    assert _impure("import datetime as d\nd.datetime.now()")
    assert _impure("from datetime import date\ndate.today()")
    assert _impure("import time")


def test_no_actor_reads_a_clock_an_id_or_chance_but_through_its_ports() -> None:
    files = [*ROOT.glob("core/**/*.py"), *ROOT.glob("actors/**/*.py")]
    impure = {
        str(file.relative_to(ROOT)) for file in files if _impure(file.read_text(encoding="utf-8"))
    }
    assert impure <= DOORS
    assert impure, "the doors themselves are impure: this check sees something"
