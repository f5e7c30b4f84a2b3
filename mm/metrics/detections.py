"""Average precision over classes, as the evaluation code of ActivityNet defines it (Caba Heilbron
et al. 2015; `eval_detection.py` and `eval_classification.py` of activitynet/ActivityNet).

Precision is interpolated: at each recall it is the largest precision at that recall or a higher
one. Names of arrays end in their axes: P predictions, T thresholds of the intersection over union,
G true spans, C classes, N files, 2 start and end in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, bootstrap_rows
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


def average_precision(hits_PT: npt.NDArray[np.bool_], weights_P: Float, num_true: float) -> Float:
    """Interpolated average precision (T,) of predictions in descending order of score.

    `weights_P` is how often each prediction counts, 1 outside a bootstrap; `num_true` is the
    number of true spans or files, which is above 0.
    """
    right_PT = np.cumsum(hits_PT * weights_P[:, None], axis=0)
    precision_PT = right_PT / np.maximum(np.cumsum(weights_P), 1e-12)[:, None]
    precision_PT = np.maximum.accumulate(precision_PT[::-1], axis=0)[::-1]
    gained_PT = np.diff(right_PT / num_true, axis=0, prepend=0.0)
    area_T: Float = (gained_PT * precision_PT).sum(0)
    return area_T


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

    def compute(rows: Int) -> Float:
        weight_N = np.bincount(rows, minlength=len(predicted)).astype(np.float64)
        weight_G = weight_N[video_G]
        areas = []
        for label, of_label in rows_of.items():
            num_true = weight_G[class_G == label].sum()
            if num_true:
                areas.append(average_precision(hits_PT[of_label], weight_N[video_P[of_label]], num_true))
        mean_T = np.mean(areas, axis=0)
        return np.append(mean_T, mean_T.mean())

    return bootstrap_rows(len(predicted), groups_N, compute)


def classification_map(scores_NC: Float, relevant_NC: npt.NDArray[np.bool_], groups_N: Int | None = None) -> Interval:
    """Mean over classes of the average precision of files ranked by the score of the class.

    Only classes with a file count. Raises `InvalidInput` for shapes that differ and for no class
    with a file.
    """
    if scores_NC.shape != relevant_NC.shape or not relevant_NC.any():
        raise InvalidInput(f"Scores {scores_NC.shape} need relevance of the same shape, not {relevant_NC.shape}.")
    columns = np.flatnonzero(relevant_NC.any(0))
    order_NC = np.argsort(-scores_NC[:, columns], axis=0, kind="stable")
    hits_NC = np.take_along_axis(relevant_NC[:, columns], order_NC, axis=0)

    def compute(rows: Int) -> Float:
        weight_N = np.bincount(rows, minlength=len(scores_NC)).astype(np.float64)
        weight_NC = weight_N[order_NC]
        right_NC = np.cumsum(hits_NC * weight_NC, axis=0)
        precision_NC = right_NC / np.maximum(np.cumsum(weight_NC, axis=0), 1e-12)
        precision_NC = np.maximum.accumulate(precision_NC[::-1], axis=0)[::-1]
        num_true_C = right_NC[-1]
        area_C = (hits_NC * weight_NC * precision_NC).sum(0) / np.maximum(num_true_C, 1e-12)
        return np.array([area_C[num_true_C > 0].mean()])

    return bootstrap_rows(len(scores_NC), groups_N, compute)[0]
