"""What a task is: it measures a data set from features that were computed before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.evaluation.features.texts import TextCache, embed_texts
from mm.evaluation.features.types import Features
from mm.evaluation.runs.types import FailedItem, Outcome
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.types import Vectors


@dataclass(frozen=True, slots=True)
class TaskInput:
    """All that a task may use."""

    data: EvaluationSet
    root: Path
    features: Mapping[str, Features]
    """By id of the item; loaded from disk at each access. Items that failed have none."""
    failed: tuple[FailedItem, ...]
    space: Space
    settings: Settings
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the task by name; a task refuses those that it does not have."""
    train: EvaluationSet | None = None
    """Of tasks that fit something: the split `train`, its features in `features` too."""
    texts: TextCache | None = None
    """Text vectors of earlier runs; None embeds all texts."""

    def embed_texts(self, texts: Sequence[str], kind: str) -> Vectors:
        """Vectors (M, D) of texts that are compared with this kind of evidence.

        Raises as the towers of the space, and `StorageFull`.
        """
        return embed_texts(self.space, texts, kind) if self.texts is None else self.texts.embed(texts, kind)


class Task(Protocol):
    """A measurement of data sets. Its module has one instance, listed in `registry`."""

    @property
    def name(self) -> str:
        """One of `mm.data.sets.catalog.TASKS`."""
        ...

    @property
    def needs_train(self) -> bool:
        """Whether it fits something on the split `train`."""
        ...

    @property
    def tokenizer(self) -> str:
        """How measures of text cut words; empty for others."""
        ...

    def references(self, data: EvaluationSet) -> str:
        """Number and kind of the reference texts or labels, for the signature."""
        ...

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` for a set without the annotations that it needs."""
        ...


def refuse_options(task: str, options: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise `InvalidInput` for an option that a task does not have."""
    if unknown := sorted(set(options) - set(known)):
        raise InvalidInput(
            f"The task '{task}' has no option {', '.join(unknown)}. Its options are: {', '.join(known) or 'none'}."
        )
