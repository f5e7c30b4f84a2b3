"""The limited resources of one API process, each with its places, its queue and the share of one
caller."""

from __future__ import annotations

import math
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Request

from api.limits.byte_budget import ByteBudget
from api.limits.disconnects import until_disconnect
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
"""Questions that are encoded at once; more only take turns on the same cores."""
CATALOG_PLACES, CATALOG_QUEUE, CATALOG_SECONDS = 16, 256, 15.0
"""Requests that read or write the catalog at once, those that wait, and for how long."""
DECODINGS = 2
"""Files of questions, and files that were uploaded, that are opened at once, each kind for itself.
"""
SEARCH_SECONDS = 60.0
"""Longest wait of a question for its turn."""
ACCEPT_SECONDS = 600.0
"""Longest wait of a file that has arrived for its turn to be opened: its bytes are not thrown away
lightly."""
UPLOAD_CONTROLS = 32
"""Requests at once that begin, look at or end a resumable upload."""
DISK_THREADS, EVENT_THREADS = 16, 2
SMALL_BODIES_BYTES = 64 << 20
"""Memory for bodies beside one of the largest size."""
QUEUE_SECONDS = 10.0
"""After which it is worth asking again whether a job has ended."""

BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods of requests whose client can be watched while they wait: no body comes that the watching
would take."""

Held = Literal["catalog", "uploads", "upload_controls", "event_streams", "downloads"]
"""Resources of which a route takes one place for as long as it works or sends."""


class Limits:
    """Every limiter of one process. Used on one event loop only."""

    def __init__(self, settings: Settings) -> None:
        # Where only this machine reaches the API and no key is asked for, all requests are of one
        # caller.
        self._alone = settings.is_local and not settings.needs_key
        self._part = settings.caller_share
        self._max_waiting_jobs = settings.max_waiting_jobs
        searches = self._shared(settings.max_searches)
        self.catalog = LimitedThreadPool(
            "catalog requests",
            self._shared(CATALOG_PLACES),
            queue=self._shared(CATALOG_QUEUE),
            wait_seconds=CATALOG_SECONDS,
        )
        self.thumbnails = LimitedThreadPool(
            "thumbnails",
            self._all_but_one(settings.max_thumbnails),
            queue=self._shared(32 * settings.max_thumbnails),
            wait_seconds=settings.thumbnail_seconds,
            setting="max_thumbnails",
        )
        self.searches = LimitedThreadPool(
            "searches", self._all_but_one(ENCODERS), queue=searches, wait_seconds=SEARCH_SECONDS, setting="max_searches"
        )
        self.query_files = LimitedThreadPool(
            "files of questions",
            self._all_but_one(DECODINGS),
            queue=searches,
            wait_seconds=SEARCH_SECONDS,
            setting="max_searches",
        )
        self.query_uploads = Limiter("questions that bring files", searches, setting="max_searches")
        self.uploads = Limiter("uploads", self._shared(settings.max_uploads), setting="max_uploads")
        per_key = min(settings.max_partial_uploads_per_key, settings.max_partial_uploads)
        self.partial_uploads = Quota(settings.max_partial_uploads, settings.max_partial_uploads if self._alone else per_key)
        """Unfinished uploads on the disk, which `indexes.storage.resumable` counts."""
        self.upload_controls = Limiter(
            "requests about resumable uploads",
            self._shared(UPLOAD_CONTROLS),
            queue=self._shared(CATALOG_QUEUE),
            wait_seconds=15.0,
        )
        self.accepted = LimitedThreadPool(
            "files that have arrived",
            self._all_but_one(DECODINGS),
            queue=Quota(settings.max_uploads, settings.max_uploads),
            wait_seconds=ACCEPT_SECONDS,
            setting="max_uploads",
        )
        self.imports = LimitedThreadPool("imports", Quota(1, 1), retry_after=QUEUE_SECONDS)
        self.event_streams = Limiter("event streams", self._shared(settings.max_event_streams), setting="max_event_streams")
        self.downloads = Limiter("downloads", self._shared(settings.max_downloads), setting="max_downloads")
        largest = max(settings.query_bytes, SMALL_BODIES_BYTES)
        self.bodies = ByteBudget("request bodies", Quota(4 * largest, 4 * largest if self._alone else largest))
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
        return (self.catalog, self.thumbnails, self.searches, self.query_files, self.accepted, self.imports)

    @property
    def all(self) -> dict[str, Limiter | ByteBudget]:
        """By the names that metrics and docs have."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Limiter | ByteBudget)}

    def refuse_more_jobs(self, catalog: Catalog) -> None:
        """Raise `TooMany` when so many jobs wait that another upload would only lie there."""
        if (waiting := catalog.waiting_jobs()) >= self._max_waiting_jobs:
            raise TooMany(
                f"{waiting:,} jobs are not done yet, and no more are taken until some are (MM_MAX_WAITING_JOBS).", QUEUE_SECONDS
            )

    def _shared(self, total: int) -> Quota:
        return Quota(total, total if self._alone else max(1, math.floor(total * self._part)))

    def _all_but_one(self, total: int) -> Quota:
        """Where work ends soon: one caller may use all but one place, so that another never waits
        for all of them."""
        return Quota(total, total if self._alone else max(1, total - 1))


def get_limits(request: Request) -> Limits:
    """The limits of the application that got the request."""
    limits = request.app.state.limits
    assert isinstance(limits, Limits)
    return limits


async def _provide_limits(request: Request) -> Limits:
    return get_limits(request)


LimitsDep = Annotated[Limits, Depends(_provide_limits)]


def hold_while_processing(name: Held) -> Dependency:
    """A route's dependency: a place of that resource until the answer is made."""
    return _place(name, "function")


def hold_while_sending(name: Held) -> Dependency:
    """A route's dependency: a place of that resource until the last byte of the answer is sent, or
    the caller is gone."""
    return _place(name, "request")


def _place(name: Held, scope: Literal["function", "request"]) -> Dependency:
    async def place(request: Request) -> AsyncIterator[None]:
        limiter: Limiter = getattr(get_limits(request), name)
        caller = get_client_id(request.scope)
        async with AsyncExitStack() as stack:
            entering = stack.enter_async_context(limiter.hold(caller))
            if limiter.has_room(caller) or request.method not in BODILESS:
                await entering
            else:
                await until_disconnect(request, entering)
            yield

    dependency: Dependency = Depends(place, scope=scope)
    return dependency
