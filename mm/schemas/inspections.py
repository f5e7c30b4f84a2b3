"""Results of inspections, in the one form that files, exports, the API and the clients use."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model, Pair
from mm.schemas.jobs import Job, JobState

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
    """An area that differs from good parts, in one piece or in several close ones."""

    polygon: list[Pair] = Field(
        description="Outer boundary in pixels (x, y) of the image, without repetition of the first point; of several pieces that "
        "of the one with the longest."
    )
    further: list[list[Pair]] = Field(default=[], description="Outer boundaries of the other pieces.")
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
    interval: Pair = Field(description="95 % Clopper-Pearson bounds of the rate.")
    rate_observed: float | None = Field(None, ge=0, le=1, description="Share of later confirmed good parts that had failed.")
    num_caught: int | None = Field(None, ge=0, description="Later confirmed defective parts that had not passed.")
    num_defective: int | None = Field(None, ge=0, description="Later confirmed defective parts.")
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


class InspectionFilter(Model):
    """Conditions on results of inspections. Those on kind and size hold for one region together."""

    inspector: str | None = Field(None, max_length=64, pattern=r"^[^\x00]*$", description="Name of the inspector.")
    inspection: str | None = Field(None, max_length=64, pattern=r"^[^\x00]*$", description="Id of one inspection.")
    verdict: InspectionVerdict | None = None
    kind: str | None = Field(None, max_length=64, pattern=r"^[^\x00]*$", description="Kind of defect of a region, in any case.")
    min_length_mm: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_length_mm: float | None = Field(None, ge=0, allow_inf_nan=False)
    min_width_mm: float | None = Field(None, ge=0, allow_inf_nan=False)
    min_area_mm2: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_p_value: float | None = Field(None, gt=0, le=1)


class InspectionMatch(Model):
    """The result of an inspection by which a hit matches the filter."""

    inspection_id: str
    result_id: str
    inspector: str
    version: int
    verdict: InspectionVerdict
    p_value: float
    kind: str | None = Field(description="Of the longest region that matches.")
    length_mm: float | None = Field(description="Of the same region; null without a scale.")


class InspectionRequest(Model):
    """Items to be inspected."""

    inspector: str = Field(max_length=64)
    version: int | None = Field(None, ge=1, description="The current version by default.")
    items: list[str] = Field(min_length=1, description="Ids of images and videos.")
    scale: str | None = Field(None, max_length=64, description="Name of a scale, for sizes in millimetres.")
    region: list[Pair] | None = Field(
        None,
        min_length=3,
        max_length=1000,
        description="Polygon that is inspected: shares of the width and the height, 0 to 1.",
    )
    rate: float | None = Field(None, gt=0, lt=1, description="Share of good parts that may fail; that of the version by default.")
    fps: float = Field(1.0, gt=0, le=10, description="Frames of a video that are inspected, per second.")


class InspectionCounts(Model):
    """Results of an inspection by verdict."""

    passed: int = Field(alias="pass")
    fail: int
    undecided: int
    failed: int = Field(description="Items, or ranges of videos, that could not be inspected: see `failures`.")


class InspectionRun(Model):
    """A run of a version of an inspector over items of the library."""

    id: str
    inspector: str
    version: int
    state: JobState
    progress: float = Field(ge=0, le=1)
    error: str | None = None
    job_id: str
    created_at: datetime
    scale: str | None
    region: list[Pair] | None
    rate: float
    fps: float
    num_items: int
    counts: InspectionCounts


class StartedInspection(Model):
    """An inspection and its job. Follow it under `/v1/jobs`."""

    inspection: InspectionRun
    job: Job


class InspectionPage(Model):
    """Inspections, newest first."""

    inspections: list[InspectionRun]
    next: str | None = Field(None, description="`cursor` of the next page; null on the last.")


class InspectionMark(Model):
    """A mark in force."""

    id: str
    image: str = Field(description="Id of the item, of a video with `@` and the seconds of the frame; or the path of a file.")
    group: str | None = Field(None, description="Part or batch of the image; null if it stands for itself.")
    inspected: InspectionVerdict | None = Field(None, description="The verdict that the person saw.")
    version: int | None = Field(None, description="Version of the inspector that gave it.")
    verdict: Literal["accept", "reject"]
    polygons: list[list[Pair]]
    kind: str | None
    author: str = Field(description="Id of the API key, or `local`.")
    at: str = Field(description="ISO 8601.")


class InspectionMarkList(Model):
    """Marks in force, the earliest first."""

    data: list[InspectionMark]


class InspectionResult(Model):
    """The verdict on an image, or on a time range of a video in which the verdict is the same."""

    id: str
    inspection_id: str
    item_id: str
    item_name: str
    frame_time: float | None = Field(description="Seconds of the frame that the record describes; null for an image.")
    record: InspectionRecord
    heat: str | None = Field(description="Path of the heat map, a grey PNG of 16 bits; null if none is stored.")
    overlay: str | None = Field(description="Path of the heat map in colours with opacity, to lay over the image.")
    media: str = Field(description="Path of the stored file.")
    thumbnail: str
    marks: list[InspectionMark] = Field(default=[], description="In force, the earliest first.")


class InspectionResultPage(Model):
    """Results by ascending p-value."""

    results: list[InspectionResult]
    total: int
    next: str | None = Field(None, description="`cursor` of the next page; null on the last.")


class InspectionFailure(Model):
    """An item, or a range of a video, that could not be inspected."""

    item: str
    start: float
    end: float = Field(description="Seconds; both 0 for an image.")
    attempts: int
    error: str


class InspectionFailurePage(Model):
    """Items and ranges that could not be inspected."""

    failures: list[InspectionFailure]
    next: str | None = Field(None, description="`cursor` of the next page; null on the last.")


ExportFormat = Literal["coco", "csv", "mvtec", "png16"]


class InspectionMarkRequest(Model):
    """What a person says of a result: the part is good, or it is defective, and where."""

    verdict: Literal["accept", "reject"]
    polygons: list[list[Pair]] = Field(
        default=[], max_length=200, description="Outlines of the defect in pixels of the image; only with `reject`."
    )
    kind: str | None = Field(None, min_length=1, max_length=64, description="Kind of defect; only with `reject`.")
    group: str | None = Field(
        None, min_length=1, max_length=200, description="Part or batch of the image, where it was inspected more than once."
    )
