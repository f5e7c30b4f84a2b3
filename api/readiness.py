"""Readiness: each check does a little of what the service is for, and says in words what is hit when it fails."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from mm.errors import MMError, Unavailable
from mm.media.layers import LayerReport, describe
from mm.schemas import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.service import Service

WORK_SECONDS = 60.0
"""A worker that did nothing for so long, not even answer the sweeper's ping, does not work, whether its process lives or not.
Ages are taken without their sign: after a clock was set back, a sign from the future is no newer than one from the past."""
STALE_SECONDS = 10.0
"""An index that was not brought up to date for so long no longer follows what is added; many times the usual interval."""
FREE_BYTES = 64 << 20
"""Least room on the disk for the service to go on writing."""


def look(service: Service) -> list[Check]:
    """All checks, the cheapest first. None raises."""
    failure = service.serving.failure
    return [
        _attempt("catalog", lambda: _catalog(service), "Uploads and searches fail."),
        _attempt("blobs", lambda: _blobs(service), "Uploads fail."),
        _attempt("index", lambda: _index(service), "Searches miss what is new."),
        _attempt("sandbox", lambda: service.reader.held().sentence(), "No file can be read."),
        service.towers.check(),
        _attempt("worker", lambda: _worker(service), "Ingest waits; uploads are accepted."),
        _attempt("broker", lambda: _broker(service), "Ingest waits until it is back; uploads are accepted."),
        *_worker_layers(service),
        *([] if failure is None else [Check(name="move", ok=False, detail=failure, required=False)]),
    ]


def _attempt(name: str, check: Callable[[], str], hit: str) -> Check:
    """Run `check`, which says what it found or raises; `hit` says what does not work then."""
    try:
        return Check(name=name, ok=True, detail=check())
    except (MMError, OSError) as error:
        return Check(name=name, ok=False, detail=f"{str(error).rstrip('.')}. {hit}")


def _catalog(service: Service) -> str:
    service.store.catalog.list_jobs(1)
    return "The catalog answers."


def _blobs(service: Service) -> str:
    with service.store.blobs.writer() as writer:  # left uncommitted, so nothing stays
        writer.write(b"ready?")
    free = shutil.disk_usage(service.settings.root).free
    if free < FREE_BYTES:
        raise Unavailable(f"The disk of {service.settings.root} has {free:,} bytes left")
    return f"Files can be written; {free / 1e9:.1f} GB are free."


def _index(service: Service) -> str:
    refreshed_at = service.searcher.refreshed_at
    age = float("inf") if refreshed_at is None else abs(time.time() - refreshed_at)
    if age > STALE_SECONDS + service.settings.refresh_seconds:
        since = "the start" if refreshed_at is None else f"{age:.0f} s ago"
        raise Unavailable(f"The index was not brought up to date since {since}")
    return "The index follows the catalog."


def _worker(service: Service) -> str:
    # What was there before the service started may be the last sign of a worker that died with the service before it.
    ages = [abs(time.time() - at) for owner, at in service.store.catalog.beats() - service.beats_before]
    if not ages:
        raise Unavailable("No worker has worked since the service started")
    if min(ages) > WORK_SECONDS:
        raise Unavailable(f"The last sign of a worker is {min(ages):.0f} s old")
    return "A worker works."


def _worker_layers(service: Service) -> list[Check]:
    """What each living worker reports of its sandbox. Empty while none has."""
    try:
        found, beats = service.store.catalog.layer_reports(), service.store.catalog.beats()
    except MMError:
        return []  # the catalog's own check says so
    alive = {owner for owner, at in beats - service.beats_before if abs(time.time() - at) <= WORK_SECONDS}
    reports = {owner.rsplit(":", 1)[0]: LayerReport.from_json(text) for owner, text in found.items() if owner in alive}
    if not reports:
        return []
    failed = [report for report in reports.values() if report.error]
    required = len(failed) == len(reports)  # the others go on
    return [Check(name="worker sandbox", ok=not failed, detail=describe(reports), required=required)]


def _broker(service: Service) -> str:
    waiting = service.bell.waiting()
    return f"The broker answers; {waiting} tasks wait."
