"""Defects of boards compared with a template: DeepPCB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.inspection.deep_pcb import KINDS, read_deep_pcb
from mm.evaluation.inspection.runs import Progress
from mm.media.types import RGB
from mm.metrics.bootstrap import Interval, bootstrap_rows
from mm.metrics.boundaries import f1_score
from mm.metrics.inspection.average_precision import average_precision
from mm.metrics.inspection.boxes import Boxes, measure_detection
from mm.metrics.report import Measure, Report, ReportItem

MIN_IOU = 0.33
"""Overlap from which a box is found, as in the paper of the data set."""

CompareBoard = Callable[[RGB, RGB], Boxes]
"""Boxes of the defects of a tested image (H, W, 3) beside its template (H, W, 3)."""


def evaluate_deep_pcb(
    compare: CompareBoard, root: Path, split: str, on_progress: Progress = lambda line: None, method: str = ""
) -> Report:
    """Measure F1, the accuracy of kinds and average precision on all boards of the split.

    The interval samples boards. Raises `InvalidInput`.
    """
    rows = read_deep_pcb(root, split)
    pairs = []
    for index, row in enumerate(rows, 1):
        pairs.append((compare(*row.read()), row.boxes))
        if index % 50 == 0:
            on_progress(f"{index} of {len(rows)} boards")
    counts = [measure_detection([pair], MIN_IOU) for pair in pairs]
    count_N5 = np.array(
        [(each.num_predicted, each.num_true, each.num_matched, each.num_right_kind, each.num_matched_by_kind) for each in counts]
    )
    groups_N = np.unique([row.group for row in rows], return_inverse=True)[1]
    shares = bootstrap_rows(len(rows), groups_N, lambda chosen: _measure_shares(count_N5[chosen].sum(0)))
    names = ("F1", "precision", "recall", "accuracy of the kind of found defects", "F1 with the right kind")
    measures = [Measure(f"{name} at IoU {MIN_IOU}", share) for name, share in zip(names, shares, strict=True)]
    present = sorted({kind for _, true in pairs for kind in true.kinds}, key=KINDS.index)
    if all(predicted.scores_P is not None for predicted, _ in pairs):
        values = [average_precision(pairs, kind, MIN_IOU) for kind in present]
        measures.append(
            Measure("mean average precision, lowest and highest kind", Interval(float(np.mean(values)), min(values), max(values)))
        )
    num_layouts, num_defects = len({row.board for row in rows}), int(count_N5[:, 1].sum())
    of = f"DeepPCB, {len(rows)} boards of {num_layouts} layouts with {num_defects} defects of {split}"
    items = [
        ReportItem(str(row.path), row.group, {measures[0].name: f1_score(each.num_matched, each.num_predicted, each.num_true)})
        for row, each in zip(rows, counts, strict=True)
    ]
    return Report(f"{of}, {method}" if method else of, tuple(measures), items=tuple(items))


def _measure_shares(counts_5: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    predicted, true, matched, right_kind, by_kind = (int(count) for count in counts_5)
    return np.array(
        [
            f1_score(matched, predicted, true),
            matched / predicted if predicted else 1.0,
            matched / true if true else 1.0,
            right_kind / matched if matched else 1.0,
            f1_score(by_kind, predicted, true),
        ]
    )
