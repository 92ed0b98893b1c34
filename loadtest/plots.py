"""Line plots as inline SVG: no script, no font, no colour of their own (the page's style has them)."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 40
TICKS_WANTED: Final = 5

Point = tuple[float, float]


def line_plot(
    series: Sequence[tuple[str, Sequence[Point]]], *, x: str, y: str, labels: Sequence[str] = ()
) -> str:
    """One plot with a line per series (name, points), axes from 0 on. `x`, `y`: what the axes say.
    `labels`: names of x = 0, 1, 2 … instead of numbers. Without any point: a sentence."""
    points = [point for _, line in series for point in line]
    if not points:
        return "<p>Nothing was recorded.</p>"
    widest = max(1e-9, *(px for px, _ in points))
    highest = ticks(max(1e-9, *(py for _, py in points)))[-1]

    def place(point: Point) -> str:
        across = LEFT + point[0] / widest * (WIDTH - LEFT - RIGHT)
        up = HEIGHT - BOTTOM - point[1] / highest * (HEIGHT - TOP - BOTTOM)
        return f"{across:.1f},{up:.1f}"

    marks = [(float(n), text) for n, text in enumerate(labels)] or [
        (at, number(at)) for at in ticks(widest) if at <= widest
    ]
    parts = [_grid(highest, y), _across(marks, widest, x)]
    for order, (_, line) in enumerate(series):
        parts.append(f'<polyline class="s{order}" points="{" ".join(map(place, line))}"/>')
        if len(line) == 1:
            cx, _, cy = place(line[0]).partition(",")
            parts.append(f'<circle class="s{order}" cx="{cx}" cy="{cy}" r="3"/>')
    names = ", ".join(name for name, _ in series)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(names)}">'
        + "".join(parts)
        + "</svg>"
        + _legend([name for name, _ in series])
    )


def ticks(most: float) -> list[float]:
    """Round numbers from 0 until at least `most`."""
    rough = most / TICKS_WANTED
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    return [step * count for count in range(math.ceil(most / step - 1e-9) + 1)]


def number(value: float) -> str:
    """Short, and without the noise of binary fractions."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"


def _grid(highest: float, y: str) -> str:
    rows = []
    for value in ticks(highest):
        up = HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM)
        rows.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{up + 4:.1f}" text-anchor="end">{number(value)}</text>'
        )
    middle = (HEIGHT - BOTTOM + TOP) / 2
    rows.append(
        f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(y)}</text>'
    )
    return "".join(rows)


def _across(marks: Sequence[tuple[float, str]], widest: float, x: str) -> str:
    cells = []
    for at, text in marks:
        across = LEFT + at / widest * (WIDTH - LEFT - RIGHT)
        cells.append(
            f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(text)}</text>'
        )
    middle = (WIDTH + LEFT) / 2
    cells.append(f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    return "".join(cells)


def _legend(names: Sequence[str]) -> str:
    items = (
        f'<li><svg class="key" viewBox="0 0 20 6"><polyline class="s{order}" points="0,3 20,3"/></svg> '
        f"{escape(name)}</li>"
        for order, name in enumerate(names)
    )
    return f"<ul class='legend'>{''.join(items)}</ul>"
