"""The tolerance band of good images."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.template.band import BandBuilder, leave_out_reference, make_disc, measure_excess, widen


def test_band_builder_agrees_with_its_reference_implementation() -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (9, 11, 3), np.uint8) // 16 * 16 for _ in range(7)]  # with ties
    groups = [0, 1, 0, 2, 1, 1, 3]
    builder = BandBuilder(images[0], groups[0])
    for image, group in zip(images[1:], groups[1:], strict=True):
        builder.add(image, group)
    for group in range(4):
        for limit, expected in zip(builder.leave_out(group), leave_out_reference(images, groups, group), strict=True):
            np.testing.assert_array_equal(limit, expected)
    low, high = builder.get_limits()
    np.testing.assert_array_equal(low, np.min(images, 0))
    np.testing.assert_array_equal(high, np.max(images, 0))


@pytest.mark.parametrize("channels", [1, 3])
def test_widen_and_measure_excess_tolerate_a_shift_within_the_radius(channels: int) -> None:
    image = np.full((20, 20, channels), 200, np.uint8)
    image[:, 10:] = 20
    low, high = widen(image, image, 2.0)
    assert low.shape == image.shape
    assert not measure_excess(np.roll(image, 2, axis=1)[:, 4:], low[:, 4:], high[:, 4:]).any()
    excess = measure_excess(np.roll(image, 3, axis=1)[:, 4:], low[:, 4:], high[:, 4:])
    np.testing.assert_array_equal(np.unique(np.nonzero(excess)[1]), [8])
    assert excess.max() == 180


def test_measure_excess_of_the_farthest_channel_has_its_sign() -> None:
    low, high = np.full((1, 2, 3), 100, np.uint8), np.full((1, 2, 3), 150, np.uint8)
    image = np.array([[[90, 200, 120], [20, 160, 100]]], np.uint8)
    np.testing.assert_array_equal(measure_excess(image, low, high), [[50, -80]])


def test_make_disc_contains_the_pixels_within_the_radius() -> None:
    np.testing.assert_array_equal(make_disc(1.0), [[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    assert make_disc(0.0).tolist() == [[1]]
