"""The catalog: the rows that are the truth about items, jobs and moments."""

from __future__ import annotations

from indexes.catalog.audit import AuditRows
from indexes.catalog.items import ItemRows
from indexes.catalog.listing import BrowseRows
from indexes.catalog.queue.chunks import ChunkRows
from indexes.catalog.queue.forecast import ForecastRows
from indexes.catalog.queue.heartbeats import BeatRows
from indexes.catalog.queue.jobs import JobRows
from indexes.catalog.queue.reindex import MoveRows
from indexes.catalog.queue.sandbox_reports import LayerRows
from indexes.catalog.queue.turns import TurnRows
from indexes.catalog.queue.unread import UnreadTextRows
from indexes.catalog.queue.work_metrics import TallyRows
from indexes.catalog.segments import MomentRows
from indexes.catalog.sessions import SessionRows


class Catalog(
    ItemRows,
    JobRows,
    ChunkRows,
    TurnRows,
    ForecastRows,
    MomentRows,
    MoveRows,
    BeatRows,
    BrowseRows,
    TallyRows,
    UnreadTextRows,
    AuditRows,
    SessionRows,
    LayerRows,
):
    """Every method is one transaction: all of it is seen, or nothing.

    Safe to share between threads, not across a fork. Every method raises `Unavailable` when the
    database does not answer. Rows are locked in the order move, share, item, job, chunk, library,
    so that no two transactions wait for each other.
    """
