"""Hundreds of searches for travel on virtual time, and proof that the judge sees what it should see.

A failing seed is played again with `python tests/simulation/travel_play.py SEED`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import structlog
import virtual_time
from mutants import Mutant
from play import drop
from travel_judge import judge
from travel_mutants import MUTANTS
from travel_play import play_all
from travel_simulation import play
from travel_weather import RULES

SEEDS = int(os.environ.get("CARAVAN_SEEDS", "100"))
PARTS = max(1, SEEDS // 100)
"""Of the seeds: tests of their own, so that processes can share them."""
ONCE_MISJUDGED = (3952, 7141)
"""Seeds in which nothing was wrong: a room is priced after the time until which it was free to cancel; somebody
searches in the very moment in which the suppliers end."""
HERE = Path(__file__).parent
HAPPENED = (
    "searches",
    "prices",
    "merged",
    "stale",
    "left by their caller",
    "faults",
    "restarts",
    "renewals",
    "leap",
    "bought",
    "store_failed",
    "door retries",
    "door refused",
    "search overloaded",
    "price conflict",
    "price gds_timeout",
    *(f"supplier {state}" for state in ("answered", "late", "stale", "failed", "refused")),
    *(f"fault {action}" for action in RULES if action != "refuse"),
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Suppliers that fail are logged by the thousand otherwise."""
    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(PARTS), ids="part {}".format)
def test_every_seed_keeps_the_promises(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    totals = play_all(range(part * SEEDS // PARTS, (part + 1) * SEEDS // PARTS))
    record_property("counted", dict(totals))
    assert totals["failed"] == 0
    assert [name for name in HAPPENED if not totals[name]] == []


@pytest.mark.parametrize("seed", ONCE_MISJUDGED)
def test_what_is_right_is_not_called_wrong(seed: int) -> None:
    assert judge(play(seed)) == []


@pytest.mark.parametrize(("name", "mutant"), MUTANTS.items(), ids=list(MUTANTS))
def test_the_judge_finds(name: str, mutant: Mutant) -> None:
    with mutant.broken():
        found = any(
            mutant.word in problem
            for seed in mutant.seeds
            for problem in judge(play(seed, mutant.climate))
        )
    assert found, f"{name} was not found within {mutant.within} seeds"


def test_one_seed_is_one_trace_in_every_process() -> None:
    """Whatever the order of hashes, and whatever was played before."""
    code = (
        f"import sys; sys.path[:0] = {[str(HERE), str(HERE.parents[1])]!r}; "
        "import structlog; from play import drop; structlog.configure(processors=[drop]); "
        "from travel_simulation import play; print([play(seed).digest() for seed in (2, 5, 12)])"
    )
    traces = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for hash_seed in ("0", "1")
    }
    assert traces == {str([play(seed).digest() for seed in (2, 5, 12)])}


def test_the_trace_is_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: with trio's own scheduler the same seed is another trace each time."""
    assert play(1).digest() != play(2).digest()
    monkeypatch.setattr(virtual_time, "_seeded_scheduler", lambda _: nullcontext())
    first = play(12).digest()
    assert any(play(12).digest() != first for _ in range(12))
