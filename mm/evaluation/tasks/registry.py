"""All tasks by name."""

from __future__ import annotations

from mm.errors import InvalidInput
from mm.evaluation.tasks.captions.task import Captions
from mm.evaluation.tasks.classification import Classification
from mm.evaluation.tasks.defects.task import Defects
from mm.evaluation.tasks.dense_captions import DenseCaptions
from mm.evaluation.tasks.detection import Detection
from mm.evaluation.tasks.moments import Moments
from mm.evaluation.tasks.paragraphs import Paragraphs
from mm.evaluation.tasks.recognition import Recognition, TrainedRecognition
from mm.evaluation.tasks.retrieval import Retrieval
from mm.evaluation.tasks.types import Task

_ALL: tuple[Task, ...] = (
    Retrieval(), Classification(), Recognition(), TrainedRecognition(), Paragraphs(), Moments(), Detection(), DenseCaptions(),
    Captions(), Defects(),
)  # fmt: skip
TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def find_task(name: str) -> Task:
    """Raises `InvalidInput`, which lists the tasks that exist."""
    if name not in TASKS:
        raise InvalidInput(f"There is no task '{name}'. Tasks are: {', '.join(TASKS)}.")
    return TASKS[name]
