"""Inspections: runs of a version of an inspector over items of the library, each with a job."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import Select, delete, func, select

from indexes.catalog.audit import LOCAL, Actor, AuditDetail, add_audit
from indexes.catalog.base import ROWS_PER_STATEMENT, CatalogMixin, mark_released
from indexes.catalog.cursors import format_cursor, parse_cursor
from indexes.catalog.queue.job_tasks import insert_task_job
from indexes.catalog.queue.transitions import OPEN_STATES, lock_job, transition_job
from indexes.catalog.records import NewTask, RunRow
from indexes.catalog.tables import InspectionResult, InspectionRun, Item, Job, Task
from mm.errors import InvalidInput, NotFound
from mm.schemas import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

INSPECTED_KINDS = ("image", "video")


class RunRows(CatalogMixin):
    def add_run(
        self,
        inspector: str,
        version: int,
        settings: Mapping[str, object],
        item_ids: Sequence[str],
        *,
        span_seconds: float,
        image_cost: float = 2.0,
        by: Actor = LOCAL,
        request_id: str | None = None,
        key_id: str | None = None,
    ) -> RunRow:
        """Add an inspection with its job: a task for each image, and for each `span_seconds` of a
        video.

        Raises `NotFound` for an unknown item, `InvalidInput` for audio; nothing is added then.
        """
        with self._database.write() as session:
            items = _read_items(session, item_ids)
            tasks = [task for item in items for task in _plan_tasks(item, span_seconds, image_cost)]
            run_id = secrets.token_hex(12)
            payload = {"inspection": run_id}
            job = insert_task_job(session, "inspect", payload, tasks, self._now(), request_id=request_id, key_id=key_id)
            run = InspectionRun(
                id=run_id,
                job_pk=job.pk,
                inspector=inspector,
                version=version,
                settings=json.dumps(settings),
                num_items=len(items),
                created_at=self._now(),
            )
            session.add(run)
            detail: AuditDetail = {"inspector": inspector, "version": version, "items": len(items), "job": job.id}
            add_audit(session, self._now(), by, "inspection.add", run_id, detail)
            session.flush()
            return _run_rows(session, [run])[0]

    def get_run(self, run_id: str) -> RunRow | None:
        """Return an inspection, None if there is none."""
        return self._get_run(select(InspectionRun).where(InspectionRun.id == run_id))

    def get_run_of_job(self, job_id: str) -> RunRow | None:
        """Return the inspection of a job, None if it was deleted."""
        return self._get_run(select(InspectionRun).join(Job, Job.pk == InspectionRun.job_pk).where(Job.id == job_id))

    def list_runs(self, inspector: str | None, limit: int, cursor: str | None = None) -> tuple[list[RunRow], str | None]:
        """Return up to `limit` inspections, newest first, and the cursor of the next page.

        Raises `InvalidInput` for a malformed cursor.
        """
        query = select(InspectionRun).order_by(InspectionRun.pk.desc()).limit(limit + 1)
        if inspector is not None:
            query = query.where(InspectionRun.inspector == inspector)
        if cursor is not None:
            query = query.where(InspectionRun.pk < parse_cursor(cursor))
        with self._database.read() as session:
            runs = session.scalars(query).all()
            rows = _run_rows(session, runs[:limit])
        return rows, format_cursor(rows[-1].pk) if len(runs) > limit else None

    def delete_run(self, run_id: str, by: Actor = LOCAL) -> bool:
        """Delete an inspection with its results, and cancel its job. False if there is none.

        Its heat maps are marked as released. The deletion is recorded for `by` in the audit log.
        """
        with self._database.write() as session:
            job_id = session.scalar(
                select(Job.id).join(InspectionRun, InspectionRun.job_pk == Job.pk).where(InspectionRun.id == run_id)
            )
            if job_id is None:
                return False
            job = lock_job(session, job_id)
            if job is not None and job.state in OPEN_STATES:
                transition_job(session, job, self._now(), state="cancelled", stage="the inspection was deleted")
            run = session.scalar(select(InspectionRun).where(InspectionRun.id == run_id).with_for_update())
            if run is None:
                return False
            heat_maps = set(session.scalars(select(InspectionResult.heat).where(InspectionResult.run_pk == run.pk)))
            session.execute(delete(InspectionRun).where(InspectionRun.pk == run.pk))
            detail: AuditDetail = {"inspector": run.inspector, "version": run.version, "items": run.num_items}
            add_audit(session, self._now(), by, "inspection.delete", run_id, detail)
            mark_released(session, heat_maps)
            return True

    def _get_run(self, query: Select[tuple[InspectionRun]]) -> RunRow | None:
        with self._database.read() as session:
            run = session.scalar(query)
            return None if run is None else _run_rows(session, [run])[0]


def _read_items(session: Session, item_ids: Sequence[str]) -> list[Item]:
    """The items in the order of their ids, each once."""
    distinct = list(dict.fromkeys(item_ids))
    by_id: dict[str, Item] = {}
    for start in range(0, len(distinct), ROWS_PER_STATEMENT):
        batch = distinct[start : start + ROWS_PER_STATEMENT]
        by_id |= {item.id: item for item in session.scalars(select(Item).where(Item.id.in_(batch)))}
    for item_id in distinct:
        if item_id not in by_id:
            raise NotFound(f"There is no item {item_id!r:.80}.")
        if by_id[item_id].kind not in INSPECTED_KINDS:
            raise InvalidInput(f"{by_id[item_id].name} is audio; images and videos are inspected.")
    return [by_id[item_id] for item_id in distinct]


def _plan_tasks(item: Item, span_seconds: float, image_cost: float) -> Iterator[NewTask]:
    if item.kind == "image":
        yield NewTask(item_id=item.id, cost=image_cost)
        return
    num_spans = max(1, -(-item.duration // span_seconds))
    for number in range(int(num_spans)):
        start, end = number * span_seconds, min((number + 1) * span_seconds, max(item.duration, 1e-3))
        yield NewTask(item_id=item.id, start=start, end=end, cost=end - start)


def _run_rows(session: Session, runs: Sequence[InspectionRun]) -> list[RunRow]:
    pks = [run.pk for run in runs]
    jobs = {job.pk: job for job in session.scalars(select(Job).where(Job.pk.in_([run.job_pk for run in runs])))}
    columns = (InspectionResult.run_pk, InspectionResult.verdict, func.count())
    counts = select(*columns).where(InspectionResult.run_pk.in_(pks)).group_by(InspectionResult.run_pk, InspectionResult.verdict)
    verdicts: dict[int, dict[str, int]] = {pk: {} for pk in pks}
    for pk, verdict, count in session.execute(counts).tuples():
        verdicts[pk][verdict] = count
    given_up = (Task.job_pk.in_(list(jobs)), Task.done.is_(True), Task.error.is_not(None))
    failed = dict(session.execute(select(Task.job_pk, func.count()).where(*given_up).group_by(Task.job_pk)).tuples().all())
    return [
        RunRow(
            pk=run.pk,
            id=run.id,
            job_id=jobs[run.job_pk].id,
            inspector=run.inspector,
            version=run.version,
            settings=json.loads(run.settings),
            num_items=run.num_items,
            created_at=run.created_at,
            state=cast(JobState, jobs[run.job_pk].state),
            progress=jobs[run.job_pk].progress,
            error=jobs[run.job_pk].error,
            verdicts=verdicts[run.pk],
            num_failed=failed.get(run.job_pk, 0),
        )
        for run in runs
    ]
