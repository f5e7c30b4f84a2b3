"""Wrong credentials in the audit log, aggregated so that a flood does not fill the disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import structlog

from api.addresses import get_network
from indexes.catalog.audit import NewAudit
from mm.errors import MMError

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.catalog.audit import Actor
    from indexes.catalog.catalog import Catalog

ROW_SECONDS = 600.0
"""Minimum time between two rows of one process; the first is written at once."""
MAX_NETWORKS = 20
"""Maximum number of networks in a row; the count includes all of them."""


class FailureLog:
    """Counts wrong credentials between two rows of the audit log. Used on one event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._networks: set[str] = set()
        self._last: Actor | None = None
        self._due = clock()

    async def add(self, catalog: Catalog, actor: Actor) -> None:
        """Count a wrong credential. Writes a row if none was written in the last `ROW_SECONDS`."""
        self._count += 1
        self._last = actor
        if len(self._networks) < MAX_NETWORKS:
            self._networks.add(get_network(actor.address))
        if self._clock() >= self._due:
            await self.flush(catalog)

    async def flush(self, catalog: Catalog) -> None:
        """Write the count since the last row; if the catalog is unavailable, keep it."""
        if self._last is None:
            return
        count, actor, networks = self._count, self._last, sorted(self._networks)
        self._count, self._last, self._networks = 0, None, set()
        self._due = self._clock() + ROW_SECONDS
        new = NewAudit(action="auth.fail", detail={"count": count, "networks": networks})
        try:
            await anyio.to_thread.run_sync(catalog.record_audit, actor, new)
        except MMError as error:
            self._count += count
            self._last = self._last or actor
            structlog.get_logger().warning("wrong keys not written to the audit log", count=count, detail=str(error))
