"""Size of a region in millimetres, each value with its uncertainty.

The budget of a length has these sources, each a standard uncertainty:

- `scale`: the length times the relative uncertainty of the scale;
- `edge`: noise moves each end of the length;
- `extremes`: half of the correction for the extremes of noise, which assumes white noise;
- `level`: noise of the level inside moves the line of half contrast, at both ends the same way;
- `blur`: the correction for blur times the uncertainty of the blur;
- `form`: the correction is exact for slits and discs, and other forms lie between and near them;
- `pixelation`: what the interpolation between pixels leaves, up to `PIXELATION_PX` at each end;
- `tilt`: a surface that is tilted looks shorter, by at most 1 - cos(tilt).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import MissingScale
from mm.metrology.blur import deblur, deblur_disc, deblur_slit, slit_share
from mm.metrology.budget import Measured, Unit, combine, rectangular
from mm.metrology.edges import Edge, independent_points, locate_edge
from mm.metrology.extremes import EdgeNoise
from mm.metrology.scale import ASSUMED_BLUR_PX, ASSUMED_BLUR_UNCERTAINTY_PX, Points, Scale
from mm.metrology.shape import deepest_point, measure_diameters, medial_widths

PIXELATION_PX = 0.05
"""Half-width of the error of an edge by its position in the pixel; that of a disc is less."""
LOW_CONTRAST = 5.0
"""Contrast in multiples of the smoothed noise below which a note says so."""
TIP_SLOPE = 0.7
"""Slope of the edge at the tip of a thin region as a share of that at its sides: at half of its
peak a blurred step has a slope of 0.40 a standard deviation, a blurred line one of 0.59."""
RESOLVED_PX = 3.0
"""Width below which a region is noted as below resolution."""
BELOW_RESOLUTION = "below resolution"
AT_BORDER = "reaches the border of the image: sizes are lower bounds"


@dataclass(frozen=True, slots=True)
class RegionMeasures:
    """Sizes of one region.

    `length` and `breadth` are the sides of the rectangle of least area, `feret_max` and `feret_min`
    the largest and the smallest distance of two parallel tangents, `width` and `width_max` the
    median and the largest width along the medial axis. `edge_P2` are points of its edge in pixels.
    """

    area: Measured
    length: Measured
    breadth: Measured
    feret_max: Measured
    feret_min: Measured
    width: Measured
    width_max: Measured
    contrast_to_noise: float
    edge_P2: Points
    notes: tuple[str, ...]


def measure(
    region_mask_HW: npt.NDArray[np.bool_],
    image_HWC: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    scale: Scale | None,
    unit: Literal["mm", "px"] = "mm",
) -> RegionMeasures:
    """Measure the region of a mask (H, W) in an image (H, W, 3), or (H, W) if grey.

    The mask selects the region; its edge is located in the image. With `unit="px"` no scale is
    needed. Raises `MissingScale` for millimetres without a scale, `OutsideScale` for a region
    outside the area of the scale, `NotMeasurable` for a region without a visible edge.
    """
    if unit == "mm" and scale is None:
        raise MissingScale(
            "A size in millimetres needs a scale, and this view has none. Add one with `mm scale add`, from a known length, "
            "a calibration board or a DICOM region, or measure in pixels."
        )
    blur = scale.blur_px if scale else ASSUMED_BLUR_PX
    edge = locate_edge(region_mask_HW.astype(bool), image_HWC, blur)
    if scale is not None:
        scale.check_inside(edge.points_P2)
    border = (region_mask_HW[0], region_mask_HW[-1], region_mask_HW[:, 0], region_mask_HW[:, -1])
    notes = (AT_BORDER,) if any(side.any() for side in border) else ()
    return _Sizes(edge, scale, unit).measures(notes)


class _Sizes:
    """Sizes of one edge in one unit."""

    def __init__(self, edge: Edge, scale: Scale | None, unit: Literal["mm", "px"]) -> None:
        self.edge = edge
        self.unit = unit
        self.scale = scale if unit == "mm" else None
        blur, blur_uncertainty = (
            (scale.blur_px, scale.blur_uncertainty_px) if scale else (ASSUMED_BLUR_PX, ASSUMED_BLUR_UNCERTAINTY_PX)
        )
        self.blur = math.hypot(blur, edge.smoothing_px)
        # Derivative of the root sum of squares; for a sharp image its curvature counts, too.
        self.blur_uncertainty = math.hypot(blur * blur_uncertainty, blur_uncertainty**2 / 2) / max(self.blur, 1e-9)
        pixels = measure_diameters(edge.points_P2)
        self.pixels = pixels
        self.aspect = pixels.long_side / max(pixels.short_side, edge.step)
        self.widths = medial_widths(edge.inside_hw, edge.step)
        self.perimeter = _perimeter(edge)
        self.noise = EdgeNoise(edge.points_P2, self.perimeter, edge.location_px, edge.smoothing_px)
        # Through a lens, pixels have another size in each direction and place.
        self.mapped = measure_diameters(self.scale.to_mm(edge.points_P2)) if self.scale else pixels
        self.local_mm_per_px = self._local_scale()

    def measures(self, notes: tuple[str, ...]) -> RegionMeasures:
        edge, pixels, mapped = self.edge, self.pixels, self.mapped
        largest, smallest = self.noise.of_largest(), self.noise.of_smallest()
        inscribed = self.noise.of_inscribed(self._centre())
        widest_px, median_px = float(self.widths.max()), float(np.median(self.widths))
        # The axis of a round region is a point; noise adds branches to it that have no width.
        share = slit_share(self.aspect)
        middle_px = share * median_px + (1 - share) * widest_px
        width_px = middle_px - inscribed
        axis = independent_points(edge.area_px2 / max(width_px, edge.step), edge.smoothing_px)
        if self._deblurred(width_px) < RESOLVED_PX:
            notes += (BELOW_RESOLUTION,)
        if edge.contrast < LOW_CONTRAST * edge.noise:
            notes += (f"contrast below {LOW_CONTRAST:g} times the noise",)
        return RegionMeasures(
            area=self._area(),
            length=self._length(pixels.long_side, largest, mapped.long_side, ends=True),
            breadth=self._length(pixels.short_side, smallest, mapped.short_side),
            feret_max=self._length(pixels.feret_max, largest, mapped.feret_max, ends=True),
            feret_min=self._length(pixels.feret_min, smallest, mapped.feret_min),
            width=self._length(middle_px, inscribed, middle_px * self.local_mm_per_px, num_points=1 + share * (axis - 1)),
            width_max=self._length(widest_px, inscribed, widest_px * self.local_mm_per_px),
            contrast_to_noise=edge.contrast / max(edge.noise, 1e-9),
            edge_P2=edge.points_P2,
            notes=notes,
        )

    def _centre(self) -> tuple[float, float]:
        """Centre (x, y) of the largest circle inside, in pixels of the image."""
        row, column = deepest_point(self.edge.inside_hw)
        left, top = self.edge.corner
        return (column + 0.5) * self.edge.step - 0.5 + left, (row + 0.5) * self.edge.step - 0.5 + top

    def _local_scale(self) -> float:
        """Unit lengths per pixel at the region."""
        if self.scale is None:
            return 1.0
        if self.scale.lens is None:
            return self.scale.mm_per_px
        centre = self.edge.points_P2.mean(0)
        corners = self.scale.to_mm(centre + np.array([(0, 0), (1, 0), (0, 1)]))
        return math.sqrt(abs(float(np.linalg.det(corners[1:] - corners[0]))))

    def _deblurred(self, length_px: float, blur: float | None = None) -> float:
        return deblur(length_px, self.blur if blur is None else blur, self.aspect)

    def _length(
        self, observed_px: float, bias_px: float, mapped: float, *, num_points: float = 1.0, ends: bool = False
    ) -> Measured:
        """A length whose two sides are each the mean of `num_points` independent points.

        `bias_px` is that of the extremes of noise; `mapped` is that length in the unit. With
        `ends` the length joins the ends of the region, which may be square or round.
        """
        edge = self.edge
        factor = mapped / observed_px if observed_px > 0 else self.local_mm_per_px
        observed_px = max(observed_px - bias_px, edge.step)
        steepness = 1 - (1 - TIP_SLOPE) * slit_share(self.aspect) if ends else 1.0
        rounding = self._rounding() if ends else 0.0
        value_px = self._deblurred(observed_px) + rounding
        slope = self._slope(observed_px)
        form = abs(deblur_slit(observed_px, self.blur) - deblur_disc(observed_px, self.blur)) / 2
        budget_px = {
            "edge": slope * math.sqrt(2 / num_points) * edge.location_px / steepness,
            "extremes": slope * rectangular(abs(bias_px) / 2),
            "level": slope * 2 * edge.level_px,
            "blur": self._blur_effect(observed_px),
            "form": rectangular(math.hypot(form, rounding)),
            "pixelation": slope * math.sqrt(2) * rectangular(PIXELATION_PX),
        }
        return self._in_unit(value_px, budget_px, factor, self.unit, 1)

    def _rounding(self) -> float:
        """Half of what blur takes from both ends of a long region if they are round, in pixels.

        Blur moves the tip of a circle of radius R in by about s^2 / (2 R). Where it does not
        resolve the circle, the end looks like a square one at the same area: 0.107 widths shorter.
        """
        width = self._deblurred(self.pixels.short_side)
        return slit_share(self.aspect) * min(self.blur**2 / width, (1 - math.pi / 4) / 2 * width)

    def _area(self) -> Measured:
        """Area: the one inside the line of half contrast, scaled as both sides are by the blur."""
        edge, pixels = self.edge, self.pixels
        long_side = pixels.long_side
        short_side = max(pixels.short_side - self.noise.of_smallest(), edge.step)
        ratio = self._deblurred(long_side) / long_side * self._deblurred(short_side) / short_side
        value_px = edge.area_px2 * ratio
        slope = self._slope(short_side)
        points = independent_points(self.perimeter, edge.smoothing_px)
        relative_blur = math.fsum(self._blur_effect(side) / self._deblurred(side) for side in (long_side, short_side))
        relative_form = abs(deblur_slit(short_side, self.blur) - deblur_disc(short_side, self.blur)) / (
            math.sqrt(3) * self._deblurred(short_side)
        )
        budget_px = {
            "edge": slope * self.perimeter * edge.location_px / math.sqrt(points),
            "level": slope * self.perimeter * edge.level_px,
            "blur": value_px * relative_blur,
            "form": value_px * relative_form,
            "pixelation": slope * self.perimeter * rectangular(PIXELATION_PX) / math.sqrt(max(1.0, self.perimeter)),
        }
        return self._in_unit(value_px, budget_px, self.local_mm_per_px**2, "mm2" if self.unit == "mm" else "px2", 2)

    def _slope(self, observed_px: float) -> float:
        """Change of a corrected size with the observed one; large near the limit of resolution."""
        step = 0.05 * self.blur + 1e-6
        return max(1.0, (self._deblurred(observed_px + step) - self._deblurred(observed_px - step)) / (2 * step))

    def _blur_effect(self, observed_px: float) -> float:
        low, high = max(1e-6, self.blur - self.blur_uncertainty), self.blur + self.blur_uncertainty
        return abs(self._deblurred(observed_px, low) - self._deblurred(observed_px, high)) / 2

    def _in_unit(self, value_px: float, budget_px: dict[str, float], factor: float, unit: Unit, power: int) -> Measured:
        budget = {name: contribution * factor for name, contribution in budget_px.items()}
        value = value_px * factor
        if self.scale is not None:
            budget["scale"] = power * value * self.scale.relative_uncertainty
            budget["tilt"] = power * value * rectangular(1 - math.cos(math.radians(self.scale.tilt_degrees)))
        return combine(value, unit, budget)


def _perimeter(edge: Edge) -> float:
    contours, _ = cv2.findContours(edge.inside_hw.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    smooth = (cv2.approxPolyDP(contour, 1.0, True) for contour in contours)  # the staircase of cells is no length
    return sum(float(cv2.arcLength(contour, True)) for contour in smooth) * edge.step
