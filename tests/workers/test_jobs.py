"""Tasks of jobs of other kinds than `ingest`: retried, given up and interrupted independently."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from indexes.catalog.records import JobRow, NewTask, TaskRow
from mm.errors import Corrupt, Unavailable
from tests.workers.conftest import Home, expire_lease
from workers.context import WorkerContext
from workers.jobs.handlers import TaskHandler
from workers.jobs.run import run_tasks
from workers.tasks.retries import RETRY_SWEEPS

Step = Callable[[TaskRow], None]


def run_next(context: WorkerContext, step: Step) -> bool:
    """Claim tasks and perform each with `step`. Returns whether any was due."""

    def handle(context: WorkerContext, job: JobRow, task: TaskRow, check: Callable[[], None]) -> bool:
        step(task)
        check()
        return context.store.catalog.finish_task(task, context.owner)

    handlers: dict[str, TaskHandler] = {"inspect": handle}
    catalog, settings = context.store.catalog, context.settings
    unit = catalog.claim_work(context.owner, settings.lease_seconds, settings.chunk_seconds)
    if unit is None:
        return False
    run_tasks(context, unit.job_ids[0], unit.tasks, handlers)  # type: ignore[arg-type]
    return True


def add_job(home: Home, num_tasks: int) -> str:
    return home.store.catalog.add_task_job("inspect", {}, [NewTask() for _ in range(num_tasks)]).id


def raise_error(error: Exception) -> Step:
    def step(task: TaskRow) -> None:
        raise error

    return step


def do_nothing(task: TaskRow) -> None:
    pass


def test_finished_task_requests_the_next_one(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 2)
    assert run_next(context, do_nothing)
    assert context.dispatcher.count_waiting() == 1
    assert run_next(context, do_nothing)
    assert context.dispatcher.count_waiting() == 1
    assert home.state(job_id) == "done"


def test_transient_error_is_retried_then_quarantined(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 1)
    for attempt in range(home.settings.max_attempts):
        if attempt:
            context.store.catalog.clamp_future_times(0.0, 0.0)  # the delay is over
        assert run_next(context, raise_error(Unavailable("The disk is slow.")))
    job = home.job(job_id)
    assert job.state == "quarantined"
    assert job.error == "Given up after 2 attempts. Last: The disk is slow."
    assert RETRY_SWEEPS > 0


def test_permanent_error_gives_up_the_task_alone(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 2)
    run_next(context, raise_error(Corrupt("The file is damaged.")))
    run_next(context, do_nothing)
    assert home.state(job_id) == "done"
    (failed,) = home.store.catalog.list_failed_tasks(job_id, -1, 10)
    assert failed.error == "The file is damaged."


def test_task_whose_workers_were_lost_is_given_up(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 1)
    for _ in range(home.settings.max_attempts):
        assert home.store.catalog.claim_work("lost", home.settings.lease_seconds, 120.0) is not None
        expire_lease()
    run_next(context, pytest.fail)
    assert home.job(job_id).error == "Given up after 2 attempts. Last: the worker was lost"


def test_stopping_worker_releases_its_task_and_dispatches(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 1)
    run_next(context, lambda task: context.stop.set())
    (task,) = home.store.catalog.list_tasks(job_id)
    assert (task.attempts, task.done, home.state(job_id)) == (0, False, "queued")
    assert context.dispatcher.count_waiting() >= 1


def test_cancelled_job_ends_its_task(home: Home, context: WorkerContext) -> None:
    job_id = add_job(home, 1)
    run_next(context, lambda task: home.store.catalog.cancel_job(job_id))
    assert home.state(job_id) == "cancelled"
    assert not home.store.catalog.list_tasks(job_id)[0].done
