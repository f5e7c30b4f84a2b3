"""Geometry of regions, compared with exhaustive search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mm.metrology.shape import convex_hull, measure_diameters, medial_widths

points = arrays(np.float64, st.tuples(st.integers(3, 25), st.just(2)), elements=st.floats(-50, 50).map(lambda x: round(x, 3)))


@given(points)
@settings(max_examples=60, deadline=None)
def test_measure_diameters_equals_exhaustive_search(points_P2) -> None:
    diameters = measure_diameters(points_P2)
    distances = np.linalg.norm(points_P2[:, None] - points_P2[None], axis=2)
    assert diameters.feret_max == pytest.approx(distances.max(), abs=1e-9)
    angles = np.linspace(0, math.pi, 1440, endpoint=False)
    widths = np.ptp(points_P2 @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)
    assert diameters.feret_min <= widths.min() + 1e-9
    assert diameters.feret_min >= widths.min() - 0.5 * math.pi / 1440 * distances.max() - 1e-9
    areas = widths * np.roll(widths, 720)
    assert diameters.long_side * diameters.short_side <= areas.min() * (1 + 1e-9) + 1e-9


@given(points)
@settings(max_examples=40, deadline=None)
def test_convex_hull_contains_every_point(points_P2) -> None:
    corners = convex_hull(points_P2)
    assert {tuple(corner) for corner in corners} <= {tuple(point) for point in points_P2}
    if len(corners) >= 3:
        edges = np.roll(corners, -1, 0) - corners
        offsets = points_P2[None] - corners[:, None]
        cross = edges[:, None, 0] * offsets[..., 1] - edges[:, None, 1] * offsets[..., 0]
        assert cross.min() >= -1e-6


def test_measure_diameters_of_a_turned_rectangle_finds_its_sides() -> None:
    angle = 0.6
    corners = np.array([(0, 0), (30, 0), (30, 8), (0, 8)], float) @ [
        [math.cos(angle), math.sin(angle)],
        [-math.sin(angle), math.cos(angle)],
    ]
    diameters = measure_diameters(corners)
    assert diameters.long_side == pytest.approx(30)
    assert diameters.short_side == pytest.approx(8)
    assert abs(diameters.long_direction[0]) == pytest.approx(math.cos(angle))


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.785])
@pytest.mark.parametrize("width", [9, 16, 25])
def test_medial_widths_of_a_bar_have_its_width_as_median(angle: float, width: int) -> None:
    y, x = np.mgrid[-100:101, -100:101]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    bar = (np.abs(along) < 80) & (np.abs(across) <= width / 2)
    assert np.median(medial_widths(bar, 0.125)) == pytest.approx(width / 8, abs=0.2)


def test_medial_widths_of_one_cell_are_not_empty() -> None:
    assert len(medial_widths(np.ones((1, 1), bool), 1.0)) == 1
