"""The catalog: the source of truth about items, jobs and segments."""

from __future__ import annotations

from indexes.catalog.audit import AuditRows
from indexes.catalog.captions import CaptionRows
from indexes.catalog.captures import CaptureRows
from indexes.catalog.curation.albums import AlbumRows
from indexes.catalog.curation.edits import EditRows
from indexes.catalog.curation.names import NameRows
from indexes.catalog.curation.searches import SavedSearchRows
from indexes.catalog.curation.trash import TrashRows
from indexes.catalog.evaluations import EvaluationRows
from indexes.catalog.evidence import EvidenceRows
from indexes.catalog.inspection.examples import ExampleRows
from indexes.catalog.inspection.inspectors import InspectorRows
from indexes.catalog.inspection.results import ResultRows
from indexes.catalog.inspection.runs import RunRows
from indexes.catalog.inspection.versions import VersionRows
from indexes.catalog.items import ItemRows
from indexes.catalog.lesions import LesionRows
from indexes.catalog.listing import ListingRows
from indexes.catalog.queue.chunks import ChunkRows
from indexes.catalog.queue.forecast import ForecastRows
from indexes.catalog.queue.job_tasks import TaskRows
from indexes.catalog.queue.jobs import JobRows
from indexes.catalog.queue.reindex import ReindexRows
from indexes.catalog.queue.scheduling import SchedulingRows
from indexes.catalog.queue.uncaptioned import UncaptionedRows
from indexes.catalog.queue.unread_text import UnreadTextRows
from indexes.catalog.queue.work_metrics import WorkMetricRows
from indexes.catalog.queue.workers import HeartbeatRows, SandboxReportRows
from indexes.catalog.references import ReferenceRows
from indexes.catalog.segments import SegmentRows
from indexes.catalog.sessions import SessionRows
from indexes.catalog.spaces import SpaceRows


class Catalog(
    ItemRows,
    EditRows,
    TrashRows,
    NameRows,
    AlbumRows,
    SavedSearchRows,
    ListingRows,
    SegmentRows,
    EvidenceRows,
    CaptionRows,
    CaptureRows,
    ReferenceRows,
    JobRows,
    ChunkRows,
    TaskRows,
    InspectorRows,
    ExampleRows,
    VersionRows,
    RunRows,
    ResultRows,
    EvaluationRows,
    LesionRows,
    SchedulingRows,
    ForecastRows,
    ReindexRows,
    SpaceRows,
    UnreadTextRows,
    UncaptionedRows,
    HeartbeatRows,
    SandboxReportRows,
    WorkMetricRows,
    AuditRows,
    SessionRows,
):
    """All queries and changes of the catalog. Each method is one transaction.

    Safe to share between threads, not across a fork. Each method raises `Unavailable` when the
    database does not respond. Transactions lock rows in the order reindex, flow, item, job, chunk
    or task, library, which excludes deadlocks.
    """
