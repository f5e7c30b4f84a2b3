"""The area under the ROC curve (Hanley and McNeil 1982), and under its first part (McClish
1989).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


def auc(scores_N: npt.NDArray[np.floating], is_positive_N: npt.NDArray[np.bool_]) -> float:
    """Share of pairs in which the positive scores higher than the negative; ties count half.

    Raises `InvalidInput` when all are positive or all are negative.
    """
    positive, negative = scores_N[is_positive_N], scores_N[~is_positive_N]
    if not len(positive) or not len(negative):
        raise InvalidInput("The area under the curve needs positive and negative examples.")
    ordered = np.sort(negative)
    num_below = np.searchsorted(ordered, positive, side="left")
    num_up_to = np.searchsorted(ordered, positive, side="right")
    return float((num_below + num_up_to).mean() / (2 * len(negative)))


def share_in_order(scores_N: npt.NDArray[np.floating], is_positive_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Of each example the share (N,) of those of the other side that it is in order with.

    A positive is above a negative; an equal score counts half. The mean over either side is the
    area under the curve. Raises `InvalidInput` when all are positive or all are negative.
    """
    if is_positive_N.all() or not is_positive_N.any():
        raise InvalidInput("The area under the curve needs positive and negative examples.")
    shares_N = np.empty(len(scores_N))
    for is_positive, sign in ((True, 1.0), (False, -1.0)):
        own, other = sign * scores_N[is_positive_N == is_positive], np.sort(sign * scores_N[is_positive_N != is_positive])
        below = np.searchsorted(other, own, side="left") + np.searchsorted(other, own, side="right")
        shares_N[is_positive_N == is_positive] = below / (2 * len(other))
    return shares_N


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
