"""Analyses an item of the library or a DICOM file, and stores its result and exports."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import structlog

from mm.errors import NotFound
from mm.lesions.analysis import analyse_clip
from mm.lesions.clips.media import MediaClip
from mm.lesions.clips.open import open_clip
from mm.lesions.exports.files import write_exports
from mm.lesions.folders import LesionFolders, write_result
from mm.lesions.segmentation.shipped import open_segmenter

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.catalog.records import JobRow, TaskRow
    from mm.lesions.clips.clip import Clip
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

REPORT_SECONDS = 1.0
"""Minimum interval of reports; each is a row that is sent to clients."""
ANALYSIS_SHARE = 0.9
"""Of the progress; the rest is the exports."""


def analyse_lesions(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Analyse the file of the job and store the result.

    Repeating it after a killed process gives the same result. Returns False if the lease is lost.
    """
    folders, key = LesionFolders(context.settings.root), str(job.payload["folder"])
    if not folders.has_results(key):
        segmenter = open_segmenter(context.settings)
        with _open(context, folders, key, job) as clip:
            analysis = analyse_clip(clip, segmenter, on_frames=_report_frames(context, task, check))
            with folders.stage(key) as exports:
                write_exports(analysis, clip, exports)
                write_result(analysis, exports)
                check()
        structlog.get_logger().info("lesions analysed", frames=analysis.num_frames, views=len(analysis.views))
    return context.store.catalog.finish_task(task, context.owner)


def _open(context: WorkerContext, folders: LesionFolders, key: str, job: JobRow) -> AbstractContextManager[Clip]:
    name, item_id = str(job.payload["name"]), job.payload.get("item")
    if item_id is None:
        return open_clip(folders.source(key), name, context.settings)
    item = context.store.catalog.get_item(str(item_id))
    if item is None:
        raise NotFound(f"The item {item_id} was deleted.")
    return nullcontext(MediaClip(context.store.blobs.path(item.sha256), name, context.reader))


def _report_frames(context: WorkerContext, task: TaskRow, check: CheckLease) -> Callable[[int, int], None]:
    """A callback for each batch of frames: checks the lease and reports the progress."""
    reported_at = float("-inf")

    def report(done: int, total: int) -> None:
        nonlocal reported_at
        check()
        if time.monotonic() - reported_at >= REPORT_SECONDS:
            reported_at = time.monotonic()
            fraction = ANALYSIS_SHARE * done / max(done, total)
            context.store.catalog.report_task(task, fraction, f"frame {done} of {max(done, total)}")

    return report
