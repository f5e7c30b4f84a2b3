"""Average precision of detections, interpolated at 101 recalls as COCO does (Lin et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.metrics.inspection.boxes import UNMATCHED, Boxes, match_boxes

RECALLS = np.linspace(0, 1, 101)


def average_precision(pairs: Sequence[tuple[Boxes, Boxes]], kind: str, min_iou: float) -> float:
    """Average precision of one kind over images of predicted and true boxes.

    At each recall it is the highest precision at this recall or a higher one; 0 where the recall is
    not reached. Raises `InvalidInput` when no true box is of this kind.
    """
    scores, is_match, num_true = [], [], 0
    for predicted, true in pairs:
        own, right = _select(predicted, kind), _select(true, kind)
        num_true += len(right.kinds)
        if own.scores_P is None and len(own.kinds):
            raise InvalidInput("Average precision needs a score for each predicted box.")
        scores.append(own.scores_P if own.scores_P is not None else np.zeros(0))
        is_match.append(match_boxes(own, right, min_iou) != UNMATCHED)
    if not num_true:
        raise InvalidInput(f"No true box is of the kind {kind!r}.")
    order = np.argsort(-np.concatenate(scores), kind="stable")
    found = np.cumsum(np.concatenate(is_match)[order])
    if not len(found):
        return 0.0
    precision = found / np.arange(1, len(found) + 1)
    highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)  # 0 beyond the last recall
    places = np.searchsorted(found / num_true, RECALLS, side="left")
    return float(highest[places].mean())


def mean_average_precision(pairs: Sequence[tuple[Boxes, Boxes]], min_iou: float) -> float:
    """Mean of the average precisions of all kinds that true boxes have. Raises `InvalidInput`."""
    kinds = sorted({kind for _, true in pairs for kind in true.kinds})
    if not kinds:
        raise InvalidInput("There are no true boxes.")
    return float(np.mean([average_precision(pairs, kind, min_iou) for kind in kinds]))


def _select(boxes: Boxes, kind: str) -> Boxes:
    rows = np.array([own == kind for own in boxes.kinds], bool)
    scores = None if boxes.scores_P is None else boxes.scores_P[rows]
    return Boxes(boxes.corners_P4[rows], (kind,) * int(rows.sum()), scores)
