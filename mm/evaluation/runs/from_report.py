"""A report of an evaluation that has its own command, as a run that can be kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mm.data.sets.catalog import describe_set
from mm.errors import NotFound
from mm.evaluation.runs.signature import describe_code, hash_ids
from mm.evaluation.runs.types import ItemRecord, Outcome, Run, RunMeasure, Signature
from mm.metrics.report import Report, ReportItem


def make_run(
    report: Report, run_id: str, *, set_name: str, split: str, task: str, method: str, weights: Mapping[str, str], root: Path,
    command: str, started: str, seconds: float,
) -> Run:  # fmt: skip
    """The run of a report.

    A measure that is the mean of a value of the items, or follows from their evidence, can be
    compared item by item, others by their intervals only. A set without a description in
    `datasets/` has the version 1.
    """
    items = [_make_item(item, root) for item in report.items]
    try:
        version = describe_set(set_name).version
    except NotFound:
        version = 1
    measures = [
        RunMeasure.model_validate(
            {
                "name": measure.name, "value": measure.interval.value, "low": measure.interval.low, "high": measure.interval.high,
                "is_share": measure.is_share, "is_higher_better": measure.is_higher_better, "of": measure.of,
                "statistic": measure.statistic or ("mean" if measure.of else "corpus"), "evidence": measure.evidence,
            }
        )
        for measure in report.measures
    ]  # fmt: skip
    signature = Signature(
        set_name=set_name, set_version=version, split=split, task=task, method=method, code=describe_code(),
        weights=dict(weights), num_items=len(items), items=hash_ids([item.id for item in items]),
    )  # fmt: skip
    return Run(
        id=run_id, started=started, seconds=seconds, command=command, root=str(root.resolve()), signature=signature,
        outcome=Outcome(title=report.of, measures=measures, items=items, notes=list(report.notes)),
    )  # fmt: skip


def _make_item(item: ReportItem, root: Path) -> ItemRecord:
    """An item whose id is a path has the path below the root as its id."""
    path = Path(item.id)
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else item.id
    return ItemRecord(
        id=name, group=item.group, values=item.values, evidence=item.evidence, expected=item.kind,
        path=name if name != item.id else "",
    )  # fmt: skip
