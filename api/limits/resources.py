"""The limited resources of one API process: slots, queue and share of one client of each."""

from __future__ import annotations

import math
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Request

from api.limits.byte_budget import ByteBudget
from api.limits.disconnects import cancel_on_disconnect
from api.limits.limiter import Limiter, Quota
from api.limits.thread_pool import LimitedThreadPool, ThreadPool
from api.request_context import get_client_id
from mm.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi.params import Depends as Dependency

    from indexes.catalog.catalog import Catalog
    from mm.settings import Settings

ENCODERS = min(4, os.cpu_count() or 1)
"""Queries that are encoded concurrently; more would only share the same cores."""
CATALOG_SLOTS, CATALOG_QUEUE, CATALOG_SECONDS = 16, 256, 15.0
"""Requests that read or write the catalog concurrently; the queue; the maximum wait."""
DECODERS = 2
"""Files that are opened concurrently: of queries, and of uploads, each."""
EXPORTS = 2
"""Exports of inspections that are written concurrently."""
SEARCH_SECONDS = 60.0
"""Maximum wait of a query in the queue."""
ACCEPT_SECONDS = 600.0
"""Maximum wait of an uploaded file before it is opened: its bytes have already been sent."""
UPLOAD_CONTROLS = 32
"""Concurrent requests that create, query or delete a resumable upload."""
DISK_THREADS, EVENT_THREADS = 16, 2
SMALL_BODIES_BYTES = 64 << 20
"""Minimum memory for bodies in units of the largest body."""
QUEUE_SECONDS = 10.0
"""`Retry-After` of a full job queue."""

BODILESS_METHODS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods without a body. Only for these can a disconnect be detected during the wait: the check
would consume the body."""

LimitedResource = Literal["catalog", "chats", "uploads", "upload_controls", "event_streams", "downloads"]
"""Resources of which a route holds one slot while it runs or sends."""


class Limits:
    """All limiters of one process. Used on one event loop only."""

    def __init__(self, settings: Settings) -> None:
        # Without keys and reachable only from this machine, all requests are of one client.
        self._is_single_client = settings.is_local and not settings.needs_key
        self._share = settings.caller_share
        self._max_waiting_jobs = settings.max_waiting_jobs
        searches = self._with_share(settings.max_searches)
        self.catalog = LimitedThreadPool(
            "catalog requests",
            self._with_share(CATALOG_SLOTS),
            queue=self._with_share(CATALOG_QUEUE),
            wait_seconds=CATALOG_SECONDS,
        )
        self.thumbnails = LimitedThreadPool(
            "thumbnails",
            self._all_but_one(settings.max_thumbnails),
            queue=self._with_share(32 * settings.max_thumbnails),
            wait_seconds=settings.thumbnail_seconds,
            setting="max_thumbnails",
        )
        self.searches = LimitedThreadPool(
            "searches", self._all_but_one(ENCODERS), queue=searches, wait_seconds=SEARCH_SECONDS, setting="max_searches"
        )
        self.query_files = LimitedThreadPool(
            "query files",
            self._all_but_one(DECODERS),
            queue=searches,
            wait_seconds=SEARCH_SECONDS,
            setting="max_searches",
        )
        self.chats = Limiter("requests to the language model", self._with_share(settings.max_chats), setting="max_chats")
        self.query_uploads = Limiter("queries with files", searches, setting="max_searches")
        self.uploads = Limiter("uploads", self._with_share(settings.max_uploads), setting="max_uploads")
        per_key = min(settings.max_partial_uploads_per_key, settings.max_partial_uploads)
        self.partial_uploads = Quota(
            settings.max_partial_uploads, settings.max_partial_uploads if self._is_single_client else per_key
        )
        """Unfinished uploads on disk, counted by `indexes.storage.resumable`."""
        self.upload_controls = Limiter(
            "control requests of resumable uploads",
            self._with_share(UPLOAD_CONTROLS),
            queue=self._with_share(CATALOG_QUEUE),
            wait_seconds=15.0,
        )
        self.accepted = LimitedThreadPool(
            "uploaded files to open",
            self._all_but_one(DECODERS),
            queue=Quota(settings.max_uploads, settings.max_uploads),
            wait_seconds=ACCEPT_SECONDS,
            setting="max_uploads",
        )
        self.imports = LimitedThreadPool("imports", Quota(1, 1), retry_after=QUEUE_SECONDS)
        self.exports = LimitedThreadPool(
            "exports of inspections", self._all_but_one(EXPORTS), queue=self._with_share(16), wait_seconds=SEARCH_SECONDS
        )
        self.event_streams = Limiter("event streams", self._with_share(settings.max_event_streams), setting="max_event_streams")
        self.downloads = Limiter("downloads", self._with_share(settings.max_downloads), setting="max_downloads")
        largest = max(settings.query_bytes, SMALL_BODIES_BYTES)
        self.bodies = ByteBudget(
            "request bodies", Quota(4 * largest, 4 * largest if self._is_single_client else largest), setting="query_bytes"
        )
        self.disk = ThreadPool("disk", DISK_THREADS)
        self.events = ThreadPool("events", EVENT_THREADS)

    def close(self) -> None:
        """End all threads."""
        for pool in self.pools:
            pool.close()
        for threads in (self.disk, self.events):
            threads.close()

    @property
    def pools(self) -> tuple[LimitedThreadPool, ...]:
        return (self.catalog, self.thumbnails, self.searches, self.query_files, self.accepted, self.imports, self.exports)

    @property
    def all(self) -> dict[str, Limiter | ByteBudget]:
        """Limiters by their name in metrics and docs."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Limiter | ByteBudget)}

    def check_job_queue(self, catalog: Catalog) -> None:
        """Raise `TooMany` if the job queue is full."""
        if (waiting := catalog.count_waiting_jobs()) >= self._max_waiting_jobs:
            raise TooMany(
                f"{waiting:,} jobs are queued or running, the maximum (MM_MAX_WAITING_JOBS); try again later.", QUEUE_SECONDS
            )

    def _with_share(self, total: int) -> Quota:
        """Return the total and the share of one client (MM_CALLER_SHARE)."""
        return Quota(total, total if self._is_single_client else max(1, math.floor(total * self._share)))

    def _all_but_one(self, total: int) -> Quota:
        """For short work: one client may use all slots but one, which is left for another."""
        return Quota(total, total if self._is_single_client else max(1, total - 1))


def get_limits(request: Request) -> Limits:
    """Return the limits of the application."""
    limits = request.app.state.limits
    assert isinstance(limits, Limits)
    return limits


async def _provide_limits(request: Request) -> Limits:
    return get_limits(request)


LimitsDep = Annotated[Limits, Depends(_provide_limits)]


def hold_while_processing(name: LimitedResource) -> Dependency:
    """Dependency of a route: hold a slot of the resource until the route returns."""
    return _hold(name, "function")


def hold_while_sending(name: LimitedResource) -> Dependency:
    """Dependency of a route: hold a slot of the resource until the response is sent or aborted."""
    return _hold(name, "request")


def _hold(name: LimitedResource, scope: Literal["function", "request"]) -> Dependency:
    async def slot(request: Request) -> AsyncIterator[None]:
        limiter: Limiter = getattr(get_limits(request), name)
        client = get_client_id(request.scope)
        async with AsyncExitStack() as stack:
            acquiring = stack.enter_async_context(limiter.hold(client))
            if limiter.has_room(client) or request.method not in BODILESS_METHODS:
                await acquiring
            else:
                await cancel_on_disconnect(request, acquiring)
            yield

    dependency: Dependency = Depends(slot, scope=scope)
    return dependency
