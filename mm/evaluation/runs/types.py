"""A run of an evaluation: what was measured, on what, with what, and the values of each item."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Statistic = Literal["mean", "median", "recall@1", "recall@5", "recall@10", "class-map", "auroc", "detection-map", "corpus"]
"""How a measure follows from the values of items (`mm.evaluation.runs.statistics`); `corpus` does
not: it is computed over all items at once, and compared by intervals only."""


class Record(BaseModel):
    """Base of all records: unknown keys are refused, so that a newer file is not half read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunMeasure(Record):
    """A number with its 95 % interval; a share is from 0 to 1."""

    name: str
    value: float
    low: float
    high: float
    is_share: bool = True
    is_higher_better: bool = True
    statistic: Statistic = "mean"
    of: str = ""
    """Key of `ItemRecord.values` that the statistic takes; empty where items have none."""


class Signature(Record):
    """What a number depends on. Runs are paired only if set, split and task are equal."""

    set_name: str
    set_version: int
    split: str
    task: str
    method: str
    """What is evaluated: a space, a captioner, an inspector, with their options."""
    code: str
    """Version of mm and, where it is a checkout, its commit; `+` when files were changed."""
    weights: dict[str, str]
    """SHA-256 of each weights file, first 16 hex digits, by name."""
    tokenizer: str = ""
    """Of measures of text: how words are cut."""
    references: str = ""
    """Number and kind of the reference texts or labels."""
    num_items: int
    num_missing: int = 0
    items: str = ""
    """SHA-256 over the ids of the items that were used, first 16 hex digits."""
    is_simulated: bool = False

    def combine_weights(self) -> str:
        """One hash of all weights, first 16 hex digits; `none` without weights."""
        lines = "\n".join(f"{name} {digest}" for name, digest in sorted(self.weights.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:16] if self.weights else "none"

    def line(self) -> str:
        """One line that can be quoted beside the numbers."""
        fields = [
            f"set:{self.set_name}-{self.set_version}", f"split:{self.split}", f"task:{self.task}", f"method:{self.method}",
            f"weights:{self.combine_weights()}", f"tok:{self.tokenizer or 'none'}", f"refs:{self.references or 'none'}",
            f"items:{self.num_items}-{self.items}", f"missing:{self.num_missing}", f"mm:{self.code}",
        ]  # fmt: skip
        return "|".join([*fields, "simulated"] if self.is_simulated else fields)


class ItemRecord(Record):
    """One query or file: its values by key, and what a report shows of it."""

    id: str
    group: str
    """Items of one group are sampled together."""
    values: dict[str, float] = {}
    evidence: dict[str, list[list[float]]] = {}
    """Rows of numbers of statistics that are not of one value an item, such as detections."""
    stratum: str = ""
    """Class or language, for the breakdown."""
    path: str = ""
    """File of the item, relative to the root of the set."""
    start: float | None = None
    end: float | None = None
    """Seconds in the file."""
    question: str = ""
    expected: str = ""
    answer: str = ""
    answer_path: str = ""
    """File of what was returned first, relative to the root."""


class Curve(Record):
    """A line of a plot."""

    name: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]


class BreakdownRow(Record):
    """A measure of the items of one class or language."""

    stratum: str
    num_items: int
    measure: RunMeasure


class Breakdown(Record):
    """Measures by class or language."""

    by: str
    """What the rows are: `class`, `language`, `length`."""
    rows: list[BreakdownRow]


class FailedItem(Record):
    """A file that could not be read; it is left out of the numbers, and counted."""

    id: str
    reason: str


class Outcome(Record):
    """What a task measures; items are kept for comparisons and reports."""

    title: str
    measures: list[RunMeasure]
    items: list[ItemRecord] = []
    curves: list[Curve] = []
    breakdowns: list[Breakdown] = []
    failed: list[FailedItem] = []
    notes: list[str] = []
    """Sentences that must stand beside the numbers."""


class Run(Record):
    """An evaluation as it is kept: `run.json`, and its items in `items.jsonl`."""

    format: Literal[1] = 1
    id: str
    started: str
    """UTC, ISO 8601."""
    seconds: float
    command: str
    """The command, or the request, that ran it."""
    root: str
    """Folder of the set, for the pictures of a report."""
    signature: Signature
    outcome: Outcome = Field(repr=False)
    missing: list[str] = []
    """Ids of items without a file."""
