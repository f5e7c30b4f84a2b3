"""Inspectors: added, listed, fitted by a job, deleted; with audit rows of all changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from indexes.catalog.audit import LOCAL, Actor, AuditDetail, add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.inspection.examples import count_examples
from indexes.catalog.queue.job_tasks import insert_task_job
from indexes.catalog.queue.transitions import OPEN_STATES, job_row, transition_job
from indexes.catalog.records import InspectorRow, JobRow, NewTask
from indexes.catalog.tables import Inspector, Job
from mm.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mm.schemas import JobKind

FIT_KINDS: tuple[JobKind, ...] = ("fit", "teach")
"""Kinds of jobs that make a version of an inspector."""
Settings = Mapping[str, object]


class InspectorRows(CatalogMixin):
    def add_inspector(self, name: str, mode: str, settings: Settings, by: Actor = LOCAL) -> InspectorRow:
        """Add an inspector without examples. Raises `Conflict` if the name is in use."""
        try:
            with self._database.write() as session:
                if _find(session, name) is not None:
                    raise Conflict(_in_use(name))
                row = Inspector(name=name, mode=mode, settings=json.dumps(settings), created_at=self._now())
                session.add(row)
                session.flush()
                add_audit(session, self._now(), by, "inspector.add", name, {"mode": mode, "settings": row.settings})
                return _inspector_row(session, row)
        except IntegrityError as error:  # PostgreSQL: another transaction added it at the same time
            raise Conflict(_in_use(name)) from error

    def get_inspector(self, name: str) -> InspectorRow | None:
        """Return an inspector, None if the catalog has none of that name."""
        with self._database.read() as session:
            row = _find(session, name)
            return None if row is None else _inspector_row(session, row)

    def list_inspectors(self) -> list[InspectorRow]:
        """Return all inspectors by name."""
        with self._database.read() as session:
            return [_inspector_row(session, row) for row in session.scalars(select(Inspector).order_by(Inspector.name))]

    def delete_inspector(self, name: str, by: Actor = LOCAL) -> bool:
        """Delete an inspector with its examples and the rows of its versions, and cancel its fits.

        The deletion is recorded for `by` in the audit log, also of an inspector that has files and
        no row. Results of its inspections stay. Returns whether there was a row.
        """
        with self._database.write() as session:
            row = _lock(session, name)
            for job in _lock_fits(session, name):
                transition_job(session, job, self._now(), state="cancelled", stage="the inspector was deleted")
            add_audit(session, self._now(), by, "inspector.delete", name, {"had_row": row is not None})
            if row is None:
                return False
            session.execute(delete(Inspector).where(Inspector.pk == row.pk))
            return True

    def add_fit_job(
        self,
        name: str,
        kind: JobKind,
        payload: Settings,
        *,
        settings: Settings | None = None,
        by: Actor = LOCAL,
        request_id: str | None = None,
        key_id: str | None = None,
        image_cost: float = 2.0,
    ) -> JobRow | None:
        """Add a job that fits or teaches an inspector; `settings` replaces the stored ones.

        None if there is no such inspector. Raises `Conflict` if it has no examples.
        """
        with self._database.write() as session:
            row = _lock(session, name)
            if row is None:
                return None
            if settings is not None:
                row.settings = json.dumps(settings)
            num_examples = count_examples(session, row.pk)[0]
            if not num_examples:
                raise Conflict(f"The inspector {name} has no examples; add images of good parts first, eight or more are usual.")
            task = NewTask(cost=image_cost * num_examples)
            values = {**payload, "inspector": name}
            job = insert_task_job(session, kind, values, [task], self._now(), request_id=request_id, key_id=key_id)
            detail: AuditDetail = {"job": job.id, "examples": num_examples, "settings": row.settings}
            add_audit(session, self._now(), by, f"inspector.{kind}", name, detail)
            return job_row(job)


def _find(session: Session, name: str) -> Inspector | None:
    return session.scalar(select(Inspector).where(Inspector.name == name))


def _lock(session: Session, name: str) -> Inspector | None:
    return session.scalar(select(Inspector).where(Inspector.name == name).with_for_update())


def _lock_fits(session: Session, name: str) -> list[Job]:
    """The open jobs that fit or teach an inspector."""
    jobs = select(Job).where(Job.state.in_(OPEN_STATES), Job.kind.in_(FIT_KINDS)).order_by(Job.pk).with_for_update()
    return [job for job in session.scalars(jobs) if json.loads(job.payload or "{}").get("inspector") == name]


def _inspector_row(session: Session, row: Inspector) -> InspectorRow:
    num_examples, num_groups = count_examples(session, row.pk)
    return InspectorRow(
        name=row.name,
        mode=row.mode,
        settings=json.loads(row.settings),
        created_at=row.created_at,
        num_examples=num_examples,
        num_groups=num_groups,
    )


def _in_use(name: str) -> str:
    return f"An inspector named {name} exists; choose another name, or delete it first."
