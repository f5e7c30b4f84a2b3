"""In: plain values. Out: the bodies of API requests and responses, as pydantic models by resource.
This package exports all of them. Times are seconds from the start of the item.
Must not know: HTTP, SQL, settings, or anything else of this project.
"""

from mm.schemas.access import AuditEntry, AuditPage, KeyScope, Session, SignedIn, SignedInList
from mm.schemas.base import Model
from mm.schemas.embeddings import Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage, ModelInfo, ModelList
from mm.schemas.health import Check, Health, Problem, Readiness, Recovery
from mm.schemas.jobs import FINAL_STATES, Job, JobEvent, JobList, JobState
from mm.schemas.media import (
    ImportRequest,
    ImportResponse,
    Item,
    ItemPage,
    ItemSort,
    ItemStatus,
    Kind,
    Line,
    Segment,
    SegmentPage,
    TagCount,
    TagList,
    Upload,
)
from mm.schemas.search import Band, Evidence, EvidenceKind, Filters, Hit, Like, Moment, SearchRequest, SearchResponse, Weights
from mm.schemas.space import LibrarySpace, Move, MoveRequest, MoveState, ResumeRequest, SpaceHeld, SpaceRole

__all__ = [
    "FINAL_STATES",
    "AuditEntry",
    "AuditPage",
    "Band",
    "Check",
    "Embedding",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingUsage",
    "Evidence",
    "EvidenceKind",
    "Filters",
    "Health",
    "Hit",
    "ImportRequest",
    "ImportResponse",
    "Item",
    "ItemPage",
    "ItemSort",
    "ItemStatus",
    "Job",
    "JobEvent",
    "JobList",
    "JobState",
    "KeyScope",
    "Kind",
    "LibrarySpace",
    "Like",
    "Line",
    "Model",
    "ModelInfo",
    "ModelList",
    "Moment",
    "Move",
    "MoveRequest",
    "MoveState",
    "Problem",
    "Readiness",
    "Recovery",
    "ResumeRequest",
    "SearchRequest",
    "SearchResponse",
    "Segment",
    "SegmentPage",
    "Session",
    "SignedIn",
    "SignedInList",
    "SpaceHeld",
    "SpaceRole",
    "TagCount",
    "TagList",
    "Upload",
    "Weights",
]
