"""The knee: the largest rate that keeps every objective.

The rate grows by half until an objective breaks; then the gap is halved a few times. All steps use
the same connections, with a pause after a broken one so that its backlog is gone.
"""

from collections.abc import Mapping
from typing import Any, Final

import trio
from rich.console import Console
from rich.table import Table

from loadtest.measurement import Played, Watch, Wish, common_part, measure, usage_of
from loadtest.report import Report, as_json, failures, warnings
from loadtest.run import Round

GROWTH: Final = 1.5
HALVINGS: Final = 3
MAX_STEPS: Final = 20
REST_AFTER_BROKEN: Final = 3.0


class Search:
    """Which rate is next. Pure: told a verdict, it answers with the next rate or None."""

    def __init__(self, first: float) -> None:
        self.best: float | None = None
        self._broken: float | None = None
        self._rate = first
        self._steps = self._halvings = 0

    @property
    def rate(self) -> float:
        return self._rate

    def judged(self, *, kept: bool) -> float | None:
        """The rate to try after this verdict on `rate`; None: the search is over."""
        self._steps += 1
        if kept:
            self.best = self._rate
        else:
            self._broken = self._rate
        if self._broken is None:
            self._rate *= GROWTH
        elif self.best is None or self._halvings == HALVINGS:
            return None
        else:
            self._halvings += 1
            self._rate = (self.best + self._broken) / 2
        return self._rate if self._steps < MAX_STEPS else None


async def find_knee(wish: Wish, watch: Watch) -> Report:
    """Search, and report the curve. Raises what keeps a run from being."""
    found: list[Report] = []

    async def play(played: Played) -> None:
        found.append(await find_knee_of(wish, played))

    await measure(wish, watch, play)
    return found[0]


async def find_knee_of(wish: Wish, played: Played) -> Report:
    """The same with a run that is set up. `failures` when the first rate breaks an objective."""
    search = Search(wish.load.rate)
    steps: list[Report] = []
    rate: float | None = search.rate
    while rate is not None and not played.run.was_interrupted:
        one = await played.run.play(f"step {len(steps) + 1}", rate, wish.load.seconds)
        steps.append(_step(wish, played, one))
        # What was cut short has not borne its rate.
        is_kept = not steps[-1]["failures"] and not played.run.was_interrupted
        rate = search.judged(kept=is_kept)
        if not is_kept:
            await trio.sleep(REST_AFTER_BROKEN)
    if why := "; ".join(steps[0]["failures"]):
        why = f"the first rate, {wish.load.rate:g}/s, breaks already: {why}"
    else:
        why = "interrupted before the first rate was judged"
    return {
        "scenario": wish.scenario.name,
        "knee": search.best,
        "steps": steps,
        **common_part(wish, played),
        "warnings": [f"At {s['rate']:g}/s: {text}" for s in steps for text in s["warnings"]],
        "failures": [] if search.best else [why],
    }


def _step(wish: Wish, played: Played, one: Round) -> Report:
    report: dict[str, Any] = {"rate": one.rate, **as_json(one.findings, one.measured)}
    report |= wish.scenario.figures({"load": one.measured}, one.findings.excused)
    report |= usage_of(played, one)
    report["failures"] = failures(report, wish.scenario, wish.limits)
    report["warnings"] = warnings(report, [], cuts_are_meant=True)
    del report["timeline"], report["percentiles"]
    return report


def print_knee(report: Mapping[str, Any], console: Console) -> None:
    """The curve, for people."""
    table = Table(
        title=f"Caravan load test: the knee of {report['scenario']}", title_justify="left"
    )
    for name in ("rate", "p50 ms", "p99 ms", "delivered/s", "server CPU", "harness lag p99 ms"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for step in report["steps"]:
        table.add_row(
            f"{step['rate']:.0f}",
            f"{step['p50_ms']:.1f}",
            f"{step['p99_ms']:.1f}",
            f"{step['delivered_per_second']:.0f}",
            f"{step['server_cpu']:.2f}" if "server_cpu" in step else "not known",
            f"{step['harness_lag_p99_ms']:.1f}",
            "; ".join(step["failures"]) or "kept",
        )
    console.print(table)
    if report["knee"] is not None:
        console.print(f"The largest rate that kept every objective: {report['knee']:.0f}/s.")
    for warning in report["warnings"]:
        console.print(f"Warning: {warning}", markup=False)
