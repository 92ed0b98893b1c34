"""Each scenario on virtual time: an honest server passes, and every promise it judges can fail."""

from dataclasses import replace

import pytest
import trio
from plays import a_wish, playing, reported
from tiny_server import Faults, TinyServer

from loadtest.measurement import report_of
from loadtest.scenario import Load

BIG = Load(users=40, rooms=1, rate=20, seconds=1, speakers=3)
STORM = Load(users=20, rooms=4, rate=20, seconds=4)
RESUME = Load(users=10, rooms=2, rate=60, seconds=3, more={"cuts": 8.0})
SLOW = Load(users=20, rooms=2, rate=40, seconds=5)


async def test_in_a_big_room_few_speak_and_all_hear(autojump_clock):
    report = await reported(wish=a_wish("bigroom", BIG), processes=2)
    assert report["failures"] == []
    assert (report["acked"], report["delivered"]) == (20, 20 * 40)


async def test_in_a_big_room_one_lost_delivery_is_found(autojump_clock):
    report = await reported(Faults(drop_every=19), a_wish("bigroom", BIG), processes=2)
    assert report["lost_missing"] == 40
    assert "40 lost (allowed: 0)" in report["failures"]


async def test_after_a_storm_everybody_is_back_and_has_missed_nothing(autojump_clock):
    report = await reported(wish=a_wish("storm", STORM), processes=2)
    assert report["failures"] == []
    assert (report["cut"], report["absent"]) == (20, 0)
    assert 0 < report["welcome_p50_s"] <= report["welcome_max_s"] <= 0.6
    assert report["welcomes_per_second"] > 20 / 0.6
    assert report["delivered"] == 80 * 5


async def storm_against(**limits: float) -> dict:
    """A server that is away for two seconds after the cut."""
    server, wish = TinyServer(), a_wish("storm", STORM, **limits)
    async with playing(server, wish, processes=2) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            await trio.sleep(1.4)
            server.faults.refuse_connections = True
            await trio.sleep(limits.get("away", 2))
            server.faults.refuse_connections = False
        return report_of(wish, played)


async def test_a_late_welcome_misses_the_storms_objective(autojump_clock):
    report = await storm_against(welcome_s=1.0)
    assert report["absent"] == 0
    assert report["welcome_max_s"] > 1.9
    assert any(why.startswith("the last welcome came after") for why in report["failures"])


async def test_who_does_not_come_back_is_absent(autojump_clock):
    report = await storm_against(welcome_s=1.0, away=60)
    assert report["absent"] == 20
    assert "20 sessions did not come back (allowed: 0)" in report["failures"]


async def test_a_storm_that_was_interrupted_before_it_came_says_nothing(autojump_clock):
    wish = a_wish("storm", STORM)
    async with playing(TinyServer(), wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            await trio.sleep(1.2)
            await played.run.interrupt()
        report = report_of(wish, played)
    assert report["failures"] == ["nothing was cut: the run was too short to say anything"]


async def test_random_cuts_cost_no_message_and_are_judged_apart(autojump_clock):
    report = await reported(wish=a_wish("resume", RESUME, p99_ms=50.0), processes=2)
    assert report["failures"] == []
    assert report["cut"] > 5
    assert report["recovered"] > 0
    assert report["recovered_max_ms"] > report["max_ms"]
    assert report["delivered"] == 180 * 5


@pytest.mark.parametrize(
    ("faults", "key"),
    [
        (Faults(forgets_missed=True), "lost"),
        (Faults(replays_twice=True), "duplicated"),
        (Faults(replays_backwards=True), "reordered"),
    ],
    ids=["forgets", "replays twice", "replays backwards"],
)
async def test_a_resume_that_breaks_its_promise_is_named(autojump_clock, faults: Faults, key: str):
    report = await reported(faults, a_wish("resume", RESUME), processes=2)
    assert report[key] > 0
    assert any(why.startswith(f"{report[key]} ") for why in report["failures"])


@pytest.mark.parametrize(
    ("faults", "key"),
    [
        (Faults(forgets_missed=True), "lost"),
        (Faults(replays_twice=True), "duplicated"),
        (Faults(replays_backwards=True), "reordered"),
    ],
    ids=["forgets", "replays twice", "replays backwards"],
)
async def test_a_storm_that_breaks_its_promise_is_named(autojump_clock, faults: Faults, key: str):
    load = Load(users=20, rooms=2, rate=60, seconds=4)
    report = await reported(faults, a_wish("storm", load), processes=2)
    assert report[key] > 0
    assert any(why.startswith(f"{report[key]} ") for why in report["failures"])


@pytest.mark.parametrize(
    ("faults", "key"),
    [(Faults(duplicate_every=31), "duplicated"), (Faults(swap_every=31), "reordered")],
    ids=["twice", "swapped"],
)
@pytest.mark.parametrize(("name", "load"), [("bigroom", BIG), ("slow", SLOW)])
async def test_those_who_read_have_all_once_and_in_order(
    autojump_clock, name: str, load: Load, faults: Faults, key: str
):
    report = await reported(faults, a_wish(name, replace(load, rate=40, seconds=1)), processes=2)
    assert report[key] > 0
    assert any(why.startswith(f"{report[key]} ") for why in report["failures"])


async def test_a_run_without_a_cut_says_nothing_about_resuming(autojump_clock):
    calm = Load(users=4, rooms=1, rate=10, seconds=1, more={"cuts": 1e-9})
    report = await reported(wish=a_wish("resume", calm))
    assert report["failures"] == ["nothing was cut: the run was too short to say anything"]


def a_server_with_patience(faults: Faults | None = None) -> TinyServer:
    server = TinyServer(faults=faults or Faults())
    server.slow_at = 20
    return server


async def slow_report(server: TinyServer, **limits: float) -> dict:
    wish = a_wish("slow", SLOW, **limits)
    async with playing(server, wish, processes=2) as played:
        await played.run.play_all()
        return report_of(wish, played)


async def test_the_stuck_are_closed_with_4002_and_that_is_no_loss(autojump_clock):
    report = await slow_report(a_server_with_patience(), p99_ms=50.0, growth=1.2)
    assert report["failures"] == []
    assert report["slow_clients"] == 4
    assert report["closed_4002"] >= report["closed_4002_seen"] >= 2
    assert report["warnings"] == []
    assert report["lost"] == 0
    assert report["delivered"] == 200 * 8
    assert report["slow_max_ms"] > 100 > report["max_ms"]
    assert "closed with 4002" in report["lines"][0]


async def test_a_load_that_fills_no_buffer_is_said_to_show_nothing(autojump_clock):
    report = await slow_report(TinyServer())
    assert report["closed_4002"] == report["cut"] == 0
    assert any("No slow client was closed" in warning for warning in report["warnings"])


async def test_a_server_that_waits_for_the_slow_fails_the_others(autojump_clock):
    faults = Faults(waits_for_slow=True, keeps_slow=True)
    report = await slow_report(a_server_with_patience(faults), p99_ms=50.0, growth=1.2)
    assert report["peace_p99_ms"] < 50
    assert any(why.startswith("p99 was") for why in report["failures"])
    assert any(why.startswith("the others' p99 grew") for why in report["failures"])


async def test_a_loss_at_those_who_read_is_not_excused(autojump_clock):
    report = await slow_report(a_server_with_patience(Faults(drop_every=31)))
    assert any("lost" in why for why in report["failures"])


async def test_a_loss_in_peace_is_a_loss(autojump_clock):
    server, wish = a_server_with_patience(Faults(drop_every=31)), a_wish("slow", SLOW)
    async with playing(server, wish, processes=2) as played:
        await played.run.play("peace", SLOW.rate, SLOW.seconds)
        server.faults.drop_every = 0
        await played.run.play("load", SLOW.rate, SLOW.seconds)
        report = report_of(wish, played)
    lost = played.run.rounds[0].findings.lost
    assert (lost > 0, report["lost"]) == (True, 0)
    assert report["failures"] == [f"peace: {lost} lost (allowed: 0)"]
