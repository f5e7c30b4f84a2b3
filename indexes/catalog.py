"""The catalog: the rows that are the truth about items, jobs and moments."""

from __future__ import annotations

from indexes.audit import AuditRows
from indexes.beats import BeatRows
from indexes.browse import BrowseRows
from indexes.chunks import ChunkRows
from indexes.forecast import ForecastRows
from indexes.items import ItemRows
from indexes.jobs import JobRows
from indexes.layers import LayerRows
from indexes.moments import MomentRows
from indexes.moves import MoveRows
from indexes.sessions import SessionRows
from indexes.tallies import TallyRows
from indexes.turns import TurnRows
from indexes.unread import UnreadTextRows


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

    Safe to share between threads, not across a fork. Every method raises `Unavailable` when the database does not answer.
    Rows are locked in the order move, share, item, job, chunk, library, so that no two transactions wait for each other.
    """
