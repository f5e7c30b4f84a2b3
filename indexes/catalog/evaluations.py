"""Evaluations of data sets: jobs of the kind `evaluate`. Their runs are files, not rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from indexes.catalog.audit import LOCAL, Actor, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.job_tasks import insert_task_job
from indexes.catalog.queue.transitions import job_row
from indexes.catalog.records import JobRow, NewTask
from indexes.catalog.tables import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.schemas import JobKind

KIND: JobKind = "evaluate"
NUM_TASKS = 4
"""Workers that encode one set at once; they share its slices, and the first task measures."""
COST = 600.0
"""Of a task, in seconds of video: evaluations are scheduled as long videos are."""


class EvaluationRows(CatalogMixin):
    def add_evaluation_job(
        self,
        request: Mapping[str, object],
        run_id: str,
        root: str,
        *,
        by: Actor = LOCAL,
        request_id: str | None = None,
        key_id: str | None = None,
    ) -> JobRow:
        """Add an evaluation of a set in the folder `root`."""
        payload = {"request": dict(request), "run_id": run_id, "root": root}
        tasks = [NewTask(item_id="", cost=COST)] * NUM_TASKS
        with self._database.write() as session:
            job = insert_task_job(session, KIND, payload, tasks, self._now(), request_id=request_id, key_id=key_id)
            add_audit(session, self._now(), by, "evaluations.add", job.id, {"run": [run_id]})
            return job_row(job)

    def list_evaluation_jobs(self, limit: int) -> list[JobRow]:
        """Return up to `limit` evaluations, newest first."""
        with self._database.read() as session:
            jobs = select(Job).where(Job.kind == KIND).order_by(Job.pk.desc()).limit(limit)
            return [job_row(job) for job in session.scalars(jobs)]
