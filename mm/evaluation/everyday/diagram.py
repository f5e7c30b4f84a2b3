"""Reliability diagrams as SVG: the share of right hits by their probability, one panel a kind."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from mm.data.everyday.questions import KINDS
from mm.evaluation.everyday.libraries import Ranking
from mm.evaluation.everyday.measures import NUM_BINS
from mm.numerics import Float64

_SIDE, _GAP, _LEFT, _TOP, _COLUMNS = 110, 34, 36, 44, 5
_MIN_RADIUS, _MAX_RADIUS = 1.5, 7.0


def draw_reliability(rankings: Sequence[Ranking], confidences: Sequence[Float64]) -> str:
    """An SVG document. A dot is a bin of a tenth; its area is the number of hits in it.

    Equal numbers give equal bytes.
    """
    rows = -(-len(KINDS) // _COLUMNS)
    width, height = _LEFT + _COLUMNS * (_SIDE + _GAP), _TOP + rows * (_SIDE + _GAP + 12)
    panels = [line for number, kind in enumerate(KINDS) for line in _draw_panel(number, kind, rankings, confidences)]
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="18" font-size="13">Share of right hits (up) by their probability (right), first ten hits</text>',
    ]
    return "\n".join([*head, *panels, "</svg>"]) + "\n"


def _draw_panel(number: int, kind: str, rankings: Sequence[Ranking], confidences: Sequence[Float64]) -> list[str]:
    left = _LEFT + number % _COLUMNS * (_SIDE + _GAP)
    top = _TOP + number // _COLUMNS * (_SIDE + _GAP + 12)
    bottom, right = top + _SIDE, left + _SIDE
    lines = [
        f'<text x="{left}" y="{top - 5}">{escape(kind)}</text>',
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#cccccc"/>',
        f'<path d="M{left} {bottom}L{right} {top}" stroke="#999999" stroke-dasharray="3 3"/>',
        f'<text x="{left}" y="{bottom + 12}" fill="#555555">0</text>',
        f'<text x="{right}" y="{bottom + 12}" text-anchor="end" fill="#555555">100 %</text>',
    ]
    own = [index for index, each in enumerate(rankings) if each.question.kind == kind]
    if not own:
        return lines
    confidence_H = np.concatenate([confidences[index] for index in own])
    right_H = np.concatenate([rankings[index].right_H for index in own])
    bins = np.minimum((confidence_H * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    for each in np.unique(bins):
        mask = bins == each
        radius = max(_MIN_RADIUS, _MAX_RADIUS * float(mask.mean()) ** 0.5)
        x, y = left + _SIDE * float(confidence_H[mask].mean()), bottom - _SIDE * float(right_H[mask].mean())
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#2f7ed8" fill-opacity="0.75"/>')
    return lines
