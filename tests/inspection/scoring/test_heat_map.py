"""Heat maps in pixels of the image."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.scoring.heat_map import build_heat_map, build_heat_map_reference


@pytest.mark.parametrize(
    ("scaled", "size"), [((40, 64), (40, 64)), ((37, 59), (37, 59)), ((32, 48), (71, 106)), ((40, 24), (13, 8))]
)
def test_build_heat_map_equals_reference(scaled: tuple[int, int], size: tuple[int, int]) -> None:
    patches = (-(-scaled[0] // 8), -(-scaled[1] // 8))
    distances = np.random.default_rng(sum(size)).random(patches).astype(np.float32)
    heat = build_heat_map(distances, scaled, size)
    assert heat.shape == size
    np.testing.assert_allclose(heat, build_heat_map_reference(distances, scaled, size), atol=1e-5)


def test_build_heat_map_constant_stays_constant() -> None:
    np.testing.assert_allclose(build_heat_map(np.full((5, 7), 3, np.float32), (40, 56), (123, 200)), 3, rtol=1e-5)


@pytest.mark.parametrize("patch", [(0, 0), (3, 5), (7, 9)])
@pytest.mark.parametrize("zoom", [1, 3])
def test_build_heat_map_peak_is_at_the_centre_of_the_patch(patch: tuple[int, int], zoom: int) -> None:
    distances = np.zeros((8, 10), np.float32)
    distances[patch] = 1
    heat = build_heat_map(distances, (64, 80), (64 * zoom, 80 * zoom))
    rows, columns = np.nonzero(heat > heat.max() - 1e-6)
    for places, index in ((rows, patch[0]), (columns, patch[1])):
        assert 8 * zoom * index <= places.min()
        assert places.max() < 8 * zoom * (index + 1)
    if 0 < patch[0] < 7:  # patches at an edge are extended to it
        centres = ((index + 0.5) * 8 * zoom - 0.5 for index in patch)
        np.testing.assert_allclose([rows.mean(), columns.mean()], list(centres), atol=0.5)
