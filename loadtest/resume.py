"""The scenario `resume`: connections are cut at random while people talk."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

from loadtest.latencies import Latencies
from loadtest.measured import Measured
from loadtest.scenario import Load, Scenario

if TYPE_CHECKING:
    from loadtest.play import Play

RECOVERED = "recovered"


class Resume(Scenario):
    name = "resume"
    summary = "connections are cut at random under load"
    about = """
CUTS sockets a second, of users drawn at random, end without a word; the clients resume. Nothing may
be lost, doubled or reordered. The p99 that is judged is that of messages whose sender and recipient
were connected from the intended send time on; what a cut delayed is reported beside it.
"""
    cuts_are_meant = True
    disturbed = RECOVERED
    load = Load(users=100, rooms=10, rate=100.0, seconds=15.0, more={"cuts": 10.0})

    def about_more(self, name: str) -> str:
        return "sockets cut per second"

    async def weather(self, play: Play) -> None:
        rng = random.Random()
        every = play.processes / play.load.more["cuts"]
        await trio.sleep_until(play.begun + every * rng.random())
        while not play.over.is_set():
            number = rng.choice(list(play.sessions))
            if play.sessions[number].is_connected:
                play.measured.count("cut")
                await play.cut(number)
            with trio.move_on_after(rng.expovariate(1 / every)):
                await play.over.wait()

    def group(self, play: Play, recipient: int, intended: float) -> str | None:
        return RECOVERED if play.away_until.get(recipient, -1.0) >= intended else None

    def figures(self, rounds: Mapping[str, Measured], excused: int) -> dict[str, Any]:
        [measured] = rounds.values()
        recovered = measured.apart.get(RECOVERED, Latencies())
        return {
            "cut": measured.counts.get("cut", 0),
            "recovered": recovered.count,
            **recovered.summary("recovered_"),
        }

    def failures(self, report: Mapping[str, Any]) -> list[str]:
        return [] if report["cut"] else ["nothing was cut: the run was too short to say anything"]

    def lines(self, report: Mapping[str, Any]) -> list[str]:
        return [
            f"{report['cut']} sockets cut; {report['recovered']} deliveries were delayed by a cut, "
            f"p50 {report['recovered_p50_ms']:.0f} ms, p99 {report['recovered_p99_ms']:.0f} ms."
        ]
