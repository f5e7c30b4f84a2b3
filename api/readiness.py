"""Readiness: each check does a little of what the service is for, and says in words what is hit
when it fails."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from indexes.integrity.garbage import read_report
from mm.errors import MMError, Unavailable
from mm.media.sandbox.report import LayerReport, describe_reports
from mm.private import hide_home
from mm.schemas import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.service import Service

WORK_SECONDS = 60.0
"""A worker without a sign for so long does not work. An idle one answers the sweeper's ping; the
sweeper of one with a task gives a sign at each sweep, and ends the worker when the task makes no
progress for MM_STALL_SECONDS. Ages are taken without their sign: after a clock was set back, a sign
from the future is no newer than one from the past."""
STALE_SECONDS = 10.0
"""An index that lacks something for so long no longer follows the catalog; usually it does so
within a second."""
FREE_BYTES = 64 << 20
"""Least room on the disk for the service to go on writing."""


def look(service: Service) -> list[Check]:
    """All checks, the cheapest first. None raises."""
    failure = service.serving.failure
    checks = [
        _attempt("catalog", lambda: _catalog(service), "Uploads and searches fail."),
        _attempt("blobs", lambda: _blobs(service), "Uploads fail."),
        _attempt("index", lambda: _index(service), "Searches miss what is new."),
        _attempt("sandbox", lambda: service.reader.active_layers().describe(), "No file can be read."),
        service.towers.check(),
        _attempt("worker", lambda: _worker(service), "Ingest waits."),
        _attempt("broker", lambda: _broker(service), "Ingest waits until it is back; uploads are accepted."),
        *_worker_layers(service),
        _garbage(service),
        *([] if failure is None else [Check(name="move", ok=False, detail=failure, required=False)]),
    ]
    return [check.model_copy(update={"detail": hide_home(check.detail, service.settings.root)}) for check in checks]


def _attempt(name: str, check: Callable[[], str], hit: str) -> Check:
    """Run `check`, which says what it found or raises; `hit` says what does not work then."""
    try:
        return Check(name=name, ok=True, detail=check())
    except (MMError, OSError) as error:
        return Check(name=name, ok=False, detail=f"{str(error).rstrip('.')}. {hit}")


def _catalog(service: Service) -> str:
    service.store.check()
    return "The catalog answers and belongs to the folder."


def _garbage(service: Service) -> Check:
    """For information: garbage is collected, or left to a person."""
    report = read_report(service.settings.root)
    refused = [] if report is None else report.refused
    return Check(name="garbage", ok=not refused, detail=" ".join(refused) or "No file is left to a person.", required=False)


def _blobs(service: Service) -> str:
    with service.store.blobs.open_writer() as writer:  # left uncommitted, so nothing stays
        writer.write(b"ready?")
    free = shutil.disk_usage(service.settings.root).free
    if free < FREE_BYTES:
        raise Unavailable(f"The disk of {service.settings.root} has {free:,} bytes left")
    return f"Files can be written; {free / 1e9:.1f} GB are free."


def _index(service: Service) -> str:
    searcher = service.searcher
    if not searcher.follower.is_ready:
        raise Unavailable("The index was not brought up to date since the start")
    age = searcher.follower.lag_seconds()
    if age > STALE_SECONDS + service.settings.refresh_seconds:
        raise Unavailable(f"The index has not followed the catalog for {age:.0f} s")
    return "The index follows the catalog."


def _worker(service: Service) -> str:
    # What was there before the service started may be the last sign of a worker that died with the
    # service before it.
    ages = [abs(time.time() - at) for owner, at in service.store.catalog.list_heartbeats() - service.beats_before]
    if not ages:
        raise Unavailable("No worker yet")
    if min(ages) > WORK_SECONDS:
        raise Unavailable(f"No worker for {min(ages):.0f} s")
    return "A worker works."


def _worker_layers(service: Service) -> list[Check]:
    """What each living worker reports of its sandbox. Empty while none has."""
    try:
        found, beats = service.store.catalog.list_sandbox_reports(), service.store.catalog.list_heartbeats()
    except MMError:
        return []  # the catalog's own check says so
    alive = {owner for owner, at in beats - service.beats_before if abs(time.time() - at) <= WORK_SECONDS}
    reports = {owner.rsplit(":", 1)[0]: LayerReport.from_json(text) for owner, text in found.items() if owner in alive}
    if not reports:
        return []
    failed = [report for report in reports.values() if report.error]
    required = len(failed) == len(reports)  # the others go on
    return [Check(name="worker sandbox", ok=not failed, detail=describe_reports(reports), required=required)]


def _broker(service: Service) -> str:
    waiting = service.dispatcher.waiting()
    return f"The broker answers; {waiting} tasks wait."
