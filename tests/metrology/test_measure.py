"""Sizes of rendered regions: close to the ground truth, and within their uncertainty."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mm.bench.pod.defects import Kind, create_defect, render_coverage
from mm.bench.pod.run import PIXEL_APERTURE_PX
from mm.errors import InvalidInput, MissingScale, NotMeasurable, OutsideScale
from mm.metrology import Scale, measure
from mm.metrology.edges import locate_edge
from mm.metrology.measure import AT_BORDER, BELOW_RESOLUTION
from mm.metrology.scale import Lens

MM_PER_PX, BLUR, NOISE = 0.02, 0.5, 4.0
SCALE = Scale(MM_PER_PX, 0.001 * MM_PER_PX, None, "length", math.hypot(BLUR, PIXEL_APERTURE_PX), 0.05)
SHAPE = (96, 96)


def render(kind: Kind, size_mm: float, seed: int, *, contrast: float = 10.0, noise: float = NOISE):
    """An image (96, 96) of a dark defect near its centre, a loose mask of it, and the defect."""
    random = np.random.default_rng((seed, int(1000 * size_mm)))
    defect = create_defect(kind, size_mm, random)
    centre = (48 + float(random.uniform(-0.5, 0.5)), 48 + float(random.uniform(-0.5, 0.5)))
    coverage = render_coverage(defect, SHAPE, centre, MM_PER_PX, BLUR)
    image = 128 - contrast * NOISE * coverage + random.normal(0, noise, SHAPE)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), loosen(coverage > 0.3 * coverage.max(), 1), defect


def loosen(mask: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    size = 2 * radius + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)).astype(bool)


@pytest.mark.parametrize("kind", ["pit", "scratch", "stain"])
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_measure_of_a_clean_image_agrees_with_the_rendered_size(kind: Kind, size: float) -> None:
    image, mask, defect = render(kind, size, 0, noise=0.2)
    measures = measure(mask, image, SCALE)
    assert measures.feret_max.value == pytest.approx(size, rel=0.03)
    assert measures.area.value == pytest.approx(defect.area_mm2, rel=0.05)
    if defect.width_mm is not None:
        assert measures.width.value == pytest.approx(defect.width_mm, rel=0.05)


@pytest.mark.parametrize("kind", ["pit", "scratch"])
def test_measure_of_noisy_images_covers_the_rendered_sizes(kind: Kind) -> None:
    covered = []
    for seed in range(12):
        for size in (0.15, 0.4):
            image, mask, defect = render(kind, size, seed)
            measures = measure(mask, image, SCALE)
            covered += [
                abs(measures.feret_max.value - size) <= measures.feret_max.expanded,
                abs(measures.area.value - defect.area_mm2) <= measures.area.expanded,
            ]
    assert np.mean(covered) >= 0.85


def test_measure_is_independent_of_a_loose_mask() -> None:
    image, mask, _ = render("pit", 0.4, 1)
    exact, loose = measure(mask, image, SCALE), measure(loosen(mask, 2), image, SCALE)
    assert loose.feret_max.value == pytest.approx(exact.feret_max.value, abs=exact.feret_max.expanded)


def test_measure_of_a_bright_region_equals_that_of_a_dark_one() -> None:
    image, mask, _ = render("scratch", 0.5, 2)
    inverted = measure(mask, 255 - image, SCALE)
    assert inverted.length.value == pytest.approx(measure(mask, image, SCALE).length.value, rel=1e-6)


def test_measure_under_uneven_light_keeps_the_size() -> None:
    image, mask, _ = render("pit", 0.4, 3, noise=0.5)
    shading = np.linspace(-20, 20, SHAPE[1])[None, :]
    shaded = np.clip(np.rint(image + shading), 0, 255).astype(np.uint8)
    assert measure(mask, shaded, SCALE).area.value == pytest.approx(measure(mask, image, SCALE).area.value, rel=0.03)


def test_measure_of_rgb_equals_that_of_grey() -> None:
    image, mask, _ = render("pit", 0.4, 4)
    rgb = np.repeat(image[:, :, None], 3, 2)
    assert measure(mask, rgb, SCALE).area.value == pytest.approx(measure(mask, image, SCALE).area.value)


def test_measure_in_pixels_needs_no_scale() -> None:
    image, mask, _ = render("pit", 0.4, 5)
    measures = measure(mask, image, None, unit="px")
    assert measures.feret_max.unit == "px"
    assert measures.area.unit == "px2"
    assert measures.feret_max.value == pytest.approx(20, rel=0.05)
    assert "scale" not in measures.feret_max.budget


def test_measure_without_a_scale_raises_missing_scale() -> None:
    image, mask, _ = render("pit", 0.4, 5)
    with pytest.raises(MissingScale, match="mm scale add"):
        measure(mask, image, None)


def test_measure_outside_the_area_raises_outside_scale() -> None:
    image, mask, _ = render("pit", 0.4, 5)
    scale = Scale(MM_PER_PX, 0.0, ((0, 0), (30, 0), (30, 30), (0, 30)), "length")
    with pytest.raises(OutsideScale, match="outside the area"):
        measure(mask, image, scale)


def test_measure_of_a_thin_scratch_is_noted_as_below_resolution() -> None:
    image, mask, _ = render("scratch", 0.2, 6)
    assert BELOW_RESOLUTION in measure(mask, image, SCALE).notes
    image, mask, _ = render("pit", 0.4, 6)
    assert BELOW_RESOLUTION not in measure(mask, image, SCALE).notes


def test_measure_with_a_larger_scale_uncertainty_has_a_larger_expanded_uncertainty() -> None:
    image, mask, _ = render("pit", 0.4, 7)
    loose = Scale(MM_PER_PX, 0.05 * MM_PER_PX, None, "length", SCALE.blur_px, SCALE.blur_uncertainty_px, tilt_degrees=10)
    narrow, wide = measure(mask, image, SCALE).area, measure(mask, image, loose).area
    assert wide.value == narrow.value
    assert wide.budget["scale"] == pytest.approx(2 * 0.05 * wide.value)
    assert wide.budget["tilt"] == pytest.approx(2 * wide.value * (1 - math.cos(math.radians(10))) / math.sqrt(3))
    assert wide.expanded > narrow.expanded


def test_measure_through_a_lens_without_distortion_equals_the_plain_scale() -> None:
    image, mask, _ = render("pit", 0.4, 8)
    lens = Lens((1000.0, 0, 48, 0, 1000.0, 48, 0, 0, 1), (0.0,) * 5, tuple(np.diag([MM_PER_PX, MM_PER_PX, 1.0]).ravel().tolist()))
    mapped = Scale(MM_PER_PX, SCALE.standard_uncertainty, None, "charuco", SCALE.blur_px, SCALE.blur_uncertainty_px, 0.0, lens)
    assert measure(mask, image, mapped).length.value == pytest.approx(measure(mask, image, SCALE).length.value, rel=1e-6)


def test_measure_through_a_tilted_lens_measures_along_each_direction() -> None:
    """Pixels that are twice as high as wide on the plane: a disc of pixels is twice as long."""
    image, mask, _ = render("pit", 0.4, 8, noise=0.2)
    lens = Lens((1000.0, 0, 48, 0, 1000.0, 48, 0, 0, 1), (0.0,) * 5, (0.02, 0, 0, 0, 0.04, 0, 0, 0, 1))
    scale = Scale(math.sqrt(0.02 * 0.04), 0.0, None, "charuco", SCALE.blur_px, SCALE.blur_uncertainty_px, 0.0, lens)
    measures = measure(mask, image, scale)
    assert measures.feret_max.value == pytest.approx(0.8, rel=0.03)
    assert measures.feret_min.value == pytest.approx(0.4, rel=0.03)
    assert measures.area.value == pytest.approx(math.pi * 0.2 * 0.4, rel=0.05)


def test_measure_of_a_region_at_the_border_is_noted() -> None:
    image, mask, _ = render("pit", 0.4, 9)
    assert measure(mask, image, SCALE).notes == ()
    cut = slice(48, None)
    assert AT_BORDER in measure(mask[cut], image[cut], SCALE).notes


@pytest.mark.parametrize(
    ("mask", "image", "message"),
    [
        (np.zeros((40, 40), bool), np.zeros((40, 40)), "no pixels"),
        (np.ones((40, 40), bool), np.zeros((40, 40)), "too little background"),
        (np.pad(np.ones((6, 6), bool), 17), np.full((40, 40), 7.0), "differs from its background by 0.0"),
        (np.ones((3, 3), bool), np.zeros((40, 40)), "does not fit"),
    ],
)
def test_locate_edge_of_a_region_without_edge_raises_not_measurable(mask, image, message: str) -> None:
    with pytest.raises(NotMeasurable, match=message):
        locate_edge(mask, image, 0.5)


def test_measure_of_a_wrong_shape_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="neither grey nor RGB"):
        measure(np.ones((4, 4), bool), np.zeros((4, 4, 2), np.uint8), SCALE)


def test_locate_edge_of_a_step_finds_its_sub_pixel_position() -> None:
    """A disc of known radius, without noise and blur but that of the pixels."""
    y, x = np.mgrid[:640, :640] / 16 - 0.5 + 1 / 32
    disc = ((x - 19.3) ** 2 + (y - 20.6) ** 2 < 8.0**2).reshape(40, 16, 40, 16).mean((1, 3))
    edge = locate_edge(disc > 0.2, 50 + 100 * disc, PIXEL_APERTURE_PX)
    radii = np.hypot(edge.points_P2[:, 0] - 19.3, edge.points_P2[:, 1] - 20.6)
    assert radii.mean() == pytest.approx(8.0, abs=0.03)
    assert radii.std() < 0.05
    assert edge.area_px2 == pytest.approx(math.pi * 64, rel=0.01)
