"""Numbers of runs as text and as bars."""

from __future__ import annotations

from html import escape

from mm.evaluation.runs.types import RunMeasure

MAX_WHOLE = 24
"""Characters of a text that is not broken over lines."""


def format_value(measure: RunMeasure, value: float) -> str:
    """A share in percent with one digit, another number with four significant digits."""
    return f"{100 * value:.1f} %" if measure.is_share else f"{value:.4g}"


def format_interval(measure: RunMeasure) -> str:
    """`12.3 % to 14.5 %`."""
    return f"{format_value(measure, measure.low)} to {format_value(measure, measure.high)}"


def keep_whole(text: str) -> str:
    """HTML of a text that is not broken over lines; one above `MAX_WHOLE` may, after commas too."""
    return f"<span class='whole'>{escape(text)}</span>" if len(text) <= MAX_WHOLE else escape(text).replace(",", ",<wbr>")


def draw_bar(measure: RunMeasure) -> str:
    """A share as a bar with its interval, inline SVG; empty for another number."""
    if not measure.is_share:
        return ""
    low, value, high = (200 * min(max(share, 0.0), 1.0) for share in (measure.low, measure.value, measure.high))
    label = escape(f"{measure.name}: {format_value(measure, measure.value)}, {format_interval(measure)}", quote=True)
    whiskers = f"M{low:.1f} 7H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11"
    return (
        f'<svg class="bar" viewBox="0 0 200 14" role="img" aria-label="{label}"><rect class="scale" width="200" height="14"/>'
        f'<rect class="value" width="{value:.1f}" height="14"/><path d="{whiskers}"/></svg>'
    )
