"""Cuts one clip of an export."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO, cast

from mm.media.types import Span

if TYPE_CHECKING:
    from indexes.catalog.records import JobRow, TaskRow
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

MAX_STEM = 80
"""Characters of the name of an item in that of its clip."""


class _CheckedFile:
    """A file that checks the lease at each write, so that a cancelled export ends soon."""

    def __init__(self, file: BinaryIO, check: CheckLease) -> None:
        self._file, self._check = file, check

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        self._check()
        return self._file.write(data)


def cut_clip(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Cut the time range of a task and store the clip; one that is stored already stays.

    Repeating it after a killed process gives the same result. Returns False if the lease is lost.
    """
    exports, catalog = context.store.exports, context.store.catalog
    if exports.get_clip(job.id, task.index) is None:
        item = catalog.get_item(task.item_id)
        if item is None:
            reason = f"The item {task.item_id} was deleted, or is in the trash."
            return catalog.give_up_task(task, context.owner, reason)
        path, span = context.store.blobs.path(item.sha256), Span(task.start, task.end)
        if not path.is_file():
            reason = f"The file of {item.name} is not in the folder blobs of MM_HOME."
            return catalog.give_up_task(task, context.owner, reason)
        with exports.write_clip(job.id, task.index) as file:
            out = cast("BinaryIO", _CheckedFile(file, check))
            clip = context.reader.clip(path, item.name, span, out, exact=bool(job.payload["exact"]))
            check()
        stem = PurePath(item.name).stem[:MAX_STEM]
        name = f"{task.index + 1:04} {stem} {clip.start:.3f}-{clip.end:.3f}.{clip.suffix}"
        exports.finish_clip(job.id, task.index, name, clip.start, clip.end)
    return catalog.finish_task(task, context.owner)
