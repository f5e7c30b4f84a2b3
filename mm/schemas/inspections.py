"""Results of inspections, in the one form that files, exports, the API and the clients use."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mm.schemas.base import Model

InspectionVerdict = Literal["pass", "fail", "undecided"]
MeasureUnit = Literal["mm", "px", "mm2", "px2"]


class MeasuredValue(Model):
    """A size with its expanded uncertainty; the true value is within value - U and value + U."""

    value: float = Field(allow_inf_nan=False)
    expanded: float = Field(ge=0, allow_inf_nan=False, description="Expanded uncertainty U = k u, in the unit of the value.")
    unit: MeasureUnit
    k: float = Field(gt=0, allow_inf_nan=False, description="Coverage factor; 2 is about 95 %.")


class RegionSizes(Model):
    """Sizes of a region, corrected for blur."""

    length: MeasuredValue = Field(description="Longer side of the rectangle of least area.")
    width: MeasuredValue = Field(description="Median width along the medial axis.")
    area: MeasuredValue
    feret_max: MeasuredValue = Field(description="Largest distance of two parallel tangents: the size of docs/metrology.md.")


class RegionRecord(Model):
    """A connected area that differs from good parts."""

    polygon: list[tuple[float, float]] = Field(
        description="Outer boundary in pixels (x, y) of the image, without repetition of the first point."
    )
    rle: str = Field(description="Run lengths of the mask as in COCO files, compressed; the size is that of the image.")
    area_px: float = Field(ge=0, allow_inf_nan=False)
    score: float = Field(allow_inf_nan=False, description="Largest value of the heat map inside.")
    kind: str | None = Field(None, description="Kind of defect, where one was determined.")
    measures: RegionSizes | None = Field(None, description="Null when the region could not be measured; the notes say why.")
    notes: list[str] = Field(default=[], description="What limits the measures, in full sentences or short remarks.")


class ThresholdRecord(Model):
    """The score above which a part fails, and how often a good part does."""

    score: float | None = Field(allow_inf_nan=False, description="Null without held-out scores.")
    rate_requested: float = Field(gt=0, lt=1, description="Share of good parts that may fail.")
    num_good: int = Field(ge=0, description="Good images with held-out scores.")
    num_groups: int = Field(ge=0, description="Groups of these images.")
    smallest_rate: float = Field(gt=0, le=1, description="The smallest rate that so many groups allow, 1 / (groups + 1).")
    interval: tuple[float, float] = Field(description="95 % Clopper-Pearson bounds of the rate.")
    rate_observed: float | None = Field(None, ge=0, le=1, description="Share of later confirmed good parts that had failed.")
    statement: str = Field(description="The same in plain sentences.")


class InspectionRecord(Model):
    """What one version of an inspector found in one image, or in one frame of a video."""

    image: str = Field(description="Name of the file, or id of the item of the library.")
    start: float | None = Field(None, ge=0, allow_inf_nan=False, description="Seconds of a video; null for an image.")
    end: float | None = Field(None, ge=0, allow_inf_nan=False)
    width: int = Field(gt=0, description="Pixels of the inspected image.")
    height: int = Field(gt=0)
    score: float = Field(allow_inf_nan=False, description="Distance from good parts, comparable within one version only.")
    p_value: float = Field(gt=0, le=1, description="Share of good parts with a score at least as high.")
    verdict: InspectionVerdict
    regions: list[RegionRecord] = Field(description="In descending order of their scores.")
    inspector: str
    version: int = Field(ge=1)
    scale: str | None = Field(None, description="Name of the scale record of the measures.")
    notes: list[str] = Field(default=[], description="Full sentences: conversions, an unreachable rate, a refused registration.")
    threshold: ThresholdRecord
