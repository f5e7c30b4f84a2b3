"""Measures of the scores of all classes: mean average precision and calibration error.

Names of arrays end in their axes: N files, C classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.evaluation.runs.rankings import CLASSES, rank_classes
from mm.evaluation.runs.sums import CONFIDENCE
from mm.evaluation.runs.types import RunMeasure, Statistic
from mm.metrics.bootstrap import Interval
from mm.metrics.detections import classification_map
from mm.metrics.inspection import bootstrap_calibration_error
from mm.numerics import Float64
from mm.spaces.encode.actions import TEMPERATURE

NOTE = f"Calibration error: of the softmax of the cosines times {TEMPERATURE:g}, a factor that was not fitted; 15 bins."
DIGITS = 6
"""Of the confidence that an item keeps."""


def softmax(cosines: npt.NDArray[np.floating]) -> Float64:
    """Scores that sum to 1, over the last axis, as `mm actions` prints them."""
    exponentials = np.exp(TEMPERATURE * (cosines - cosines.max(-1, keepdims=True)).astype(np.float64))
    scores: Float64 = exponentials / exponentials.sum(-1, keepdims=True)
    return scores


def measure_map(
    scores_NC: npt.NDArray[np.floating], relevant_NC: npt.NDArray[np.bool_], groups_N: npt.NDArray[np.int64], *,
    interpolated: bool,
) -> RunMeasure:  # fmt: skip
    """Mean average precision over classes; see `classification_map`."""
    statistic: Statistic = "class-map-interpolated" if interpolated else "class-map"
    interval = classification_map(scores_NC.astype(np.float64), relevant_NC, groups_N, interpolated=interpolated)
    return _measure("mAP", interval, statistic)


def measure_calibration(
    cosines_NC: npt.NDArray[np.floating], relevant_NC: npt.NDArray[np.bool_], groups_N: npt.NDArray[np.int64]
) -> RunMeasure:
    """Calibration error of the best class."""
    error = bootstrap_calibration_error(*_judge_best(cosines_NC, relevant_NC), groups_N)
    return _measure("calibration error", error, "calibration-error", is_higher_better=False)


def keep_evidence(
    scores_NC: npt.NDArray[np.floating], relevant_NC: npt.NDArray[np.bool_], *, interpolated: bool, has_calibration: bool
) -> list[dict[str, list[list[float]]]]:
    """Of each file what both measures are computed of, for comparisons with another run."""
    ranks = rank_classes(scores_NC, relevant_NC, interpolated=interpolated)
    evidence: list[dict[str, list[list[float]]]] = [{CLASSES: rows} if rows else {} for rows in ranks]
    if has_calibration:
        for own, confidence, is_right in zip(evidence, *_judge_best(scores_NC, relevant_NC), strict=True):
            own[CONFIDENCE] = [[round(float(confidence), DIGITS), float(is_right)]]
    return evidence


def _judge_best(
    cosines_NC: npt.NDArray[np.floating], relevant_NC: npt.NDArray[np.bool_]
) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Confidence of the best class of each file (N,), and whether it is right."""
    best_N = cosines_NC.argmax(1)
    return softmax(cosines_NC).max(1), relevant_NC[np.arange(len(best_N)), best_N]


def _measure(name: str, interval: Interval, statistic: Statistic, *, is_higher_better: bool = True) -> RunMeasure:
    return RunMeasure(
        name=name, value=interval.value, low=interval.low, high=interval.high, is_higher_better=is_higher_better,
        statistic=statistic,
    )  # fmt: skip
