"""The area under the ROC curve (Hanley and McNeil 1982)."""

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
