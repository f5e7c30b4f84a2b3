"""Tables of inspectors, their examples and versions, and of inspections and their results.

Versions and marks are files of the stores in `mm.inspection`, heat maps those of
`indexes.storage.heat_maps`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from indexes.catalog.tables.base import AUTOINCREMENT, Key, Table, Utc


class Inspector(Table):
    """A named inspector: how it is fitted. Its versions are files of the inspector store."""

    __tablename__ = "inspectors"
    __table_args__ = (AUTOINCREMENT,)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    mode: Mapped[str] = mapped_column(String(16))
    settings: Mapped[str] = mapped_column(Text)
    """JSON object of the settings that differ from the defaults of the mode."""
    created_at: Mapped[datetime] = mapped_column(Utc)


class Example(Table):
    """An image of a good part, on which an inspector is fitted."""

    __tablename__ = "inspector_examples"
    __table_args__ = (Index(None, "inspector_pk", "item_pk", unique=True), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    inspector_pk: Mapped[int] = mapped_column(ForeignKey("inspectors.pk", ondelete="CASCADE"))
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), index=True)
    group: Mapped[str] = mapped_column(String(200))
    """Part, batch or exposure series; no group is on both sides of a fold."""


class InspectorVersion(Table):
    """A version that a job of the service fitted.

    It is pending from before its file is stored until its job ends, and only then listed.
    """

    __tablename__ = "inspector_versions"
    inspector_pk: Mapped[int] = mapped_column(ForeignKey("inspectors.pk", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    job_id: Mapped[str] = mapped_column(String(64), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the file."""
    is_ready: Mapped[bool] = mapped_column(Boolean)
    comparison: Mapped[str | None] = mapped_column(Text)
    """JSON object: the held-out comparison with the version before; null of a plain fit."""
    created_at: Mapped[datetime] = mapped_column(Utc)


class InspectionRun(Table):
    """One run of a version of an inspector over items of the library."""

    __tablename__ = "inspections"
    __table_args__ = (Index(None, "inspector", "pk"), AUTOINCREMENT)
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    job_pk: Mapped[int] = mapped_column(ForeignKey("jobs.pk"), unique=True)
    inspector: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    settings: Mapped[str] = mapped_column(Text)
    """JSON object: scale, region, rate and sampling of the run."""
    num_items: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Utc)


class InspectionResult(Table):
    """The verdict on an image, or on a time range of a video in which the verdict is the same."""

    __tablename__ = "inspection_results"
    __table_args__ = (
        Index(None, "run_pk", "item_pk", "start", "end", unique=True),
        Index(None, "run_pk", "p_value", "pk"),
        AUTOINCREMENT,
    )
    pk: Mapped[int] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    run_pk: Mapped[int] = mapped_column(ForeignKey("inspections.pk", ondelete="CASCADE"))
    item_pk: Mapped[int] = mapped_column(ForeignKey("items.pk", ondelete="CASCADE"), index=True)
    start: Mapped[float] = mapped_column(Double)
    end: Mapped[float] = mapped_column(Double)
    frame_time: Mapped[float] = mapped_column(Double)
    """Seconds of the frame that the record describes; 0 for an image."""
    p_value: Mapped[float] = mapped_column(Double)
    verdict: Mapped[str] = mapped_column(String(16), index=True)
    record: Mapped[str] = mapped_column(Text)
    """JSON of the record, without the names of the item."""
    heat: Mapped[str | None] = mapped_column(String(64), index=True)
    """SHA-256 of the heat map; null if none is stored."""
    created_at: Mapped[datetime] = mapped_column(Utc)


class InspectionRegion(Table):
    """What a filter of results compares: the kind and the measures of one region of a result."""

    __tablename__ = "inspection_regions"
    result_pk: Mapped[int] = mapped_column(ForeignKey("inspection_results.pk", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str | None] = mapped_column(String(64), index=True)
    length_mm: Mapped[float | None] = mapped_column(Double)
    width_mm: Mapped[float | None] = mapped_column(Double)
    area_mm2: Mapped[float | None] = mapped_column(Double)
