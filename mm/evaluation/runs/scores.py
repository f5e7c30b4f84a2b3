"""AUROC of images by category from the records of items, so that two runs can be compared.

Scores of two runs have different units: an image is represented by the share of the images of its
category that score lower, which leaves the area unchanged. Names of arrays end in their axes: Q
items, 3 stratum, whether the image is defective, share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import scipy

from mm.evaluation.runs.types import ItemRecord
from mm.metrics.auc import auc
from mm.metrics.paired import Paired, compare_paired
from mm.numerics import Float64

AUROC: Final[Literal["auroc"]] = "auroc"
"""The statistic, and its usual key of `ItemRecord.evidence`."""


def make_evidence(score_N: Float64, is_defective_N: npt.NDArray[np.bool_]) -> list[list[float]]:
    """Of each image of one category: whether it is defective, and its share."""
    shares = (scipy.stats.rankdata(score_N) - 0.5) / len(score_N)
    return [[float(is_defective), float(share)] for is_defective, share in zip(is_defective_N, shares, strict=True)]


def compare_auroc(key: str, pairs: Sequence[tuple[ItemRecord, ItemRecord]], groups_Q: npt.NDArray[np.integer]) -> Paired | None:
    """Compare the areas of two runs; None where no category has images of both kinds."""
    first_Q3, second_Q3, strata_Q = _read_evidence(key, pairs)
    if math.isnan(mean_auroc(first_Q3)):
        return None
    return compare_paired(first_Q3, second_Q3, groups_Q, mean_auroc, strata_Q=strata_Q)


def _read_evidence(key: str, pairs: Sequence[tuple[ItemRecord, ItemRecord]]) -> tuple[Float64, Float64, npt.NDArray[np.int64]]:
    """Rows (Q, 3) of two runs, and the stratum (Q,) of the bootstrap: category and kind."""
    stratum_Q = np.unique([first.stratum for first, _ in pairs], return_inverse=True)[1]
    first_Q3, second_Q3 = (
        np.array([[stratum, *side.evidence[key][0]] for stratum, side in zip(stratum_Q, sides, strict=True)], np.float64)
        for sides in zip(*pairs, strict=True)
    )
    second_Q3[:, 1] = first_Q3[:, 1]  # labels of one set and split
    return first_Q3, second_Q3, (2 * stratum_Q + first_Q3[:, 1]).astype(np.int64)


def mean_auroc(rows_Q3: Float64) -> float:
    """Mean over the strata with good and defective images; NaN if there is none."""
    areas = []
    for stratum in np.unique(rows_Q3[:, 0]):
        own_Q3 = rows_Q3[rows_Q3[:, 0] == stratum]
        is_defective_Q = own_Q3[:, 1] > 0
        if is_defective_Q.any() and not is_defective_Q.all():
            areas.append(auc(own_Q3[:, 2], is_defective_Q))
    return float(np.mean(areas)) if areas else float("nan")
