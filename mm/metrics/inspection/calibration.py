"""Expected calibration error of confidences (Naeini et al. 2015)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, Labels, bootstrap_sums
from mm.numerics import Float64

NUM_BINS = 15


def calibration_error(
    confidence_N: npt.NDArray[np.floating], is_right_N: npt.NDArray[np.bool_], num_bins: int = NUM_BINS
) -> float:
    """Mean distance of confidence from the share of right ones, over bins of equal width.

    Bins are weighted by their counts. Raises `InvalidInput` for no values, shapes that differ,
    confidences outside [0, 1], and no bins.
    """
    if confidence_N.ndim != 1 or not len(confidence_N) or confidence_N.shape != is_right_N.shape or num_bins < 1:
        raise InvalidInput(f"Confidences {confidence_N.shape} and outcomes {is_right_N.shape} in {num_bins} bins do not fit.")
    if not ((confidence_N >= 0) & (confidence_N <= 1)).all():
        raise InvalidInput("A confidence is outside 0 to 1.")
    difference = np.bincount(_find_bins(confidence_N, num_bins), confidence_N - is_right_N, minlength=num_bins)
    return float(np.abs(difference).sum() / len(confidence_N))


def bootstrap_calibration_error(
    confidence_N: npt.NDArray[np.floating], is_right_N: npt.NDArray[np.bool_], groups_N: Labels | None = None,
    num_bins: int = NUM_BINS,
) -> Interval:  # fmt: skip
    """The calibration error with its interval, groups sampled together.

    Of few values it is above 0 also for confidences that are right. Raises as `calibration_error`.
    """
    value = calibration_error(confidence_N, is_right_N, num_bins)
    rows = make_calibration_rows(confidence_N, is_right_N, num_bins)
    (interval,) = bootstrap_sums(rows, lambda sums: score_calibration_sums(sums)[:, None], groups_N)
    return Interval(value, interval.low, interval.high)


def make_calibration_rows(
    confidence_N: npt.NDArray[np.floating], is_right_N: npt.NDArray[np.bool_], num_bins: int = NUM_BINS
) -> Float64:
    """Rows (N, num_bins + 1) whose sums give the calibration error: differences by bin, and 1."""
    rows = np.zeros((len(confidence_N), num_bins + 1))
    rows[np.arange(len(confidence_N)), _find_bins(confidence_N, num_bins)] = confidence_N - is_right_N
    rows[:, -1] = 1.0
    return rows


def score_calibration_sums(sums: Float64) -> Float64:
    """Calibration error (B,) of sums of `make_calibration_rows` (B, bins + 1)."""
    error_B: Float64 = np.abs(sums[:, :-1]).sum(1) / sums[:, -1]
    return error_B


def _find_bins(confidence_N: npt.NDArray[np.floating], num_bins: int) -> npt.NDArray[np.int64]:
    return np.minimum((confidence_N * num_bins).astype(np.int64), num_bins - 1)
