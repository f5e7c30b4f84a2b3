"""Evaluations of data sets: their runs, and the jobs that make them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import Field

from mm.schemas.base import Model
from mm.schemas.jobs import JobState

Statistic = Literal[
    "mean", "median", "recall@1", "recall@5", "recall@10", "auroc", "bleu-1", "bleu-2", "bleu-3", "bleu-4", "object-share",
    "pixel-auroc", "pixel-pro", "class-map", "class-map-interpolated", "span-map", "span-map-0.5", "span-map-0.75",
    "span-map-0.95", "average-recall", "recall-area", "calibration-error", "detection-f1", "detection-precision",
    "detection-recall", "kind-accuracy", "kind-f1", "corpus",
]  # fmt: skip
"""How a measure follows from the items: from one value each (`mm.evaluation.runs.statistics`), from
sums of their evidence (`mm.evaluation.runs.sums`), or from the rankings that it holds
(`mm.evaluation.runs.rankings`). `corpus` does none: it is compared by intervals only."""


class RunMeasure(Model):
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
    evidence: str = ""
    """Key of `ItemRecord.evidence` that the statistic takes; empty for its usual one."""


class Signature(Model):
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
    runtime: str = ""
    """Of the image tower; 8-bit runtimes round differently. Empty in runs of earlier versions."""

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
            *([f"runtime:{self.runtime}"] if self.runtime else []),
        ]  # fmt: skip
        return "|".join([*fields, "simulated"] if self.is_simulated else fields)


class ItemRecord(Model):
    """One query or file: its values by key, and what a report shows of it."""

    id: str
    group: str
    """Items of one group are sampled together."""
    values: dict[str, float] = Field({})
    evidence: dict[str, list[list[float]]] = Field({})
    """Rows of numbers of statistics that are not of one value an item: counts of words, places in
    the rankings of classes."""
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


class Curve(Model):
    """A line of a plot."""

    name: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]


class BreakdownRow(Model):
    """A measure of the items of one class or language."""

    stratum: str
    num_items: int
    measure: RunMeasure


class Breakdown(Model):
    """Measures by class or language."""

    by: str
    """What the rows are: `class`, `language`, `length`."""
    rows: list[BreakdownRow]


class FailedItem(Model):
    """A file that could not be read; it is left out of the numbers, and counted."""

    id: str
    reason: str


class Outcome(Model):
    """What a task measures; items are kept for comparisons and reports."""

    title: str
    measures: list[RunMeasure]
    items: list[ItemRecord] = Field([])
    curves: list[Curve] = Field([])
    breakdowns: list[Breakdown] = Field([])
    failed: list[FailedItem] = Field([])
    notes: list[str] = Field([])
    """Sentences that must stand beside the numbers."""
    classes: list[str] = Field([])
    """Names of the classes that evidence of items numbers from 0; empty where it numbers none."""


class Run(Model):
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
    signature_line: str = Field("", description="The signature as it is quoted beside the numbers; empty in the file.")
    outcome: Outcome = Field(repr=False)
    missing: list[str] = Field([])
    """Ids of items without a file."""


class EvaluationRequest(Model):
    """A data set in a folder of the server, and what to measure."""

    set: str = Field(max_length=64, description="Name of the data set; `GET /v1/evaluations/sets` lists them.")
    folder: str = Field(max_length=1024, description="Folder of the data set, relative to MM_IMPORT_ROOT.")
    split: str = Field("dev", max_length=64)
    task: str = Field("", max_length=64, description="One of the tasks of the set; default: the first.")
    space: str = Field("", max_length=200, description="Space to evaluate; default: that of the library.")
    options: dict[str, str] = Field({}, description="Options of the task by name.")
    speech: bool = Field(False, description="Encode speech and text in images, too.")
    strict: bool = Field(False, description="Stop at the first file that cannot be read, instead of leaving it out.")
    run: str = Field("", max_length=100, description="Id of the run; default: set, task and time.")


class Evaluation(Model):
    """An evaluation as a job; its run exists when it is done."""

    id: str = Field(description="Id of the job.")
    run_id: str
    request: EvaluationRequest
    state: JobState
    progress: float = Field(ge=0, le=1)
    stage: str
    error: str | None = None
    created_at: datetime
    run: Run | None = Field(None, description="Without its items; null until the evaluation is done.")


class EvaluationList(Model):
    """Evaluations without their runs, newest first."""

    data: list[Evaluation]


class RunList(Model):
    """A page of runs without their items, newest first."""

    data: list[Run]
    next: str | None = Field(None, description="`cursor` of the next page; null on the last.")


class RunItemPage(Model):
    """Items of a run in its order."""

    data: list[ItemRecord]
    next: int | None = Field(None, description="`after` of the next page; null at the end.")


class EvaluationSetInfo(Model):
    """A data set that can be evaluated."""

    name: str
    title: str
    splits: list[str]
    tasks: list[str]
    licence: str
    get: str = Field(description="How a person gets the data.")


class EvaluationSetList(Model):
    """Data sets by name."""

    data: list[EvaluationSetInfo]


class EvaluationProblem(Model):
    """What is wrong with the folder of a data set."""

    severity: Literal["error", "warning"]
    where: str
    what: str
    remedy: str


class EvaluationCheck(Model):
    """Result of a check of a folder."""

    problems: list[EvaluationProblem]
    num_files: int = Field(description="Files that can be evaluated; 0 if there is an error.")
    num_missing: int = Field(description="Files that the annotations name and that are not there.")


class EvaluationFolderList(Model):
    """Folders of the server that can hold a data set."""

    folders: list[str] = Field(description="Paths relative to MM_IMPORT_ROOT, by name.")
    is_complete: bool = Field(description="False if there are more folders than are listed.")


class RunExamples(Model):
    """Items with the worst and with the best values of a measure, one of each group."""

    measure: RunMeasure | None = Field(description="Null for a run without measures of single items.")
    worst: list[ItemRecord]
    best: list[ItemRecord]


class RunDifference(Model):
    """A measure of two runs: the second minus the first."""

    measure: RunMeasure = Field(description="Of the first run.")
    second: RunMeasure
    difference: float | None = Field(None, description="Null for a measure that is not paired item by item.")
    low: float | None = None
    high: float | None = None
    p_value: float | None = Field(None, description="Two-sided, by permutation.")
    num_items: int
    is_worse: bool = Field(description="Whether the second run is significantly worse.")
    is_better: bool = Field(description="Whether the second run is significantly better.")


class RunChange(Model):
    """An item that changed between two runs."""

    item: ItemRecord = Field(description="Of the second run.")
    key: str
    before: float
    after: float


class RunComparison(Model):
    """Two runs of one set, split and task, compared item by item."""

    first: str
    second: str
    differences: list[RunDifference]
    worse: list[RunChange]
    better: list[RunChange]
    notes: list[str]
