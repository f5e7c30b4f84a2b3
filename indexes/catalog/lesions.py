"""Analyses of ultrasound: jobs of the kind `lesions`, each with one task.

The catalog has nothing of their results and nothing that identifies a patient.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, exists, select

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.job_tasks import insert_task_job
from indexes.catalog.queue.transitions import job_row
from indexes.catalog.records import JobRow, NewTask
from indexes.catalog.tables import Item, Job, Task
from indexes.catalog.tables.visibility import WITH_TRASH

if TYPE_CHECKING:
    from mm.schemas import JobKind

KIND: JobKind = "lesions"
MIN_COST = 2.0
"""Of a file, in seconds of video. A second costs ten times as much as encoding it."""
COST_OF_SECOND = 10.0


class LesionRows(CatalogMixin):
    def add_lesion_job(
        self,
        folder: str,
        name: str,
        item_id: str | None,
        seconds: float,
        *,
        by: Actor = LOCAL,
        request_id: str | None = None,
        key_id: str | None = None,
    ) -> JobRow:
        """Add the analysis of an item, or of the DICOM file in a folder, of a length in seconds."""
        payload = {"folder": folder, "name": name, "item": item_id}
        task = NewTask(item_id=item_id or "", cost=max(MIN_COST, COST_OF_SECOND * seconds))
        with self._database.write() as session:
            job = insert_task_job(session, KIND, payload, [task], self._now(), request_id=request_id, key_id=key_id)
            add_audit(session, self._now(), by, "lesions.add", job.id, {"item": item_id})
            return job_row(job)

    def list_lesion_jobs(self, before: int | None, limit: int) -> list[tuple[int, JobRow]]:
        """Return the key and the job of up to `limit` analyses before a key, newest first.

        Without those of items in the trash.
        """
        jobs = select(Job).where(Job.kind == KIND, ~_has_trashed_item()).order_by(Job.pk.desc()).limit(limit)
        if before is not None:
            jobs = jobs.where(Job.pk < before)
        with self._database.read() as session:
            return [(job.pk, job_row(job)) for job in session.scalars(jobs)]

    def is_item_of_lesion_job_trashed(self, job_id: str) -> bool:
        """Return whether the analysis is of an item in the trash."""
        with self._database.read() as session:
            return session.scalar(select(Job.pk).where(Job.id == job_id, _has_trashed_item())) is not None

    def find_unreferenced_lesion_folders(self, folders: Sequence[str]) -> set[str]:
        """Return those of the folders that no analysis names."""
        with self._database.read() as session:
            payloads = session.scalars(select(Job.payload).where(Job.kind == KIND))
            named = {str(json.loads(payload or "{}").get("folder")) for payload in payloads}
        return set(folders) - named

    def list_lesion_jobs_of_item(self, item_id: str) -> list[JobRow]:
        """Return the analyses of an item, also of one in the trash."""
        of_item = select(Task.job_pk).join(Item, Item.pk == Task.item_pk).where(Item.id == item_id)
        query = select(Job).where(Job.kind == KIND, Job.pk.in_(of_item)).execution_options(**WITH_TRASH)
        with self._database.read() as session:
            return [job_row(job) for job in session.scalars(query)]

    def delete_lesion_job(self, job_id: str, by: Actor = LOCAL) -> None:
        """Delete an analysis in any state; a worker that performs it loses its lease."""
        with self._database.write() as session:
            job = session.scalar(select(Job).where(Job.id == job_id, Job.kind == KIND).with_for_update())
            if job is not None:
                add_audit(session, self._now(), by, "lesions.delete", job_id, {})
                session.execute(delete(Job).where(Job.pk == job.pk))


def _has_trashed_item() -> ColumnElement[bool]:
    """Condition on `Job`: its task reads an item in the trash; the session filters no table."""
    items = Item.__table__
    return exists(select(items.c.pk).where(items.c.pk == Task.item_pk, Task.job_pk == Job.pk, items.c.trashed_at.is_not(None)))
