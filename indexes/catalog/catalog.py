"""The catalog: the rows that are the truth about items, jobs and moments."""

from __future__ import annotations

from indexes.catalog.audit import AuditRows
from indexes.catalog.items import ItemRows
from indexes.catalog.listing import ListingRows
from indexes.catalog.queue.chunks import ChunkRows
from indexes.catalog.queue.forecast import ForecastRows
from indexes.catalog.queue.jobs import JobRows
from indexes.catalog.queue.reindex import ReindexRows
from indexes.catalog.queue.scheduling import SchedulingRows
from indexes.catalog.queue.unread_text import UnreadTextRows
from indexes.catalog.queue.work_metrics import WorkMetricRows
from indexes.catalog.queue.workers import HeartbeatRows, SandboxReportRows
from indexes.catalog.segments import SegmentRows
from indexes.catalog.sessions import SessionRows


class Catalog(
    ItemRows,
    JobRows,
    ChunkRows,
    SchedulingRows,
    ForecastRows,
    SegmentRows,
    ReindexRows,
    HeartbeatRows,
    ListingRows,
    WorkMetricRows,
    UnreadTextRows,
    AuditRows,
    SessionRows,
    SandboxReportRows,
):
    """Every method is one transaction: all of it is seen, or nothing.

    Safe to share between threads, not across a fork. Every method raises `Unavailable` when the
    database does not answer. Transactions lock rows in the order reindex, flow, item, job, chunk,
    library, which excludes deadlocks.
    """
