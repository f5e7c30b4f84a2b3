"""Line plots as inline SVG, in the colours of the document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from mm.evaluation.runs.types import Curve

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 44
"""Margins; the right one is wider for longer names."""
NAME_WIDTH = 7
"""Of a character, about."""
MAX_NAME = 34
"""Characters of the name of a curve."""
NUM_TICKS = 5
MAX_LOG_TICKS = 8


def draw_curves(curves: Sequence[Curve]) -> str:
    """Curves with common axes; x is logarithmic if it spans more than a factor of 20 above 0.

    Empty without points.
    """
    xs = [x for curve in curves for x in curve.x]
    ys = [y for curve in curves for y in curve.y]
    if not xs:
        return ""
    is_log = min(xs) > 0 and max(xs) / min(xs) > 20
    is_share = min(ys) >= 0 and max(ys) <= 1
    low, high = (0.0, 1.0) if is_share else (min(ys), max(ys) if max(ys) > min(ys) else min(ys) + 1)
    left, right = (math.log(min(xs)), math.log(max(xs))) if is_log else (min(xs), max(xs))

    names = [curve.name if len(curve.name) <= MAX_NAME else f"{curve.name[: MAX_NAME - 1]}…" for curve in curves]
    end = WIDTH - max(RIGHT, NAME_WIDTH * max(map(len, names)) + 16)

    def place_x(x: float) -> float:
        at = math.log(x) if is_log else x
        return LEFT + (at - left) / ((right - left) or 1.0) * (end - LEFT)

    def place_y(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for step in range(NUM_TICKS + 1):
        y = low + (high - low) * step / NUM_TICKS
        text = f"{100 * y:.0f} %" if is_share else f"{y:.3g}"
        parts.append(f'<path class="grid" d="M{LEFT} {place_y(y):.1f}H{end}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{place_y(y) + 4:.1f}" text-anchor="end">{text}</text>')
    distinct = sorted(set(xs))
    for x in distinct[:: -(-len(distinct) // MAX_LOG_TICKS)]:
        parts.append(f'<text x="{place_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:.4g}</text>')
    parts.append(f'<text x="{(LEFT + end) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(curves[0].x_label)}</text>')
    lowest = 0.0
    ends = sorted((place_y(curve.y[-1]), number, curve) for number, curve in enumerate(curves) if curve.x)
    for y, number, curve in ends:
        points = " ".join(f"{place_x(x):.1f},{place_y(value):.1f}" for x, value in zip(curve.x, curve.y, strict=True))
        lowest = max(y + 4, lowest + 16)
        parts.append(f'<polyline class="line line-{number % 4}" points="{points}"/>')
        parts.append(f'<text class="name line-{number % 4}" x="{end + 8}" y="{lowest:.1f}">{escape(names[number])}</text>')
    label = escape(f"{curves[0].y_label} by {curves[0].x_label}", quote=True)
    return f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
