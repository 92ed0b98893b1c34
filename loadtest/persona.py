"""The scenario `persona`: people ask personas while others talk, and neither may suffer."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Mapping
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar, Final

import trio

from loadtest.accounts import Api, UnreachableError
from loadtest.client import SessionStopped
from loadtest.latencies import Latencies
from loadtest.measured import Measured
from loadtest.pending import TooManyPendingError
from loadtest.persona_answers import (
    ANSWERED_WITHIN,
    CARDS,
    FIRST_TOKEN,
    GENERATED_FIRST,
    TIERS,
    Answers,
)
from loadtest.persona_askers import MAX_ASKERS, Asker, Askers, askers_for
from loadtest.persona_prompts import Prompts, read_prompts
from loadtest.scenario import COMMON, Load, Objective, Scenario
from loadtest.server_load import numbers_of

if TYPE_CHECKING:
    from loadtest.play import Play

PAIRS: Final = 3
LOOKS_EVERY: Final = 0.1
SEED: Final = 6
READ = ("understanding_read",)
SKIPPED = ("personas_filtered", "personas_left_alone")
DROPPED = "personas_dropped_"
"""In the server's /metrics: messages that a model read, those that the rules before it or the policy after
it left alone, and (by why) those that it had to drop."""

FIRST_TOKEN_P99 = Objective(
    option="--first-token-ms",
    key="first_token_p99_ms",
    most=200.0,
    text="the first token's p99 was {:.1f} ms",
    help="p99 from the intended send time of a prompt to the first text of its answer (200)",
)
UNANSWERED = Objective(
    option="--unanswered",
    key="unanswered",
    most=0,
    text="{:g} prompts were not answered",
    help="prompts that may be without an answer after 10 s (0)",
)
GROWTH = Objective(
    option="--chat-growth-ms",
    key="chat_growth_ms",
    most=10.0,
    text="chat's p99 grew by {:.1f} ms",
    help="milliseconds by which chat's p99 may grow: median of three pairs of rounds (10)",
)
NOT_GENERATED = Objective(
    option="--not-generated",
    key="not_generated",
    most=0.05,
    text="{:.1%} of the answers were not in the chat model's words",
    help="share of the answers that lower rungs may word (0.05)",
)


class Persona(Scenario):
    name = "persona"
    summary = "people ask personas while others talk, and neither may suffer"
    about = """
Two kinds of people at once. Users talk in rooms without personas. Beside them accounts of their own, each
in a room with a persona of its own, ask REPLIES_PER_SECOND things of the kind people ask (the development
half of the messages that judge understanding; none twice in 30 s, one in two needs a search). Three pairs of
rounds, peace (nobody asks) and load, in turn on the same connections; SECONDS is the load in all. Prompts
too are sent at times fixed before: the first token counts from the intended send time to the first text of
the run that answers. A server of its own has its suppliers played by the sandbox, on the same processors.
"""
    load = Load(users=60, rooms=3, rate=600.0, seconds=60.0, more={"replies_per_second": 10.0})
    objectives = (FIRST_TOKEN_P99, UNANSWERED, NOT_GENERATED, GROWTH, *COMMON)
    rounds = tuple(f"{name} {pair}" for pair in range(1, PAIRS + 1) for name in ("peace", "load"))
    server_settings: ClassVar[Mapping[str, str]] = {
        "CARAVAN_AMADEUS_MODE": "sandbox",
        "CARAVAN_DUFFEL_MODE": "sandbox",
    }

    def about_more(self, name: str) -> str:
        return "prompts per second"

    def load_of(self, args: argparse.Namespace) -> Load:
        load = super().load_of(args)
        rate = load.more["replies_per_second"]
        if askers_for(rate) > MAX_ASKERS:
            raise ValueError(
                f"--replies-per-second: {MAX_ASKERS} accounts ask, each at most 20 times a minute"
            )
        if round(rate * self.seconds_of_round(load)) < 1:
            raise ValueError(
                f"--replies-per-second, --seconds: in a round of SECONDS / {PAIRS} nobody would ask"
            )
        return load

    def seconds_of_round(self, load: Load) -> float:
        return load.seconds / PAIRS

    async def settle(self, play: Play) -> None:
        askers = Askers(Prompts(read_prompts(), random.Random(SEED)))
        await askers.sit_down(play, askers_for(play.load.more["replies_per_second"]))
        play.beside = askers

    async def weather(self, play: Play) -> None:
        askers = play.beside
        if not isinstance(askers, Askers) or not play.round.startswith("load"):
            return
        askers.answers, askers.begun = Answers(), play.begun
        before = await _numbers(play.api)
        try:
            await self._ask(play, askers)
            # A little longer than the last one may take: then nobody is too young to be judged.
            with trio.move_on_after(ANSWERED_WITHIN + 1.0):
                while not askers.answers.are_over(trio.current_time() - play.begun):  # noqa: ASYNC110
                    await trio.sleep(LOOKS_EVERY)
            after = await _numbers(play.api)
            if before and after:
                play.measured.count("encoded", _grown(before, after, READ))
                play.measured.count("skipped", _grown(before, after, SKIPPED))
                for name in after:
                    if name.startswith(DROPPED):
                        play.measured.count(name, _grown(before, after, (name,)))
        finally:
            askers.answers.settle(play.measured, trio.current_time() - play.begun)

    async def _ask(self, play: Play, askers: Askers) -> None:
        """In open loop, like chat: nobody waits for an answer before the next prompt."""
        rate = play.load.more["replies_per_second"]
        for number in range(round(rate * self.seconds_of_round(play.load))):
            intended = number / rate
            await trio.sleep_until(play.begun + intended)
            if play.measured.was_interrupted:
                return
            play.measured.lag.record(trio.current_time() - play.begun - intended)
            asker = askers.seats[number % len(askers.seats)]
            self._say(askers, asker, play.begun, intended, needs_search=number % 2 == 0)

    def _say(
        self, askers: Askers, asker: Asker, begun: float, intended: float, *, needs_search: bool
    ) -> None:
        text = askers.prompts.draw(asker.name, begun + intended, needs_search=needs_search)
        asked = askers.answers.ask(intended, needs_search=needs_search)
        # What cannot be sent stays unanswered, which is counted.
        try:
            asker.session.ask_nowait(
                "chat.message",
                partial(askers.answers.told, asked),
                roomId=asker.room_id,
                content=text,
                clientId=asker.session.new_id(),
            )
        except (SessionStopped, TooManyPendingError, trio.WouldBlock):
            return

    def figures(self, rounds: Mapping[str, Measured], excused: int) -> dict[str, Any]:
        peaces = [rounds[name].deliveries.percentile_ms(99) for name in self.rounds[::2]]
        loads = [rounds[name] for name in self.rounds[1::2]]
        chats = [one.deliveries.percentile_ms(99) for one in loads]
        growths = [chat - peace for chat, peace in zip(chats, peaces, strict=True)]
        first, generated, cards = (
            _together(loads, name) for name in (FIRST_TOKEN, GENERATED_FIRST, CARDS)
        )
        return {
            "replies": _sum(loads, "replies"),
            **{tier: _sum(loads, tier) for tier in TIERS},
            "stale": _sum(loads, "stale"),
            "unanswered": _sum(loads, "unanswered"),
            "encoded": _known_sum(loads, "encoded"),
            "skipped": _known_sum(loads, "skipped"),
            "first_token_p50_ms": first.percentile_ms(50),
            "first_token_p99_ms": first.percentile_ms(99),
            "generated_first_token_p99_ms": generated.percentile_ms(99),
            "cards_p99_ms": cards.percentile_ms(99),
            "chat_baseline_p99_ms": median(peaces),
            "chat_p99_ms": median(chats),
            "chat_growth_ms": round(median(growths), 3),
            "chat_growths_ms": [round(growth, 3) for growth in growths],
            "not_generated": round(
                1 - _sum(loads, "generated") / max(1, _sum(loads, "replies")), 4
            ),
            "first_token_max_ms": first.percentile_ms(100),
            "first_token_curve": first.curve(),
            "cards_p50_ms": cards.percentile_ms(50),
            "cards": cards.count,
            **{name: _sum(loads, name) for name in _OTHERS},
            "dropped": _dropped(loads),
        }

    def failures(self, report: Mapping[str, Any]) -> list[str]:
        if report.get("answered_twice"):
            return [f"{report['answered_twice']} prompts were answered twice (allowed: 0)"]
        return []

    def warnings(self, report: Mapping[str, Any]) -> list[str]:
        if "replies" not in report:
            return []
        found = []
        if report["cards"] < report["searches"] / 2:
            found.append(
                f"Only {report['cards']} of {report['searches']} prompts that need a search were "
                "answered with cards: cards_p99_ms is about these alone."
            )
        reasons = {
            "refused when they were sent": "prompts_refused",
            "late": "run_late",
            "failed": "run_failed",
            "cancelled": "run_cancelled",
            "done without their message": "run_without_message",
        }
        told = [f"{report[key]} {text}" for text, key in reasons.items() if report[key]]
        told += [
            f"{count} dropped by the server ({why})" for why, count in report["dropped"].items()
        ]
        if told:
            found.append(f"Of the unanswered: {', '.join(told)}.")
        return found

    def lines(self, report: Mapping[str, Any]) -> list[str]:
        tiers = ", ".join(f"{report[tier]} {tier}" for tier in TIERS)
        read = (
            "what the server read is not known"
            if report["encoded"] is None
            else f"the server read {report['encoded']} messages, left {report['skipped']} alone"
        )
        return [
            f"{report['prompts']} prompts: {report['replies']} answered ({tiers}; {report['stale']} "
            f"stale), {report['unanswered']} not; {read}.",
            f"First token p50 {report['first_token_p50_ms']:.1f} ms, p99 "
            f"{report['first_token_p99_ms']:.1f} ms (generated: "
            f"{report['generated_first_token_p99_ms']:.1f} ms); {report['cards']} of "
            f"{report['searches']} searches showed cards, p99 {report['cards_p99_ms']:.0f} ms.",
            f"Chat's p99: {report['chat_baseline_p99_ms']:.1f} ms in peace, "
            f"{report['chat_p99_ms']:.1f} ms while personas answer; it grew by "
            f"{report['chat_growth_ms']:.1f} ms (median of "
            f"{', '.join(f'{one:.1f}' for one in report['chat_growths_ms'])}).",
        ]


_OTHERS: Final = (
    "prompts",
    "searches",
    "prompts_pending",
    "prompts_refused",
    "answered_twice",
    "run_late",
    "run_failed",
    "run_cancelled",
    "run_without_message",
)


async def _numbers(api: Api) -> dict[str, float]:
    try:
        return numbers_of(await api.metrics())
    except UnreachableError:
        return {}  # the chat load finds that out, and says so


def _sum(rounds: Iterable[Measured], name: str) -> int:
    return sum(one.counts.get(name, 0) for one in rounds)


def _known_sum(rounds: Iterable[Measured], name: str) -> int | None:
    """None: the server did not say so in every round."""
    counts = [one.counts.get(name) for one in rounds]
    return None if None in counts else sum(count or 0 for count in counts)


def _dropped(rounds: Iterable[Measured]) -> dict[str, int]:
    """By why."""
    found: dict[str, int] = {}
    for one in rounds:
        for name, count in one.counts.items():
            if name.startswith(DROPPED) and count:
                why = name.removeprefix(DROPPED)
                found[why] = found.get(why, 0) + count
    return found


def _together(rounds: Iterable[Measured], name: str) -> Latencies:
    whole = Latencies()
    for one in rounds:
        if name in one.apart:
            whole.add(one.apart[name])
    return whole


def _grown(before: Mapping[str, float], after: Mapping[str, float], names: Iterable[str]) -> int:
    """A server names a count only once it has counted."""
    return round(sum(after.get(name, 0.0) - before.get(name, 0.0) for name in names))
