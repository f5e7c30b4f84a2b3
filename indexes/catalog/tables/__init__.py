"""In: nothing. Out: the tables of the catalog as SQLAlchemy classes. Must not know any query.

Migrations define the same tables; a test holds the two equal. Where an attribute has another name
than its column, `mapped_column` names the column.
"""

from indexes.catalog.tables.access import Audit, Session
from indexes.catalog.tables.albums import Album, AlbumEntry
from indexes.catalog.tables.base import Table
from indexes.catalog.tables.inspection import (
    Example,
    InspectionRegion,
    InspectionResult,
    InspectionRun,
    Inspector,
    InspectorVersion,
)
from indexes.catalog.tables.library import (
    Caption,
    Capture,
    Evidence,
    Item,
    Library,
    Publication,
    ReleasedFile,
    Segment,
    SpokenLanguage,
    StaleName,
    Tag,
    Tombstone,
    WithdrawnPublication,
)
from indexes.catalog.tables.queue import (
    Chunk,
    Flow,
    Job,
    JobEvent,
    Reindex,
    SandboxReport,
    Speed,
    Task,
    Uncaptioned,
    UnreadText,
    Worker,
    WorkMetric,
)
from indexes.catalog.tables.searches import SavedSearch, SearchMatch

__all__ = [
    "Album",
    "AlbumEntry",
    "Audit",
    "Caption",
    "Capture",
    "Chunk",
    "Evidence",
    "Example",
    "Flow",
    "InspectionRegion",
    "InspectionResult",
    "InspectionRun",
    "Inspector",
    "InspectorVersion",
    "Item",
    "Job",
    "JobEvent",
    "Library",
    "Publication",
    "Reindex",
    "ReleasedFile",
    "SandboxReport",
    "SavedSearch",
    "SearchMatch",
    "Segment",
    "Session",
    "Speed",
    "SpokenLanguage",
    "StaleName",
    "Table",
    "Tag",
    "Task",
    "Tombstone",
    "Uncaptioned",
    "UnreadText",
    "WithdrawnPublication",
    "WorkMetric",
    "Worker",
]
