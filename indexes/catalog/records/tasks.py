"""Tasks of jobs of another kind than `ingest`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A step of a job that is to be added."""

    item_id: str = ""
    start: float = 0.0
    end: float = 0.0
    cost: float = 0.0
    """Seconds of video that take as long; the minimum is that of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A step of a job of another kind than `ingest`."""

    pk: int
    job_id: str
    index: int
    item_id: str
    """Item that it reads, which may be deleted; empty without one."""
    start: float
    end: float
    attempts: int
    done: bool
    error: str | None

    @property
    def is_image(self) -> bool:
        """Whether it reads a whole item instead of a range of a video."""
        return self.end <= self.start
