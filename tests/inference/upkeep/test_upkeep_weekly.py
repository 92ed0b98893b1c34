"""The weekly run: nothing without the training group, and no tower in use that is worse."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from upkeep_world import TENANT, TOWER, World

from core.ports.models import Model
from inference.recommender.schema import SCHEMA
from inference.recommender.tower import ARTEFACT, MANIFEST, MODEL, Tower, packed, unpacked
from inference.recommender.voices import Voices
from inference.upkeep.candidates import NOTHING_NEW
from inference.upkeep.trainer import TrainingFailed
from inference.upkeep.weekly import IN_USE, PROGRAM, VOICES, WeeklyRun, missing


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not know of virtual time."""

    async def run(work: Any) -> Any:
        return work()

    monkeypatch.setattr("inference.upkeep.weekly.run_quietly", run)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


class Program:
    """What trains: leaves the tower in use under another version."""

    def __init__(self, *, gain: float = 0.01) -> None:
        self.gain = gain
        self.commands: list[list[str]] = []

    async def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(list(command))
        folder = Path(command[-1])
        self.seen, self.mode = names(folder), mode(folder)
        with np.load(folder / VOICES) as found:
            self.arrays = {name: found[name] for name in found}
        line, _, graph = (folder / IN_USE).read_bytes().partition(b"\n")
        manifest = json.loads(line)
        manifest["version"] = f"{SCHEMA}.retrained"
        manifest["figures"] = {"played_gain": self.gain, "people": 30}
        (folder / MODEL).write_bytes(graph)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        return 2


def weekly(world: World, tmp_path: Path, program: Any, *, lacking: Sequence[str] = ()) -> WeeklyRun:
    return WeeklyRun(
        world.models,
        world.gathering,
        in_use=world.in_use,
        body_in_use=world.keeper.body_in_use,
        train=program,
        work_dir=tmp_path,
        clock=world.clock,
        tenant_id=TENANT,
        lacking=lambda: lacking,
    )


async def test_without_the_training_group_it_is_skipped_and_says_what_lacks(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    await world.crowd()
    result = await weekly(world, tmp_path, program, lacking=["sklearn", "onnx"])()
    assert (result.outcome, result.why) == (
        "skipped",
        "the training group is not installed (sklearn, onnx)",
    )
    assert program.commands == []


def test_what_lacks_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.upkeep.weekly.NEEDED", ("json", "no_such_package"))
    assert missing() == ["no_such_package"]


async def test_without_people_who_share_it_is_skipped(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    await world.crowd(sharing=False)
    result = await weekly(world, tmp_path, program)()
    assert (result.outcome, result.why[:8], program.commands) == ("skipped", "0 people", [])


async def test_a_tower_that_is_not_worse_is_in_use_with_its_prior(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    await world.crowd()
    result = await weekly(world, tmp_path, program)()
    (row,) = await world.versions("tower")
    assert (result.outcome, row.state, row.version) == ("done", "active", "1.retrained")
    assert row.figures["paused"] == 2
    assert row.figures["played_gain"] == 0.01
    assert row.figures["loss"] == row.figures["in_use"]
    await world.keeper.look()
    assert world.ranker.tower == "1.retrained"
    (prior,) = await world.versions("prior")
    assert (prior.state, world.ranker.population) == ("active", prior.version)
    # And back.
    await world.models.roll_back(TENANT, "tower", at=world.clock.now_ms())
    await world.keeper.look()
    assert (world.ranker.tower, world.ranker.population) == (TOWER.version, "")
    assert "1.retrained" in world.keeper.troubles["prior"]
    assert await world.keeper.body_in_use() == packed(ARTEFACT)
    await world.models.roll_back(TENANT, "prior", at=world.clock.now_ms())
    await world.keeper.look()
    assert world.keeper.troubles == {}


async def test_the_program_is_given_judgements_of_numbers_and_no_name_or_text(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    await world.crowd(people=30, each=20)
    await weekly(world, tmp_path, program)()
    assert program.commands[0][1:4] == ["-m", PROGRAM, "--folder"]
    assert (program.seen, program.mode) == ({VOICES, IN_USE}, 0o700)
    assert {name: (found.shape, found.dtype.kind) for name, found in program.arrays.items()} == {
        "person": ((480,), "i"),
        "features": ((480, 43), "f"),
        "liked": ((480,), "f"),
    }
    assert names(tmp_path) == set()


async def test_what_is_there_already_is_not_judged_again(
    autojump_clock: object, tmp_path: Path
) -> None:
    world, program = World(), Program()
    await world.crowd()
    await weekly(world, tmp_path, program)()
    again = await weekly(world, tmp_path, program)()
    assert (again.outcome, again.why) == ("skipped", NOTHING_NEW)


async def test_one_that_serves_played_people_worse_is_refused(
    autojump_clock: object, tmp_path: Path
) -> None:
    world = World()
    await world.crowd()
    result = await weekly(world, tmp_path, Program(gain=-0.03))()
    (row,) = await world.versions("tower")
    assert (row.state, row.why) == ("refused", "-0.030 NDCG@5 with played people")
    assert "refused" in result.why
    assert await world.versions("prior") == []


async def test_one_that_serves_those_who_share_worse_is_refused(
    autojump_clock: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    await world.crowd()

    class Blind:
        def __init__(self, tower: Tower) -> None:
            self.version, self.popular = tower.version, tower.popular
            self.sharpness, self.bias = tower.sharpness, tower.bias

        def items(self, features: Any) -> Any:
            return np.tile(np.eye(16)[15], (len(features), 1))

    monkeypatch.setattr("inference.upkeep.weekly.unpacked", lambda body: Blind(unpacked(body)))
    await weekly(world, tmp_path, Program())()
    (row,) = await world.versions("tower")
    assert row.state == "refused"
    assert row.figures["loss"] > row.figures["in_use"]


async def test_training_that_fails_leaves_nothing_behind(
    autojump_clock: object, tmp_path: Path
) -> None:
    world = World()
    await world.crowd()

    async def fails(command: Sequence[str]) -> int:
        raise TrainingFailed

    with pytest.raises(TrainingFailed):
        await weekly(world, tmp_path, fails)()
    assert names(tmp_path) == set()
    assert await world.versions("tower") == []


@pytest.mark.parametrize("part", ["its graph", "its manifest"])
async def test_a_tower_that_was_changed_in_its_row_is_not_used(
    part: str, autojump_clock: object
) -> None:
    world = World()
    body = packed(ARTEFACT)
    changed = body[:-1] + b"\0" if part == "its graph" else body.replace(b"{", b"{ ", 1)
    model = {"kind": "tower", "version": TOWER.version, "digest": sha256(body).hexdigest()}
    await world.models.add(TENANT, Model(**model), changed)  # type: ignore[arg-type]
    await world.models.promote(TENANT, "tower", TOWER.version, at=1, by="operator")
    await world.keeper.look()
    assert "tower" in world.keeper.troubles
    assert await world.keeper.body_in_use() == body


def test_the_real_program_makes_a_tower_that_can_be_used(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, of the training group")
    pytest.importorskip("onnx", reason="needs the package onnx, of the training group")
    from inference.training.recommender.retrain import gain, retrain
    from inference.training.recommender.tower import save

    rng = default_rng(1)
    voices = Voices(np.arange(60) % 20, rng.random((60, 43)), (rng.random(60) > 0.5).astype(float))
    save(retrain(voices, TOWER, count=20, people=30, epochs=2), tmp_path)
    made = unpacked(packed(tmp_path))
    assert made.version != TOWER.version
    assert made.items(voices.features).shape == (60, 16)
    assert -1 < gain(made, TOWER, people=4, count=8) < 1
