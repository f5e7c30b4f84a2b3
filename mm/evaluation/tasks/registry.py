"""All tasks by name."""

from __future__ import annotations

from mm.errors import InvalidInput
from mm.evaluation.tasks.classification import Classification
from mm.evaluation.tasks.retrieval import Retrieval
from mm.evaluation.tasks.types import Task

TASKS: dict[str, Task] = {task.name: task for task in (Retrieval(), Classification())}


def find_task(name: str) -> Task:
    """Raises `InvalidInput`, which lists the tasks that exist."""
    if name not in TASKS:
        raise InvalidInput(f"There is no task '{name}'. Tasks are: {', '.join(TASKS)}.")
    return TASKS[name]
