"""What a run of groups that book was, what came of it, and whether that is as promised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console

from loadtest.booking_auditor import Booked, Verdict
from loadtest.booking_fraud import CLEAN, Caught, missed
from loadtest.booking_people import Figures, Trip
from loadtest.booking_sandbox import Rule
from loadtest.own_server import COMMAND

ENDS_WITHIN: Final = 120.0
"""Seconds that everything has to end in, once time has leapt."""

LEAST_COMPLETED: Final = {True: 0.99, False: 0.6}
MOST_MANUAL: Final = {True: 0.0, False: 0.01}
"""Shares of all sagas, without faults and with."""

COMPLETED, CANCELLED, MANUAL = "booked", "cancelled", "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played. `tail`: seconds of storm after the last start; `calms`: then no rule is left, before
    time leaps. `rest`: seconds after the last end, for what was under way; `ends_within`: after the leap,
    at most. `bad_cards`: the share of people whose first card is refused. `fraud`: the share
    of sagas that are planted. `command` starts the server."""

    sagas: int
    seed: int
    rate: float
    at_once: int
    faults: str
    rules: Sequence[Rule]
    bad_cards: float
    tail: float = 30.0
    calms: bool = True
    rest: float = 4.0
    ends_within: float = ENDS_WITHIN
    fraud: float = 0.0
    command: Sequence[str] = COMMAND


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it."""

    trips: Sequence[Trip] = ()
    kinds: Sequence[str] = ()
    figures: Figures = field(default_factory=Figures)
    bookings: Sequence[Booked] = ()
    verdict: Verdict | None = None
    caught: Caught | None = None
    fired: dict[str, int] = field(default_factory=dict)
    begun_at: float = 0.0
    leapt_at: float = 0.0
    ended_at: float = 0.0
    server: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


def report_of(plan: Plan, played: Played) -> dict[str, Any]:
    """The keys of the contract first, then what explains them."""
    verdict, found = played.verdict, played.caught
    if verdict is None or found is None:
        raise ValueError("it was not audited")
    statuses = [one.status for one in played.bookings]
    completed, cancelled, manual = (statuses.count(word) for word in (COMPLETED, CANCELLED, MANUAL))
    early = [t.ended_at for t in played.trips if t.ended_at and t.ended_at <= played.leapt_at]
    took = max(early, default=played.begun_at) - played.begun_at
    told = {one.booking_id: one.status for one in played.bookings}
    figures = played.figures
    report: dict[str, Any] = {
        "scenario": "booking",
        "sagas": plan.sagas,
        "completed": completed,
        "cancelled": cancelled,
        "manual": manual,
        "terminal": completed + cancelled + manual,
        "faults_fired": sum(played.fired.values()),
        "ledger_minor": verdict.ledger_minor,
        "orphan_holds": verdict.orphan_holds,
        "double_charges": verdict.double_charges,
        "sagas_per_s": round(len(early) / took, 3) if took else 0.0,
        "fraud_planted": found.planted,
        "fraud_stopped": found.stopped,
        "fraud_unnoticed": found.unnoticed,
        "clean_reviewed": found.clean_reviewed,
        "step_p99_ms": figures.steps.percentile_ms(99),
        "step_p50_ms": figures.steps.percentile_ms(50),
        "steps": figures.steps.count,
        "quote_p50_ms": figures.quotes.percentile_ms(50),
        "quote_p99_ms": figures.quotes.percentile_ms(99),
        "early_tickets": verdict.early_tickets,
        "ended_before_leap": len(early),
        "untold": sum(
            trip.status != told.get(trip.booking_id) for trip in played.trips if trip.booking_id
        ),
        "not_opened": sum(not trip.booking_id for trip in played.trips),
        "declined_cards": figures.declined,
        "questions": figures.questions,
        "agreed_at_paypal": figures.at_paypal,
        "storm_s": round(played.leapt_at - played.begun_at, 1),
        "after_leap_s": round(played.ended_at - played.leapt_at, 1),
        "faults": plan.faults,
        "seed": plan.seed,
        "rate": plan.rate,
        "fired": played.fired,
        "not_completed_because": played.reasons,
        "refusals": figures.refusals,
        "why_not_opened": sorted({trip.why for trip in played.trips if not trip.booking_id}),
        "problems": list(verdict.problems),
        "server_load": played.server,
    }
    planted = sum(kind != CLEAN for kind in played.kinds)
    report["failures"] = failures(report, is_calm=not plan.rules, planted=planted)
    if planted:
        report["failures"] += missed(found)
    return report


def failures(report: dict[str, Any], *, is_calm: bool, planted: int = 0) -> list[str]:
    """One sentence per objective that was missed. `planted`: sagas that are not to be completed."""
    sagas = report["sagas"]
    clean = sagas - planted
    found = [
        f"{key} is {report[key]} (allowed: 0)"
        for key in ("ledger_minor", "orphan_holds", "double_charges", "early_tickets", "untold")
        if report[key]
    ]
    if report["terminal"] != sagas:
        found.append(f"{report['terminal']} of {sagas} ended")
    if report["completed"] < LEAST_COMPLETED[is_calm] * clean:
        found.append(f"{report['completed']} completed (at least {LEAST_COMPLETED[is_calm]:.0%})")
    if report["manual"] > MOST_MANUAL[is_calm] * sagas:
        found.append(f"{report['manual']} need an operator (at most {MOST_MANUAL[is_calm]:.0%})")
    return found


def show(report: dict[str, Any], console: Console) -> None:
    lines = [
        f"{report['sagas']} sagas, faults {report['faults']}, seed {report['seed']}: {report['completed']} completed, "
        f"{report['cancelled']} cancelled, {report['manual']} manual; {report['faults_fired']} faults fired.",
        f"ledger_minor {report['ledger_minor']}, orphan_holds {report['orphan_holds']}, double_charges "
        f"{report['double_charges']}, early_tickets {report['early_tickets']}.",
        f"{report['sagas_per_s']} sagas/s, step p50 {report['step_p50_ms']:.0f} ms, p99 {report['step_p99_ms']:.0f} ms; "
        f"quote p99 {report['quote_p99_ms']:.0f} ms.",
        f"{report['fraud_planted']} planted, {report['fraud_stopped']} of them stopped, {report['fraud_unnoticed']} unnoticed; "
        f"{report['clean_reviewed']:.2%} of the others reviewed.",
        *(f"Problem: {problem}" for problem in report["problems"]),
    ]
    if report["failures"]:
        lines.append("FAILED: " + "; ".join(report["failures"]) + ".")
    for line in lines:
        console.print(line, markup=False, highlight=False)
