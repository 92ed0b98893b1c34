"""What a run found: as JSON, as a table, and as a verdict on its objectives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtest.auditor import Findings
from loadtest.latencies import Latencies

LATE_HARNESS_MS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """The most that may be. Broken promises other than these four fail a run always."""

    p99_ms: float = 200.0
    loss: int = 0
    dup: int = 0
    reorder: int = 0


@dataclass(slots=True, kw_only=True)
class Measured:
    """All a run has measured, while it runs and afterwards."""

    deliveries: Latencies = field(default_factory=Latencies)
    acknowledgements: Latencies = field(default_factory=Latencies)
    lag: Latencies = field(default_factory=Latencies)
    offering_for: float = 0.0
    reconnects: int = 0
    stopped: list[str] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    was_interrupted: bool = False


def as_json(
    findings: Findings, measured: Measured, *, settings: Mapping[str, Any], server: str
) -> dict[str, Any]:
    """The keys of the contract first, then what explains them."""
    rate = findings.offered / measured.offering_for if measured.offering_for else 0.0
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
        "offered_per_second": round(rate, 1),
        "reconnects": measured.reconnects,
        "refusals": measured.refusals,
        "interrupted": measured.was_interrupted,
        "settings": dict(settings),
        "server": server,
        "warnings": warnings(measured),
    }


def warnings(measured: Measured) -> list[str]:
    """What should make a reader doubt the figures."""
    found = []
    if (lag := measured.lag.percentile_ms(99)) > LATE_HARNESS_MS:
        found.append(
            f"The load test itself was late (p99 {lag:.0f} ms behind its own schedule): "
            "latencies contain its own delay. Offer less, or give it a processor of its own."
        )
    if measured.reconnects:
        found.append(f"Virtual users had to reconnect {measured.reconnects} times.")
    found += [f"A virtual user was stopped by the server: {why}" for why in measured.stopped[:3]]
    if measured.was_interrupted:
        found.append("Interrupted: this is what was measured until then.")
    return found


def failures(report: Mapping[str, Any], objectives: Objectives) -> list[str]:
    """One sentence per objective that was missed."""
    found = []
    for key, limit, text in (
        ("lost", objectives.loss, "{} lost"),
        ("duplicated", objectives.dup, "{} received more than once"),
        ("reordered", objectives.reorder, "{} received out of order"),
        ("conflicting", 0, "{} places of a log held different messages for different people"),
        ("unexpected", 0, "{} delivered although refused or never sent"),
    ):
        if report[key] > limit:
            found.append(text.format(report[key]) + f" (allowed: {limit})")
    if report["p99_ms"] > objectives.p99_ms:
        found.append(f"p99 was {report['p99_ms']:.1f} ms (allowed: {objectives.p99_ms:g} ms)")
    if not report["acked"]:
        found.append("nothing was acknowledged")
    return found


def print_table(report: Mapping[str, Any], console: Console) -> None:
    """The figures that matter, for people."""
    table = Table(title="Caravan load test: chat", title_justify="left")
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
    for warning in report["warnings"]:
        console.print(f"Warning: {warning}", markup=False)
