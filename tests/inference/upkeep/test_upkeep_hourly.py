"""The hourly run: rules alone until there are enough bookings, and no model in use that a gate refuses."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fraud_graph import body
from upkeep_world import TENANT, World

from core.ports.fraud import PastScreening, Verdict
from inference.fraud.features import AT, FEATURES, stored
from inference.fraud.model import FraudModel, FraudModelDamaged
from inference.fraud.screener import FraudScreener
from inference.upkeep.hourly import (
    ENDED_ENOUGH,
    ENOUGH,
    MADE,
    NOTHING_SINCE,
    PROGRAM,
    REAL,
    HourlyRun,
)
from inference.upkeep.screening import FraudKeeper
from inference.upkeep.trainer import TrainingFailed


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not know of virtual time."""

    async def run(work: Any) -> Any:
        return work()

    monkeypatch.setattr("inference.upkeep.hourly.run_quietly", run)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


class PlayedScreenings:
    """The `Screenings` port over a list, the newest first."""

    def __init__(self, rows: Sequence[PastScreening], *, bookings: int | None = None) -> None:
        self.rows = list(rows)
        self.count = len(self.rows) if bookings is None else bookings

    async def bookings(self, tenant_id: int) -> int:
        return min(self.count, ENOUGH)

    async def recent(self, tenant_id: int, *, limit: int) -> Sequence[PastScreening]:
        return self.rows[:limit]


def past(
    number: int,
    *,
    verdict: Verdict = "allow",
    ended_well: bool | None = True,
    declines: float = 0.0,
) -> PastScreening:
    features = [0.0] * len(FEATURES)
    features[AT["declines"]] = declines
    features[AT["per_traveller"]] = float(number)
    return PastScreening(
        at=number, features=stored(features), verdict=verdict, ended_well=ended_well
    )


def enough(count: int = ENOUGH) -> list[PastScreening]:
    return [past(number) for number in range(count, 0, -1)]


class Program:
    """What fits: leaves a model."""

    def __init__(self, made: bytes = b"") -> None:
        self.made = made or body()
        self.commands: list[list[str]] = []

    async def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(list(command))
        folder = Path(command[-1])
        self.names, self.mode = names(folder), mode(folder)
        with np.load(folder / REAL) as found:
            self.arrays = {name: found[name] for name in found}
        (folder / MADE).write_bytes(self.made)
        return 1


def hourly(
    world: World, tmp_path: Path, program: Any, screenings: Any, *, lacks: Sequence[str] = ()
) -> HourlyRun:
    return HourlyRun(
        world.models,
        screenings,
        train=program,
        work_dir=tmp_path,
        clock=world.clock,
        tenant_id=TENANT,
        lacks=lambda: lacks,
    )


async def test_it_is_skipped_without_the_training_group_or_enough_bookings(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    few, open_ones = enough(ENOUGH - 1), [past(n, ended_well=None) for n in range(ENOUGH)]
    reviewed = [past(n, ended_well=False) for n in range(300)] + enough(ENDED_ENOUGH - 1)
    unread = [replace(row, features=row.features[:-1]) for row in enough()]
    for screenings, lacks, why in (
        (few, ["skl2onnx"], "the training group is not installed (skl2onnx)"),
        (few, [], "499 of 500 bookings: rules alone"),
        (open_ones, [], "0 of 250 bookings that ended well"),
        (reviewed, [], "249 of 250 bookings that ended well"),
        (unread, [], "0 of 250 bookings that ended well"),
    ):
        run = hourly(world, tmp_path, program, PlayedScreenings(screenings), lacks=lacks)
        result = await run()
        assert (result.outcome, result.why) == ("skipped", why)
    assert program.commands == []
    assert await world.versions("fraud") == []


async def test_a_model_that_passes_is_in_use_on_this_node_and_can_be_taken_back(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, screener = World(), FraudScreener(World().clock)
    screenings = PlayedScreenings(enough())
    keeper = FraudKeeper(world.models, screenings, screener.use, tenant_id=TENANT)
    result = await hourly(world, tmp_path, Program(), screenings)()
    (row,) = await world.versions("fraud")
    assert (result.outcome, row.state) == ("done", "active")
    assert "90.0% of what was planted stopped" in result.why
    said = {name: row.figures[name] for name in ("real_judged", "fitted_to", "real_reviewed")}
    assert said == {"real_judged": 100, "fitted_to": 400, "real_reviewed": 0}
    await keeper.look()
    assert screener.speaks == row.version
    await world.models.roll_back(TENANT, "fraud", at=world.clock.now_ms())
    await keeper.look()
    assert screener.speaks == "rules"


async def test_the_program_is_given_numbers_of_bookings_that_ended_well_and_nothing_else(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    rows = enough()
    # Of the older ones, whom somebody looked at or refused, and who has not ended, is not learned from.
    rows[200] = past(1, verdict="review")
    rows[201] = past(2, verdict="deny", ended_well=False)
    rows[202] = past(3, ended_well=None)
    await hourly(world, tmp_path, program, PlayedScreenings(rows))()
    assert program.commands[0][1:4] == ["-m", PROGRAM, "--folder"]
    assert (program.names, program.mode) == ({REAL}, 0o700)
    ended = ENOUGH - 2
    assert set(program.arrays) == {"features"}
    assert program.arrays["features"].shape == (ended - ended // 5 - 1, len(FEATURES))
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"clean_reviewed": 0.006}, "0.60% of clean bookings reviewed"),
        ({"planted_stopped": 0.79}, "79.0% of planted fraud stopped"),
        ({"controls_passed": 1.0}, "its judge lets a control pass"),
    ],
)
async def test_one_that_its_gate_refuses_is_refused(
    figures: dict[str, float], why: str, autojump_clock: object, tmp_path: Path
) -> None:
    world = World()
    result = await hourly(world, tmp_path, Program(body(**figures)), PlayedScreenings(enough()))()
    (row,) = await world.versions("fraud")
    assert (row.state, row.why) == ("refused", why)
    assert "refused" in result.why


async def test_one_that_would_stop_people_who_travelled_is_refused_also_those_it_stopped_before(
    autojump_clock: object, tmp_path: Path
) -> None:
    world = World()
    rows = enough()
    rows[7] = past(1, declines=2.0, verdict="review")
    await hourly(world, tmp_path, Program(), PlayedScreenings(rows))()
    (row,) = await world.versions("fraud")
    assert (row.state, row.why) == ("refused", "1.00% of real bookings reviewed")


async def test_nothing_is_fitted_again_while_no_booking_has_ended_since(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program, screenings = World(), Program(), PlayedScreenings(enough())
    run = hourly(world, tmp_path, program, screenings)
    await run()
    again = await run()
    assert (again.outcome, again.why, len(program.commands)) == ("skipped", NOTHING_SINCE, 1)
    screenings.rows.insert(0, past(9_000))
    await run()
    assert len(program.commands) == 2


async def test_a_fit_that_fails_is_tried_again_and_leaves_nothing(
    autojump_clock: object, tmp_path: Path
) -> None:
    world = World()

    async def fails(command: Sequence[str]) -> int:
        raise TrainingFailed

    run = hourly(world, tmp_path, fails, PlayedScreenings(enough()))
    for _ in range(2):
        with pytest.raises(TrainingFailed):
            await run()
    with pytest.raises(FraudModelDamaged):
        await hourly(world, tmp_path, Program(b"no model"), PlayedScreenings(enough()))()
    assert names(tmp_path) == set()
    assert await world.versions("fraud") == []


async def test_a_row_that_cannot_be_used_leaves_rules_alone_and_says_why(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, used = World(), list[FraudModel | None]()
    screenings = PlayedScreenings(enough())
    await hourly(world, tmp_path, Program(), screenings)()
    (row,) = await world.versions("fraud")
    world.models._bodies[TENANT, "fraud", row.version] = body() + b"x"
    keeper = FraudKeeper(world.models, screenings, used.append, tenant_id=TENANT)
    await keeper.look()
    assert used == [None]
    assert "is not the one" in keeper.troubles["fraud"]
    await keeper.look()
    assert used == [None]


async def test_a_model_that_was_promoted_too_early_waits_for_enough_bookings(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, used = World(), list[FraudModel | None]()
    await hourly(world, tmp_path, Program(), PlayedScreenings(enough()))()
    screenings = PlayedScreenings([], bookings=ENOUGH - 1)
    keeper = FraudKeeper(world.models, screenings, used.append, tenant_id=TENANT)
    await keeper.look()
    assert used == []
    assert "500 bookings" in keeper.troubles["fraud"]
    (row,) = await world.versions("fraud")
    await world.models.roll_back(TENANT, "fraud", at=world.clock.now_ms())
    await keeper.look()
    assert (used, keeper.troubles) == ([], {})
    await world.models.promote(TENANT, "fraud", row.version, at=1, by="operator")
    screenings.count = ENOUGH
    await keeper.look()
    assert keeper.troubles == {}
    assert [one is not None for one in used] == [True]
