"""Inspectors, their examples and versions, inspections and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.schemas import InspectionRecord, InspectionVerdict, JobState, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorRow:
    """How an inspector is fitted."""

    name: str
    mode: str
    settings: Mapping[str, object]
    created_at: datetime
    num_examples: int
    num_groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRow:
    """An image of a good part."""

    pk: int
    item_id: str
    sha256: str
    name: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version that a job of the service fitted."""

    version: int
    job_id: str
    sha256: str
    """Of the file."""
    is_ready: bool
    """Whether its job has ended; its file may be missing before."""
    comparison: Mapping[str, object] | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run of a version of an inspector over items."""

    pk: int
    id: str
    job_id: str
    inspector: str
    version: int
    settings: Mapping[str, object]
    num_items: int
    created_at: datetime
    state: JobState
    progress: float
    error: str | None
    verdicts: Mapping[str, int]
    """Number of results by verdict."""
    num_failed: int
    """Tasks that were given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResult:
    """The verdict on an image or a time range, to be added."""

    start: float
    end: float
    frame_time: float
    record: InspectionRecord
    heat: str | None
    """SHA-256 of the heat map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """The verdict on an image, or on a time range of a video."""

    pk: int
    id: str
    run_id: str
    item_pk: int
    item_id: str
    item_name: str
    item_kind: Kind
    sha256: str
    """Of the item."""
    start: float
    end: float
    frame_time: float
    p_value: float
    record: InspectionRecord
    heat: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilters:
    """Conditions of a list of results. None matches any."""

    run_id: str | None = None
    item_id: str | None = None
    inspector: str | None = None
    verdict: InspectionVerdict | None = None
    kind: str | None = None
    min_length_mm: float | None = None
    max_length_mm: float | None = None
    min_width_mm: float | None = None
    min_area_mm2: float | None = None
    max_p_value: float | None = None

    @property
    def has_region(self) -> bool:
        """Whether one region must match all conditions on kind and size."""
        sizes = (self.min_length_mm, self.max_length_mm, self.min_width_mm, self.min_area_mm2)
        return self.kind is not None or any(size is not None for size in sizes)
