"""Letterboxes, regions and confidences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.lesions.segmentation.confidence import RegionConfidence, describe_region
from mm.lesions.segmentation.letterbox import Letterbox
from mm.lesions.segmentation.regions import find_regions


@given(st.integers(8, 300), st.integers(8, 300), st.integers(0, 2**31))
def test_letterbox_of_a_blob_restores_its_centre(height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    y, x = int(random.integers(height)), int(random.integers(width))
    distance_HW = np.hypot(*np.ogrid[-y : height - y, -x : width - x])
    blob_HW = np.exp(-((distance_HW / (0.12 * max(height, width) + 2)) ** 2))
    box = Letterbox.fit((height, width), 96)
    square = box.place((255 * blob_HW).astype(np.uint8))
    assert square.shape == (96, 96)
    restored_HW = box.restore(square.astype(np.float32))
    assert restored_HW.shape == (height, width)
    top, left = np.unravel_index(restored_HW.argmax(), restored_HW.shape)
    # A pixel of the square covers so many of the image, and its maximum may be a plateau.
    tolerance = 2.5 * max(1.0, max(height, width) / 96) + 0.03 * max(height, width)
    assert abs(int(top) - y) <= tolerance
    assert abs(int(left) - x) <= tolerance


def test_letterbox_of_a_mask_stays_binary() -> None:
    mask_HW = (np.random.default_rng(0).random((77, 130)) > 0.5).astype(np.uint8) * 255
    assert set(np.unique(Letterbox.fit((77, 130), 64).place(mask_HW, is_mask=True))) == {0, 255}


def _map(*areas: tuple[int, int, int, int, float]) -> np.ndarray:
    probability_HW = np.full((60, 80), 0.02, np.float32)
    for top, left, height, width, value in areas:
        probability_HW[top : top + height, left : left + width] = value
    return probability_HW


def test_regions_of_a_map_are_sorted_and_marked_weak() -> None:
    found = find_regions(_map((5, 5, 10, 12, 0.3), (30, 40, 12, 14, 0.9)), 0.0, 0.5, 0.15, RegionConfidence())
    assert [(region.box, region.is_weak) for region in found] == [((40, 30, 14, 12), False), ((5, 5, 12, 10), True)]
    assert found[0].confidence == pytest.approx(0.9, abs=1e-3)
    assert found[1].confidence == pytest.approx(0.3, abs=1e-3)


def test_regions_within_a_weak_area_replace_it() -> None:
    found = find_regions(_map((5, 5, 30, 30, 0.3), (10, 10, 10, 10, 0.8)), 0.0, 0.5, 0.15, RegionConfidence())
    assert [region.box for region in found] == [(10, 10, 10, 10)]


def test_regions_with_holes_are_filled_and_specks_left_out() -> None:
    found = find_regions(_map((5, 5, 20, 20, 0.8), (12, 12, 5, 5, 0.1), (50, 70, 1, 2, 0.9)), 0.0, 0.5, 0.15, RegionConfidence())
    assert [region.area_px for region in found] == [400]
    assert found[0].place((60, 80))[5:25, 5:25].all()
    assert set(map(tuple, found[0].outline()[[0, -1]].tolist())) <= {(x, y) for x in (5.0, 6.0, 24.0) for y in (5.0, 6.0)}


def test_regions_of_an_empty_map_are_none() -> None:
    assert find_regions(_map(), -3.0, 0.5, 0.15, RegionConfidence()) == []


def test_confidence_increases_with_the_presence_where_its_weight_is_positive() -> None:
    confidence = RegionConfidence((1.0, 0.0, 0.0, 0.0, 0.5), -0.2)
    features = [describe_region(np.full(50, 0.6), 0.02, presence) for presence in (-2.0, 0.0, 2.0)]
    low, middle, high = confidence.predict(np.array(features))
    assert 0 < low < middle < high < 1


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 0.0, 0.0, 0.0, float("nan"))])
def test_confidence_with_wrong_weights_raises(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite weights"):
        RegionConfidence(weights)
