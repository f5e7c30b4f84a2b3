"""The shapes that cross the wire: what the API returns and the client hands out. Times are seconds
from the start of the item."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Kind = Literal["image", "video", "audio"]
ItemSort = Literal["newest", "oldest", "name", "longest", "largest"]
Band = Literal["likely", "possible"]
"""How sure an answer is: at or above the calibrated floor of the space, or ranked on below it."""
EvidenceKind = Literal["picture", "speech", "sound", "written", "word", "name"]
ItemStatus = Literal["processing", "ready", "failed", "quarantined", "cancelled"]
JobState = Literal["queued", "running", "done", "failed", "quarantined", "cancelled"]
MoveState = Literal["running", "stopped", "done", "undone"]
SpaceRole = Literal["served", "encoding", "kept"]

FINAL_STATES: frozenset[str] = frozenset({"done", "failed", "quarantined", "cancelled"})


class Model(BaseModel):
    """Base of all shapes: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(Model):
    """One uploaded file."""

    id: str = Field(description="First 32 hex digits of the SHA-256 of the bytes.")
    name: str = Field(description="File name at upload.")
    kind: Kind
    content_type: str
    size: int = Field(description="Bytes.")
    duration: float = Field(description="Seconds; 0 for a picture.")
    width: int = Field(description="Pixels as shown, after rotation; 0 for a sound.")
    height: int
    tags: list[str]
    status: ItemStatus
    error: str | None = Field(None, description="Why the item failed or is quarantined.")
    created_at: datetime
    unread_pictures: int = Field(0, ge=0, description="Pictures of it whose text has not been read, so that it is not found yet.")


class Job(Model):
    """The work on one upload."""

    id: str
    item_id: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    stage: str = Field(description="What is being done, in words.")
    error: str | None = None
    created_at: datetime
    updated_at: datetime
    request_id: str | None = Field(None, description="Of the request that brought the file; names it in all logs.")
    position: int | None = Field(
        None,
        ge=0,
        description="Jobs that come before it while it waits; null once it runs or is over, and in the answer to an upload.",
    )
    seconds_left: float | None = Field(
        None, ge=0, description="Seconds until it is done, from speeds measured lately; null when unknown, or over."
    )


class JobList(Model):
    """The latest jobs, newest first."""

    data: list[Job]


class JobEvent(Model):
    """One step of a job, as sent over server-sent events; `id` is what Last-Event-ID resumes from.

    The latest step is sent again, under its id, when `position` or `seconds_left` has changed.
    """

    id: int
    job_id: str
    state: JobState
    progress: float
    stage: str
    error: str | None = None
    position: int | None = Field(None, ge=0, description="As that of a job; only in the latest step.")
    seconds_left: float | None = Field(None, ge=0, description="As that of a job; only in the latest step.")


class Upload(Model):
    """Answer to an upload. `created` is false when the same bytes were there already."""

    item: Item
    job: Job
    created: bool


class ItemPage(Model):
    """One page of items; `next` goes into `cursor` of the following call."""

    items: list[Item]
    next: str | None = Field(None, description="Null on the last page, and where `offset` was given.")
    total: int | None = Field(None, description="How many items there are in all; only where `offset` was given.")


class TagCount(Model):
    """A tag, and how many items have it."""

    tag: str
    items: int


class TagList(Model):
    """The tags in use, those of most items first."""

    data: list[TagCount]


class Line(Model):
    """Words that were said, as they were heard."""

    start: float
    end: float
    text: str


class Segment(Model):
    """A part of an item that is found as one moment."""

    start: float
    end: float
    shot: int = Field(description="Segments of one shot, between two cuts, have the same number.")
    scene_start: float | None = Field(None, description="Of the scene that it lies in; null where nothing tells of scenes.")
    scene_end: float | None = None
    said: list[Line]


class SegmentPage(Model):
    """Segments in order of time; `next` goes into `after` of the following call."""

    segments: list[Segment]
    next: float | None = Field(None, description="Seconds; null on the last page.")


class Evidence(Model):
    """Why a moment is a hit."""

    kind: EvidenceKind
    score: float = Field(ge=0, le=1, description="Calibrated probability that this evidence alone answers.")
    cosine: float = Field(description="Raw cosine between question and evidence.")
    start: float
    end: float
    text: str | None = Field(None, description="The words said, what sounds, or the file's name.")


class Moment(Model):
    """A stretch of an item that answers; no longer than an instant where the item is a picture."""

    item: Item
    start: float
    end: float
    best_start: float = Field(description="Of the part that answers best, where a player stands; score and evidence are its own.")
    best_end: float
    scene_start: float | None = Field(
        None, description="Of the scene in which the part that answers best lies; null where nothing tells of scenes."
    )
    scene_end: float | None = None
    score: float = Field(ge=0, le=1, description="Calibrated probability, all evidence together.")
    evidence: list[Evidence] = Field(description="Strongest first.")
    thumbnail: str = Field(description="Path of a picture of the moment below the service's address; a sound has a drawn one.")
    media: str = Field(description="Path of the bytes below the service's address.")


class Hit(Moment):
    """One answer, and the moments of other items that show the same."""

    band: Band = Field(
        description="`likely` at or above the calibrated floor of the space, `possible` below it. Likely hits come first."
    )
    duplicates: int = Field(0, ge=0, description="How many near-duplicates were folded into this hit.")
    alike: list[Moment] = Field(default=[], description="Those near-duplicates, best first.")


class Filters(Model):
    """What to search in. Exact, and applied before the cut to `k`."""

    kinds: list[Kind] = Field(default=[], description="Any of these kinds; empty means all.")
    items: list[str] = Field(default=[], description="Any of these item ids; empty means all.")
    tags: list[str] = Field(default=[], description="All of these tags.")
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None


class Like(Model):
    """A moment of the library to ask with: what is seen in it, or, where nothing is, what is
    heard."""

    item: str = Field(description="The item's id.")
    time: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from its start.")


class Weights(Model):
    """How much the evidence of each part of a question counts, from 0, which leaves it out, to
    4."""

    text: float = Field(1.0, ge=0, le=4, description="Of the words, and of each of `also`.")
    picture: float = Field(1.0, ge=0, le=4)
    sound: float = Field(1.0, ge=0, le=4)
    clip: float = Field(1.0, ge=0, le=4)
    like: float = Field(1.0, ge=0, le=4)
    without: float = Field(1.0, ge=0, le=4)


class SearchRequest(Model):
    """A question in words. Pictures, sounds and clips come as multipart form data with the same
    fields."""

    text: str | None = None
    also: list[str] = Field([], max_length=8, description="More words, each of which a moment must fit as well.")
    without: list[str] = Field([], max_length=8, description="Words for what must be neither seen nor said in a moment.")
    weights: Weights = Weights()
    like: Like | None = Field(None, description="More like this moment; the moment itself is left out of the answer.")
    k: int = Field(10, description="Most hits to return, likely and possible together.")
    filters: Filters = Filters()
    floor: float | None = Field(
        None, ge=0, le=1, description="Least score of a hit; unset uses the space's own bound of possible hits."
    )
    fold: bool = Field(True, description="Whether moments of other items that show the same are folded into one hit.")


class SearchResponse(Model):
    """The answer, best hit first. No hits means that nothing in the library matches."""

    hits: list[Hit]
    space: str = Field(description="Name and version of the space, as in `lite@1`.")
    floor: float = Field(description="Least score that a hit of this answer may have.")
    likely_floor: float = Field(description="Score from which a hit is `likely`: the calibrated floor of the space.")
    heard: str | None = Field(None, description="The words heard in a sound or clip that was asked with.")
    notes: list[str] = Field(default=[], description="What the answer could not take into account.")
    seconds: float


class EmbeddingRequest(Model):
    """Texts, or pictures as base64 data URLs (`data:image/...;base64,...`), to encode."""

    input: str | list[str]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(Model):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Model):
    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(Model):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


class ModelInfo(Model):
    """One space as the service has it."""

    id: str = Field(description="Name and version, as in `lite@1`.")
    dim: int
    towers: dict[str, str] = Field(description="Tower name to what it is.")
    runtime: str
    card: str = Field(description="The card in Markdown: training data, numbers, limits.")


class ModelList(Model):
    data: list[ModelInfo]


class Move(Model):
    """A library on its way from one space to another; questions are answered from the first until
    all items are in the second."""

    source: str = Field(description="The space where it began, as MM_SPACE names it.")
    target: str = Field(description="The space where it leads.")
    state: MoveState
    items: int = Field(description="Items that can be searched in either.")
    moved: int = Field(description="Those that can be searched where it leads.")
    failed: int = Field(description="Those that could not be encoded there.")
    error: str | None = Field(None, description="Why it stopped by itself.")
    created_at: datetime
    updated_at: datetime


class MoveRequest(Model):
    """Where to."""

    to: str = Field(min_length=1, max_length=1000, description="`lite` or `openclip:MODEL/PRETRAINED`.")


class ResumeRequest(Model):
    """How a move goes on."""

    leave_out: bool = Field(False, description="Whether items that cannot be encoded stay behind, and are not found any more.")


class SpaceHeld(Model):
    """What a library has in a space."""

    id: str
    items: int
    role: SpaceRole = Field(description="`served` answers questions, `encoding` is being filled, `kept` may be dropped.")


class LibrarySpace(Model):
    """The space that questions are asked in, and what else there is."""

    id: str
    name: str = Field(description="As MM_SPACE names it.")
    spaces: list[SpaceHeld]
    move: Move | None = Field(None, description="The latest one.")
    notes: list[str] = Field(default_factory=list)


class Check(Model):
    """One thing that readiness or `doctor` looked at."""

    name: str
    ok: bool
    detail: str
    required: bool = True


class Health(Model):
    """The process answers; nothing more is said."""

    status: Literal["alive"] = "alive"
    version: str


class Recovery(Model):
    """What `mm doctor` did to a library whose catalog and folder did not match."""

    action: Literal["adopt", "rebuild", "empty", "collect"]
    items: int = 0
    """Added to the catalog."""
    reused: int = 0
    """Of these, items whose vectors are there and need not be encoded again."""
    skipped: int = 0
    """Files that are left over from uploads that never ended."""
    refused: dict[str, str] = {}
    """Files that could not be added, by SHA-256, and why."""
    lost: int = 0
    """Items of the catalog whose file is not there."""
    trashed: int = 0
    """Files that were moved to the trash."""
    aside: str | None = None
    """Where the catalog is that was in use before."""


class Readiness(Model):
    """Whether everything that is needed works, looked at one by one."""

    ready: bool
    checks: list[Check]


class ImportRequest(Model):
    """A folder below `MM_IMPORT_ROOT` on the server."""

    folder: str
    tags: list[str] = []


class ImportResponse(Model):
    """What became of each file of the folder."""

    uploads: list[Upload]
    refused: dict[str, str] = Field(description="Path below the folder to why it was refused.")


KeyScope = Literal["read", "write", "admin"]


class Session(Model):
    """Who sends a request, and until when a browser may."""

    key_id: str | None = Field(None, description="Id of the API key; null where no key is needed.")
    name: str | None = Field(None, description="Name of the API key.")
    scope: KeyScope | None = Field(None, description="What the key may do.")
    expires_at: datetime | None = Field(None, description="When the browser has to sign in again; null for a key in a header.")


class SignedIn(Model):
    """A browser that signed in with a key."""

    id: str = Field(description="Of the session; not what the cookie holds.")
    key_id: str
    name: str = Field(description="Name of the API key.")
    created_at: datetime
    expires_at: datetime


class SignedInList(Model):
    """The browsers that are signed in, the latest first."""

    data: list[SignedIn]


class AuditEntry(Model):
    """One change: who made it, when, and of what."""

    id: int = Field(description="Grows in the order of writing.")
    at: datetime = Field(description="When the change was made.")
    actor: str = Field(description="Id of an API key; `local`, `anonymous` or `worker` without one.")
    address: str = Field(description="Of the client; empty for a command on the server.")
    request_id: str | None = Field(None, description="Of the request; names it in the log.")
    action: str = Field(description="As in `item.delete`; docs/security.md lists them.")
    subject: str = Field(description="Id of what was changed.")
    detail: dict[str, JsonValue] = Field(description="What else is known of the change.")


class AuditPage(Model):
    """One page of the audit log; `next` goes into `cursor` of the following call."""

    entries: list[AuditEntry]
    next: str | None = Field(None, description="Null on the last page.")


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
