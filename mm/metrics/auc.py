"""The area under the ROC curve: how often what is right has the higher score (Hanley and McNeil
1982)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput


def auc(scores_N: npt.NDArray[np.floating], right_N: npt.NDArray[np.bool_]) -> float:
    """The share of pairs of a right and a wrong one in which the right one has the higher score;
    ties count half.

    Raises `InvalidInput` where there are none of one sort.
    """
    right, wrong = scores_N[right_N], scores_N[~right_N]
    if not len(right) or not len(wrong):
        raise InvalidInput("Right and wrong ones are needed to tell them apart.")
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, side="left")
    upto = np.searchsorted(ordered, right, side="right")
    return float((below + upto).mean() / (2 * len(wrong)))
