"""Detections as boxes: intersection over union, matching, F1 and the accuracy of their kinds.

Names of arrays end in their axes: P predicted boxes, T true boxes, 4 x1, y1, x2, y2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.boundaries import f1_score
from mm.numerics import Float64

UNMATCHED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes of one image with their kinds; predicted boxes have scores too."""

    corners_P4: npt.NDArray[np.floating]
    """x1, y1, x2, y2 in pixels, with x1 < x2 and y1 < y2."""
    kinds: tuple[str, ...]
    scores_P: npt.NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        corners = self.corners_P4
        if corners.ndim != 2 or corners.shape[1] != 4 or len(self.kinds) != len(corners):
            raise InvalidInput(f"Boxes are (N, 4) with a kind each, not {corners.shape} with {len(self.kinds)} kinds.")
        if not np.isfinite(corners).all() or (corners[:, 2:] <= corners[:, :2]).any():
            raise InvalidInput("A box has no area, or a coordinate that is not finite.")
        if self.scores_P is not None and self.scores_P.shape != corners.shape[:1]:
            raise InvalidInput(f"{len(corners)} boxes have scores of shape {self.scores_P.shape}.")

    def ranked(self) -> npt.NDArray[np.int64]:
        """Indexes in descending order of score; equal scores, or none, keep their order."""
        scores = np.zeros(len(self.kinds)) if self.scores_P is None else self.scores_P
        return np.asarray(np.argsort(-scores, kind="stable"))


@dataclass(frozen=True, slots=True)
class Detection:
    """Counts of detections over images, with the kinds left aside and with equal kinds required."""

    num_predicted: int
    num_true: int
    num_matched: int
    """Predicted boxes that overlap a true box, whatever the kinds; each true box counts once."""
    num_right_kind: int
    """Matched boxes of the right kind."""
    num_matched_by_kind: int
    """Matches if only boxes of the same kind may match."""

    @property
    def f1(self) -> float:
        return f1_score(self.num_matched, self.num_predicted, self.num_true)

    @property
    def f1_with_kind(self) -> float:
        return f1_score(self.num_matched_by_kind, self.num_predicted, self.num_true)

    @property
    def precision(self) -> float:
        return self.num_matched / self.num_predicted if self.num_predicted else 1.0

    @property
    def recall(self) -> float:
        return self.num_matched / self.num_true if self.num_true else 1.0

    @property
    def kind_accuracy(self) -> float:
        """Share of the matched boxes with the right kind; 1 where nothing is matched."""
        return self.num_right_kind / self.num_matched if self.num_matched else 1.0


def box_iou(one_P4: npt.NDArray[np.floating], other_T4: npt.NDArray[np.floating]) -> Float64:
    """Intersection over union (P, T) of boxes with area."""
    low = np.maximum(one_P4[:, None, :2], other_T4[None, :, :2])
    high = np.minimum(one_P4[:, None, 2:], other_T4[None, :, 2:])
    shared_PT = np.clip(high - low, 0, None).prod(2).astype(np.float64)
    areas_P, areas_T = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one_P4, other_T4))
    return np.asarray(shared_PT / (areas_P[:, None] + areas_T[None] - shared_PT))


def match_boxes(predicted: Boxes, true: Boxes, min_iou: float, same_kind: bool = False) -> npt.NDArray[np.int64]:
    """Index of the true box of each predicted box (P,), or -1.

    In descending order of score each takes the free true box with the largest overlap of at least
    `min_iou`, as in the evaluation of COCO; the earlier one of equal overlaps.
    """
    if not 0 < min_iou <= 1:
        raise InvalidInput(f"The overlap {min_iou} of a match must be above 0 and at most 1.")
    match_P = np.full(len(predicted.kinds), UNMATCHED)
    if not len(predicted.kinds) or not len(true.kinds):
        return match_P
    iou_PT = box_iou(predicted.corners_P4, true.corners_P4)
    if same_kind:
        iou_PT *= np.array(predicted.kinds)[:, None] == np.array(true.kinds)[None]
    for index in predicted.ranked():
        best = int(iou_PT[index].argmax())
        if iou_PT[index, best] >= min_iou:
            match_P[index] = best
            iou_PT[:, best] = -1  # taken
    return match_P


def measure_detection(pairs: Sequence[tuple[Boxes, Boxes]], min_iou: float) -> Detection:
    """Count matches of predicted with true boxes over images. Raises `InvalidInput`."""
    num_matched = num_right_kind = num_by_kind = 0
    for predicted, true in pairs:
        match_P = match_boxes(predicted, true, min_iou)
        matched = [(index, int(match)) for index, match in enumerate(match_P) if match != UNMATCHED]
        num_matched += len(matched)
        num_right_kind += sum(predicted.kinds[index] == true.kinds[match] for index, match in matched)
        num_by_kind += int((match_boxes(predicted, true, min_iou, same_kind=True) != UNMATCHED).sum())
    counts = (sum(len(boxes.kinds) for boxes in side) for side in zip(*pairs, strict=True)) if pairs else iter((0, 0))
    return Detection(next(counts), next(counts), num_matched, num_right_kind, num_by_kind)


def score_detection_sums(counts_B5: npt.NDArray[np.number]) -> Float64:
    """Measures (B, 5) of sums of counts in the order of `Detection`.

    They are F1, precision, recall, the accuracy of the kinds, and F1 with equal kinds; 1 where
    there is nothing to divide by.
    """
    predicted, true, matched, right_kind, by_kind = counts_B5.T.astype(np.float64)
    pairs = ((2 * matched, predicted + true), (matched, predicted), (matched, true), (right_kind, matched))
    return np.stack([_divide(*pair) for pair in (*pairs, (2 * by_kind, predicted + true))], axis=1)


def _divide(one_B: Float64, other_B: Float64) -> Float64:
    return np.divide(one_B, other_B, out=np.ones_like(one_B), where=other_B > 0)
