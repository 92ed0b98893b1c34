"""The daily run learns from those who share, and puts in use what is not worse."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import trio
from upkeep_world import TENANT, TOWER, World, an_item

from core.ports.models import TAKEN_BACK, WAITS
from inference.recommender.most_liked import CELLS, LAYOUT, ItemStatistics, MostLiked
from inference.recommender.ranker import Population
from inference.upkeep.candidates import NOTHING_NEW
from inference.upkeep.daily import NO_TOWER
from inference.upkeep.jobs import Result
from inference.upkeep.looking import LOOKS_EVERY
from inference.upkeep.prior import PriorDamaged, packed, unpacked

HILL = tuple(an_item("tags.mountains"))
HILLS = np.array([HILL])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not know of virtual time."""

    async def run(work: Any) -> Any:
        return work()

    monkeypatch.setattr("inference.upkeep.daily.run_quietly", run)


async def done(world: World) -> Result:
    result = await world.daily()
    await world.keeper.look()
    return result


async def test_what_most_share_is_in_use_afterwards(autojump_clock: object) -> None:
    world = World()
    await world.crowd()
    result = await done(world)
    (row,) = await world.versions()
    assert (result.outcome, row.state) == ("done", "active")
    assert world.ranker.population == row.version
    assert row.version.startswith("20260920-")
    assert row.figures["loss"] < row.figures["in_use"]
    assert row.figures["held_out"] == 120
    assert result.figures["tags.mountains.liked"] > 0.8
    assert result.why.startswith(f"{row.version} active: not worse")


async def test_who_does_not_share_is_not_learned_from(autojump_clock: object) -> None:
    world = World()
    await world.crowd(people=19)
    await world.crowd(people=40, sharing=False, first=100)
    await world.show(1, HILL)
    await world.show(101, HILL)
    result = await done(world)
    assert (result.outcome, result.why) == (
        "skipped",
        "19 people share their feedback, 20 are needed",
    )
    assert result.figures == {"shown": 1, "judged": 19 * 20, "people": 19}
    assert await world.versions() == []


async def test_who_stops_sharing_is_left_out_from_then_on(autojump_clock: object) -> None:
    world = World()
    await world.crowd(people=20)
    world.users._users["u3"] = replace(world.users._users["u3"], preferences={})
    assert (await done(world)).outcome == "skipped"


@pytest.mark.parametrize("said", ["true", 1, None, "no"])
async def test_only_a_plain_yes_is_consent(autojump_clock: object, said: Any) -> None:
    world = World()
    await world.crowd(people=20)
    user = world.users._users["u3"]
    world.users._users["u3"] = replace(user, preferences={"shareFeedback": said})
    assert (await done(world)).outcome == "skipped"


async def test_without_a_tower_it_is_skipped(autojump_clock: object) -> None:
    world = World()

    async def none() -> None:
        return None

    world.daily._in_use = none
    assert await world.daily() == Result(outcome="skipped", why=NO_TOWER)


async def test_what_is_worse_is_refused_with_its_figures(autojump_clock: object) -> None:
    world = World()
    await world.crowd(likes="tags.coast")
    # In the end all like the hills, which the one in use knows.
    for number in range(30):
        for turn in range(100, 106):
            said = world.feedback(number, turn, 1, HILL, at=world.clock.now_ms() + turn)
            await world.feedbacks.set(TENANT, said)
    knows = Population(version="knows", tower=TOWER.version, weights=2 * TOWER.items(HILLS)[0])
    await world.exchange(None, knows)
    result = await world.daily()
    (row,) = await world.versions()
    assert (result.outcome, row.state) == ("done", "refused")
    assert row.why.startswith("worse than the one in use")
    assert row.figures["loss"] > row.figures["in_use"]
    assert result.why == f"{row.version} refused: {row.why}"
    await world.keeper.look()
    assert await world.models.active(TENANT, "prior") is None


async def test_after_a_rollback_it_waits_for_an_operator(autojump_clock: object) -> None:
    world = World()
    await world.crowd()
    await done(world)
    await world.models.roll_back(TENANT, "prior", at=world.clock.now_ms())
    await world.keeper.look()
    assert world.ranker.population == ""
    world.clock.begun_at += 86_400_000
    await world.crowd(each=3, first=300)
    result = await done(world)
    newest, oldest = await world.versions()
    assert (newest.state, newest.why, oldest.why) == ("shadow", WAITS, TAKEN_BACK)
    assert world.ranker.population == ""
    assert f"{newest.version} shadow" in result.why


async def test_where_nobody_said_anything_new_nothing_is_done(autojump_clock: object) -> None:
    world = World()
    await world.crowd()
    await done(world)
    world.clock.begun_at += 86_400_000
    again = await done(world)
    assert (again.outcome, again.why) == ("skipped", NOTHING_NEW)
    assert [row.state for row in await world.versions()] == ["active"]


async def test_where_what_is_in_use_belongs_to_another_tower_the_old_one_is_used_anew(
    autojump_clock: object,
) -> None:
    """A tower was promoted with its own, and rolled back; nobody said anything since."""
    world = World()
    await world.crowd()
    await done(world)
    (first,) = await world.versions()
    other = packed(MostLiked(np.ones(16)), tower="another", day="20260920")
    row = replace(first, version=other.version, digest=other.digest, state="candidate")
    await world.models.add(TENANT, row, other.body)
    await world.models.promote(TENANT, "prior", other.version, at=1, by="run")
    await world.keeper.look()
    assert (world.ranker.population, list(world.keeper.troubles)) == ("", ["prior"])
    world.clock.begun_at += 86_400_000
    assert (await done(world)).outcome == "done"
    assert (world.ranker.population[8:], world.keeper.troubles) == (first.version[8:], {})
    assert (await done(world)).why == NOTHING_NEW


async def test_reading_has_a_bound(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.crowd(people=30, each=20)
    monkeypatch.setattr("inference.upkeep.gathering.PAGE", 100)
    monkeypatch.setattr("inference.upkeep.gathering.MOST_READ", 300)
    voices = await world.gathering.voices()
    # The newest.
    assert (len(voices), voices.people) == (300, 30)
    monkeypatch.setattr("inference.upkeep.gathering.MOST_USED", 150)
    assert len(await world.gathering.voices()) == 150


# What is in use on a node.


async def test_a_node_uses_what_another_one_promoted(autojump_clock: object) -> None:
    world = World()
    await world.crowd()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.keeper.looking.run)
        await trio.sleep(1)
        await world.daily()
        assert world.ranker.population == ""
        await trio.sleep(LOOKS_EVERY + 1)
        (row,) = await world.versions()
        assert world.ranker.population == row.version
        await world.models.roll_back(TENANT, "prior", at=world.clock.now_ms())
        world.keeper.looking.nudge()
        await trio.testing.wait_all_tasks_blocked()
        assert world.ranker.population == ""
        nursery.cancel_scope.cancel()


async def test_a_damaged_row_is_not_used_and_said_to_be_damaged(autojump_clock: object) -> None:
    world = World()
    await world.crowd()
    await world.daily()
    (row,) = await world.versions()
    world.models._bodies[TENANT, "prior", row.version] = b'{"tower": "x"}'
    await world.keeper.look()
    assert world.ranker.population == ""
    assert "prior" in world.keeper.troubles


def test_a_prior_is_read_as_it_was_written() -> None:
    weights, odds = np.linspace(-1, 1, 16), np.zeros(CELLS)
    odds[[0, 7, CELLS - 1]] = 0.5, -0.25, 0.125
    for items in (None, ItemStatistics(odds)):
        prior = packed(MostLiked(weights, items), tower="1.abc", day="20260920")
        found = unpacked(prior.body, version=prior.version, digest=prior.digest)
        assert (found.tower, found.version) == ("1.abc", prior.version)
        assert np.allclose(found.weights, weights, atol=1e-6)
        assert (found.items is None) == (items is None)
        assert found.items is None or found.items.odds.tolist() == odds.tolist()


def test_statistics_by_other_cells_are_not_read_and_the_taste_is() -> None:
    body = json.dumps({"tower": "1", "weights": [0.5] * 16, "items": {"layout": 0}}).encode()
    found = unpacked(body, version="v", digest=sha256(body).hexdigest())
    assert (found.items, found.weights[0]) == (None, 0.5)


@pytest.mark.parametrize(
    "items",
    [
        [],
        {"layout": LAYOUT},
        {"layout": LAYOUT, "odds": {"9999": 1}},
        {"layout": LAYOUT, "odds": {"0": "NaN"}},
    ],
)
def test_damaged_statistics_are_refused_with_their_prior(items: Any) -> None:
    body = json.dumps({"tower": "1", "weights": [0.5] * 16, "items": items}).encode()
    with pytest.raises(PriorDamaged):
        unpacked(body, version="v", digest=sha256(body).hexdigest())


async def test_statistics_of_items_go_with_the_prior_and_are_taken_back_with_it(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    await world.crowd()
    monkeypatch.setattr("inference.recommender.refit.ITEMS_GAIN", -1.0)  # whatever they are worth
    result = await done(world)
    (row,) = await world.versions()
    assert row.figures["items"] > 0
    assert row.figures["items_gain"] == result.figures["items_gain"]
    assert world.ranker.in_use[1].items is not None
    await world.models.roll_back(TENANT, "prior", at=world.clock.now_ms())
    await world.keeper.look()
    assert world.ranker.in_use[1].items is None


NO_NUMBERS = json.dumps({"tower": "1", "weights": [float("nan")] * 16}).encode()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"tower": "1", "weights": [1]}', b'{"weights": 1}', NO_NUMBERS]
)
def test_what_is_no_prior_is_refused(body: bytes) -> None:
    with pytest.raises(PriorDamaged):
        unpacked(body, version="v", digest=sha256(body).hexdigest())
    with pytest.raises(PriorDamaged, match="row speaks"):
        unpacked(body, version="v", digest="0")
