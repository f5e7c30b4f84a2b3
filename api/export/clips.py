"""Exports of clips: jobs that cut time ranges of items, and their files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from api.library import dispatch_job
from api.request_context import current_actor, current_client, current_request_id
from indexes.catalog.records import NewTask
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge
from mm.schemas import MAX_CLIPS, EntrySpec, Export, ExportFailure, ExportList

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from api.library import Library
    from indexes import Store
    from indexes.catalog.audit import AuditDetail
    from indexes.catalog.records import JobRow
    from mm.schemas import ExportRequest, JobKind
    from workers.messaging.dispatch import Dispatcher

KIND: JobKind = "export"
COPY_COST = 0.05
"""Cost of copying a second of video, in seconds of video that is encoded for search."""


class Exports:
    """Creates, lists and deletes exports. Safe to use from several threads.

    Methods raise `NotFound` for an unknown export.
    """

    def __init__(self, store: Store, library: Library, dispatcher: Dispatcher) -> None:
        self._store, self._library, self._dispatcher = store, library, dispatcher

    def create(self, request: ExportRequest) -> Export:
        """Add an export.

        Raises `InvalidInput` for a range outside its item and for images, `NotFound` for an item or
        the album, `TooLarge` for too many clips.
        """
        tasks = [self._make_task(spec, request.exact) for spec in self._list_specs(request)]
        job = self._store.catalog.add_task_job(
            KIND,
            {"exact": request.exact},
            tasks,
            request_id=current_request_id(),
            key_id=current_client().key_id,
            audit=(current_actor(), _describe(request, tasks)),
        )
        dispatch_job(self._dispatcher, job.id)
        return self._serialize(job)

    def list_all(self, limit: int) -> ExportList:
        """List the latest exports."""
        return ExportList(exports=[self._serialize(job) for job in self._store.catalog.list_jobs(limit, KIND)])

    def get(self, export_id: str) -> Export:
        """Return an export."""
        return self._serialize(self._get_job(export_id))

    def delete(self, export_id: str) -> None:
        """Cancel an export and delete its files."""
        job = self._get_job(export_id)
        if not job.is_final:
            self._store.catalog.cancel_job(job.id, current_actor())
        self._store.exports.delete(job.id)

    def open_file(self, export_id: str) -> tuple[Path, str]:
        """Return the file of an export and its name; makes the ZIP file of several clips. Blocks.

        Raises `Conflict` for one that is not done, `NotFound` for one that has expired.
        """
        job = self._get_job(export_id)
        if job.state != "done":
            raise Conflict(f"The export is {job.state}; it has a file when it is done.")
        stored = {clip.index: clip for clip in self._store.exports.list_clips(job.id)}
        clips = [
            {
                "file": stored[task.index].name,
                "item": task.item_id,
                "requested": {"start": task.start, "end": task.end},
                "start": stored[task.index].start,
                "end": stored[task.index].end,
            }
            for task in self._store.catalog.list_tasks(job.id)
            if task.index in stored
        ]
        failures = [failure.model_dump() for failure in self._list_failures(job)]
        manifest = {"id": job.id, "exact": job.payload["exact"], "created_at": job.created_at.isoformat(), "clips": clips}
        return self._store.exports.open_result(job.id, manifest | {"failures": failures})

    def _list_specs(self, request: ExportRequest) -> list[EntrySpec]:
        if bool(request.clips) == (request.album is not None):
            raise InvalidInput("The export needs either `clips` or `album`.")
        specs = list(request.clips)
        if request.album is not None:
            entries, total = self._store.catalog.list_entries(request.album, 0, MAX_CLIPS + 1)
            if total > MAX_CLIPS:
                raise TooLarge(f"The album has {total:,} entries; an export has at most {MAX_CLIPS:,} clips.")
            specs = [EntrySpec(item=e.item.id, start=e.start, end=e.end) for e in entries if e.item.kind != "image"]
            if not specs:
                raise InvalidInput("The album has no video and no sound; clips are not cut from images.")
        if len(specs) > MAX_CLIPS:
            raise TooLarge(f"The export has {len(specs):,} clips; the maximum is {MAX_CLIPS:,}.")
        return specs

    def _make_task(self, spec: EntrySpec, exact: bool) -> NewTask:
        item = self._library.get_item(spec.item)
        if item.kind == "image":
            raise InvalidInput(f"{item.name} is an image; clips are cut from videos and sounds.")
        start = 0.0 if spec.start is None else spec.start
        end = item.duration if spec.end is None else spec.end
        if not start < end or start >= item.duration:
            span = f"The time range {start:.3f} to {end:.3f} s"
            raise InvalidInput(f"{span} is empty or outside of {item.name}, which lasts {item.duration:.3f} s.")
        end = min(end, item.duration)
        return NewTask(item_id=item.id, start=start, end=end, cost=(end - start) * (1.0 if exact else COPY_COST))

    def _get_job(self, export_id: str) -> JobRow:
        job = self._store.catalog.get_job(export_id)
        if job is None or job.kind != KIND:
            raise NotFound(f"There is no export {export_id!r:.80}.")
        return job

    def _list_failures(self, job: JobRow) -> list[ExportFailure]:
        failed = self._store.catalog.list_failed_tasks(job.id, -1, MAX_CLIPS)
        return [ExportFailure(item=task.item_id, start=task.start, end=task.end, error=task.error or "") for task in failed]

    def _serialize(self, job: JobRow) -> Export:
        tasks, files, days = self._store.catalog.list_tasks(job.id), self._store.exports, self._store.settings.export_days
        is_expired = job.is_final and not files.has(job.id)
        return Export(
            id=job.id,
            state=job.state,
            progress=job.progress,
            stage=job.stage,
            error=job.error,
            exact=bool(job.payload["exact"]),
            clips=len(tasks),
            done=sum(task.done and task.error is None for task in tasks),
            failures=self._list_failures(job),
            size=files.measure(job.id),
            created_at=job.created_at,
            expires_at=job.updated_at + timedelta(days=days) if days else None,
            is_expired=is_expired,
            content=f"/v1/exports/{job.id}/content" if job.state == "done" and not is_expired else None,
        )


def _describe(request: ExportRequest, tasks: Sequence[NewTask]) -> AuditDetail:
    """What leaves the library, for the audit log: the number of clips, and their items or album."""
    items = sorted({task.item_id for task in tasks if task.item_id is not None})
    source: AuditDetail = {"items": items} if request.album is None else {"album": request.album}
    return {"clips": len(tasks), "exact": request.exact, **source}
