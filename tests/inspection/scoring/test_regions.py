"""Regions of a heat map."""

from __future__ import annotations

import numpy as np

from mm.inspection.scoring.regions import MAX_REGIONS, find_regions
from mm.inspection.scoring.run_length import decode_mask


def test_find_regions_returns_areas_in_order_of_their_heat() -> None:
    heat = np.zeros((40, 60), np.float32)
    heat[5:10, 7:20] = 2
    heat[30, 40] = 5
    heat[31, 41] = 4  # connected over a corner
    heat[20:22, 2:4] = 0.5
    regions = find_regions(heat, 1.0)
    assert [(region.score, region.area_px) for region in regions] == [(5, 2), (2, 65)]
    masks = [decode_mask(region.mask_rle, 40, 60) for region in regions]
    np.testing.assert_array_equal(masks[0] | masks[1], heat > 1)
    np.testing.assert_array_equal(regions[1].polygon_P2.min(0), [7, 5])
    np.testing.assert_array_equal(regions[1].polygon_P2.max(0), [19, 9])


def test_find_regions_small_areas_are_left_out() -> None:
    heat = np.zeros((20, 20), np.float32)
    heat[2, 2], heat[10:14, 10:14] = 9, 3
    assert [region.area_px for region in find_regions(heat, 1.0, min_area_px=4)] == [16]


def test_find_regions_nothing_above_the_threshold_is_empty() -> None:
    assert find_regions(np.ones((8, 8), np.float32), 1.0) == ()
    assert find_regions(np.ones((8, 8), np.float32), float("inf")) == ()


def test_find_regions_returns_at_most_a_limit() -> None:
    heat = np.zeros((40, 40), np.float32)
    heat[::2, ::2] = np.arange(400).reshape(20, 20) + 2
    regions = find_regions(heat, 1.0)
    assert len(regions) == MAX_REGIONS
    assert regions[0].score == heat.max()
