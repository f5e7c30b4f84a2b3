"""The record of one inspection, in the form that files, exports, the API and the clients use.

The form is `mm.schemas.InspectionRecord`; this module makes it from the result of an inspector and
measures its regions. The heat map is not in it: see `heat_maps`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import numpy.typing as npt

from mm.errors import MissingScale, NotMeasurable, OutsideScale
from mm.inspection.thresholds.statement import describe_threshold
from mm.metrology import Scale, measure
from mm.metrology.tracing import trace
from mm.schemas import InspectionRecord, MeasuredValue, RegionRecord, RegionSizes, ThresholdRecord

if TYPE_CHECKING:
    from mm.inspection.types import Inspection, Mask, Region, Threshold
    from mm.media.types import RGB
    from mm.metrology import Measured, RegionMeasures
    from mm.numerics import Float32

MAX_MEASURED = 20
"""Regions of an image that are measured, those with the highest scores."""


def create_record(
    inspection: Inspection,
    threshold: Threshold,
    image_HWC: RGB,
    name: str,
    *,
    start: float | None = None,
    end: float | None = None,
    scale: Scale | None = None,
    scale_name: str | None = None,
    unit: Literal["mm", "px"] | None = None,
) -> InspectionRecord:
    """The record of an inspection of an image, uint8 RGB (H, W, 3), with the sizes of its regions.

    Sizes are in millimetres with a scale and in pixels without one, or in `unit`. A region that
    cannot be measured, or lies outside the area of the scale, has a note instead. Raises
    `MissingScale` for millimetres without a scale.
    """
    unit = unit or ("mm" if scale else "px")
    if unit == "mm" and scale is None:
        raise MissingScale(
            "Sizes in millimetres need a scale: add one with `mm scale add`, from a known length, a calibration board or a DICOM "
            "region, and name it; or measure in pixels."
        )
    grey_HW = np.asarray(cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY), np.uint8)
    regions = []
    for number, region in enumerate(inspection.regions):
        sizes, notes = measure_region(region, grey_HW, inspection.heat_HW, scale, unit) if number < MAX_MEASURED else (None, ())
        regions.append(_describe_region(region, sizes, notes))
    return InspectionRecord(
        image=name,
        start=start,
        end=end,
        width=image_HWC.shape[1],
        height=image_HWC.shape[0],
        score=inspection.score,
        p_value=inspection.p_value,
        verdict=inspection.verdict,
        regions=regions,
        inspector=inspection.inspector,
        version=inspection.version,
        scale=scale_name if unit == "mm" else None,
        notes=list(inspection.notes),
        threshold=describe(threshold),
    )


def describe(threshold: Threshold) -> ThresholdRecord:
    """The record of a threshold, with its statement."""
    return ThresholdRecord(
        score=threshold.score if math.isfinite(threshold.score) else None,
        rate_requested=threshold.rate_requested,
        num_good=threshold.num_good,
        num_groups=threshold.num_groups,
        smallest_rate=threshold.smallest_rate,
        interval=threshold.interval,
        rate_observed=threshold.rate_observed,
        num_caught=None if threshold.catches is None else threshold.catches[0],
        num_defective=None if threshold.catches is None else threshold.catches[1],
        statement=describe_threshold(threshold),
    )


def measure_region(
    region: Region, grey_HW: npt.NDArray[np.uint8], heat_HW: Float32, scale: Scale | None, unit: Literal["mm", "px"]
) -> tuple[RegionMeasures | None, tuple[str, ...]]:
    """Sizes of the hottest contrast in a region of a grey image (H, W), and what limits them."""
    try:
        sizes = measure(trace(fill_region(region, grey_HW.shape), grey_HW, heat_HW), grey_HW, scale, unit)
    except (NotMeasurable, OutsideScale) as error:
        return None, (str(error),)
    return sizes, sizes.notes


def fill_region(region: Region, size: tuple[int, ...]) -> Mask:
    """The mask (H, W) of the first piece of a region in an image of `size` (height, width), its
    holes filled: sizes are those of one connected shape."""
    mask_HW = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(mask_HW, [np.rint(region.polygon_P2).astype(np.int32)], 1)
    return mask_HW.astype(bool)


def _describe_region(region: Region, sizes: RegionMeasures | None, notes: tuple[str, ...]) -> RegionRecord:
    return RegionRecord(
        polygon=[(float(x), float(y)) for x, y in region.polygon_P2],
        further=[[(float(x), float(y)) for x, y in outline_P2] for outline_P2 in region.further],
        rle=region.mask_rle,
        area_px=region.area_px,
        score=region.score,
        kind=region.kind,
        measures=None if sizes is None else _describe_sizes(sizes),
        notes=list(notes),
    )


def _describe_sizes(sizes: RegionMeasures) -> RegionSizes:
    return RegionSizes(
        length=_describe_value(sizes.length),
        width=_describe_value(sizes.width),
        area=_describe_value(sizes.area),
        feret_max=_describe_value(sizes.feret_max),
    )


def _describe_value(measured: Measured) -> MeasuredValue:
    return MeasuredValue(value=measured.value, expanded=measured.expanded, unit=measured.unit, k=measured.k)
