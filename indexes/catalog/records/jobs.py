"""Values of the work queue: jobs, chunks, leased work, reindexing and queue statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from mm.schemas import FINAL_STATES, JobKind, JobState, MoveState

if TYPE_CHECKING:
    from indexes.catalog.records.items import ItemRow
    from indexes.catalog.records.segments import CaptionRow
    from indexes.catalog.records.tasks import TaskRow
    from mm.spaces.types import SpaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """The work on one upload, or of another kind. It outlives its item, so that clients can read
    how it ended."""

    id: str
    kind: JobKind
    item_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None
    created_at: datetime
    updated_at: datetime
    request_id: str | None
    """Id of the request that created it."""
    reindex_pk: int | None
    """The reindex that it belongs to; None for the work on an upload."""
    payload: Mapping[str, object]
    """Parameters of a job that has tasks."""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def is_background(self) -> bool:
        """Whether it is served only when no upload has due work."""
        return self.reindex_pk is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEventRow:
    """State of a job after a change. Ids increase over all jobs."""

    id: int
    job_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRow:
    """A time range of an item that one task encodes."""

    pk: int
    job_id: str
    index: int
    start: float
    end: float
    space: SpaceId
    attempts: int
    done: bool
    shard_id: str | None
    error: str | None
    owner: str | None
    leased_until: float
    """Seconds of `time.time()`; 0 without a lease."""


@dataclass(frozen=True, slots=True)
class LeasedChunk:
    """A chunk that `owner` has leased and whose vectors are in a shard."""

    pk: int
    owner: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """The work that a worker claims at once.

    | kind | work |
    | --- | --- |
    | `plan` | split the item of the job into chunks and encode the first |
    | `images` | encode the items of all these jobs together |
    | `encode` | encode the chunk, which is leased |
    | `finish` | finish the job: all chunks are done, and the last worker did not finish it |
    | `tasks` | perform the tasks, which are leased, of a job of another kind than `ingest` |
    """

    kind: Literal["plan", "images", "encode", "finish", "tasks"]
    job_ids: Sequence[str]
    chunk: ChunkRow | None = None
    tasks: Sequence[TaskRow] = ()


@dataclass(frozen=True, slots=True)
class LeasedImage:
    """An image item whose only chunk is leased."""

    job: JobRow
    item: ItemRow
    chunk: ChunkRow


@dataclass(frozen=True, slots=True)
class CaptionScene:
    """A scene of a video, to be captioned by one of its frames, or an image, whose length is 0."""

    start: float
    end: float
    frame_time: float
    """The middle of the segment that contains the middle of the scene."""
    segments: Sequence[int]
    """Indexes of its segments in the shot of that frame: the caption is evidence of these."""
    next_segment: int
    """Index of the first segment after the scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedCaptions:
    """An item that is leased for captioning, with the scenes that have no caption."""

    item_pk: int
    item_id: str
    sha256: str
    name: str
    is_image: bool
    """Whether the item is an image and not a video."""
    width: int
    height: int
    space: SpaceId
    scenes: Sequence[CaptionScene]
    known: Sequence[CaptionRow]
    """Captions of the item by the current model, of any space and of earlier segments."""


@dataclass(frozen=True, slots=True)
class NamedSpace:
    """A space by the name that settings use, and its id."""

    name: str
    id: SpaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexRow:
    """A change of the library from one space to another."""

    pk: int
    source: NamedSpace
    target: NamedSpace
    state: MoveState
    leave_out: bool
    """Whether it ends without the items that cannot be encoded."""
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReindexCounts:
    """Progress of a reindex, in items that are searchable in its source or its target."""

    items: int
    reindexed: int
    failed: int


@dataclass(frozen=True, slots=True)
class WorkHistogram:
    """A cumulative histogram of a work metric and the sum of its values."""

    buckets: Sequence[tuple[float, int]]
    """Upper bound and number of values up to it, in ascending order; the last bound is infinite."""
    total: float

    @property
    def count(self) -> int:
        """Number of all values."""
        return self.buckets[-1][1]


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Work on uploads that is waiting or running."""

    waiting_chunks: int
    running_chunks: int
    oldest_seconds: float
    """Age of the oldest queued job; 0 without one."""
