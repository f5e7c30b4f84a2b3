"""Ranks of relevant items from vectors, without the matrix of all scores.

The scores of a block of queries with all items are held at a time, at most `max_bytes` of them, so
that memory grows with the number of items and not with its product with the number of queries.
`mm.metrics.ranking` on the whole matrix is the reference implementation. Names of arrays end in
their axes: Q queries, E ranked items, B queries of a block, D dimensions, R relevant items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.ranking import Float, Int
from mm.numerics import Float32, Float64

MAX_BYTES = 128 * 2**20
"""Of the scores of one block: 200 queries with 150,000 items."""


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalRanks:
    """Of each query (Q,): what the measures of retrieval are averages of."""

    first_Q: npt.NDArray[np.int64]
    """Rank of the best relevant item, from 1; ties count against it, as in `first_ranks`."""
    average_precision_Q: Float64
    """Average precision of the `depth` best, as `average_precision_at`."""
    best_Q: npt.NDArray[np.int64]
    """Index of the item with the highest score; of equal ones, the smallest index."""


def rank_retrieval(
    queries_QD: Float, items_ED: Float, label_Q: Int, label_E: Int, depth: int = 5, max_bytes: int = MAX_BYTES
) -> RetrievalRanks:
    """Rank all items for each query by the inner product in float32.

    An item is relevant for a query of the same label: for captions that rank images, the label of a
    caption is the row of its image, and the label of an image its own row. Sums in float32 vary
    with the place in the matrix: the scores of equal vectors can differ in the last bits, here and
    in a whole matrix, and such a tie is then decided by them.

    Raises `InvalidInput` for shapes that do not match, vectors that are not finite or so long that
    a product can overflow, a query without a relevant item, and a depth below 1.
    """
    _check(queries_QD, items_ED, label_Q, label_E, depth)
    items_DE = np.asarray(items_ED, np.float32).T
    by_label_E = np.argsort(label_E, kind="stable")
    starts_Q, ends_Q = (np.searchsorted(label_E[by_label_E], label_Q, side) for side in ("left", "right"))
    if (starts_Q == ends_Q).any():
        raise InvalidInput("A query has no relevant item.")
    first_Q, best_Q = np.empty(len(label_Q), np.int64), np.empty(len(label_Q), np.int64)
    average_precision_Q = np.empty(len(label_Q))
    size = max(1, min(len(label_Q), max_bytes // (4 * len(label_E))))
    scores_BE = np.empty((size, len(label_E)), np.float32)
    for block in range(0, len(label_Q), size):
        queries_BD = np.asarray(queries_QD[block : block + size], np.float32)
        np.matmul(queries_BD, items_DE, out=scores_BE[: len(queries_BD)])
        for query, scores_E in enumerate(scores_BE[: len(queries_BD)], block):
            own_R = scores_E[by_label_E[starts_Q[query] : ends_Q[query]]]
            first_Q[query], average_precision_Q[query] = _rank_one(scores_E, own_R, depth)
            best_Q[query] = scores_E.argmax()
    return RetrievalRanks(first_Q, average_precision_Q, best_Q)


def _rank_one(scores_E: Float32, own_R: Float32, depth: int) -> tuple[int, float]:
    """Rank of the first relevant item, and average precision at `depth`, of one query.

    The j-th relevant item has the place j + irrelevant items of at least its score. Items are only
    counted for relevant ones that can have a place up to `depth`.
    """
    own_R = -np.sort(-own_R)
    first, total = 0, 0.0
    for number, score in enumerate(own_R[:depth], 1):
        num_relevant = np.searchsorted(-own_R, -score, "right")
        place = number + int(np.count_nonzero(scores_E >= score) - num_relevant)
        first = first or place
        if place > depth:
            break
        total += number / place
    return first, total / min(depth, len(own_R))


def _check(queries_QD: Float, items_ED: Float, label_Q: Int, label_E: Int, depth: int) -> None:
    shapes = queries_QD.shape, items_ED.shape
    if any(len(shape) != 2 or 0 in shape for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise InvalidInput(f"Vectors of queries {shapes[0]} and items {shapes[1]} need rows of the same length.")
    if label_Q.shape != shapes[0][:1] or label_E.shape != shapes[1][:1]:
        raise InvalidInput(f"{shapes[0][0]} queries and {shapes[1][0]} items have {label_Q.shape} and {label_E.shape} labels.")
    if depth < 1:
        raise InvalidInput("The depth must be at least 1.")
    lengths = [_longest(rows) for rows in (queries_QD, items_ED)]
    if not lengths[0] * lengths[1] < float(np.finfo(np.float32).max):  # also where one is not a number
        raise InvalidInput("Scores must be finite.")


def _longest(rows_ND: Float) -> float:
    """The largest norm of rows, block by block: a memory-mapped file is not read at once."""
    blocks = (np.asarray(rows_ND[start : start + 65536], np.float64) for start in range(0, len(rows_ND), 65536))
    return float(np.sqrt(np.array([np.einsum("nd,nd->n", block, block).max() for block in blocks]).max()))
