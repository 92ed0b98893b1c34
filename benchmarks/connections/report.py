"""The tables of one measurement."""

from typing import Any


def table(found: dict[str, Any]) -> str:
    """Markdown: memory at each size, then how they came and came back."""
    connections, empty = found["connections"], found["0"]
    lines = [
        "| connections | server RSS, MB | PSS, MB | RSS per connection, KB | full collection, ms "
        "| objects it walks over | actors |",
        "|---|---|---|---|---|---|---|",
    ]
    sizes = [name for name in found if name == "0" or name.endswith((" just in", " at rest"))]
    for name in [*sizes, "after the storm"]:
        figures = found[name]
        number = connections if name == "after the storm" else int(name.split()[0])
        each = f"{(figures['rss'] - empty['rss']) / number / 1_024:.2f}" if number else ""
        actors = ", ".join(f"{kind} {count:,}" for kind, count in sorted(figures["active"].items()))
        lines.append(
            f"| {name} | {figures['rss'] / 2**20:.1f} | {figures['pss'] / 2**20:.1f} | {each} "
            f"| {figures['gc_ms']:.0f} | {figures['objects']:,} | {actors} |"
        )
    lines += [
        "",
        "| | welcomes | last after, s | per second | server, ms each | PostgreSQL, ms each "
        "| longest hold of the loop, ms | longest collection, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in [name for name in found if name.startswith("open ")] + ["storm"]:
        figures = found[name]
        number, spent, loop = figures["welcomes"], figures["spent"], figures["loop"]
        lines.append(
            f"| {name} | {number:,} | {figures['seconds']:.1f} | {number / figures['seconds']:.0f} "
            f"| {spent['server'] / number * 1e3:.2f} | {spent['database'] / number * 1e3:.2f} "
            f"| {loop['held']['max_ms']:.0f} | {loop['gc']['max']:.0f} |"
        )
    rate = found["storm"]["welcomes"] / found["storm"]["seconds"]
    allowed = 1e3 / found["check_ms"]
    each = found["storm"]["spent"]["server"] / found["storm"]["welcomes"] * 1e3
    lines += [
        "",
        f"The token check alone: {found['check_ms']:.3f} ms, {allowed:,.0f} per second; the storm "
        f"reached {rate / allowed:.2f} of that rate, a welcome costs {each / found['check_ms']:.0f} "
        "checks.",
    ]
    return "\n".join(lines)
