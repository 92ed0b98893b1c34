"""The scenario `storm`: all connections are cut at once, and all come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

from loadtest.evidence import ACKNOWLEDGED_WITHIN
from loadtest.measured import Measured
from loadtest.scenario import COUNTED, Load, Objective, Scenario

if TYPE_CHECKING:
    from loadtest.play import Play

CALM_FIRST = 0.25
BACK = "back"
PATIENCE_BEYOND = 30.0
"""After failed attempts a client waits up to half a minute (§3.5)."""
WELCOME = Objective(
    option="--welcome-s",
    key="welcome_max_s",
    most=30.0,
    text="the last welcome came after {:.1f} s",
    help="seconds from the cut until everybody has his welcome (30)",
)
ABSENT = Objective(
    option="--absent",
    key="absent",
    most=0,
    text="{:g} sessions did not come back",
    help="sessions that may stay away (0)",
)


class Storm(Scenario):
    name = "storm"
    summary = "all connections are cut at once: how soon is everybody back?"
    about = """
After a quarter of the time every socket is cut without a word. Each client waits random(0 ... 0.5 s),
as the protocol asks, connects and resumes. Its time to `welcome` counts from the cut, so that wait is
in it. A few messages are offered all the while: none may be lost by the cut. Their latency is not
judged, and an ok has 40 s. The run goes on until all are back, or WELCOME_S and 30 s have passed.
"""
    cuts_are_meant = True
    # Who is allowed to come back after 30 s cannot have his answer after 10.
    answered_within = 30.0 + ACKNOWLEDGED_WITHIN
    load = Load(users=1_000, rooms=50, rate=20.0, seconds=10.0)
    objectives = (WELCOME, ABSENT, *COUNTED)

    async def weather(self, play: Play) -> None:
        with trio.move_on_at(play.begun + CALM_FIRST * play.load.seconds):
            await play.over.wait()
            return  # interrupted: who would be cut now could not come back in time
        play.measured.count("cut", len(play.sessions))
        play.measured.mark("cut", trio.current_time() - play.begun)
        with trio.move_on_after(play.limits.get("welcome_s", 30.0) + PATIENCE_BEYOND):
            async with trio.open_nursery() as nursery:
                for number in play.sessions:
                    nursery.start_soon(self._come_back, play, number)

    async def _come_back(self, play: Play, number: int) -> None:
        begun = trio.current_time()
        back = await play.cut(number)
        await back.wait()
        now = trio.current_time()
        play.measured.record_apart(BACK, now - begun)
        play.measured.mark(BACK, now - play.begun)

    def figures(self, rounds: Mapping[str, Measured], excused: int) -> dict[str, Any]:
        [measured] = rounds.values()
        back = measured.apart.get(BACK)
        count = back.count if back else 0
        took = measured.marks[BACK][1] - measured.marks["cut"][0] if count else 0.0
        points = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
        return {
            "cut": measured.counts.get("cut", 0),
            "absent": measured.counts.get("cut", 0) - count,
            "welcomes_per_second": round(count / took, 1) if took else 0.0,
            **{
                f"welcome_{name}_s": round(back.percentile_ms(point) / 1000, 3) if back else 0.0
                for name, point in points.items()
            },
        }

    def failures(self, report: Mapping[str, Any]) -> list[str]:
        return [] if report["cut"] else ["nothing was cut: the run was too short to say anything"]

    def lines(self, report: Mapping[str, Any]) -> list[str]:
        return [
            f"{report['cut']} cut, {report['absent']} did not come back; welcome after "
            f"{report['welcome_p50_s']:.2f} s (p50), {report['welcome_p99_s']:.2f} s (p99), "
            f"{report['welcome_max_s']:.2f} s (last): {report['welcomes_per_second']:.0f} per second."
        ]
