"""Tables, JSON and a plot of the rounds."""

import statistics
from typing import Any, Final

from benchmarks.fanout.contenders import OURS, THEIRS
from benchmarks.fanout.rounds import Case, Figures, Results, ratio

JSON_ROOM: Final = 100
COLOURS: Final = ("#c2410c", "#a8a29e", "#2563eb", "#60a5fa", "#15803d", "#4ade80")
EVERYBODY: Final = (OURS, *THEIRS)


def table(results: Results) -> str:
    """Markdown: a line per case and contender."""
    lines = [
        "| room | in flight | server | µs per delivery | outside the kernel | deliveries/s "
        "| ours / theirs (quartiles) |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, by_key in results.items():
        for contender in EVERYBODY:
            start = f"| {case[0]:,} | {case[1]} | {contender.title} | "
            figures = by_key.get(contender.key)
            if figures is None:
                lines.append(start + "not installed | | | |")
                continue
            cpu, rate = statistics.median(figures.cpu_us), statistics.median(figures.rate)
            user = statistics.fmean(figures.user_us)  # the kernel tells it in coarse steps
            compared = "" if contender is OURS else _compared(results, case, figures)
            lines.append(f"{start}{cpu:.2f} | {user:.2f} | {rate:,.0f} | {compared} |")
    return "\n".join(lines)


def as_json(results: Results) -> dict[str, Any]:
    """`ratios`: ours by theirs for rooms of 100, one message in flight; `ratios_of_four`: four."""
    return {
        "ratios": {one.key: ratio(results, (JSON_ROOM, 1), one.key) for one in THEIRS},
        "ratios_of_four": {one.key: ratio(results, (JSON_ROOM, 4), one.key) for one in THEIRS},
        "cpu_us": {
            f"{room}x{flight}": {key: statistics.median(f.cpu_us) for key, f in by_key.items()}
            for (room, flight), by_key in results.items()
        },
    }


def plot(results: Results) -> str:
    """SVG: bars of processor time per delivery, a group per case."""
    medians = {
        case: {key: statistics.median(figures.cpu_us) for key, figures in by_key.items()}
        for case, by_key in results.items()
    }
    # python-socketio's bars would make all others too small to tell apart: they are cut off.
    top = 1.1 * max(
        value
        for case in medians.values()
        for key, value in case.items()
        if key != "python_socketio"
    )
    bar, height, left = 18, 260, 50
    group = bar * (len(EVERYBODY) + 1)
    parts = []
    for row, (case, values) in enumerate(medians.items()):
        x = left + row * group
        for column, contender in enumerate(EVERYBODY):
            if (value := values.get(contender.key)) is not None:
                tall = min(value / top, 1) * height
                at = x + column * bar
                parts.append(
                    f'<rect x="{at}" y="{30 + height - tall:.1f}" width="{bar - 2}" '
                    f'height="{tall:.1f}" fill="{COLOURS[column]}"/>'
                    f'<text x="{at + bar / 2 - 1}" y="{26 + height - tall:.1f}" font-size="8" '
                    f'text-anchor="middle">{value:.1f}</text>'
                )
        name = f"{case[0]:,} members, {case[1]} in flight"
        parts.append(f'<text x="{x}" y="{height + 48}" font-size="10">{name}</text>')
    for column, contender in enumerate(EVERYBODY):
        x = left + column * 130
        parts.append(
            f'<rect x="{x}" y="{height + 62}" width="10" height="10" fill="{COLOURS[column]}"/>'
            f'<text x="{x + 14}" y="{height + 71}" font-size="11">{contender.title}</text>'
        )
    width = left + len(medians) * group
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 840)}" height="{height + 84}" '
        'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{left}" y="14" font-size="12">Server processor time per delivery, µs</text>'
        + "".join(parts)
        + "</svg>\n"
    )


def _compared(results: Results, case: Case, theirs: Figures) -> str:
    ours = results[case][OURS.key].cpu_us
    single = [a / b for a, b in zip(ours, theirs.cpu_us, strict=True)]
    low, middle, high = statistics.quantiles(single, n=4)
    return f"**{middle:.2f}** ({low:.2f} to {high:.2f})"
