"""Readiness checks: each performs a small operation, and reports what fails without it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexes.integrity.garbage import read_report
from mm.errors import MMError, Unavailable
from mm.media.sandbox.report import LayerReport, describe_reports
from mm.private import hide_home
from mm.schemas import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.spaces.manager import SpaceManager
    from indexes import Store
    from mm.media import MediaReader
    from workers.messaging.dispatch import Dispatcher

WORK_SECONDS = 60.0
"""Maximum age of the latest heartbeat of a working worker. An idle worker responds to the ping of
the sweeper; the sweeper of a busy one sends a heartbeat at each sweep, and ends the worker when its
task makes no progress for MM_STALL_SECONDS. Ages are absolute values: after the clock was set back,
a heartbeat in the future is no newer than one in the past."""
STALE_SECONDS = 10.0
"""Maximum lag of the index behind the catalog, which is usually below one second."""
FREE_BYTES = 64 << 20
"""Minimum free space on the disk."""


@dataclass(frozen=True, slots=True)
class ReadinessChecks:
    """All checks of a service."""

    store: Store
    spaces: SpaceManager
    reader: MediaReader
    dispatcher: Dispatcher
    heartbeats_before_start: frozenset[tuple[str, float]]
    """Heartbeats older than the service: they may be the last ones of workers that have died."""

    def run(self) -> list[Check]:
        """Run all checks, the cheapest first. Does not raise."""
        root, failure = self.store.settings.root, self.spaces.failure
        checks = [
            _run_check("catalog", self._check_catalog, "Uploads and searches fail."),
            _run_check("blobs", self._check_blobs, "Uploads fail."),
            _run_check("index", self._check_index, "Searches miss new items."),
            _run_check("sandbox", lambda: self.reader.active_layers().describe(), "No file can be read."),
            self.spaces.current.towers.check(),
            _run_check("worker", self._check_worker, "Ingest waits."),
            _run_check("broker", self._check_broker, "Ingest waits until it responds; uploads are accepted."),
            *self._check_worker_sandboxes(),
            self._check_garbage(),
            *([] if failure is None else [Check(name="move", ok=False, detail=failure, required=False)]),
        ]
        return [check.model_copy(update={"detail": hide_home(check.detail, root)}) for check in checks]

    def _check_catalog(self) -> str:
        self.store.check()
        return "The catalog responds and belongs to the folder."

    def _check_blobs(self) -> str:
        root = self.store.settings.root
        with self.store.blobs.open_writer() as writer:  # not committed, so no file remains
            writer.write(b"ready?")
        free = shutil.disk_usage(root).free
        if free < FREE_BYTES:
            raise Unavailable(f"The disk of {root} has {free:,} bytes free, fewer than the required {FREE_BYTES:,}")
        trash = self.store.catalog.summarize_trash()
        held = f" The trash holds {trash.size / 1e9:.1f} GB of {trash.items:,} deleted items." if trash.items else ""
        return f"Files can be written; {free / 1e9:.1f} GB are free.{held}"

    def _check_index(self) -> str:
        searcher = self.spaces.current.searcher
        if not searcher.follower.is_ready:
            raise Unavailable("The index has not been updated since the start")
        lag = searcher.follower.lag_seconds()
        if lag > STALE_SECONDS + self.store.settings.refresh_seconds:
            raise Unavailable(f"The index has lacked changes of the catalog for {lag:.0f} s")
        return "The index is up to date with the catalog."

    def _check_worker(self) -> str:
        ages = [abs(time.time() - at) for _, at in self.store.catalog.list_heartbeats() - self.heartbeats_before_start]
        if not ages:
            raise Unavailable("No worker has sent a heartbeat since the start of the service")
        if min(ages) > WORK_SECONDS:
            raise Unavailable(f"No worker has sent a heartbeat for {min(ages):.0f} s")
        return "A worker sends heartbeats."

    def _check_broker(self) -> str:
        return f"The broker responds; {self.dispatcher.count_waiting()} tasks are waiting."

    def _check_garbage(self) -> Check:
        """Whether the garbage collection left files that need a decision; not required."""
        report = read_report(self.store.settings.root)
        refused = [] if report is None else report.refused
        return Check(
            name="garbage", ok=not refused, detail=" ".join(refused) or "Garbage collection refused no files.", required=False
        )

    def _check_worker_sandboxes(self) -> list[Check]:
        """The sandbox of each working worker. Empty if none has reported."""
        try:
            texts, heartbeats = self.store.catalog.list_sandbox_reports(), self.store.catalog.list_heartbeats()
        except MMError:
            return []  # the check of the catalog reports it
        recent = heartbeats - self.heartbeats_before_start
        alive = {owner for owner, at in recent if abs(time.time() - at) <= WORK_SECONDS}
        reports = {owner.rsplit(":", 1)[0]: LayerReport.from_json(text) for owner, text in texts.items() if owner in alive}
        if not reports:
            return []
        failed = [report for report in reports.values() if report.error]
        required = len(failed) == len(reports)  # otherwise some workers can process files
        return [Check(name="worker sandbox", ok=not failed, detail=describe_reports(reports), required=required)]


def _run_check(name: str, check: Callable[[], str], consequence: str) -> Check:
    """Run `check`, which returns a result or raises; `consequence` is what fails in that case."""
    try:
        return Check(name=name, ok=True, detail=check())
    except (MMError, OSError) as error:
        return Check(name=name, ok=False, detail=f"{str(error).rstrip('.')}. {consequence}")
