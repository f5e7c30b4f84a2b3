"""Intersection over union of time spans, and recall at a threshold of it.

Protocol: Gao et al. 2017 (arXiv:1705.02101): R@k, IoU = m is the share of queries with a result
among the k best whose intersection over union with the true span is at least m. Times are in
seconds. Names of arrays end in their axes: N and M spans, 2 start and end, Q queries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Floats = npt.NDArray[np.floating]


def iou(spans_N2: Floats, others_M2: Floats) -> npt.NDArray[np.float64]:
    """Intersection over union (N, M) of spans; 0 where they only touch.

    Raises `InvalidInput` for a span that does not end after its start.
    """
    ours, theirs = _check(spans_N2)[:, None], _check(others_M2)[None]
    shared = np.minimum(ours[..., 1], theirs[..., 1]) - np.maximum(ours[..., 0], theirs[..., 0])
    shared = np.maximum(shared, 0.0)
    covered = (ours[..., 1] - ours[..., 0]) + (theirs[..., 1] - theirs[..., 0]) - shared
    overlap_NM: npt.NDArray[np.float64] = shared / covered
    return overlap_NM


def iou_recall(results_Q: Sequence[Floats], true_Q2: Floats, k: int, min_iou: float) -> npt.NDArray[np.float64]:
    """1 where one of the first `k` results reaches `min_iou` with the true span, else 0 (Q,).

    `results_Q` has spans (N, 2) for each query, best first, and can be empty. Raises `InvalidInput`
    for values outside their ranges and lengths that differ.
    """
    if k < 1 or not 0 < min_iou <= 1 or len(results_Q) != len(true_Q2):
        counts = f"{len(true_Q2)} queries need as many results, not {len(results_Q)}"
        raise InvalidInput(f"k must be at least 1, not {k}; the IoU in (0, 1], not {min_iou}; {counts}.")
    best = [iou(spans[:k], true[None]).max() if len(spans) else 0.0 for spans, true in zip(results_Q, true_Q2, strict=True)]
    return (np.array(best) >= min_iou).astype(np.float64)


def _check(spans: Floats) -> npt.NDArray[np.float64]:
    if spans.ndim != 2 or spans.shape[1] != 2 or not (spans[:, 1] > spans[:, 0]).all():
        raise InvalidInput(f"Spans must be rows of a start and a later end; the shape is {spans.shape}.")
    return spans.astype(np.float64)
