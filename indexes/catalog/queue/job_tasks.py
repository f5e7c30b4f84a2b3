"""Tasks: the steps of jobs of another kind than `ingest`, with leases, retries and quarantine.

A job and its tasks are added together. A worker leases due tasks, stores the result of each in the
transaction that ends the task, and the last task ends the job. A task that is given up ends without
a result; its job is done unless no task has a result.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, update

from indexes.catalog.audit import add_audit
from indexes.catalog.base import CatalogMixin
from indexes.catalog.queue.transitions import (
    OPEN_STATES,
    insert_queued_job,
    job_row,
    lock_job,
    size_class_of,
    transition_job,
)
from indexes.catalog.records import JobRow, NewTask, TaskRow
from indexes.catalog.tables import Item, Job, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from indexes.catalog.audit import Actor, AuditDetail
    from mm.schemas import JobKind, JobState


class TaskRows(CatalogMixin):
    def add_task_job(
        self,
        kind: JobKind,
        payload: Mapping[str, object],
        tasks: Sequence[NewTask],
        *,
        request_id: str | None = None,
        key_id: str | None = None,
        audit: tuple[Actor, AuditDetail] | None = None,
    ) -> JobRow:
        """Add a queued job with its tasks, at least one.

        With `audit`, who adds it and what it is, the audit log records it as `KIND.create`.
        """
        with self._database.write() as session:
            now = self._now()
            job = job_row(insert_task_job(session, kind, payload, tasks, now, request_id=request_id, key_id=key_id))
            if audit is not None:
                by, detail = audit
                add_audit(session, now, by, f"{kind}.create", job.id, detail)
            return job

    def list_tasks(self, job_id: str) -> list[TaskRow]:
        """Return the tasks of a job in order."""
        with self._database.read() as session:
            return [task_row(task, job_id) for task in session.scalars(_tasks_of(job_id).order_by(Task.index))]

    def list_failed_tasks(self, job_id: str, after: int, limit: int) -> list[TaskRow]:
        """Return up to `limit` tasks without a result that were given up, after index `after`."""
        failed = _tasks_of(job_id).where(Task.done.is_(True), Task.error.is_not(None), Task.index > after)
        with self._database.read() as session:
            return [task_row(task, job_id) for task in session.scalars(failed.order_by(Task.index).limit(limit))]

    def count_due_tasks(self, job_id: str) -> int:
        """Count the tasks of a job that can be leased now."""
        due = _tasks_of(job_id).where(is_task_due(self._clock()), Job.state.in_(OPEN_STATES))
        with self._database.read() as session:
            return session.execute(select(func.count()).select_from(due.subquery())).scalar_one()

    def extend_task_lease(self, pk: int, owner: str, seconds: float) -> bool:
        """Extend a lease. False if it is lost, or the job is over."""
        with self._database.write() as session:
            is_job_open = exists().where(Job.pk == Task.job_pk, Job.state.in_(OPEN_STATES))
            return _update_leased(session, pk, owner, {"leased_until": self._clock() + seconds}, is_job_open)

    def release_task(self, pk: int, owner: str, error: str | None, *, retry_in: float = 0.0) -> None:
        """End a lease. Without an `error`, its attempt is not counted.

        After an error, the task is not due for `retry_in` seconds.
        """
        values = {"attempts": Task.attempts - 1} if error is None else {"error": error, "due_at": self._clock() + retry_in}
        with self._database.write() as session:
            _update_leased(session, pk, owner, {**values, "owner": None, "leased_until": 0.0})

    def report_task(self, task: TaskRow, fraction: float, stage: str) -> None:
        """Report the progress of a job: `fraction` of a task that is not done yet, 0 to 1."""
        with self._database.write() as session:
            if (job := lock_job(session, task.job_id)) is not None:
                num_done, total = _count_done(session, job)
                progress = (num_done + min(fraction, 1.0)) / (total + 1)  # the last step is the commit
                transition_job(session, job, self._now(), state="running", progress=progress, stage=stage)

    def report_tasks(self, task: TaskRow, fraction: float, stage: str) -> None:
        """Report the progress of a job whose tasks share one work: `fraction` of all of it."""
        with self._database.write() as session:
            if (job := lock_job(session, task.job_id)) is not None:
                total = _count_done(session, job)[1]
                progress = max(job.progress, min(fraction, 1.0) * total / (total + 1))
                transition_job(session, job, self._now(), state="running", progress=progress, stage=stage)

    def finish_task(self, task: TaskRow, owner: str) -> bool:
        """End a task that has its result elsewhere. False if its lease is lost or its job over."""
        with self._database.write() as session:
            return end_task(session, task, owner, self._now())

    def give_up_task(self, task: TaskRow, owner: str, error: str, *, is_quarantined: bool = False) -> bool:
        """End a task without a result. The job fails, or is quarantined, if no task has one.

        False if the lease is lost or the job is over.
        """
        with self._database.write() as session:
            return end_task(session, task, owner, self._now(), error=error, is_quarantined=is_quarantined)


def insert_task_job(
    session: Session,
    kind: JobKind,
    payload: Mapping[str, object],
    tasks: Sequence[NewTask],
    now: datetime,
    *,
    request_id: str | None = None,
    key_id: str | None = None,
) -> Job:
    """Insert a queued job with its tasks, in a transaction."""
    assert tasks
    size_class = size_class_of(sum(task.cost for task in tasks))
    job = Job(kind=kind, payload=json.dumps(payload), item_pk=None, item_id="", size_class=size_class, reindex_pk=None)
    insert_queued_job(session, job, now, request_id, key_id)
    ids = {task.item_id for task in tasks if task.item_id}
    pk_of: dict[str, int] = {}
    for start in range(0, len(ids), 500):
        batch = sorted(ids)[start : start + 500]
        pk_of |= dict(session.execute(select(Item.id, Item.pk).where(Item.id.in_(batch))).tuples().all())
    session.add_all(
        Task(
            job_pk=job.pk,
            index=index,
            item_pk=pk_of.get(task.item_id),
            item_id=task.item_id,
            start=task.start,
            end=task.end,
            cost=task.cost,
            attempts=0,
            done=False,
            leased_until=0.0,
            due_at=0.0,
        )
        for index, task in enumerate(tasks)
    )
    session.flush()
    return job


def end_task(
    session: Session, task: TaskRow, owner: str, now: datetime, *, error: str | None = None, is_quarantined: bool = False
) -> bool:
    """End a task in the transaction that stores its result, and its job after the last task.

    With an `error`, the task is given up. Returns False, and changes nothing, if the lease is lost
    or the job is over: the caller then stores nothing.
    """
    job = lock_job(session, task.job_id)
    values = {"done": True, "error": error, "owner": None, "leased_until": 0.0}
    if job is None or not _update_leased(session, task.pk, owner, values):
        return False
    num_done, total = _count_done(session, job)
    if num_done < total:
        progress = max(job.progress, num_done / (total + 1))
        transition_job(session, job, now, state="running", progress=progress, stage=f"{num_done} of {total} done")
        return True
    given_up = select(Task.error).where(Task.job_pk == job.pk, Task.error.is_not(None)).order_by(Task.index)
    errors = session.scalars(given_up).all()
    if len(errors) == total:
        state: JobState = "quarantined" if is_quarantined else "failed"
        transition_job(session, job, now, state=state, stage=state, error=errors[-1])
    else:
        stage = f"{total - len(errors)} of {total} done, {len(errors)} given up" if errors else f"{total} of {total} done"
        transition_job(session, job, now, state="done", stage=stage)
    return True


def is_task_due(now: float) -> ColumnElement[bool]:
    """Condition on `Task`: it can be leased now, if its job is open."""
    return and_(Task.done.is_(False), Task.leased_until <= now, Task.due_at <= now)


def claim_tasks(
    session: Session, job: Job, owner: str, now: float, seconds: float, max_images: int
) -> tuple[list[TaskRow], float]:
    """Lease due tasks of a locked job and count an attempt for each. Returns them and their cost.

    Up to `max_images` that read images, or one other. A task whose last attempt failed is leased
    alone, so that one that ends each worker does not use up the attempts of others.
    """
    due = select(Task).where(Task.job_pk == job.pk, is_task_due(now)).order_by(Task.index)
    tasks = list(session.scalars(due.where(Task.attempts == 0).limit(max_images).with_for_update()))
    if not tasks:
        tasks = list(session.scalars(due.limit(1).with_for_update()))
    images = [task for task in tasks if task.end <= task.start and task.item_id]
    tasks = images if images and images[0] is tasks[0] else tasks[:1]
    for task in tasks:
        task.owner, task.leased_until, task.attempts = owner, now + seconds, task.attempts + 1
    session.flush()
    return [task_row(task, job.id) for task in tasks], sum(task.cost for task in tasks)


def task_row(task: Task, job_id: str) -> TaskRow:
    """Return the values of a task."""
    return TaskRow(
        pk=task.pk,
        job_id=job_id,
        index=task.index,
        item_id=task.item_id,
        start=task.start,
        end=task.end,
        attempts=task.attempts,
        done=task.done,
        error=task.error,
    )


def _tasks_of(job_id: str) -> Select[tuple[Task]]:
    return select(Task).join(Job, Job.pk == Task.job_pk).where(Job.id == job_id)


def _count_done(session: Session, job: Job) -> tuple[int, int]:
    """Return how many tasks of a job are done, and how many there are."""
    total = func.count()
    of_job = select(total.filter(Task.done.is_(True)), total).where(Task.job_pk == job.pk)
    return session.execute(of_job).tuples().one()


def _update_leased(session: Session, pk: int, owner: str, values: Mapping[str, object], *conditions: ColumnElement[bool]) -> bool:
    """Update a task that `owner` has leased. False if it has not, or a condition fails."""
    leased = (Task.pk == pk, Task.owner == owner, Task.done.is_(False), *conditions)
    return session.execute(update(Task).where(*leased).values(**values).returning(Task.pk)).first() is not None
