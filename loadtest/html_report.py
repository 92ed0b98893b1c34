"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from loadtest.plots import line_plot
from loadtest.report import server_line

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --rule: #d4d9df; --bad: #b3261e;
  --good: #1a7f37; --a: #0b62c4; --b: #c2410c; --c: #15803d; --d: #7c3aed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --paper: #14171b; --rule: #3a4149;
  --bad: #ff8a80; --good: #7ee2a8; --a: #6cb2ff; --b: #ffab70; --c: #7ee2a8; --d: #c4a7ff; } }
@media print { :root { --ink: #000; --paper: #fff; --rule: #bbb; --bad: #900; --good: #060;
  --a: #004a9f; --b: #a33500; --c: #0a5c2a; --d: #55209f; } section { break-inside: avoid; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
code { overflow-wrap: anywhere; }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); font-weight: 600; }
svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: var(--ink); }
svg line { stroke: var(--rule); } polyline { fill: none; stroke-width: 1.8; }
.s0 { stroke: var(--a); } .s1 { stroke: var(--b); stroke-dasharray: 6 3; }
.s2 { stroke: var(--c); stroke-dasharray: 2 2; } .s3 { stroke: var(--d); stroke-dasharray: 9 3 2 3; }
.legend { list-style: none; padding: 0; margin: 0; display: flex; gap: 1.5rem; flex-wrap: wrap; }
.key { width: 1.5rem; vertical-align: middle; }
"""
FIGURES: Final = (
    ("offered", "sent"),
    ("acknowledged", "acked"),
    ("refused", "rejected"),
    ("delivered", "delivered"),
    ("lost", "lost"),
    ("received more than once", "duplicated"),
    ("received out of order", "reordered"),
    ("delivery p50, ms", "p50_ms"),
    ("delivery p95, ms", "p95_ms"),
    ("delivery p99, ms", "p99_ms"),
    ("delivery max, ms", "max_ms"),
    ("ok p50, ms", "ok_p50_ms"),
    ("ok p99, ms", "ok_p99_ms"),
    ("harness lag p99, ms", "harness_lag_p99_ms"),
    ("offered per second", "offered_per_second"),
    ("delivered per second", "delivered_per_second"),
)


def html_page(report: Mapping[str, Any]) -> str:
    """A report of a run or of a search for the knee."""
    title = f"Caravan load test: {report['scenario']}"
    body = [f"<h1>{escape(title)}</h1>", _verdict(report)]
    body += _knee(report) if "knee" in report else _run(report)
    body.append(_section("How it was measured", _table(_conditions(report))))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _verdict(report: Mapping[str, Any]) -> str:
    if report["failures"]:
        verdict = f'<p class="bad">Failed: {escape("; ".join(report["failures"]))}.</p>'
    else:
        verdict = '<p class="good">Every objective was kept.</p>'
    warned = "".join(f"<li>{escape(text)}</li>" for text in report["warnings"])
    return verdict + (f"<h2>Warnings</h2><ul>{warned}</ul>" if warned else "")


def _run(report: Mapping[str, Any]) -> Iterable[str]:
    told = "".join(f"<p>{escape(line)}</p>" for line in (*report["lines"], server_line(report)))
    yield _section("Figures", _table((name, report[key]) for name, key in FIGURES) + told)
    times = report["timeline"]
    lines = [
        (name, [(row["second"], row[key]) for row in times])
        for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("max", "max_ms"))
    ]
    yield _section(
        "Latency over time", line_plot(lines, x="second of the intended sending", y="milliseconds")
    )
    curve = report["percentiles"]
    yield _section(
        "Percentiles",
        line_plot(
            [("delivery", [(float(n), ms) for n, (_, ms) in enumerate(curve)])],
            x="percentile",
            y="milliseconds",
            labels=[f"{point:g}" for point, _ in curve],
        ),
    )
    yield _section(
        "Throughput",
        line_plot(
            [
                (name, [(row["second"], row[name]) for row in times])
                for name in ("offered", "delivered")
            ],
            x="second",
            y="per second",
        ),
    )
    yield _server(report["server_timeline"])


def _server(rows: list[dict[str, float]]) -> str:
    if not rows:
        return _section("The server", "<p>Its processor and memory are not known.</p>")
    processors = [("server", [(row["second"], row["cpu"]) for row in rows])]
    memory = [("server", [(row["second"], row["memory_mb"]) for row in rows])]
    if all("database_cpu" in row for row in rows):
        processors.append(("database", [(row["second"], row["database_cpu"]) for row in rows]))
        memory.append(
            (
                "database, shared pages more than once",
                [(row["second"], row["database_memory_mb"]) for row in rows],
            )
        )
    return _section(
        "The server's processors", line_plot(processors, x="second", y="processors")
    ) + _section("The server's memory", line_plot(memory, x="second", y="MB"))


def _knee(report: Mapping[str, Any]) -> Iterable[str]:
    steps = sorted(report["steps"], key=lambda step: float(step["rate"]))
    knee = report["knee"]
    yield (
        f"<p>The largest rate that kept every objective: <strong>{knee:.0f} messages/s</strong>.</p>"
        if knee is not None
        else ""
    )
    rows = "".join(
        f"<tr><td>{s['rate']:.0f}</td><td>{s['p50_ms']:.1f}</td><td>{s['p99_ms']:.1f}</td>"
        f"<td>{s['delivered_per_second']:.0f}</td><td>{s.get('server_cpu', 'not known')}</td>"
        f"<td>{s['harness_lag_p99_ms']:.1f}</td><td>{escape('; '.join(s['failures']) or 'kept')}</td></tr>"
        for s in steps
    )
    heads = (
        "rate",
        "p50 ms",
        "p99 ms",
        "delivered/s",
        "server CPU",
        "harness lag p99 ms",
        "verdict",
    )
    top = "".join(f"<th>{head}</th>" for head in heads)
    yield _section("Steps", f"<table><tr>{top}</tr>{rows}</table>")
    latencies = [
        (name, [(s["rate"], s[key]) for s in steps])
        for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"))
    ]
    yield _section(
        "Latency by rate", line_plot(latencies, x="messages per second", y="milliseconds")
    )
    throughput = [("delivered", [(s["rate"], s["delivered_per_second"]) for s in steps])]
    yield _section(
        "Throughput by rate", line_plot(throughput, x="messages per second", y="per second")
    )
    used = [("server", [(s["rate"], s["server_cpu"]) for s in steps if "server_cpu" in s])]
    yield _section("Processors by rate", line_plot(used, x="messages per second", y="processors"))


def _conditions(report: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    yield "command", report["command"]
    yield "taken at", report["taken_at"]
    yield "machine", report["machine"]
    yield "versions", ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    yield "server", f"{report['server']} (version {report['server_version']})"
    yield "server's processor and memory from", report["server_load_source"]
    yield "settings", ", ".join(f"{name} {value}" for name, value in report["settings"].items())


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(rows: Iterable[tuple[str, object]]) -> str:
    lines = (
        f"<tr><th>{escape(name)}</th><td><code>{escape(str(value))}</code></td></tr>"
        for name, value in rows
    )
    return f"<table>{''.join(lines)}</table>"
