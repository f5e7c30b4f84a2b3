"""In: rows of the catalog. Out: immutable values without a database session. Must not know SQL.

Media times are seconds from the start of the item.
"""

from indexes.catalog.records.items import BrowseFilters, Counts, ItemFilters, ItemRow, NewItem
from indexes.catalog.records.jobs import (
    ChunkRow,
    JobEventRow,
    JobRow,
    LeasedChunk,
    LeasedImage,
    LeasedText,
    NamedSpace,
    QueueStatus,
    ReindexCounts,
    ReindexRow,
    UnreadSegment,
    WorkHistogram,
    WorkUnit,
)
from indexes.catalog.records.segments import CatalogChanges, EvidenceRow, NewEvidence, NewSegment, PublicationRow

__all__ = [
    "BrowseFilters",
    "CatalogChanges",
    "ChunkRow",
    "Counts",
    "EvidenceRow",
    "ItemFilters",
    "ItemRow",
    "JobEventRow",
    "JobRow",
    "LeasedChunk",
    "LeasedImage",
    "LeasedText",
    "NamedSpace",
    "NewEvidence",
    "NewItem",
    "NewSegment",
    "PublicationRow",
    "QueueStatus",
    "ReindexCounts",
    "ReindexRow",
    "UnreadSegment",
    "WorkHistogram",
    "WorkUnit",
]
