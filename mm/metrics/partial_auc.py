"""The area under the first part of the ROC curve (McClish 1989)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


def partial_auc(scores_N: npt.NDArray[np.floating], is_positive_N: npt.NDArray[np.bool_], max_rate: float) -> float:
    """Mean true positive rate over false positive rates from 0 to `max_rate`, in [0, 1].

    The curve is a line between two distinct scores. Raises `InvalidInput` when all are positive or
    all are negative, and for a rate outside (0, 1].
    """
    if is_positive_N.all() or not is_positive_N.any():
        raise InvalidInput("The area under the curve needs positive and negative examples.")
    if not 0 < max_rate <= 1:
        raise InvalidInput(f"The largest rate of false positives is above 0 and at most 1, not {max_rate:g}.")
    order = np.argsort(-scores_N, kind="stable")
    is_last = np.append(np.diff(scores_N[order]) != 0, True)
    hits = np.append(0, np.cumsum(is_positive_N[order])[is_last]) / is_positive_N.sum()
    alarms = np.append(0, np.cumsum(~is_positive_N[order])[is_last]) / (~is_positive_N).sum()
    ends = np.append(alarms[alarms <= max_rate], max_rate)
    heights = np.append(hits[alarms <= max_rate], np.interp(max_rate, alarms, hits))
    return float(np.trapezoid(heights, ends) / max_rate)
