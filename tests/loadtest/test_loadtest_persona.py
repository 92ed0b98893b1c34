"""The scenario `persona` on virtual time: personas that keep their word pass, and each promise can fail."""

import argparse
import json
from functools import partial
from itertools import pairwise

import pytest
import trio
from plays import a_wish, playing, reported
from rich.console import Console
from tiny_http import tiny_site
from tiny_personas import FIRST_AFTER, SEARCHES_FOR, PersonaFaults
from tiny_server import Faults, TinyServer

from core.config import Config
from loadtest import __main__ as command
from loadtest.measurement import report_of
from loadtest.own_server import environment_of
from loadtest.persona import Persona
from loadtest.persona_askers import MAX_ASKERS, SECONDS_EACH, askers_for
from loadtest.scenario import Load
from loadtest.virtual_users import WorldFailedError

LOAD = Load(users=6, rooms=3, rate=20, seconds=6, more={"replies_per_second": 4.0})
PROMPTS = 24
CONTRACT = (
    "replies generated retrieved template stale unanswered encoded skipped first_token_p50_ms "
    "first_token_p99_ms generated_first_token_p99_ms cards_p99_ms chat_baseline_p99_ms chat_p99_ms"
)


async def persona_report(faults: PersonaFaults | None = None, **limits: float) -> dict:
    server = Faults(personas=faults or PersonaFaults())
    return await reported(server, a_wish("persona", LOAD, **limits), processes=2)


async def test_personas_that_answer_soon_and_disturb_nobody_pass(autojump_clock):
    report = await persona_report()
    assert set(CONTRACT.split()) <= set(report)
    assert json.dumps(report)
    assert report["failures"] == []
    assert (report["prompts"], report["replies"], report["unanswered"]) == (PROMPTS, PROMPTS, 0)
    assert (report["template"], report["generated"], report["stale"]) == (0, PROMPTS, 0)
    assert (report["encoded"], report["skipped"]) == (PROMPTS, 0)
    assert report["first_token_p50_ms"] == pytest.approx(FIRST_AFTER * 1_000, abs=1)
    assert report["generated_first_token_p99_ms"] == pytest.approx(FIRST_AFTER * 1_000, abs=1)
    assert (report["searches"], report["cards"]) == (PROMPTS // 2, PROMPTS // 2)
    assert report["cards_p99_ms"] == pytest.approx((FIRST_AFTER + SEARCHES_FOR) * 1_000, abs=2)
    assert report["chat_growth_ms"] < 1
    assert report["warnings"] == []


async def test_without_a_model_nothing_is_generated_and_the_objective_is_missed(autojump_clock):
    report = await persona_report(PersonaFaults(tier="template"))
    assert (report["generated"], report["template"], report["not_generated"]) == (0, PROMPTS, 1)
    assert report["generated_first_token_p99_ms"] == 0
    missed = "100.0% of the answers were not in the chat model's words (allowed: 0.05)"
    assert missed in report["failures"]
    report = await persona_report(PersonaFaults(tier="template"), not_generated=1)
    assert report["failures"] == []


@pytest.mark.parametrize(
    ("faults", "unanswered", "warning"),
    [
        (PersonaFaults(silent_every=1), PROMPTS, None),
        # Fifteen have greeted before the first round: the 20th, 25th, 30th and 35th are not answered.
        (PersonaFaults(silent_every=5), 4, None),
        (PersonaFaults(dropped_every=5), 4, "4 dropped by the server (no_place)"),
        (PersonaFaults(ends="failed"), PROMPTS, "24 failed"),
        (PersonaFaults(ends="cancelled"), PROMPTS, "24 cancelled"),
        (PersonaFaults(searches_for=10.2), PROMPTS, " late"),
    ],
    ids=[
        "nobody answers",
        "a fifth is left alone",
        "a fifth is dropped",
        "runs fail",
        "runs are cancelled",
        "too late",
    ],
)
async def test_who_is_not_answered_is_counted(
    autojump_clock, faults: PersonaFaults, unanswered: int, warning: str | None
):
    report = await persona_report(faults)
    assert report["unanswered"] == unanswered
    assert report["replies"] == PROMPTS - unanswered
    assert f"{unanswered} prompts were not answered (allowed: 0)" in report["failures"]
    if warning is not None:
        assert any(warning in text for text in report["warnings"])


async def test_a_persona_that_was_taken_out_answers_nobody(autojump_clock):
    server, wish = TinyServer(), a_wish("persona", LOAD)
    async with playing(server, wish) as played:
        for room in server.world.rooms.values():
            room.personas.clear()
        await played.run.play_all()
        report = report_of(wish, played)
    assert (report["unanswered"], report["encoded"]) == (PROMPTS, 0)
    assert report["failures"] != []


async def test_a_first_word_that_comes_late_misses_the_objective(autojump_clock):
    report = await persona_report(PersonaFaults(first_after=0.25))
    assert report["unanswered"] == 0
    assert report["first_token_p99_ms"] == pytest.approx(250, abs=2)
    assert any(why.startswith("the first token's p99 was 2") for why in report["failures"])


async def test_an_answer_that_slows_chat_down_misses_the_objective(autojump_clock):
    report = await persona_report(PersonaFaults(slows_chat_by=0.05))
    assert report["chat_p99_ms"] - report["chat_baseline_p99_ms"] >= 50
    assert any(why.startswith("chat's p99 grew by") for why in report["failures"])


async def test_two_answers_to_one_prompt_fail(autojump_clock):
    report = await persona_report(PersonaFaults(twice_every=6))
    assert report["answered_twice"] > 0
    assert (
        f"{report['answered_twice']} prompts were answered twice (allowed: 0)" in report["failures"]
    )


async def test_nobody_asks_before_there_is_something_to_look_up(autojump_clock):
    server = TinyServer(faults=Faults(personas=PersonaFaults(suppliers_begin=30.0)))
    async with playing(server, a_wish("persona", LOAD)):
        assert trio.current_time() >= 30
        assert all(at >= 30 for at, _ in server.personas.prompts)


async def test_suppliers_that_never_come_are_one_sentence(autojump_clock):
    server = TinyServer(faults=Faults(personas=PersonaFaults(suppliers_begin=1_000.0)))
    with pytest.RaisesGroup(
        pytest.RaisesExc(WorldFailedError, match="cannot be asked for trips within 90 s: tiny"),
        flatten_subgroups=True,
        allow_unwrapped=True,
    ):
        async with playing(server, a_wish("persona", LOAD)):
            raise AssertionError("it was set up")


async def test_an_interrupt_keeps_what_was_answered(autojump_clock):
    wish = a_wish("persona", Load(users=6, rooms=3, rate=20, seconds=180, more=LOAD.more))
    async with playing(TinyServer(), wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            while len(played.run.rounds) < 1 or "delivered" not in played.run.progress():
                await trio.sleep(0.1)
            await played.run.interrupt()
        counts = played.run.rounds[-1].measured.counts
        report = report_of(wish, played)
    assert counts["replies"] > 0
    assert counts.get("unanswered", 0) == 0
    assert any("cannot be judged" in why for why in report["failures"])


async def test_a_prompt_that_is_sent_late_counts_from_when_it_was_due(autojump_clock):
    wish = a_wish("persona", LOAD)
    async with playing(TinyServer(), wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            while not played.run.rounds or "delivered" not in played.run.progress():
                await trio.sleep(0.01)
            autojump_clock.jump(1.0)
        report = report_of(wish, played)
    late = [latency for point, latency in report["first_token_curve"] if point >= 90]
    assert min(late) > 400, "one was asked before, three were due meanwhile"


async def test_what_a_server_does_not_tell_of_its_reading_is_not_known(autojump_clock, monkeypatch):
    async def nothing(api) -> str:
        return ""

    monkeypatch.setattr("plays.MemoryApi.metrics", nothing)
    report = await persona_report()
    assert (report["encoded"], report["skipped"]) == (None, None)
    assert "what the server read is not known" in report["lines"][0]


async def test_prompts_are_sent_in_open_loop_by_turns_and_none_twice_in_half_a_minute(
    autojump_clock,
):
    load = Load(users=3, rooms=3, rate=3, seconds=120, more={"replies_per_second": 8.0})
    server = TinyServer(faults=Faults(personas=PersonaFaults(first_after=3.0)))
    async with playing(server, a_wish("persona", load)) as played:
        server.personas.prompts.clear()
        await played.run.play_all()
    told = server.personas.prompts
    assert len(told) == 8 * 120
    within_a_round = [b - a for (a, _), (b, _) in pairwise(told) if b - a < 5]
    assert within_a_round == [pytest.approx(1 / 8, abs=1e-6)] * (8 * 120 - 3)
    last: dict[str, float] = {}
    for at, text in told:
        assert at - last.get(text, -30.0) >= 30
        last[text] = at
    by_persona: dict[str, list[float]] = {}
    for at, text in told:
        by_persona.setdefault(text.split()[0], []).append(at)
    assert all(b - a >= SECONDS_EACH for times in by_persona.values() for a, b in pairwise(times))


@pytest.mark.parametrize("rate", [0.5, 1, 10, 50, 98])
def test_no_asker_asks_more_than_twenty_times_a_minute(rate: float):
    assert 60 * rate / askers_for(rate) <= 20
    assert askers_for(rate) % 2 == 1
    assert askers_for(rate) <= MAX_ASKERS


def test_its_own_server_has_suppliers_and_others_have_none(tmp_path):
    usual = environment_of(tmp_path)
    assert Persona.server_settings.keys() <= usual.keys()
    assert {usual[name] for name in Persona.server_settings} == {"off"}
    assert set(Persona.server_settings.values()) == {"sandbox"}


def test_its_own_server_has_a_database_of_its_own(tmp_path, monkeypatch):
    """Whoever operates a server may have its settings in the same shell."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://caravan@db.example/caravan")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example")
    config = Config.from_environment(environment_of(tmp_path))
    assert (config.database_url, config.redis_url) == (None, None)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--replies-per-second=200"], "300 accounts ask, each at most 20 times a minute"),
        (["--replies-per-second=0.01", "--seconds=3"], "nobody would ask"),
        (["--find-knee"], "compares rounds"),
    ],
)
def test_misuse_is_one_sentence(words, sentence, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(["persona", *words])
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err


async def test_a_persona_that_never_answers_ends_the_command_with_one(autojump_clock, capsys):
    report = await persona_report(PersonaFaults(silent_every=1))
    args = argparse.Namespace(json=None, html=None)
    assert command._told(report, args, Console(stderr=True)) == 1
    assert "24 prompts were not answered" in " ".join(capsys.readouterr().err.split())


async def test_the_command_plays_it_over_real_sockets(tmp_path, monkeypatch):
    async def never(run) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr("loadtest.progress.hear_signals", never)
    out = tmp_path / "out.json"
    words = ["persona", "--users=3", "--rooms=3", "--rate=10", "--seconds=1"]
    words += ["--replies-per-second=4", "--p99-ms=9000", "--first-token-ms=9000"]
    words += ["--chat-growth-ms=9000", f"--json={out}"]
    async with tiny_site(TinyServer()) as (url, _):
        run = partial(command.main, [*words, "--url", url])
        assert await trio.to_thread.run_sync(run) == 0
    report = json.loads(out.read_text())
    assert set(CONTRACT.split()) <= set(report)
    assert (report["replies"], report["unanswered"]) == (3, 0)
    assert report["settings"]["replies_per_second"] == 4
