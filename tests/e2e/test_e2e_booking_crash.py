"""Bookings survive kill -9 of the server and of the sandbox; and the suite would see if they did not."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import trio
from booking_crash import Tally, play_all, play_together
from booking_mutations import unseen
from booking_points import STORIES, Point, Story
from booking_stand import Stand, standing
from forked_server import warm_server

from actors.booking.sites import SITES
from gateways.sandbox.sites import SITES as SANDBOX_SITES

EVERY: Final = int(os.environ.get("CARAVAN_BOOKING_KILLS", "0"))
"""1: a kill at each reach of each site; n: at the first, and then at each n-th. 0: twelve are enough."""

AT_ONCE: Final = 3
MOSTLY: Final = 0.8
"""Steps that come together at one time and one after another at another are as many sites more or less."""

TWELVE: Final = (
    Point(story="happy", site="commit.before"),
    Point(story="repair", site="result.after", nth=3),
    Point(story="happy", site="call.authorise.after"),
    Point(story="happy", site="call.hold.before"),
    Point(story="happy", site="call.hold.after"),
    Point(story="happy", site="call.capture.before", nth=2),
    Point(story="repair", site="call.confirm.after"),
    Point(story="happy", site="call.release.after"),
    Point(story="unwinding", site="call.refund.after"),
    Point(story="unwinding", site="call.cancel_order.before"),
    Point(story="happy", victim="sandbox", site="amadeus.order.before"),
    Point(story="happy", victim="child", site="stripe.capture.after"),
)
"""Every class: a step lost and kept, before and after each call that holds seats or moves money, undoing."""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_server(tmp_path_factory.mktemp("warm")) as path:
        yield path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data directory through all tests, in which nothing is lost anyway."""
    return tmp_path_factory.mktemp("bookings") / "data"


Counted = Callable[[str, object], None]
"""pytest's `record_property`: what is "counted" is printed at the end."""


async def test_bookings_survive_twelve_kills(
    data: Path, warm: Path, record_property: Counted
) -> None:
    first = TWELVE[0]
    async with standing(data, warm, first.victim, first.crash_at) as stand:
        tally = await play_together(stand, TWELVE)
        booked = [run for run in tally.runs if run.point.story == "happy"]
        overlooked = unseen(await booked[0].evidence())
    record_property("counted", str(tally))
    assert tally.findings == []
    assert (tally.played, len(tally.hit)) == (12, 12), tally.missed
    assert overlooked == [], "the auditor does not see what is wrong"


@pytest.mark.skipif(not EVERY, reason="make soak and make chaos kill at every site")
async def test_bookings_survive_a_kill_at_every_site(
    tmp_path: Path, warm: Path, record_property: Counted
) -> None:
    tally = Tally()
    stories = iter(STORIES.values())

    async def go_through(number: int) -> None:
        for story in stories:
            folder = tmp_path / f"{number} {story.name}"
            folder.mkdir()
            async with standing(folder / "data", warm, "server") as stand:
                found = await through(stand, story)
            print(f"{story.name}: {found}", flush=True)
            tally.add(found)

    async with trio.open_nursery() as nursery:
        for number in range(AT_ONCE):
            nursery.start_soon(go_through, number)
    record_property("counted", str(tally))
    assert tally.findings == []
    assert {point.site for point in tally.hit} == {*SITES, *SANDBOX_SITES}
    assert len(tally.hit) >= MOSTLY * (len(tally.hit) + len(tally.missed)), tally.missed


async def through(stand: Stand, story: Story) -> Tally:
    """As it goes without a kill, and with one at each place that it came by."""
    clean = await play_all(stand, [Point(story=story.name)])
    assert clean.runs[0].overlooked() == [], "the auditor does not see what is wrong"
    points = clean.runs[0].points()
    points = [point for point in points if (point.nth - 1) % EVERY == 0 or "webhook" in point.site]
    await stand.begin(points[0].victim, points[0].crash_at)
    tally = await play_all(stand, points)
    tally.add(clean)
    return tally


async def test_the_suite_sees_an_order_that_leaves_before_its_intent_is_stored(
    data: Path, warm: Path
) -> None:
    point = Point(story="happy", site="call.hold.after")
    rule = "calls_before_commit"
    async with standing(data, warm, "server", point.crash_at, rule=rule) as stand:
        tally = await play_all(stand, [point])
    assert tally.hit == [point]
    # Where there is no second order, the booking ends without one, and the first is nobody's: seen once in CI.
    seen = ("I4: ordered twice", "I2: orphan hold")
    assert any(word in finding for finding in tally.findings for word in seen), tally.findings
