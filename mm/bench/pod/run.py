"""One study: defects of known size on surfaces, detected and measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mm.bench.pod.defects import KINDS, Defect, Kind, create_defect, render_coverage
from mm.bench.pod.detector import Detector, Grey
from mm.bench.pod.surfaces import Surface, crop, local_noise
from mm.errors import InvalidInput, NotMeasurable
from mm.metrology.measure import RegionMeasures, measure
from mm.metrology.scale import Scale
from mm.metrology.tracing import trace

PIXEL_APERTURE_PX = math.sqrt(1 / 12)
"""Standard deviation of the aperture of a pixel."""
MARGIN_PX = 14
"""Distance of a defect from the border of the crop: the background that its measurement needs."""
NEAR_PX = 3
"""A call within this distance of the defect is a hit."""


@dataclass(frozen=True, slots=True)
class Study:
    """Settings of a study. `sizes_mm` are the ends of the range; sizes are uniform in its log."""

    mm_per_px: float = 0.02
    contrasts: tuple[float, ...] = (5.0, 10.0)
    sizes_mm: tuple[float, float] = (0.03, 1.0)
    per_kind: int = 120
    num_goods: int = 80
    crop_px: int = 160
    rate: float = 0.05
    blur_px: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.sizes_mm
        if not 0 < low < high:
            raise InvalidInput(f"Sizes from {low} to {high} mm are no range.")
        if high / self.mm_per_px + 2 * MARGIN_PX > self.crop_px:
            raise InvalidInput(f"A defect of {high} mm at {self.mm_per_px} mm/px does not fit into {self.crop_px} px.")

    @staticmethod
    def crop_for(largest_mm: float, mm_per_px: float) -> int:
        """Side of a crop in pixels that leaves a defect of this size room for its position."""
        return 2 * math.ceil(largest_mm / mm_per_px) + 60

    def scale(self) -> Scale:
        """The scale at which the defects are rendered, known to 0.1 %, and its blur to 0.05 px."""
        blur = math.hypot(self.blur_px, PIXEL_APERTURE_PX)
        return Scale(self.mm_per_px, 0.001 * self.mm_per_px, None, "length", blur, 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One rendered defect: its ground truth, the largest heat on it, and its measurement if hit."""

    kind: Kind
    contrast: float
    size_mm: float
    width_mm: float | None
    area_mm2: float
    is_hit: bool
    response: float
    measures: RegionMeasures | None


@dataclass(frozen=True, slots=True)
class FalseCalls:
    """Calls on surfaces without defects, other ones than the detector was fitted to."""

    num_images: int
    num_images_called: int
    num_calls: int
    area_cm2: float


def split(surfaces: Sequence[Surface]) -> tuple[list[Surface], list[Surface]]:
    """Surfaces to fit to, and others to test on. Raises `InvalidInput` for fewer than two."""
    if len(surfaces) < 2:
        raise InvalidInput("The study needs two surfaces, since thresholds are fitted on some and used on others.")
    return list(surfaces[::2]), list(surfaces[1::2])


def fit_detector(detector: Detector, surfaces: Sequence[Surface], study: Study) -> None:
    """Fit the detector to crops of the surfaces in turn."""
    random = np.random.default_rng((study.seed, 1))
    chosen = [surfaces[number % len(surfaces)] for number in range(study.num_goods)]
    detector.fit([_to_image(crop(surface, study.crop_px, random)) for surface in chosen], study.rate)


def run_trials(detector: Detector, surfaces: Sequence[Surface], study: Study) -> Iterator[Trial]:
    """Render, detect and measure the defects of a study, in an order that its seed determines."""
    for contrast in study.contrasts:
        for kind in KINDS:
            random = np.random.default_rng((study.seed, 2, int(10 * contrast), KINDS.index(kind)))
            for _ in range(study.per_kind):
                size = math.exp(random.uniform(*np.log(study.sizes_mm)))
                grey = crop(surfaces[int(random.integers(len(surfaces)))], study.crop_px, random)
                yield run_trial(detector, grey, create_defect(kind, size, random), contrast, study, random)


def run_trial(
    detector: Detector,
    grey_HW: npt.NDArray[np.float64],
    defect: Defect,
    contrast: float,
    study: Study,
    random: np.random.Generator,
) -> Trial:
    """Render a defect at a random place of a surface (H, W), dark or bright, and detect it.

    `contrast` is the difference at full coverage in standard deviations of the local noise.
    """
    reach = defect.size_mm / 2 / study.mm_per_px + MARGIN_PX
    centre = (float(random.uniform(reach, study.crop_px - reach)), float(random.uniform(reach, study.crop_px - reach)))
    coverage = render_coverage(defect, grey_HW.shape, centre, study.mm_per_px, study.blur_px)
    sign = -1.0 if random.random() < 0.5 else 1.0
    image = _to_image(grey_HW + sign * contrast * local_noise(grey_HW) * coverage)
    near = _grow(coverage > 0.5 * coverage.max(), NEAR_PX)
    heat = detector.heat(image)
    response = float(heat[near].max())
    is_hit = response > detector.threshold
    measures = _measure(image, heat, near, detector, study) if is_hit else None
    return Trial(defect.kind, contrast, defect.size_mm, defect.width_mm, defect.area_mm2, is_hit, response, measures)


def count_false_calls(detector: Detector, surfaces: Sequence[Surface], study: Study) -> FalseCalls:
    """Calls on crops of surfaces without defects."""
    random = np.random.default_rng((study.seed, 3))
    counts = []
    for number in range(study.num_goods):
        surface = surfaces[number % len(surfaces)]
        heat = detector.heat(_to_image(crop(surface, study.crop_px, random)))
        counts.append(cv2.connectedComponents((heat > detector.threshold).astype(np.uint8))[0] - 1)
    area = study.num_goods * (study.crop_px * study.mm_per_px / 10) ** 2
    return FalseCalls(len(counts), sum(count > 0 for count in counts), sum(counts), area)


def _measure(
    image: Grey, heat: npt.NDArray[np.float32], near: npt.NDArray[np.bool_], detector: Detector, study: Study
) -> RegionMeasures | None:
    """Measure the called region on the defect; None if its edge cannot be located."""
    _, labels = cv2.connectedComponents((heat > detector.threshold).astype(np.uint8))
    called = np.unique(labels[near & (labels > 0)])
    region = np.isin(labels, called)
    try:
        return measure(trace(region, image, heat) if detector.is_loose else region, image, study.scale())
    except NotMeasurable:
        return None


def _to_image(grey_HW: npt.NDArray[np.float64]) -> Grey:
    return np.clip(np.rint(grey_HW), 0, 255).astype(np.uint8)


def _grow(mask_HW: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    grown: npt.NDArray[np.bool_] = cv2.dilate(
        mask_HW.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    ).astype(bool)
    return grown
