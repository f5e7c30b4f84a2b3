"""Scales of the regions of a DICOM ultrasound image (PS3.3, C.8.5.5, US Region Calibration).

Each region of a frame has its own spacing. Only regions with a spatial format of 2D and
centimetres in both directions have a length: spectra, M-mode and graphics have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from mm.errors import MissingScale
from mm.metrology.budget import rectangular
from mm.metrology.scale import Scale

FORMAT_2D = 1
UNIT_CM = 3
MAX_ANISOTROPY = 0.02
"""Largest relative difference of the two spacings for which one scale is used."""
DISTANCE_UNCERTAINTY = 0.02
"""Half-width of the relative error of a distance: the speed of sound in tissue differs by about
this much from the 1540 m/s that devices assume."""


class Region(Protocol):
    """A region of a frame, as `mm.media.dicom.UltrasoundRegion`; borders are inclusive."""

    @property
    def x0(self) -> int: ...
    @property
    def y0(self) -> int: ...
    @property
    def x1(self) -> int: ...
    @property
    def y1(self) -> int: ...
    @property
    def spatial_format(self) -> int: ...
    @property
    def units_x(self) -> int: ...
    @property
    def units_y(self) -> int: ...
    @property
    def delta_x(self) -> float: ...
    @property
    def delta_y(self) -> float: ...


def list_region_scales(regions: Iterable[Region]) -> list[Scale]:
    """The scales of the regions that have a length, each with its region as the area.

    Raises `MissingScale` when there is none.
    """
    scales, reasons = [], []
    for region in regions:
        reason = _reason_without_scale(region)
        if reason is None:
            scales.append(_make_scale(region))
        else:
            reasons.append(reason)
    if not scales:
        detail = "; ".join(reasons) or "it has no SequenceOfUltrasoundRegions"
        raise MissingScale(f"The DICOM image has no region with a spacing in centimetres: {detail}.")
    return scales


def get_region_scale(regions: Iterable[Region], number: int) -> Scale:
    """The scale of one of the regions that have a length, counted from 1. Raises `MissingScale`."""
    scales = list_region_scales(regions)
    if not 0 < number <= len(scales):
        raise MissingScale(f"There is no region {number}: the DICOM image has {len(scales)} with a spacing.")
    return scales[number - 1]


def _reason_without_scale(region: Region) -> str | None:
    if region.spatial_format != FORMAT_2D:
        return f"a region has the spatial format {region.spatial_format}, not 2D"
    if (region.units_x, region.units_y) != (UNIT_CM, UNIT_CM):
        return f"a region has the units {region.units_x} and {region.units_y}, not centimetres"
    delta_x, delta_y = abs(region.delta_x), abs(region.delta_y)
    if not (math.isfinite(delta_x + delta_y) and min(delta_x, delta_y) > 0):
        return f"a region has the spacing {delta_x:g} x {delta_y:g} cm"
    if abs(delta_x - delta_y) > MAX_ANISOTROPY * max(delta_x, delta_y):
        return f"the pixels of a region are not square: {delta_x:g} x {delta_y:g} cm"
    if region.x1 <= region.x0 or region.y1 <= region.y0:
        return "a region is empty"
    return None


def _make_scale(region: Region) -> Scale:
    x_mm, y_mm = 10 * abs(region.delta_x), 10 * abs(region.delta_y)  # signs are directions
    mm_per_px = math.sqrt(x_mm * y_mm)
    uncertainty = math.hypot(rectangular(DISTANCE_UNCERTAINTY) * mm_per_px, rectangular(abs(x_mm - y_mm) / 2))
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    return Scale(mm_per_px, uncertainty, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), "dicom")
