"""In: rows of the catalog. Out: immutable values without a database session. Must not know SQL.

Media times are seconds from the start of the item.
"""

from indexes.catalog.records.albums import AddedEntry, AlbumRanges, AlbumRow, EntryRow, EntrySpec
from indexes.catalog.records.inspection import ExampleRow, InspectorRow, NewResult, ResultFilters, ResultRow, RunRow, VersionRow
from indexes.catalog.records.items import (
    BrowseFilters,
    Counts,
    ItemEdit,
    ItemFilters,
    ItemRow,
    NewItem,
    SpokenLanguage,
    TrashSummary,
)
from indexes.catalog.records.jobs import (
    CaptionScene,
    ChunkRow,
    JobEventRow,
    JobRow,
    LeasedCaptions,
    LeasedChunk,
    LeasedImage,
    NamedSpace,
    QueueStatus,
    ReindexCounts,
    ReindexRow,
    WorkHistogram,
    WorkUnit,
)
from indexes.catalog.records.searches import DueMatch, Evaluation, MatchRow, NewMatch, SavedSearchRow, Webhook
from indexes.catalog.records.segments import (
    CaptionRow,
    CatalogChanges,
    EvidenceRow,
    NewCaption,
    NewEvidence,
    NewSegment,
    PublicationRow,
)
from indexes.catalog.records.tasks import NewTask, TaskRow
from indexes.catalog.records.text import FailedImage, LeasedText, TextProgress, UnreadImage

__all__ = [
    "AddedEntry",
    "AlbumRanges",
    "AlbumRow",
    "BrowseFilters",
    "CaptionRow",
    "CaptionScene",
    "CatalogChanges",
    "ChunkRow",
    "Counts",
    "DueMatch",
    "EntryRow",
    "EntrySpec",
    "Evaluation",
    "EvidenceRow",
    "ExampleRow",
    "FailedImage",
    "InspectorRow",
    "ItemEdit",
    "ItemFilters",
    "ItemRow",
    "JobEventRow",
    "JobRow",
    "LeasedCaptions",
    "LeasedChunk",
    "LeasedImage",
    "LeasedText",
    "MatchRow",
    "NamedSpace",
    "NewCaption",
    "NewEvidence",
    "NewItem",
    "NewMatch",
    "NewResult",
    "NewSegment",
    "NewTask",
    "PublicationRow",
    "QueueStatus",
    "ReindexCounts",
    "ReindexRow",
    "ResultFilters",
    "ResultRow",
    "RunRow",
    "SavedSearchRow",
    "SpokenLanguage",
    "TaskRow",
    "TextProgress",
    "TrashSummary",
    "UnreadImage",
    "VersionRow",
    "Webhook",
    "WorkHistogram",
    "WorkUnit",
]
