"""Measures of rankings: recall at k, average precision at k, rank of the first relevant item.

Each returns one value a query, which `mm.metrics.bootstrap` averages. Names of arrays end in their
axes: Q queries, E ranked items, K places. A tie counts against the relevant item: equal scores
rank before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Float = npt.NDArray[np.floating]
Int = npt.NDArray[np.integer]
Bool = npt.NDArray[np.bool_]


def first_ranks(scores_QE: Float, relevant_QE: Bool) -> npt.NDArray[np.int64]:
    """Rank (Q,), from 1, of the best relevant item of each query.

    Raises `InvalidInput` for scores that are not finite, shapes that do not match, and a query
    without a relevant item.
    """
    _check(scores_QE, relevant_QE)
    best_Q = np.where(relevant_QE, scores_QE, -np.inf).max(1)
    num_before_Q: npt.NDArray[np.int64] = ((scores_QE >= best_Q[:, None]) & ~relevant_QE).sum(1)
    return 1 + num_before_Q


def recall_at(scores_QE: Float, relevant_QE: Bool, k: int) -> npt.NDArray[np.float64]:
    """1 where a relevant item is among the k best, else 0 (Q,): R@k is the mean.

    Raises `InvalidInput` as `first_ranks`, and for k below 1.
    """
    _check_k(k)
    return (first_ranks(scores_QE, relevant_QE) <= k).astype(np.float64)


def average_precision_at(scores_QE: Float, relevant_QE: Bool, k: int) -> npt.NDArray[np.float64]:
    """Average precision of the k best (Q,): mAP@k is the mean.

    The precisions at the relevant items among the k best are summed and divided by the smaller of k
    and the number of relevant items. Raises `InvalidInput` as `recall_at`.
    """
    _check_k(k)
    _check(scores_QE, relevant_QE)
    order_QK = np.lexsort((relevant_QE, -scores_QE.astype(np.float64)))[:, :k]  # among ties the irrelevant first
    relevant_QK = np.take_along_axis(relevant_QE, order_QK, axis=1)
    precision_QK = np.cumsum(relevant_QK, axis=1) / np.arange(1, relevant_QK.shape[1] + 1)
    average_Q: npt.NDArray[np.float64] = (precision_QK * relevant_QK).sum(1) / np.minimum(k, relevant_QE.sum(1))
    return average_Q


def one_hot_relevance(relevant_Q: Int, count: int) -> Bool:
    """Relevance (Q, E) of queries with one relevant item, given its index among `count` items.

    Raises `InvalidInput` for an index outside.
    """
    if len(relevant_Q) and (relevant_Q.min() < 0 or relevant_Q.max() >= count):
        raise InvalidInput(f"The index of a relevant item is outside the {count} ranked items.")
    relevant_QE: Bool = np.arange(count) == relevant_Q[:, None]
    return relevant_QE


def _check(scores_QE: Float, relevant_QE: Bool) -> None:
    if scores_QE.ndim != 2 or 0 in scores_QE.shape or scores_QE.shape != relevant_QE.shape:
        raise InvalidInput(f"Scores {scores_QE.shape} need relevance of the same shape, not {relevant_QE.shape}.")
    if not np.isfinite(scores_QE).all():
        raise InvalidInput("Scores must be finite.")
    if not relevant_QE.any(1).all():
        raise InvalidInput("A query has no relevant item.")


def _check_k(k: int) -> None:
    if k < 1:
        raise InvalidInput("k must be at least 1.")
