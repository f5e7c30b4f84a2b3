"""Runs leased tasks of a job, with the retries and the quarantine that chunks have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from workers.jobs.handlers import HANDLERS
from workers.logs import bind_job
from workers.messaging.dispatch import tolerate_broker_failure
from workers.tasks.lease import Interrupted, Lease
from workers.tasks.retries import describe_error, get_retry_seconds, is_permanent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from indexes.catalog.records import JobRow, TaskRow
    from mm.schemas import JobKind
    from workers.context import WorkerContext
    from workers.jobs.handlers import TaskHandler


def run_tasks(
    context: WorkerContext, job_id: str, tasks: Sequence[TaskRow], handlers: Mapping[JobKind, TaskHandler] = HANDLERS
) -> None:
    """Perform tasks that this process has leased; each ends, or is released, independently.

    Requests one further work unit if more tasks of the job are due.
    """
    catalog, settings = context.store.catalog, context.settings
    job = catalog.get_job(job_id)
    if job is None or job.is_final:
        return
    leases = [task.pk for task in tasks]
    with bind_job(job), Lease(catalog.extend_task_lease, leases, context.owner, settings.lease_seconds, context.stop) as lease:
        for task in tasks:
            _run(context, job, task, handlers[job.kind], lease)
    context.record_heartbeat()
    if catalog.count_due_tasks(job_id):
        with tolerate_broker_failure():
            context.dispatcher.dispatch()


def _run(context: WorkerContext, job: JobRow, task: TaskRow, handler: TaskHandler, lease: Lease) -> None:
    def check() -> None:
        lease.check()
        context.record_progress()

    started = time.monotonic()
    log = structlog.get_logger().bind(task=task.index, kind=job.kind)
    try:
        with TaskAttempt(context, task):
            check()
            if not handler(context, job, task, check):
                raise Interrupted("lease lost or job ended")
            log.info("task done", item=task.item_id, seconds=round(time.monotonic() - started, 3))
    except Exception:  # the other tasks are still performed
        log.exception("task failed")


class TaskAttempt:
    """Context manager around one attempt at a leased task.

    A failure releases the lease with its reason. A permanent one, and the last attempt, end the
    task without a result; so does entering after `MM_MAX_ATTEMPTS` attempts whose process was lost.
    """

    def __init__(self, context: WorkerContext, task: TaskRow) -> None:
        self._context = context
        self._task = task

    def __enter__(self) -> None:
        if self._task.attempts > self._context.settings.max_attempts:
            self._quarantine(self._context.settings.max_attempts, self._task.error or "the worker was lost")
            raise Interrupted("given up")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if error is None:
            return False
        context, task = self._context, self._task
        catalog, settings = context.store.catalog, context.settings
        log = structlog.get_logger().bind(task=task.index)
        if isinstance(error, Interrupted):
            log.info("task released", reason=error.reason)
            catalog.release_task(task.pk, context.owner, None)
            if error.is_shutdown:
                with tolerate_broker_failure():
                    context.dispatcher.dispatch()
            return True
        reason = describe_error(error, settings.root)
        if is_permanent(error):
            log.warning("task given up", detail=reason)
            catalog.give_up_task(task, context.owner, reason)
            return True
        if task.attempts >= settings.max_attempts:
            self._quarantine(task.attempts, reason)
        else:
            catalog.release_task(task.pk, context.owner, reason, retry_in=get_retry_seconds(settings))
        return False  # it is logged; the sweeper dispatches again

    def _quarantine(self, attempts: int, reason: str) -> None:
        detail = f"Given up after {attempts} attempts. Last: {reason}"
        structlog.get_logger().warning("task quarantined", task=self._task.index, detail=detail)
        self._context.store.catalog.give_up_task(self._task, self._context.owner, detail, is_quarantined=True)
