"""Scales of the regions of a DICOM ultrasound image (PS3.3, C.8.5.5, US Region Calibration).

Each region of a frame has its own spacing. Only regions with a spatial format of 2D and
centimetres in both directions have a length: spectra, M-mode and graphics have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
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


class RegionItem(Protocol):
    """An item of SequenceOfUltrasoundRegions, as pydicom reads it."""

    RegionSpatialFormat: int
    RegionLocationMinX0: int
    RegionLocationMinY0: int
    RegionLocationMaxX1: int
    RegionLocationMaxY1: int
    PhysicalUnitsXDirection: int
    PhysicalUnitsYDirection: int
    PhysicalDeltaX: float
    PhysicalDeltaY: float


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """A region of a frame: its corners in pixels, borders included, and its scale."""

    left: int
    top: int
    right: int
    bottom: int
    scale: Scale


def read_regions(items: Iterable[RegionItem]) -> list[UltrasoundRegion]:
    """The regions that have a length. Raises `MissingScale` when there is none."""
    regions, reasons = [], []
    for item in items:
        reason = _reason_without_scale(item)
        if reason is None:
            regions.append(_region(item))
        else:
            reasons.append(reason)
    if not regions:
        detail = "; ".join(reasons) or "it has no SequenceOfUltrasoundRegions"
        raise MissingScale(f"The DICOM image has no region with a spacing in centimetres: {detail}.")
    return regions


def _reason_without_scale(item: RegionItem) -> str | None:
    if item.RegionSpatialFormat != FORMAT_2D:
        return f"a region has the spatial format {item.RegionSpatialFormat}, not 2D"
    if (item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection) != (UNIT_CM, UNIT_CM):
        return f"a region has the units {item.PhysicalUnitsXDirection} and {item.PhysicalUnitsYDirection}, not centimetres"
    delta_x, delta_y = abs(float(item.PhysicalDeltaX)), abs(float(item.PhysicalDeltaY))
    if not (math.isfinite(delta_x + delta_y) and min(delta_x, delta_y) > 0):
        return f"a region has the spacing {delta_x:g} x {delta_y:g} cm"
    if abs(delta_x - delta_y) > MAX_ANISOTROPY * max(delta_x, delta_y):
        return f"the pixels of a region are not square: {delta_x:g} x {delta_y:g} cm"
    if item.RegionLocationMaxX1 <= item.RegionLocationMinX0 or item.RegionLocationMaxY1 <= item.RegionLocationMinY0:
        return "a region is empty"
    return None


def _region(item: RegionItem) -> UltrasoundRegion:
    left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
    right, bottom = int(item.RegionLocationMaxX1), int(item.RegionLocationMaxY1)
    spacing = (10 * abs(float(item.PhysicalDeltaX)), 10 * abs(float(item.PhysicalDeltaY)))  # signs are directions
    return UltrasoundRegion(left, top, right, bottom, region_scale((left, top, right, bottom), spacing))


def region_scale(box: tuple[int, int, int, int], spacing_mm: tuple[float, float]) -> Scale:
    """The scale inside a box (left, top, right, bottom) of pixels with a spacing (x, y) in mm."""
    left, top, right, bottom = box
    mm_per_px = math.sqrt(spacing_mm[0] * spacing_mm[1])
    uncertainty = math.hypot(rectangular(DISTANCE_UNCERTAINTY) * mm_per_px, rectangular(abs(spacing_mm[0] - spacing_mm[1]) / 2))
    return Scale(mm_per_px, uncertainty, ((left, top), (right, top), (right, bottom), (left, bottom)), "dicom")
