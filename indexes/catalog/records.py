"""What the catalog takes and gives: plain values, no session, no lazy loading. Media times are
seconds from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mm.schemas import FINAL_STATES, EvidenceKind, ItemStatus, JobState, Kind, MoveState
from mm.spaces.types import SpaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """A file whose bytes are in the blob store."""

    sha256: str
    name: str
    kind: Kind
    content_type: str
    size: int
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    tags: Sequence[str] = ()
    request_id: str | None = None
    """Of the request that brought it, for the logs of the work on it."""
    created_at: datetime | None = None
    """When it was uploaded; None is now."""
    key_id: str | None = None
    """API key that sent it; None where no key is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One uploaded file."""

    id: str
    sha256: str
    name: str
    kind: Kind
    content_type: str
    size: int
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    tags: tuple[str, ...]
    status: ItemStatus
    error: str | None
    created_at: datetime
    unread_pictures: int = 0
    """Pictures of it whose text was not read, in the space of the library."""


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """Which items to list. An empty value means any."""

    kinds: Sequence[Kind] = ()
    tags: Sequence[str] = ()
    """All of these."""
    status: ItemStatus | None = None


@dataclass(frozen=True, slots=True)
class BrowseFilters(ItemFilters):
    """Which items to look through. An empty value means any."""

    name: str = ""
    """A part of the name; upper and lower case are the same."""
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """The work on one upload. It outlives its item, so that those who follow it see its end."""

    id: str
    item_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None
    created_at: datetime
    updated_at: datetime
    request_id: str | None
    """Of the request that brought it."""
    reindex_pk: int | None
    """The move that it is a part of; None for the work on an upload."""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def is_background(self) -> bool:
        """Whether it may wait for the work on uploads."""
        return self.reindex_pk is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEventRow:
    """One step of a job. Ids grow, over all jobs."""

    id: int
    job_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRow:
    """A part of an item that one task encodes."""

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
    """A chunk that `owner` has leased and encoded."""

    pk: int
    owner: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """The next piece of work of one worker.

    `plan`: cut the job's item into chunks and begin with the first. `pictures`: encode the items of
    all these jobs together. `encode`: the chunk, which is leased. `finish`: all chunks are done,
    and whoever did the last one did not finish the job.
    """

    kind: Literal["plan", "images", "encode", "finish"]
    job_ids: Sequence[str]
    chunk: ChunkRow | None = None


@dataclass(frozen=True, slots=True)
class LeasedImage:
    """A picture that is leased."""

    job: JobRow
    item: ItemRow
    chunk: ChunkRow


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Something in a segment that can be found. Its vector is `row` of the matrix of its kind in
    the shard."""

    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    shard_id: str
    row: int


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A moment: the unit of an answer."""

    start: float
    end: float
    shot: int
    evidence: Sequence[NewEvidence]
    scene: tuple[float, float] | None = None
    """Start and end of the scene that it lies in; None where nothing tells of scenes."""
    unread: bool = False
    """Whether a picture of it is worth reading, and its text was not read."""


@dataclass(frozen=True, slots=True)
class UnreadSegment:
    """A segment of a searchable item of which a picture is to be read. A photo has one, of no
    length."""

    index: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class LeasedText:
    """What is left to read of one item, leased."""

    item_pk: int
    item_id: str
    sha256: str
    name: str
    is_picture: bool
    """Whether the item is a picture and not a video."""
    space: SpaceId
    segments: Sequence[UnreadSegment]


@dataclass(frozen=True, slots=True)
class NamedSpace:
    """A space as settings name it, and its id."""

    name: str
    id: SpaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexRow:
    """A library on its way from one space to another."""

    pk: int
    source: NamedSpace
    target: NamedSpace
    state: MoveState
    leave_out: bool
    error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReindexCounts:
    """How far a move is, in items that can be searched where it began or where it leads."""

    items: int
    moved: int
    failed: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What the library holds."""

    items: int
    segments: int
    evidence: int
    jobs: Mapping[JobState, int]
    """By state, zeros included."""


@dataclass(frozen=True, slots=True)
class PublicationRow:
    """An item that became searchable. Sequence numbers grow in the order of commits."""

    seq: int
    item_pk: int
    evidence: int
    """How many pieces it has."""


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """What a reader that knows everything up to some sequence number has not seen."""

    head: int
    """The latest sequence number."""
    publications: Sequence[PublicationRow]
    """In order; the first so many."""
    tombstones: Sequence[int]
    """Sequence numbers of publications that are gone."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One piece of evidence with the segment and the item that it belongs to."""

    pk: int
    item_pk: int
    item_id: str
    kind: EvidenceKind
    start: float
    end: float
    text: str | None
    shard_id: str
    row: int
    """Row of its vector in the matrix of its kind in the shard."""
    segment_index: int
    segment_start: float
    segment_end: float
    shot: int
    scene: tuple[float, float] | None
    """Start and end of the scene that contains the segment."""


@dataclass(frozen=True, slots=True)
class WorkHistogram:
    """How often values were at most so large, bound by bound, and their sum."""

    buckets: Sequence[tuple[float, int]]
    total: float

    @property
    def count(self) -> int:
        return self.buckets[-1][1]


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """What waits for workers."""

    waiting_chunks: int
    running_chunks: int
    oldest_seconds: float
    """Age of the oldest job that nobody began; 0 without one."""
