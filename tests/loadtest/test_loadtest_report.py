"""What a reader is told: warnings, the knee, plots, a page that needs nothing else, progress."""

import random
import re
from html.parser import HTMLParser

import pytest
import trio
from hdrh.histogram import HdrHistogram
from plays import a_wish, playing, reported
from rich.console import Console
from tiny_server import Faults, TinyServer

from loadtest.evidence import Evidence, judge
from loadtest.html_report import html_page
from loadtest.knee import Search, find_knee_of
from loadtest.latencies import (
    DIGITS,
    LONGEST_US,
    SHORTEST_US,
    STEP_US,
    STEPS_PER_SECOND,
    Latencies,
)
from loadtest.measured import Measured, together
from loadtest.plots import line_plot, number, ticks
from loadtest.progress import watched
from loadtest.report import as_json, warnings
from loadtest.scenario import Load


def warned(*, lag: float = 0.0, latency: float = 0.1, processor: float = 0.1) -> list[str]:
    measured = Measured()
    for _ in range(100):
        measured.lag.record(lag)
        measured.deliveries.record(latency)
    measured.processors.append(processor)
    report = as_json(judge([Evidence()], 0), measured)
    return warnings(report, [], cuts_are_meant=False)


def test_a_harness_that_was_late_or_busy_is_said():
    assert warned() == []
    assert "The load test itself was late" in warned(lag=0.05)[0]
    assert "was the bottleneck" in warned(processor=0.95)[0]


def test_lateness_is_judged_against_what_was_measured():
    assert warned(lag=0.015, latency=0.1) == []
    assert warned(lag=0.015, latency=0.05) != []
    assert warned(lag=0.0009, latency=0.001) == []


def test_what_processes_measured_is_added():
    parts = [Measured(seconds=4) for _ in range(2)]
    for number_, part in enumerate(parts, start=1):
        part.deliveries.record(number_ / 100)
        part.timeline.deliver(1.0, 1.0 + number_ / 100)
        part.mark("cut", float(number_))
        part.count("cut", number_)
        part.record_apart("slow", 0.5)
        part.stopped.append("why")
    whole = together(4, (part.wire() for part in parts))
    assert whole.deliveries.count == 2
    assert (whole.deliveries.percentile_ms(0) < 11, whole.deliveries.percentile_ms(100) > 19) == (
        True,
        True,
    )
    assert (whole.marks["cut"], whole.counts["cut"]) == ((1.0, 2.0), 3)
    assert whole.apart["slow"].count == len(whole.stopped) == 2
    assert sum(row["delivered"] for row in whole.timeline.rows()) * whole.timeline.width == 2


@pytest.mark.parametrize(
    ("knee", "first"), [(1_000, 100), (130, 100), (100, 100)], ids=["far", "near", "at once"]
)
def test_the_search_comes_close_to_the_knee_from_below(knee: float, first: float):
    search, rate = Search(first), first
    tried = []
    while rate is not None:
        tried.append(rate)
        rate = search.judged(kept=rate <= knee)
    assert search.best is not None
    assert search.best <= knee <= search.best * (1 + 0.5 / 8) + 0.001
    assert len(tried) < 15


def test_a_first_rate_that_breaks_ends_the_search():
    search = Search(10)
    assert search.judged(kept=False) is None
    assert search.best is None


async def test_the_knee_of_a_server_with_a_bounded_rate_is_found_and_shown(autojump_clock):
    """Each recipient's queue is emptied at 100 messages a second, and each message goes to all."""
    load = Load(users=2, rooms=1, rate=30, seconds=3)
    wish = a_wish(load=load, p99_ms=100.0)
    async with playing(TinyServer(faults=Faults(deliver_after=0.01)), wish) as played:
        report = await find_knee_of(wish, played)
    assert 80 <= report["knee"] <= 105
    assert report["failures"] == []
    assert any(why.startswith("p99 was") for step in report["steps"] for why in step["failures"])
    page = html_page(report)
    assert page.count("<svg viewBox") == 2
    assert "Nothing was recorded" in page, "nobody knows the tiny server's processor"
    assert f"{report['knee']:.0f} messages/s" in page


@pytest.mark.parametrize(("after", "knee"), [(3.0, None), (6.0, 30)], ids=["first", "second"])
async def test_a_step_that_was_interrupted_proves_no_rate(
    autojump_clock, after: float, knee: float | None
):
    wish = a_wish(load=Load(users=2, rooms=1, rate=30, seconds=3), p99_ms=100.0)

    async def interrupt() -> None:
        await trio.sleep(after)
        await played.run.interrupt()

    async with playing(TinyServer(), wish) as played, trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        report = await find_knee_of(wish, played)
    assert len(report["steps"]) == (1 if knee is None else 2)
    assert report["knee"] == knee
    assert report["failures"] == ([] if knee else ["interrupted before the first rate was judged"])


class Page(HTMLParser):
    """What a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "data", "srcset")]


async def test_the_page_needs_nothing_else_and_says_how_it_was_measured(autojump_clock):
    report = await reported(Faults(drop_every=7))
    text = html_page(report)
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert report["failures"][0] in text
    for said in ("a test", report["machine"], "msgpack ", "Latency over time", "Percentiles"):
        assert said in text


async def test_what_is_shown_on_the_page_cannot_be_markup(autojump_clock):
    report = await reported()
    report["warnings"] = ["<script>alert(1)</script>"]
    assert "<script>" not in html_page(report)


def test_a_plot_stays_within_its_frame():
    plot = line_plot([("a", [(0.0, 0.0), (10.0, 97.0)])], x="x", y="y")
    points = re.search(r'points="([^"]+)"', plot)[1].split()
    across = [tuple(map(float, point.split(","))) for point in points]
    assert all(0 <= x <= 720 and 0 <= y <= 260 for x, y in across)
    assert across[0][1] > across[1][1], "up is more"
    assert "Nothing was recorded" in line_plot([("a", [])], x="x", y="y")


def test_ticks_are_round_and_reach_the_top():
    assert ticks(97) == [0, 20, 40, 60, 80, 100]
    assert ticks(0.3)[-1] >= 0.3
    assert [number(1234.5), number(0.1 + 0.2)] == ["1,234", "0.3"]


def test_latencies_survive_the_way_to_another_process():
    ours, whole = Latencies(), Latencies()
    for milliseconds in range(1, 101):
        ours.record(milliseconds / 1000)
    whole.add_encoded(ours.encoded())
    whole.add_encoded(ours.encoded())
    assert whole.count == 200
    assert whole.curve()[1][1] == pytest.approx(50, rel=0.01)


def test_latencies_are_those_of_an_hdr_histogram():
    chance = random.Random(1)
    ours, theirs = Latencies(), HdrHistogram(SHORTEST_US, LONGEST_US, DIGITS)
    for seconds in (-1.0, 0.0, 1e-7, 200.0, *(chance.lognormvariate(-5, 3) for _ in range(300))):
        ours.record(seconds)
        microseconds = int(seconds * STEPS_PER_SECOND) * STEP_US
        theirs.record_value(min(LONGEST_US, max(SHORTEST_US, microseconds)))
    whole = Latencies()
    whole.add_encoded(ours.encoded())
    for percentile in (0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0):
        expected = min(LONGEST_US, theirs.get_value_at_percentile(percentile)) / 1000
        assert ours.percentile_ms(percentile) == pytest.approx(expected, abs=0.002), percentile
        assert whole.percentile_ms(percentile) == ours.percentile_ms(percentile)
    assert ours.count == whole.count == 304


async def test_without_a_terminal_a_plain_line_comes_every_five_seconds(autojump_clock, capsys):
    async with playing(TinyServer(), a_wish()) as played, trio.open_nursery() as nursery:
        nursery.start_soon(watched(Console(stderr=True, force_terminal=False)), played.run)
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().err.splitlines() == ["connecting"] * 3
