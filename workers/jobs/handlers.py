"""The function that performs a task, for each kind of job that has tasks.

Each imports its module when it is called: inspection, evaluation and ultrasound take as long to
import as a quarter of the start of a worker, and most worker processes never use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexes.catalog.records import JobRow, TaskRow
    from mm.schemas import JobKind
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

TaskHandler = Callable[["WorkerContext", "JobRow", "TaskRow", "CheckLease"], bool]
"""Performs a task, stores its result and ends it in one transaction of the catalog.

Returns False if its lease was lost, and nothing stored. Repeating it gives the same result.
"""


def _fit(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.inspection.fit import fit_version

    return fit_version(context, job, task, check)


def _teach(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.inspection.teach import teach_version

    return teach_version(context, job, task, check)


def _inspect(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.inspection.inspect import inspect_item

    return inspect_item(context, job, task, check)


def _analyse_lesions(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.lesions.analyse import analyse_lesions

    return analyse_lesions(context, job, task, check)


def _evaluate(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.evaluation.evaluate import evaluate_data_set

    return evaluate_data_set(context, job, task, check)


def _export(context: WorkerContext, job: JobRow, task: TaskRow, check: CheckLease) -> bool:
    from workers.tasks.cut_clip import cut_clip

    return cut_clip(context, job, task, check)


HANDLERS: Mapping[JobKind, TaskHandler] = {
    "fit": _fit,
    "teach": _teach,
    "inspect": _inspect,
    "lesions": _analyse_lesions,
    "evaluate": _evaluate,
    "export": _export,
}
