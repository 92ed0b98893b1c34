"""Thousands of journeys on virtual time, and proof that the judge sees what it should see.

A failing seed is played again with `python tests/simulation/play.py SEED`.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
import virtual_time
from judge import judge
from mutants import MUTANTS, Mutant
from play import drop, play_all
from simulation import LARGE, play
from trio._core import _run as scheduler
from virtual_time import StuckError, run_seeded
from weather import Life, Mortal, Rates, Weather

from core.errors import Unavailable

SEEDS = int(os.environ.get("CARAVAN_SEEDS", "2000"))
PLAY = Path(__file__).with_name("play.py")
PARTS = max(1, SEEDS // 250)
"""Of the seeds: tests of their own, so that processes can share them."""
ONCE_BROKEN = (168, 466)
"""Seeds that found a bug when they were played first: a client left deaf, a message lost."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Planned crashes are logged by the thousand otherwise."""
    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(PARTS), ids="part {}".format)
def test_every_seed_keeps_the_promises(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    seeds = range(part * SEEDS // PARTS, (part + 1) * SEEDS // PARTS)
    totals = play_all(seeds)
    record_property("counted", dict(totals))
    happened = ("messages", "received", "crashes", "restarts", "parts_restarted", "passivations")
    faults = (
        *("cut", "silence", "kill", "leave", "depose", "outage", "coup"),
        *("lost_before", "lost_after", "late", "fence_lost", "call_before", "call_after"),
        *("turn", "part", "delay"),
    )
    assert totals["failed"] == 0
    assert all(totals[name] > 0 for name in happened + faults)


def test_a_broken_promise_is_printed_with_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    totals = play_all(range(3, 5), MUTANTS["event_before_ok"])
    printed = capsys.readouterr().err.splitlines()
    seeds = [line.partition(":")[0] for line in printed]
    assert totals["failed"] == len(set(seeds)) > 0
    assert set(seeds) <= {"seed 3", "seed 4"}


def test_what_breaks_the_judge_names_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("play.judge", lambda journey: journey.lacking)
    with pytest.raises(AttributeError) as caught:
        play_all(range(3, 5))
    assert caught.value.__notes__ == ["seed 3"]


def test_some_seeds_are_calm_and_some_are_savage() -> None:
    weathers = [Weather(seed, {}) for seed in range(100)]
    for rate in fields(Rates):
        chances = {getattr(weather.rates, rate.name) for weather in weathers}
        assert min(chances) == 0 < max(chances), rate.name
    assert len({weather.takes() > 0 for weather in weathers}) == 2
    assert any(set(astuple(weather.rates)) == {0} for weather in weathers)
    assert len({weather.quality().delay for weather in weathers}) > 2


def test_a_dead_process_has_no_effect_on_what_survives_it() -> None:
    """A kill is no cancellation: what its `finally` blocks would still write goes nowhere."""
    calm = dict.fromkeys((rate.name for rate in fields(Rates)), 0.0)
    written: list[str] = []

    class Table:
        async def write(self, row: str) -> None:
            written.append(row)

    async def die() -> None:
        life = Life()
        table: Any = Mortal(Table(), life, Weather(1, calm))
        await table.write("alive")
        life.is_over = True
        with pytest.raises(Unavailable):
            await table.write("dead")

    run_seeded(1, die)
    assert written == ["alive"]


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_what_broke_once_stays_whole(seed: int) -> None:
    assert judge(play(seed, size=LARGE)) == []


@pytest.mark.parametrize(("name", "mutant"), MUTANTS.items(), ids=list(MUTANTS))
def test_the_judge_finds(name: str, mutant: Mutant) -> None:
    with mutant.broken():
        found = any(
            mutant.word in problem
            for seed in mutant.seeds
            for problem in judge(play(seed, mutant.climate, mutant.size))
        )
    assert found, f"{name} was not found within {mutant.within} seeds"


def test_one_seed_is_one_trace_in_every_process() -> None:
    """Whatever the order of hashes, and whatever was played before."""
    code = (
        f"import sys; sys.path[:0] = {[str(PLAY.parent), str(PLAY.parents[2])]!r}; "
        "import structlog; from play import drop; structlog.configure(processors=[drop]); "
        "from simulation import play; print([play(seed).digest() for seed in (3, 8, 11)])"
    )
    traces = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for hash_seed in ("0", "1", "777")
    }
    assert traces == {str([play(seed).digest() for seed in (3, 8, 11)])}


def test_the_trace_is_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: with trio's own scheduler the same seed is another trace each time."""
    assert play(1).digest() != play(2).digest()
    monkeypatch.setattr(virtual_time, "_seeded_scheduler", lambda _: nullcontext())
    first = play(8).digest()
    assert any(play(8).digest() != first for _ in range(12))


def test_the_two_private_names_of_trio_are_what_they_were() -> None:
    """`virtual_time` rests on them; trio promises neither."""
    assert isinstance(scheduler._ALLOW_DETERMINISTIC_SCHEDULING, bool)
    assert isinstance(scheduler._r, random.Random)
    assert "if _ALLOW_DETERMINISTIC_SCHEDULING:" in Path(scheduler.__file__).read_text()
    orders = [run_seeded(seed, _order_of_ten) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]


async def _order_of_ten() -> list[int]:
    order: list[int] = []

    async def note(number: int) -> None:
        await trio.lowlevel.checkpoint()
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(note, number)
    return order


def test_what_hangs_is_an_error_at_once() -> None:
    with pytest.raises(StuckError):
        run_seeded(1, trio.sleep_forever)


def test_what_runs_in_circles_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def circle() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    monkeypatch.setattr("virtual_time.MOST_LOOKS", 1_000)
    with pytest.raises(StuckError):
        run_seeded(1, circle)
