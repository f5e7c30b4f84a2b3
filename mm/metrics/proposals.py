"""Average recall of proposals by their average number (AR@AN), as ActivityNet's code defines it.

Caba Heilbron et al. 2015; `eval_proposal.py` of activitynet/ActivityNet. Classes are not compared.
Recall at a number of proposals a video is the share of true spans that one of them reaches,
averaged over thresholds of the intersection over union. Names of arrays end in their axes: N
videos, G true spans, P proposals, T thresholds, K numbers of proposals, B samples of a bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput
from mm.metrics.bootstrap import Interval, bootstrap_sums
from mm.metrics.detections import THRESHOLDS, Float, Int, Spans
from mm.metrics.spans import iou

MAX_NUMBER = 100
"""Mean number of proposals a video at the end of the curve, as the challenge reports it."""
SHARES: Float = np.arange(1, 101) / 100.0
"""Of the proposals that are kept: the points of the curve."""


@dataclass(frozen=True, slots=True, eq=False)
class ProposalRecall:
    """The curve, its end and its area."""

    number_K: Float
    """Mean number of proposals a video."""
    recall_K: Float
    average_recall: Interval
    """At the largest number: AR@100."""
    area: Interval
    """Area under the curve, divided by the largest number."""
    sums_N3: Float
    """Of each video: true spans that are reached at the largest number, their area likewise, and
    true spans. Both measures are ratios of sums of these columns."""


def measure_proposals(
    predicted: Sequence[Spans],
    true: Sequence[Spans],
    groups_N: Int | None = None,
    max_number: int = MAX_NUMBER,
    thresholds_T: Float = THRESHOLDS,
) -> ProposalRecall:
    """Measure proposals of videos in descending order of score; equal scores keep their order.

    A video gets a number in proportion to its proposals, so that the mean is that of the curve.
    Videos without a true span count only by their proposals. The bootstrap samples videos, or whole
    `groups_N` of them, and keeps the numbers. Raises `InvalidInput` for lengths that differ, no
    true span, and `max_number` below 1.
    """
    if len(predicted) != len(true) or not any(len(spans.spans_N2) for spans in true) or max_number < 1:
        raise InvalidInput(
            f"Proposals of {len(predicted)} videos, {max_number} a video, need true spans of as many videos, not {len(true)}."
        )
    videos = [row for row, spans in enumerate(true) if len(spans.spans_N2)]
    budget = float(max_number) * len(videos)
    ratio = budget / max(sum(len(spans.spans_N2) for spans in predicted), 1)
    counts = [min(int(len(predicted[row].spans_N2) * ratio), len(predicted[row].spans_N2)) for row in videos]
    share_K = SHARES * (budget / max(sum(counts), 1))
    matched_NK = np.stack(
        [
            _count_matches(predicted[row], true[row], count, share_K, thresholds_T)
            for row, count in zip(videos, counts, strict=True)
        ]
    )
    num_true_N = np.array([len(true[row].spans_N2) for row in videos], np.float64)
    number_K = SHARES * max_number

    area_N = np.trapezoid(matched_NK, number_K, axis=1) / max_number
    own_N3 = np.stack([matched_NK[:, -1], area_N, num_true_N], axis=1)
    average_recall, area = bootstrap_sums(own_N3, divide_recall, None if groups_N is None else groups_N[videos])
    sums_N3 = np.zeros((len(true), 3))
    sums_N3[videos] = own_N3
    return ProposalRecall(number_K, matched_NK.sum(0) / num_true_N.sum(), average_recall, area, sums_N3)


def divide_recall(sums_B3: Float) -> Float:
    """Average recall at the largest number, and area, (B, 2) of sums of `sums_N3`."""
    recall_B2: Float = sums_B3[:, :2] / sums_B3[:, 2:]
    return recall_B2


def _count_matches(predicted: Spans, true: Spans, count: int, share_K: Float, thresholds_T: Float) -> Float:
    """Number of true spans (K,) that the first proposals reach, averaged over thresholds."""
    if not count:
        return np.zeros(len(share_K))
    best_P = np.argsort(-predicted.scores_N, kind="stable")[:count]
    highest_GP = np.maximum.accumulate(iou(true.spans_N2, predicted.spans_N2[best_P]), axis=1)
    highest_GP = np.concatenate([np.zeros((len(highest_GP), 1)), highest_GP], axis=1)  # of no proposal
    number_K = np.minimum((count * share_K).astype(np.int64), count)
    matched_K: Float = (highest_GP[:, number_K, None] >= thresholds_T).sum(0).mean(-1)
    return matched_K
