"""What a run found: as JSON, as a table, and as a verdict on its objectives."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtest.evidence import Findings
from loadtest.measured import DISCONNECTED, Measured
from loadtest.scenario import Objective, Scenario

LATE_SHARE: Final = 0.2
LATE_MS: Final = 1.0
"""A harness that is late by more than a fifth of the p99 that it reports, and by more than what
any scheduler does, has measured itself."""
BUSY_PROCESSOR: Final = 0.9

Report = dict[str, Any]


def as_json(findings: Findings, measured: Measured) -> Report:
    """The keys of the contract first, then what explains them."""
    rate = findings.offered / measured.offering_for if measured.offering_for else 0.0
    received = measured.deliveries.count / measured.offering_for if measured.offering_for else 0.0
    return {
        "sent": findings.offered,
        "acked": findings.acked,
        "rejected": findings.rejected,
        "delivered": findings.delivered,
        "lost": findings.lost,
        "duplicated": findings.duplicated,
        "reordered": findings.reordered,
        **measured.deliveries.summary(),
        "lost_unanswered": findings.unanswered,
        "lost_missing": findings.missing,
        "lost_holes": findings.holes,
        "ok_late": findings.acked_late,
        "pending": findings.pending,
        "conflicting": findings.conflicting,
        "unexpected": findings.unexpected,
        **measured.acknowledgements.summary("ok_"),
        **measured.lag.summary("harness_lag_"),
        "harness_cpu": [round(share, 3) for share in measured.processors],
        "offered_per_second": round(rate, 1),
        "delivered_per_second": round(received, 1),
        "reconnects": measured.reconnects,
        "disconnected": measured.counts.get(DISCONNECTED, 0),
        "closes": measured.closes,
        "refusals": measured.refusals,
        "interrupted": measured.was_interrupted,
        "percentiles": measured.deliveries.curve(),
        "timeline": measured.timeline.rows(),
    }


def warnings(report: Report, stopped: list[str], *, cuts_are_meant: bool) -> list[str]:
    """What should make a reader doubt the figures."""
    found = []
    lag, p99, late = report["harness_lag_p99_ms"], report["p99_ms"], report["ok_late"]
    if lag > LATE_MS and lag > LATE_SHARE * p99:
        found.append(
            f"The load test itself was late (p99 {lag:.0f} ms behind its own schedule, of a delivery "
            f"p99 of {p99:.0f} ms): latencies contain its own delay. Offer less, or give it more "
            "--processes and processors of its own."
        )
    if late:
        found.append(f"{late} of the lost were acknowledged in the end, but too late to count.")
    if (busiest := max(report["harness_cpu"], default=0.0)) > BUSY_PROCESSOR:
        found.append(
            f"The load test was the bottleneck: a process of it used {busiest:.0%} of a processor. "
            "Give it more --processes, or offer less."
        )
    if report["reconnects"] and not cuts_are_meant:
        found.append(f"Virtual users had to reconnect {report['reconnects']} times.")
    if report["disconnected"]:
        found.append(
            f"At the end {report['disconnected']} virtual users had no connection: is the server "
            "still there?"
        )
    found += [f"A virtual user was stopped by the server: {why}" for why in stopped[:3]]
    if report["interrupted"]:
        found.append("Interrupted: this is what was measured until then.")
    return found


def failures(
    report: Mapping[str, Any], scenario: Scenario, limits: Mapping[str, float | None]
) -> list[str]:
    """One sentence per objective that was missed. `limits` by the objectives' names."""
    found = missed(report, scenario.objectives, limits)
    if not report["acked"]:
        found.append("nothing was acknowledged")
    return found + scenario.failures(report)


def missed(
    report: Mapping[str, Any],
    objectives: Iterable[Objective],
    limits: Mapping[str, float | None],
) -> list[str]:
    """The same of these objectives, and of what no option allows in any round of any scenario."""
    found = []
    for objective in objectives:
        limit, value = limits.get(objective.name, objective.most), report.get(objective.key)
        if limit is None:
            continue
        if value is None:
            found.append(f"{objective.option} cannot be judged: the run did not get so far")
        elif value > limit:
            unit = " ms" if objective.key.endswith("_ms") else ""
            found.append(f"{objective.text.format(value)} (allowed: {limit:g}{unit})")
    for key, text in (
        ("conflicting", "{} places of a log held different messages for different people"),
        ("unexpected", "{} delivered although refused, never sent, or not in the room"),
    ):
        if report[key]:
            found.append(text.format(report[key]) + " (allowed: 0)")
    return found


def print_table(report: Mapping[str, Any], console: Console) -> None:
    """The figures that matter, for people."""
    table = Table(title=f"Caravan load test: {report['scenario']}", title_justify="left")
    table.add_column("messages")
    table.add_column("", justify="right")
    table.add_column("milliseconds")
    for name in ("p50", "p95", "p99", "max"):
        table.add_column(name, justify="right")
    counts = ("sent", "acked", "rejected", "delivered", "lost", "duplicated", "reordered")
    rows = (("delivery", ""), ("ok", "ok_"), ("harness lag", "harness_lag_"))
    for place, count in enumerate(counts):
        title, prefix = rows[place] if place < len(rows) else ("", None)
        points = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
        times = [f"{report[prefix + p]:.1f}" for p in points] if prefix is not None else []
        table.add_row(count, str(report[count]), title, *times)
    console.print(table)
    for line in (*report["lines"], server_line(report)):
        console.print(line, markup=False, highlight=False)
    for warning in report["warnings"]:
        console.print(f"Warning: {warning}", markup=False)


def server_line(report: Mapping[str, Any]) -> str:
    """What the server used."""
    used = report["server_load"]
    if not used:
        return "Server: processor and memory are not known (it shows /metrics to its own machine alone)."
    database = f", its database {used['database_cpu']:.2f}" if "database_cpu" in used else ""
    return (
        f"Server: {used['server_cpu']:.2f} of one processor{database}; "
        f"{used['server_memory_mb']:.0f} MB."
    )
