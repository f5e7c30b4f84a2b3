"""Continues the reindex of the library: creates jobs for the next items, and ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from workers.messaging.dispatch import tolerate_broker_failure

if TYPE_CHECKING:
    from indexes import Store
    from workers.messaging.dispatch import Dispatcher

MAX_OPEN_JOBS = 32
"""Maximum unfinished jobs of a reindex: more than there are worker processes, and few enough to end
soon after a stop."""


def continue_reindex(store: Store, dispatcher: Dispatcher) -> int:
    """Create and dispatch the next jobs of a running reindex, or end it after the last item.

    Returns the number of jobs. Raises `Unavailable` when the catalog does not respond.
    """
    catalog = store.catalog
    reindex = catalog.get_latest_reindex()
    if reindex is None or reindex.state != "running":
        return 0
    jobs = catalog.create_reindex_jobs(MAX_OPEN_JOBS)
    with tolerate_broker_failure():
        dispatcher.dispatch(len(jobs))
    if not jobs and catalog.finish_reindex():
        latest = catalog.get_latest_reindex()
        state = latest.state if latest else "gone"
        structlog.get_logger().info("reindex ended", space=str(reindex.target.id), state=state)
    return len(jobs)
