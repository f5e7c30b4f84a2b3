"""Keep a move of the library to another space going: one look gives out what is next, and ends it
behind the last item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from workers.messaging.dispatch import tolerate_broker_failure

if TYPE_CHECKING:
    from indexes import Store
    from workers.messaging.dispatch import Dispatcher

MAX_OPEN_JOBS = 32
"""Most items in hand at once: more than there are working processes, and few enough to be soon done
with at a stop."""


def continue_reindex(store: Store, dispatcher: Dispatcher) -> int:
    """Give out items, if a move runs. Returns how many. Raises `Unavailable` when the catalog does
    not answer."""
    catalog = store.catalog
    move = catalog.get_latest_reindex()
    if move is None or move.state != "running":
        return 0
    jobs = catalog.create_reindex_jobs(MAX_OPEN_JOBS)
    with tolerate_broker_failure():
        dispatcher.dispatch(len(jobs))
    if not jobs and catalog.finish_reindex():
        ended = catalog.get_latest_reindex()
        structlog.get_logger().info("the move ended", space=str(move.target.id), state=ended.state if ended else "gone")
    return len(jobs)
