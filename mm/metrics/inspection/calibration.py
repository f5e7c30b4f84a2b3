"""Expected calibration error of confidences (Naeini et al. 2015)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

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
    bins_N = np.minimum((confidence_N * num_bins).astype(np.int64), num_bins - 1)
    difference = np.bincount(bins_N, confidence_N - is_right_N, minlength=num_bins)
    return float(np.abs(difference).sum() / len(confidence_N))
