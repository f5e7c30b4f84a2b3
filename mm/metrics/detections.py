"""Average precision over classes, as the evaluation code of ActivityNet defines it (Caba Heilbron
et al. 2015; `eval_detection.py` and `eval_classification.py` of activitynet/ActivityNet).

Precision is interpolated: at each recall it is the largest precision at that recall or a higher
one. Names of arrays end in their axes: P predictions, T thresholds of the intersection over union,
G true spans, C classes, N files, H relevant predictions or files in descending order of score, B
samples of a bootstrap, 2 start and end in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, bootstrap_weights
from mm.metrics.spans import iou

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

THRESHOLDS: Float = np.linspace(0.5, 0.95, 10)
"""Of the intersection over union."""


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans of one video, true ones or predictions."""

    spans_N2: Float
    classes_N: Int
    scores_N: Float
    """Of predictions; not read of true spans."""


def match_spans(predicted: Spans, true: Spans, thresholds_T: Float = THRESHOLDS) -> npt.NDArray[np.bool_]:
    """Whether each prediction of a video is right (P, T).

    In descending order of score, a prediction takes the free true span of its class with the
    largest overlap that reaches the threshold; equal scores keep their order.
    """
    hits_PT = np.zeros((len(predicted.spans_N2), len(thresholds_T)), np.bool_)
    if not len(predicted.spans_N2) or not len(true.spans_N2):
        return hits_PT
    overlap_PG = iou(predicted.spans_N2, true.spans_N2)
    overlap_PG[predicted.classes_N[:, None] != true.classes_N] = -1.0
    is_taken_TG = np.zeros((len(thresholds_T), len(true.spans_N2)), np.bool_)
    for row in np.argsort(-predicted.scores_N, kind="stable"):
        for column, threshold in enumerate(thresholds_T):
            free_G = np.where(is_taken_TG[column], -1.0, overlap_PG[row])
            best = int(free_G.argmax())
            if free_G[best] >= threshold:
                is_taken_TG[column, best] = hits_PT[row, column] = True
    return hits_PT


def interpolate_precision(precision_BH: Float) -> Float:
    """At each hit the largest precision there or at a later hit (B, H)."""
    highest_BH: Float = np.maximum.accumulate(precision_BH[:, ::-1], axis=1)[:, ::-1]
    return highest_BH


def average_precision(weight_BP: Float, hit_H: Int, num_true_B: Float) -> Float:
    """Interpolated average precision (B,) of predictions in descending order of score.

    `weight_BP` is how often each prediction counts in each sample, 1 outside a bootstrap; `hit_H`
    are the indexes of the right ones in ascending order, `num_true_B` the number of true spans. A
    sample without a true span has 0.
    """
    gained_BH = weight_BP[:, hit_H]
    total_BH = np.cumsum(weight_BP, axis=1)[:, hit_H]
    precision_BH = np.cumsum(gained_BH, axis=1) / np.maximum(total_BH, 1.0)
    area_B: Float = (gained_BH * interpolate_precision(precision_BH)).sum(1) / np.maximum(num_true_B, 1.0)
    return area_B


def detection_map(
    predicted: Sequence[Spans], true: Sequence[Spans], groups_N: Int | None = None, thresholds_T: Float = THRESHOLDS
) -> list[Interval]:
    """Mean average precision at each threshold, and last their mean, with 95 % intervals.

    The mean is over the classes that have a true span; one without predictions counts as 0.
    Predictions of one video match true spans of that video, so that the bootstrap samples videos,
    or whole `groups_N` of them. Raises `InvalidInput` for lengths that differ and no true span.
    """
    if len(predicted) != len(true) or not any(len(spans.spans_N2) for spans in true):
        raise InvalidInput(f"Predictions of {len(predicted)} videos need true spans of as many videos, not {len(true)}.")
    hits_PT = np.concatenate([match_spans(*both, thresholds_T) for both in zip(predicted, true, strict=True)])
    video_P = np.repeat(np.arange(len(predicted)), [len(spans.spans_N2) for spans in predicted])
    video_G = np.repeat(np.arange(len(true)), [len(spans.spans_N2) for spans in true])
    class_P, class_G = (np.concatenate([spans.classes_N for spans in several]) for several in (predicted, true))
    order_P = np.argsort(-np.concatenate([spans.scores_N for spans in predicted]), kind="stable")
    rows_of = {label: order_P[class_P[order_P] == label] for label in np.unique(class_G).tolist()}

    def compute(weight_BN: Float) -> Float:
        areas_BT = np.zeros((len(weight_BN), len(thresholds_T)))
        num_classes_B = np.zeros(len(weight_BN))
        for label, of_label in rows_of.items():
            num_true_B = weight_BN[:, video_G[class_G == label]].sum(1)
            num_classes_B += num_true_B > 0
            weight_BP = weight_BN[:, video_P[of_label]]
            for column in range(len(thresholds_T)):
                areas_BT[:, column] += average_precision(weight_BP, np.flatnonzero(hits_PT[of_label, column]), num_true_B)
        mean_BT = areas_BT / np.maximum(num_classes_B, 1.0)[:, None]
        return np.concatenate([mean_BT, mean_BT.mean(1, keepdims=True)], axis=1)

    return bootstrap_weights(len(predicted), groups_N, compute)


def classification_map(
    scores_NC: Float, relevant_NC: npt.NDArray[np.bool_], groups_N: Int | None = None, *, interpolated: bool = True
) -> Interval:
    """Mean over classes of the average precision of files ranked by the score of the class.

    Only classes with a file count. With `interpolated`, files of equal score keep their order, as
    in ActivityNet's code; without, precision is taken where the score changes and not interpolated,
    as in scikit-learn's `average_precision_score`. Raises `InvalidInput` for shapes that differ and
    for no class with a file.
    """
    if scores_NC.shape != relevant_NC.shape or not relevant_NC.any():
        raise InvalidInput(f"Scores {scores_NC.shape} need relevance of the same shape, not {relevant_NC.shape}.")
    ranked = [_rank_files(scores_NC[:, column], relevant_NC[:, column], interpolated) for column in range(scores_NC.shape[1])]

    def compute(weight_BN: Float) -> Float:
        area_B, num_classes_B = np.zeros(len(weight_BN)), np.zeros(len(weight_BN))
        for file_H, before_NH in ranked:
            gained_BH = weight_BN[:, file_H]
            num_true_B = gained_BH.sum(1)
            # Counts below 2**24 are exact in float32, whose products take half the time.
            total_BH = weight_BN.astype(np.float32) @ before_NH
            right_BH = (gained_BH.astype(np.float32) @ before_NH[file_H]).astype(np.float64)
            precision_BH = right_BH / np.maximum(total_BH, 1.0)
            precision_BH = interpolate_precision(precision_BH) if interpolated else precision_BH
            area_B += (gained_BH * precision_BH).sum(1) / np.maximum(num_true_B, 1.0)
            num_classes_B += num_true_B > 0
        return (area_B / np.maximum(num_classes_B, 1.0))[:, None]

    return bootstrap_weights(len(scores_NC), groups_N, compute)[0]


def _rank_files(scores_N: Float, relevant_N: npt.NDArray[np.bool_], keep_order: bool) -> tuple[Int, npt.NDArray[np.float32]]:
    """Relevant files (H,), best first, and whether each file ranks up to each of them (N, H).

    Files of equal score rank in their order, or without `keep_order` all at the same place.
    """
    order_N = np.argsort(-scores_N, kind="stable")
    file_H = order_N[relevant_N[order_N]]
    place_N = np.empty(len(scores_N))
    place_N[order_N] = np.arange(len(scores_N))
    places_N = place_N if keep_order else -scores_N
    return file_H, (places_N[:, None] <= places_N[file_H]).astype(np.float32)
