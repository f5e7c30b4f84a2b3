"""Items of a data set as all readers give them, and problems of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of a video or sound, in seconds, with a sentence, a class, or both."""

    start: float
    end: float
    text: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class SetItem:
    """One file of a data set with its annotations; those that the set lacks are empty."""

    id: str
    path: Path | None
    """None where the annotations name a file that is not in the folder."""
    group: str
    """Source: items of one group are not independent, and are sampled together."""
    texts: tuple[str, ...] = ()
    """Captions of the whole file."""
    labels: tuple[str, ...] = ()
    """Classes of the whole file."""
    moments: tuple[Moment, ...] = ()
    more_references: tuple[tuple[Moment, ...], ...] = ()
    """Moments by further annotators; generated captions are compared with each set."""
    masks: tuple[Path, ...] = ()
    """Files of the size of the image, whose marked pixels are read by `read_item_mask`."""
    category: str = ""
    """Product of an image of a part: an inspector is fitted for each; empty where all are one."""
    is_support: bool = False
    """Whether an inspector of its category is fitted on this image in place of those of train."""
    is_grey: bool = False
    """Whether colours and alpha of the file mean nothing."""
    language: str = "en"
    """ISO 639-1 code of the texts."""
    duration: float | None = None
    """Seconds by the annotations; None where they do not say."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """The items of one split."""

    name: str
    split: str
    items: tuple[SetItem, ...]
    labels: tuple[str, ...] = ()
    """All classes, also those without an item in this split."""
    parents: dict[str, str] = field(default_factory=dict)
    """Of each class that has one, the class above it."""
    is_simulated: bool = False
    """Whether the files were made in place of those that the set is known for."""

    @property
    def present(self) -> tuple[SetItem, ...]:
        """Items whose file is there."""
        return tuple(item for item in self.items if item.path is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of items whose file is missing."""
        return tuple(item.id for item in self.items if item.path is None)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the folder of a data set."""

    severity: Literal["error", "warning"]
    """An error prevents the evaluation; a warning is stated with its numbers."""
    where: str
    """File, and where there is one the line: `captions.csv, line 7`."""
    what: str
    """One sentence that says what is wrong."""
    remedy: str = ""
    """One sentence that says what to do."""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}: {self.what}", self.remedy) if part)


def list_errors(problems: Sequence[Problem]) -> list[Problem]:
    """Those that prevent the evaluation."""
    return [problem for problem in problems if problem.severity == "error"]
