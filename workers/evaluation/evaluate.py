"""Reads a data set together with other workers; the first task measures it and keeps the run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mm.data.sets.catalog import describe_set
from mm.evaluation.evaluate_set import SetRequest, evaluate_set, share_request
from mm.evaluation.features.encode import KINDS
from mm.evaluation.runs.store import RunStore
from mm.evaluation.space_weights import list_space_weights
from mm.schemas import EvaluationRequest
from mm.spaces import load_space

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexes.catalog.records import JobRow, TaskRow
    from mm.evaluation.features.slices import Progress
    from mm.spaces import Space
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

REPORT_SECONDS = 1.0
"""Minimum interval of reports; each is a row that is sent to clients."""
ENCODING_SHARE = 0.95
"""Of the progress; the rest is the measures."""


def evaluate_data_set(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    """Encode, caption or inspect a set; for the first task of the job measure it and keep the run.

    What is done is found in the cache after a killed process. Returns False if the
    lease is lost.
    """
    body = EvaluationRequest.model_validate(job.payload["request"])
    run_id, root = str(job.payload["run_id"]), Path(str(job.payload["root"]))
    store = RunStore(context.settings.root)
    if not store.has(run_id):
        kinds = KINDS if body.speech else ("picture", "sound")
        request = SetRequest(describe_set(body.set), root, body.split, body.task, body.options, kinds, body.strict)
        space, name = _load(context, body.space)
        on_progress = _report(context, task, check)
        common = (space, list_space_weights(name), context.reader, context.settings)
        if task.index == 0:
            run = evaluate_set(request, *common, run_id, f"POST /v1/evaluations {body.set}", on_progress, check)
            check()
            if not store.has(run_id):
                store.add(run)
            structlog.get_logger().info("set evaluated", set=body.set, items=run.signature.num_items)
        else:
            share_request(request, *common, on_progress, check)
    return context.store.catalog.finish_task(task, context.owner)


def _load(context: WorkerContext, name: str) -> tuple[Space, str]:
    """A space by its name, or that of the library."""
    library_space = context.store.catalog.get_library_space()
    current = context.settings.space if library_space is None else library_space.name
    if name in ("", current):
        return context.spaces.load_current(), current
    return load_space(name, context.settings), name


def _report(context: WorkerContext, task: TaskRow, check: CheckLease) -> Callable[[Progress], None]:
    """A callback for each slice: checks the lease and reports the progress."""
    reported_at = float("-inf")

    def report(progress: Progress) -> None:
        nonlocal reported_at
        check()
        if time.monotonic() - reported_at >= REPORT_SECONDS or progress.done == progress.total:
            reported_at = time.monotonic()
            stage = f"{progress.verb} {progress.done} of {progress.total}"
            stage += f", {progress.failed} cannot be read" if progress.failed else ""
            context.store.catalog.report_tasks(task, ENCODING_SHARE * progress.done / max(progress.total, 1), stage)

    return report
