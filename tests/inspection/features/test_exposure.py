"""Images of different exposure after correction."""

from __future__ import annotations

import numpy as np
import pytest

from mm.inspection.features.exposure import BRIGHTNESS, CONTRAST, LARGEST_GAIN, correct_exposure, measure_exposure, varies
from mm.media.types import RGB


def textured(mean: float, deviation: float) -> RGB:
    grey = np.random.default_rng(0).normal(mean, deviation, (64, 48, 1))
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8), 3, 2)


@pytest.mark.parametrize("exposure", [0.5, 0.8, 1.3])
def test_correct_exposure_darker_and_lighter_images_become_equal(exposure: float) -> None:
    corrected = correct_exposure(textured(120, 25))
    other = correct_exposure(np.clip(np.rint(textured(120, 25) * exposure), 0, 255).astype(np.uint8))
    assert np.abs(corrected.astype(int) - other).mean() < 2
    assert corrected.mean() == pytest.approx(BRIGHTNESS, abs=1)
    assert corrected.std() == pytest.approx(CONTRAST, rel=0.05)


def test_correct_exposure_flat_image_is_amplified_by_the_limit() -> None:
    flat = textured(200, 2)
    assert correct_exposure(flat).std() == pytest.approx(LARGEST_GAIN * flat.std(), rel=0.05)


def test_correct_exposure_small_bright_part_is_not_clipped() -> None:
    image = np.full((100, 100, 3), 10, np.uint8)
    image[:10, :10] = 200
    image[:5, :10] = 220
    corrected = correct_exposure(image)
    assert corrected[0, 0, 0] > corrected[9, 0, 0] > corrected[50, 50, 0]


def test_correct_exposure_keeps_the_order_of_colours() -> None:
    image = textured(120, 25)
    image[..., 0] = image[..., 0] // 2
    corrected = correct_exposure(image)
    assert corrected[..., 0].mean() < corrected[..., 1].mean() == corrected[..., 2].mean()


@pytest.mark.parametrize(("gains", "expected"), [((1.0, 1.02, 0.97), False), ((1.0, 0.6, 1.4), True), ((1.0,), False)])
def test_varies_exposures_of_one_light_and_of_several(gains: tuple[float, ...], expected: bool) -> None:
    images = [np.clip(textured(100, 20) * gain, 0, 255).astype(np.uint8) for gain in gains]
    assert varies([measure_exposure(image) for image in images]) is expected


def test_measure_exposure_small_defect_hardly_changes_it() -> None:
    image = textured(120, 25)
    scratched = image.copy()
    scratched[30:32, :20] = 255
    before, after = measure_exposure(image), measure_exposure(scratched)
    assert (after.brightness, after.contrast) == pytest.approx((before.brightness, before.contrast), rel=0.05)
