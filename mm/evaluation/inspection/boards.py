"""Defects of boards compared with a template: DeepPCB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import numpy as np

from mm.data.inspection.deep_pcb import KINDS, read_deep_pcb
from mm.evaluation.inspection.runs import Progress
from mm.evaluation.runs.sums import DETECTION_STATISTICS, DETECTIONS
from mm.media.types import RGB
from mm.metrics.bootstrap import Interval, bootstrap_rows
from mm.metrics.inspection.average_precision import average_precision
from mm.metrics.inspection.boxes import Boxes, measure_detection, score_detection_sums
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
    count_N5 = np.array([astuple(each) for each in counts])
    groups_N = np.unique([row.group for row in rows], return_inverse=True)[1]
    shares = bootstrap_rows(len(rows), groups_N, lambda chosen: score_detection_sums(count_N5[chosen].sum(0)[None])[0])
    names = ("F1", "precision", "recall", "accuracy of the kind of found defects", "F1 with the right kind")
    measures = [
        Measure(f"{name} at IoU {MIN_IOU}", share, statistic=statistic)
        for name, share, statistic in zip(names, shares, DETECTION_STATISTICS, strict=True)
    ]
    present = sorted({kind for _, true in pairs for kind in true.kinds}, key=KINDS.index)
    if all(predicted.scores_P is not None for predicted, _ in pairs):
        values = [average_precision(pairs, kind, MIN_IOU) for kind in present]
        measures.append(
            Measure("mean average precision, lowest and highest kind", Interval(float(np.mean(values)), min(values), max(values)))
        )
    num_layouts, num_defects = len({row.board for row in rows}), int(count_N5[:, 1].sum())
    of = f"DeepPCB, {len(rows)} boards of {num_layouts} layouts with {num_defects} defects of {split}"
    items = [
        ReportItem(str(row.path), row.group, {measures[0].name: each.f1}, evidence={DETECTIONS: [count_5.tolist()]})
        for row, each, count_5 in zip(rows, counts, count_N5.astype(np.float64), strict=True)
    ]
    return Report(f"{of}, {method}" if method else of, tuple(measures), items=tuple(items))
