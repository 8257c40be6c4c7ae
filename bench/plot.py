"""A curve as SVG: how the times of workloads change while the store grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 900, 480
LEFT, RIGHT, TOP, BOTTOM = 60, 300, 40, 50
COLORS = ("#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#2a9d8f", "#6d597a", "#e07a5f", "#4d4d4d", "#9a031e")
Curve = Sequence[tuple[float, float]]
"""Points: events in the store, and a multiple of the first point's time."""


def draw_curves(curves: Mapping[str, Curve], *, limit: float) -> str:
    """The SVG text. The events are on a logarithmic axis; a line marks the limit."""
    events = sorted({x for curve in curves.values() for x, _ in curve})
    top = max([limit, *(y for curve in curves.values() for _, y in curve)]) * 1.1
    low, high = math.log10(events[0]), math.log10(events[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _write("Time as a multiple of that on the smallest store", LEFT, 20),
    ]
    for x in events:
        at, bottom = place(x, 0)
        parts.append(f'<line x1="{at:.0f}" y1="{TOP}" x2="{at:.0f}" y2="{bottom:.0f}" stroke="#ddd"/>')
        parts.append(_write(f"{x / 1e6:,.3g} million events", at, bottom + 20, anchor="middle"))
    for y in _choose_ticks(top):
        left, at = place(events[0], y)
        parts.append(_write(f"{y:g}", LEFT - 8, at + 4, anchor="end"))
        parts.append(f'<line x1="{left:.0f}" y1="{at:.0f}" x2="{WIDTH - RIGHT}" y2="{at:.0f}" stroke="#eee"/>')
    _, at = place(events[0], limit)
    parts.append(
        f'<line x1="{LEFT}" y1="{at:.0f}" x2="{WIDTH - RIGHT}" y2="{at:.0f}" stroke="#900" stroke-dasharray="6 4"/>'
    )
    for number, (name, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        points = [place(x, y) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        row = TOP + 18 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 20}" y="{row}" width="12" height="12" fill="{color}"/>')
        parts.append(_write(f"{name}: {curve[-1][1]:.2f} x", WIDTH - RIGHT + 38, row + 10))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _write(text: str, x: float, y: float, anchor: str = "start") -> str:
    return f'<text font-size="12" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def _choose_ticks(top: float) -> list[float]:
    """Four to nine round numbers up to the top."""
    step = 10 ** math.floor(math.log10(top / 4))
    step = next(step * factor for factor in (1, 2, 5, 10) if top / (step * factor) <= 8)
    return [step * number for number in range(int(top / step) + 1)]
