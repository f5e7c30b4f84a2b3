"""Versions that jobs of the service fitted. Their files are in the inspector store.

A row is added before its file is stored, with the SHA-256 of the file, and becomes ready in the
transaction that ends the job. A job whose process was lost finds by this whether its file exists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import exists, select

from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.job_tasks import end_task
from indexes.catalog.queue.transitions import OPEN_STATES, lock_job
from indexes.catalog.records import TaskRow, VersionRow
from indexes.catalog.tables import Inspector, InspectorVersion, Job
from mm.errors import Conflict, NotFound


class VersionRows(CatalogMixin):
    def add_pending_version(
        self,
        name: str,
        job_id: str,
        version: int,
        sha256: str,
        stored: Sequence[int],
        comparison: Mapping[str, object] | None = None,
    ) -> None:
        """Record which file a job is about to store, in place of an earlier one of the job.

        `stored` has the versions whose files exist; rows of others were removed with their files.
        Raises `NotFound` if the job is over or the inspector was deleted: nothing may be stored.
        Raises `Conflict` while another job stores the same version.
        """
        with self._database.write() as session:
            inspector = session.scalar(select(Inspector).where(Inspector.name == name).with_for_update())
            if inspector is None or lock_job(session, job_id) is None:
                raise NotFound(f"The inspector {name} or the job {job_id} does not exist any more.")
            rows = select(InspectorVersion).where(InspectorVersion.inspector_pk == inspector.pk)
            for row in session.scalars(rows.with_for_update()).all():
                has_file = row.version in stored
                is_open = exists().where(Job.id == row.job_id, Job.state.in_(OPEN_STATES))
                if row.job_id == job_id or (not has_file and (row.is_ready or not session.scalar(select(is_open)))):
                    session.delete(row)
                elif row.version == version:
                    raise Conflict(f"Version {version} of the inspector {name} is being stored by {row.job_id}. Try again.")
            session.flush()
            session.add(
                InspectorVersion(
                    inspector_pk=inspector.pk,
                    version=version,
                    job_id=job_id,
                    sha256=sha256,
                    is_ready=False,
                    comparison=None if comparison is None else json.dumps(comparison),
                    created_at=self._now(),
                )
            )

    def get_version_of_job(self, job_id: str) -> VersionRow | None:
        """Return the version that a job has stored, or was about to store."""
        with self._database.read() as session:
            row = session.scalar(select(InspectorVersion).where(InspectorVersion.job_id == job_id))
            return None if row is None else _version_row(row)

    def list_inspector_versions(self, name: str) -> list[VersionRow]:
        """Return the versions of an inspector that jobs fitted, in ascending order."""
        query = select(InspectorVersion).join(Inspector, Inspector.pk == InspectorVersion.inspector_pk)
        with self._database.read() as session:
            rows = session.scalars(query.where(Inspector.name == name).order_by(InspectorVersion.version))
            return [_version_row(row) for row in rows]

    def finish_version(self, task: TaskRow, owner: str) -> bool:
        """End the task of a job that has stored its version. False if its lease is lost."""
        with self._database.write() as session:
            if not end_task(session, task, owner, self._now()):
                return False
            row = session.scalar(select(InspectorVersion).where(InspectorVersion.job_id == task.job_id).with_for_update())
            if row is None:
                raise NotFound(f"The version of {task.job_id} is not recorded.")
            row.is_ready = True
            return True


def _version_row(row: InspectorVersion) -> VersionRow:
    return VersionRow(
        version=row.version,
        job_id=row.job_id,
        sha256=row.sha256,
        is_ready=row.is_ready,
        comparison=None if row.comparison is None else json.loads(row.comparison),
        created_at=row.created_at,
    )
