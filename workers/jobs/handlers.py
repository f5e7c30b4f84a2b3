"""The function that performs a task, for each kind of job that has tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workers.evaluation.evaluate import evaluate_data_set
from workers.inspection.fit import fit_version
from workers.inspection.inspect import inspect_item
from workers.inspection.teach import teach_version
from workers.lesions.analyse import analyse_lesions

if TYPE_CHECKING:
    from indexes.catalog.records import JobRow, TaskRow
    from mm.schemas import JobKind
    from workers.context import WorkerContext
    from workers.tasks.lease import CheckLease

TaskHandler = Callable[["WorkerContext", "JobRow", "TaskRow", "CheckLease"], bool]
"""Performs a task, stores its result and ends it in one transaction of the catalog.

Returns False if its lease was lost, and nothing stored. Repeating it gives the same result.
"""

HANDLERS: Mapping[JobKind, TaskHandler] = {
    "fit": fit_version,
    "teach": teach_version,
    "inspect": inspect_item,
    "lesions": analyse_lesions,
    "evaluate": evaluate_data_set,
}
