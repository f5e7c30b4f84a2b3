"""What a task is: it measures a data set, most tasks from features that were computed before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput
from mm.evaluation.features.texts import TextCache, embed_texts
from mm.evaluation.features.types import Features
from mm.evaluation.runs.types import FailedItem, Outcome
from mm.settings import Settings
from mm.spaces import Space
from mm.spaces.types import Vectors

if TYPE_CHECKING:
    from mm.evaluation.features.cache import FeatureCache
    from mm.evaluation.features.slices import Progress
    from mm.media import MediaReader


@dataclass(frozen=True, slots=True)
class Method:
    """What a task evaluates, for the signature."""

    name: str
    """With the options that its numbers depend on."""
    weights: Mapping[str, str]
    """SHA-256 of each weights file, first 16 hex digits, by name."""


@dataclass(frozen=True, slots=True)
class TaskInput:
    """All that a task may use."""

    data: EvaluationSet
    root: Path
    features: Mapping[str, Features]
    """By id of the item; loaded from disk at each access. Items that failed have none.

    Empty for a task that needs none."""
    failed: tuple[FailedItem, ...]
    space: Space
    settings: Settings
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the task by name; a task refuses those that it does not have."""
    train: EvaluationSet | None = None
    """Of tasks that fit something: the split `train`, its features in `features` too."""
    texts: TextCache | None = None
    """Text vectors of earlier runs; None embeds all texts."""
    cache: FeatureCache | None = None
    """Of tasks that keep what they compute of files."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Hashes of the weights of the space by name of the file."""
    reader: MediaReader | None = None
    """Of tasks that decode files themselves."""
    strict: bool = False
    """Whether such a task stops at the first file that cannot be read."""
    on_progress: Callable[[Progress], None] = lambda progress: None
    on_tick: Callable[[], None] = lambda: None
    """Called often by tasks that take long; may raise to stop the work."""

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
    def needs_features(self) -> bool:
        """Whether files are encoded before it measures; other tasks decode them themselves, and
        report their progress."""
        ...

    @property
    def tokenizer(self) -> str:
        """How measures of text cut words; empty for others."""
        ...

    def references(self, data: EvaluationSet) -> str:
        """Number and kind of the reference texts or labels, for the signature."""
        ...

    def prepare(self, given: TaskInput) -> None:
        """Do work of `measure` beside other processes with the same input; `measure` finds it.

        Nothing for a task of features, which are encoded before. Raises as `measure`.
        """
        ...

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` for a set without the annotations that it needs."""
        ...

    def find_method(self, given: TaskInput) -> Method:
        """What is evaluated. Raises as `measure`."""
        ...


class SpaceTask:
    """A task that measures the vectors of a space."""

    needs_features = True

    def prepare(self, given: TaskInput) -> None:
        """Nothing: files are encoded before."""

    def find_method(self, given: TaskInput) -> Method:
        """The space, with the options of the task."""
        options = "".join(f",{key}={value}" for key, value in sorted(given.options.items()))
        return Method(f"{given.space.id}{options}", given.weights)


def refuse_options(task: str, options: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise `InvalidInput` for an option that a task does not have."""
    if unknown := sorted(set(options) - set(known)):
        raise InvalidInput(
            f"The task '{task}' has no option {', '.join(unknown)}. Its options are: {', '.join(known) or 'none'}."
        )


def parse_choice(options: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """An option that is one of some words, by default the first.

    Raises `InvalidInput` for another word.
    """
    choice = options.get(name, choices[0])
    if choice not in choices:
        raise InvalidInput(f"The option {name} is one of {', '.join(choices)}, not '{choice}'.")
    return choice


def parse_count(options: Mapping[str, str], name: str, default: int, lowest: int = 0) -> int:
    """An option that is a whole number. Raises `InvalidInput` for other text or a lower number."""
    text = options.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < lowest:
        raise InvalidInput(f"The option {name} is a whole number from {lowest} on, not '{text}'.")
    return int(text)
