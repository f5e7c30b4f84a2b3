"""Measures of rankings on plain arrays: recall at k, mean average precision, median rank.

Each gives one value a question; `mm.metrics.bootstrap` makes a number with an interval of them.
Names of arrays end in their axes: Q questions, E things that are ranked. A tie counts against us:
what scores the same as a right answer ranks before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Float = npt.NDArray[np.floating]
Int = npt.NDArray[np.integer]
Bool = npt.NDArray[np.bool_]


def first_ranks(scores_QE: Float, right_QE: Bool) -> npt.NDArray[np.int64]:
    """(Q,) rank, from 1, of the best right answer of each question; its mean or median over
    questions is the set's.

    Raises `InvalidInput` for scores that are not finite, shapes that do not fit, and a question
    without a right answer.
    """
    _check(scores_QE, right_QE)
    best_Q = np.where(right_QE, scores_QE, -np.inf).max(1)
    before_Q: npt.NDArray[np.int64] = ((scores_QE >= best_Q[:, None]) & ~right_QE).sum(1)
    return 1 + before_Q


def recall_at(scores_QE: Float, right_QE: Bool, k: int) -> npt.NDArray[np.float64]:
    """(Q,) 1 where a right answer is among the k best, else 0: R@k is its mean. Raises
    `InvalidInput`, for k below 1 too."""
    _check_k(k)
    return (first_ranks(scores_QE, right_QE) <= k).astype(np.float64)


def average_precision_at(scores_QE: Float, right_QE: Bool, k: int) -> npt.NDArray[np.float64]:
    """(Q,) precision at each right answer among the k best, summed and divided by min(k, right
    answers): mAP@k is its mean.

    Raises `InvalidInput` as `recall_at`.
    """
    _check_k(k)
    _check(scores_QE, right_QE)
    order_QK = np.lexsort((right_QE, -scores_QE.astype(np.float64)))[:, :k]  # of those that tie, wrong answers first
    right_QK = np.take_along_axis(right_QE, order_QK, axis=1)
    precision_QK = np.cumsum(right_QK, axis=1) / np.arange(1, right_QK.shape[1] + 1)
    found: npt.NDArray[np.float64] = (precision_QK * right_QK).sum(1) / np.minimum(k, right_QE.sum(1))
    return found


def one_hot_relevance(right_Q: Int, count: int) -> Bool:
    """(Q, E) right answers where each question has one: its number among `count`. Raises
    `InvalidInput` for a number outside."""
    if len(right_Q) and (right_Q.min() < 0 or right_Q.max() >= count):
        raise InvalidInput(f"A right answer is none of the {count} that are ranked.")
    found: Bool = np.arange(count) == right_Q[:, None]
    return found


def _check(scores_QE: Float, right_QE: Bool) -> None:
    if scores_QE.ndim != 2 or 0 in scores_QE.shape or scores_QE.shape != right_QE.shape:
        raise InvalidInput(f"Scores {scores_QE.shape} need right answers of the same shape, not {right_QE.shape}.")
    if not np.isfinite(scores_QE).all():
        raise InvalidInput("Scores must be finite.")
    if not right_QE.any(1).all():
        raise InvalidInput("A question has no right answer.")


def _check_k(k: int) -> None:
    if k < 1:
        raise InvalidInput("k must be at least 1.")
