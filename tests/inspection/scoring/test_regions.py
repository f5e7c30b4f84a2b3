"""Regions of a heat map."""

from __future__ import annotations

import numpy as np

from mm.inspection.scoring.regions import MAX_REGIONS, describe_region, find_regions
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


def test_describe_region_of_several_pieces_outlines_each() -> None:
    mask = np.zeros((8, 20), bool)
    mask[1:3, 1:4] = mask[2:7, 9:18] = True
    mask[4, 12] = False  # a hole has no outline of its own
    region = describe_region(mask, 100, 50, (80, 140), 1.0)
    boxes = [(*outline.min(0), *outline.max(0)) for outline in (region.polygon_P2, *region.further)]
    assert sorted(boxes) == [(101, 51, 103, 52), (109, 52, 117, 56)]
    assert region.area_px == mask.sum()


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
