"""The scores of a run beside the threshold, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from mm.schemas import InspectionRecord

WIDTH, HEIGHT, MARGIN = 720, 104, 12
MAX_POINTS = 2000
LANES = 7
"""Rows over which the points are spread, so that equal scores are seen apart."""


def draw_scores(records: Sequence[InspectionRecord], threshold: float | None) -> str:
    """A strip with a point for each record by its score; empty without records."""
    if not records:
        return ""
    shown = records[:: -(-len(records) // MAX_POINTS)]
    values = [record.score for record in shown] + ([] if threshold is None else [threshold])
    low, high = min(values), max(values)
    step = (WIDTH - 2 * MARGIN) / ((high - low) or 1.0)

    def place(score: float) -> float:
        return MARGIN + (score - low) * step

    points = "".join(
        f'<circle class="{record.verdict}" cx="{place(record.score):.1f}" cy="{16 + 8 * (number % LANES)}" r="4"/>'
        for number, record in enumerate(shown)
    )
    line = ""
    if threshold is not None:
        x = place(threshold)
        anchor = "end" if x > WIDTH / 2 else "start"
        offset = -6 if anchor == "end" else 6
        line = (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{HEIGHT - 34}"/>'
            f'<text x="{x + offset:.1f}" y="{HEIGHT - 22}" text-anchor="{anchor}">threshold {threshold:.3g}</text>'
        )
    label = f"Scores of {len(shown)} images from {low:.3g} to {high:.3g}"
    axis = (
        f'<text x="{MARGIN}" y="{HEIGHT - 6}">{low:.3g}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 6}" text-anchor="end">{high:.3g}</text>'
    )
    return f'<svg class="scores" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{points}{line}{axis}</svg>'
