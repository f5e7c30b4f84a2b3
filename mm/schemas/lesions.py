"""Lesion candidates in ultrasound: candidates for review, research use, not a diagnosis."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from mm.schemas.base import Model, Pair
from mm.schemas.jobs import JobState

Notice = Literal["Candidate for review, research use, not a diagnosis"]
NOTICE: Notice = "Candidate for review, research use, not a diagnosis"
"""Stands in every response about lesions."""


Box = Annotated[
    tuple[int, int, int, int],
    WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}),
]
"""x, y, width and height, without `prefixItems` in the schema."""


class LesionRegion(Model):
    """An area of one frame that a candidate covers; coordinates are pixels of the whole frame."""

    frame: int = Field(description="From 0.")
    seconds: float | None = Field(description="Time of the frame; null for an image, or if it is not known.")
    box: Box = Field(description="x, y, width and height.")
    polygon: list[Pair] = Field(description="Outer boundary, x and y.")
    confidence: float = Field(
        ge=0, le=1, description="Share of regions with this confidence that overlap an outlined lesion by at least half."
    )
    area_px: int
    area_mm2: float | None = Field(description="Square millimetres; null without a scale.")


class LesionCandidate(Model):
    """One area that is followed through frames: a candidate for review, not a diagnosis."""

    id: str = Field(description="`VIEW.TRACK`, both from 1.")
    view: int
    start_frame: int
    end_frame: int = Field(description="Inclusive.")
    start: float | None = Field(description="Seconds of the first frame; null for an image, or if it is not known.")
    end: float | None
    best_frame: int = Field(description="Frame of the region with the highest confidence.")
    best: float | None = Field(description="Seconds of the best frame.")
    confidence: float = Field(ge=0, le=1, description="Mean of the highest confidences of its regions, at most three.")
    num_regions: int
    best_region: LesionRegion


class LesionView(Model):
    """A part of every frame that is analysed for itself."""

    left: int
    top: int
    width: int
    height: int
    mm_per_px: Pair | None = Field(description="Millimetres of a pixel in x and y; null without a scale.")


class LesionResult(Model):
    """The result for one file: candidates for review, not a diagnosis."""

    name: str
    width: int
    height: int
    num_frames: int
    views: list[LesionView]
    candidates: list[LesionCandidate] = Field(description="By view, in the order of their first frames.")
    network: str = Field(description="Version of the weights.")
    notes: list[str]
    notice: Notice = NOTICE


class LesionRequest(Model):
    """Items of the library to analyse: images and videos."""

    media: list[str] = Field(min_length=1, max_length=100)


class LesionAnalysis(Model):
    """An analysis, and its result when it is done."""

    id: str = Field(description="Id of its job.")
    item_id: str | None = Field(description="Null for a DICOM file, which is no item of the library.")
    name: str = Field(description="Of the item; of a DICOM file digits of its hash, as names may identify a patient.")
    state: JobState
    progress: float = Field(ge=0, le=1)
    stage: str
    error: str | None
    created_at: datetime
    result: LesionResult | None = Field(description="Null until the state is `done`, and in lists.")
    exports: list[str] = Field(description="Names of the files of `/v1/lesions/{id}/exports/{name}`; empty in lists.")
    notice: Notice = NOTICE


class LesionList(Model):
    """Analyses; newest first."""

    analyses: list[LesionAnalysis]
    next: str | None = Field(None, description="Cursor of the next page; null on the last one.")
    notice: Notice = NOTICE


class LesionRegionPage(Model):
    """Regions of candidates, by candidate and frame."""

    regions: list[LesionRegion]
    candidates: list[str] = Field(description="Id of the candidate of each region.")
    next: int | None = Field(None, description="`after` of the next page; null on the last one.")
    notice: Notice = NOTICE
