"""How well answers of a start and an end meet what was meant: intersection over union, and recall
at it.

Protocol: Gao et al. 2017 (arXiv:1705.02101): R@k, IoU = m is the share of questions that have,
among their k best answers, one whose intersection over union with the right span is at least m.
Times are in seconds. Names of arrays end in their axes: N and M spans, 2 start and end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Floats = npt.NDArray[np.floating]


def iou(spans_N2: Floats, others_M2: Floats) -> npt.NDArray[np.float64]:
    """(N, M) length that two spans share, by the length that they cover together; 0 where they only
    touch.

    Raises `InvalidInput` for a span that does not end behind its start.
    """
    ours, theirs = _checked(spans_N2)[:, None], _checked(others_M2)[None]
    shared = np.minimum(ours[..., 1], theirs[..., 1]) - np.maximum(ours[..., 0], theirs[..., 0])
    shared = np.maximum(shared, 0.0)
    together = (ours[..., 1] - ours[..., 0]) + (theirs[..., 1] - theirs[..., 0]) - shared
    found: npt.NDArray[np.float64] = shared / together
    return found


def iou_recall(answers_Q: Sequence[Floats], right_Q2: Floats, k: int, least: float) -> npt.NDArray[np.float64]:
    """(Q,) 1 where one of the first `k` answers has at least that intersection over union with the
    right span, else 0.

    `answers_Q` holds (N, 2) spans for each question, best first, or none. Raises `InvalidInput`.
    """
    if k < 1 or not 0 < least <= 1 or len(answers_Q) != len(right_Q2):
        raise InvalidInput(f"k {k} from 1, IoU {least} in (0, 1], and {len(right_Q2)} questions' answers, not {len(answers_Q)}.")
    best = [
        iou(answers[:k], right[None]).max() if len(answers) else 0.0 for answers, right in zip(answers_Q, right_Q2, strict=True)
    ]
    return (np.array(best) >= least).astype(np.float64)


def _checked(spans: Floats) -> npt.NDArray[np.float64]:
    if spans.ndim != 2 or spans.shape[1] != 2 or not (spans[:, 1] > spans[:, 0]).all():
        raise InvalidInput(f"Spans are rows of a start and a later end, not {spans.shape}.")
    return spans.astype(np.float64)
