"""Exports of clips: jobs that cut time ranges of items."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mm.schemas.albums import EntrySpec
from mm.schemas.base import Model
from mm.schemas.jobs import JobState

MAX_CLIPS = 1000
"""Clips of one export."""


class ExportRequest(Model):
    """Clips to be cut: time ranges of items, or the entries of an album."""

    clips: list[EntrySpec] = Field(
        default=[], description=f"Items with their time ranges, at most {MAX_CLIPS:,}; without a range the whole item."
    )
    album: str | None = Field(None, max_length=64, description="Id of an album whose entries are cut, without its images.")
    exact: bool = Field(
        False,
        description="Encode frames and sound again and cut exactly; otherwise a clip is copied from the last key frame at or "
        "before its start on.",
    )


class ExportFailure(Model):
    """A clip that could not be cut."""

    item: str
    start: float
    end: float
    error: str


class Export(Model):
    """An export of clips. Its id is that of its job."""

    id: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    stage: str
    error: str | None = None
    exact: bool
    clips: int = Field(ge=0, description="Number of clips.")
    done: int = Field(ge=0, description="Number of clips that are cut.")
    failures: list[ExportFailure] = Field(default=[], description="Clips that could not be cut, at most 1,000.")
    size: int = Field(ge=0, description="Bytes that its files occupy.")
    created_at: datetime
    expires_at: datetime | None = Field(None, description="When its files are deleted; null with MM_EXPORT_DAYS 0.")
    is_expired: bool = Field(False, description="Whether its files are deleted.")
    content: str | None = Field(None, description="Path of its file, once it is done and until it expires.")


class ExportList(Model):
    """Exports, the latest first."""

    exports: list[Export]
