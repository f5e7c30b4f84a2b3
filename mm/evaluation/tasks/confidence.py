"""Measures of the scores of all classes: mean average precision and calibration error.

Names of arrays end in their axes: N files, C classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.evaluation.runs.types import RunMeasure
from mm.metrics.bootstrap import Interval
from mm.metrics.detections import classification_map
from mm.metrics.inspection import bootstrap_calibration_error
from mm.numerics import Float64
from mm.spaces.encode.actions import TEMPERATURE

NOTE = f"Calibration error: of the softmax of the cosines times {TEMPERATURE:g}, a factor that was not fitted; 15 bins."


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
    return _measure("mAP", classification_map(scores_NC.astype(np.float64), relevant_NC, groups_N, interpolated=interpolated))


def measure_calibration(
    cosines_NC: npt.NDArray[np.floating], relevant_NC: npt.NDArray[np.bool_], groups_N: npt.NDArray[np.int64]
) -> RunMeasure:
    """Calibration error of the best class."""
    best_N = cosines_NC.argmax(1)
    right_N = relevant_NC[np.arange(len(best_N)), best_N]
    error = bootstrap_calibration_error(softmax(cosines_NC).max(1), right_N, groups_N)
    return _measure("calibration error", error, is_higher_better=False)


def _measure(name: str, interval: Interval, *, is_higher_better: bool = True) -> RunMeasure:
    return RunMeasure(
        name=name, value=interval.value, low=interval.low, high=interval.high, is_higher_better=is_higher_better,
        statistic="corpus",
    )  # fmt: skip
