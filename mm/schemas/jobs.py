"""Jobs, and the events that report their progress."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model

JobState = Literal["queued", "running", "done", "failed", "quarantined", "cancelled"]
JobKind = Literal["ingest", "fit", "teach", "inspect", "lesions", "evaluate", "export"]
"""Work of a job: `ingest` encodes an uploaded item; the others have tasks."""

FINAL_STATES: frozenset[str] = frozenset({"done", "failed", "quarantined", "cancelled"})


class Job(Model):
    """Processing of one item, or other work in the background."""

    id: str
    kind: JobKind = Field(
        "ingest", description="`ingest` processes an upload, `export` cuts clips; the others belong to an inspector or a run."
    )
    item_id: str = Field(description="Empty for a job of another kind than `ingest`.")
    state: JobState
    progress: float = Field(ge=0, le=1)
    stage: str = Field(description="Current step, for display.")
    error: str | None = None
    created_at: datetime
    updated_at: datetime
    request_id: str | None = Field(None, description="Id of the request that sent the file; it is in all log lines of the job.")
    position: int | None = Field(
        None,
        ge=0,
        description="Number of jobs scheduled before a queued job; null in any other state, and in the response to an upload.",
    )
    seconds_left: float | None = Field(
        None, ge=0, description="Estimated seconds until completion, from recent throughput; null if unknown or finished."
    )


class JobList(Model):
    """The latest jobs, newest first."""

    data: list[Job]


class JobEvent(Model):
    """One server-sent event of a job; pass `id` as `Last-Event-ID` to resume after it.

    The latest event is sent again, with the same id, when `position` or `seconds_left` changes.
    """

    id: int
    job_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None = None
    position: int | None = Field(None, ge=0, description="As in `Job`; only in the latest event.")
    seconds_left: float | None = Field(None, ge=0, description="As in `Job`; only in the latest event.")
