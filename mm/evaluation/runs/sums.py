"""Measures of sums over items, such as BLEU and calibration error, to compare two runs.

An item keeps its part of the sums in `ItemRecord.evidence`. Names of arrays end in their axes: Q
items, K columns, B sums, C strata of pixels, L levels of heat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mm.evaluation.runs.types import ItemRecord, Statistic
from mm.metrics.inspection.boxes import score_detection_sums
from mm.metrics.inspection.calibration import make_calibration_rows, score_calibration_sums
from mm.metrics.inspection.pixel_rows import NUM_LEVELS, count_pixel_seeds, read_pixel_rows, score_aupro, score_auroc
from mm.metrics.language.bleu import score_bleu_sums
from mm.metrics.language.objects import score_object_sums
from mm.metrics.paired import Paired, compare_sums
from mm.metrics.proposals import divide_recall
from mm.numerics import Float64

BLEU, OBJECTS, PIXEL_LEVELS, PROPOSALS = "bleu", "objects", "pixel levels", "proposals"
"""Keys of `ItemRecord.evidence`: one row an item, or for pixels rows of `make_pixel_rows`."""
CONFIDENCE = "confidence"
"""Likewise: the confidence of the answer, and 1 where it is right, otherwise 0."""
DETECTIONS = "detections"
"""Likewise: the counts of `mm.metrics.inspection.boxes.Detection`."""
DETECTION_STATISTICS: Final[tuple[Statistic, ...]] = (
    "detection-f1", "detection-precision", "detection-recall", "kind-accuracy", "kind-f1",
)  # fmt: skip
"""In the order of `score_detection_sums`."""
BLEU_STATISTICS: Final[tuple[Statistic, ...]] = ("bleu-1", "bleu-2", "bleu-3", "bleu-4")


@dataclass(frozen=True, slots=True)
class _OfSums:
    key: str
    score: Callable[[Float64], Float64]
    """From sums of rows (B, K) to (B,); of pixels from (3 L,) of one stratum to a number."""
    expand: Callable[[Float64], Float64] = lambda rows: rows
    """From the rows of all items to rows whose sums are scored."""


def _bleu(order: int) -> Callable[[Float64], Float64]:
    return lambda sums_BK: score_bleu_sums(sums_BK)[:, order - 1]


def _detection(column: int) -> Callable[[Float64], Float64]:
    return lambda sums_B5: score_detection_sums(sums_B5)[:, column]


_STATISTICS: dict[Statistic, _OfSums] = {
    **{name: _OfSums(DETECTIONS, _detection(column)) for column, name in enumerate(DETECTION_STATISTICS)},
    **{name: _OfSums(BLEU, _bleu(order)) for order, name in enumerate(BLEU_STATISTICS, 1)},
    "object-share": _OfSums(OBJECTS, lambda sums_B2: score_object_sums(sums_B2)[:, 0]),
    "average-recall": _OfSums(PROPOSALS, lambda sums_B3: divide_recall(sums_B3)[:, 0]),
    "recall-area": _OfSums(PROPOSALS, lambda sums_B3: divide_recall(sums_B3)[:, 1]),
    "calibration-error": _OfSums(
        CONFIDENCE, score_calibration_sums, lambda rows_Q2: make_calibration_rows(rows_Q2[:, 0], rows_Q2[:, 1] > 0)
    ),
}
_OF_PIXELS: dict[Statistic, Callable[[Float64], float]] = {"pixel-auroc": score_auroc, "pixel-pro": score_aupro}


def sums_key(statistic: Statistic) -> str:
    """The usual key of the evidence of a statistic of sums; empty for other statistics."""
    if statistic in _OF_PIXELS:
        return PIXEL_LEVELS
    return _STATISTICS[statistic].key if statistic in _STATISTICS else ""


def compare_sums_of(
    statistic: Statistic, key: str, pairs: Sequence[tuple[ItemRecord, ItemRecord]], groups_Q: npt.NDArray[np.integer]
) -> Paired | None:
    """Compare a statistic of sums; None where the items of these pairs do not suffice for it.

    Pixel measures are means over the strata that have good and defective images, and over the seeds
    of a run; every sample has as many images of both kinds as there are.
    """
    sides = [[side.evidence[key] for side in sides] for sides in zip(*pairs, strict=True)]
    if statistic in _STATISTICS:
        of_sums = _STATISTICS[statistic]
        first_QK, second_QK = (of_sums.expand(np.array([rows[0] for rows in side], np.float64)) for side in sides)
        return compare_sums(first_QK, second_QK, groups_Q, of_sums.score)
    num_seeds = {count_pixel_seeds(side) for side in sides}
    if len(num_seeds) > 1:
        return None
    first_QK, second_QK = (np.stack([read_pixel_rows(rows, *num_seeds) for rows in side]) for side in sides)
    is_defective_Q: npt.NDArray[np.bool_] = np.asarray(first_QK.reshape(len(first_QK), -1, 3, NUM_LEVELS)[:, 0, 1].any(1))
    stratum_Q = np.unique([first.stratum for first, _ in pairs], return_inverse=True)[1]
    measured = [stratum for stratum in np.unique(stratum_Q) if len(set(is_defective_Q[stratum_Q == stratum])) > 1]
    if not measured:
        return None
    kept_Q = np.isin(stratum_Q, measured)
    column_Q = np.searchsorted(measured, stratum_Q[kept_Q])
    first, second = (_spread(rows_QK[kept_Q], column_Q, len(measured)) for rows_QK in (first_QK, second_QK))
    strata_Q = 2 * column_Q + is_defective_Q[kept_Q]
    score = mean_of_strata(_OF_PIXELS[statistic], len(measured) * num_seeds.pop())
    return compare_sums(first, second, groups_Q[kept_Q], score, strata_Q=strata_Q)


def mean_of_strata(score: Callable[[Float64], float], num_strata: int) -> Callable[[Float64], Float64]:
    """The mean of a measure of pixels over strata, from sums (B, C * 3 L) to (B,)."""

    def compute(sums_BK: Float64) -> Float64:
        return np.array([np.mean([score(sums) for sums in row.reshape(num_strata, -1)]) for row in sums_BK])

    return compute


def _spread(rows_QK: Float64, column_Q: npt.NDArray[np.integer], num_strata: int) -> Float64:
    """Rows (Q, C * K) that are 0 but in the columns of their stratum."""
    spread_QCK = np.zeros((len(rows_QK), num_strata, rows_QK.shape[1]))
    spread_QCK[np.arange(len(rows_QK)), column_Q] = rows_QK
    return spread_QCK.reshape(len(rows_QK), -1)
