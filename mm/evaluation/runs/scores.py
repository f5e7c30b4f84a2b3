"""AUROC of images by category from the records of items, so that two runs can be compared.

Scores of two runs have different units: an image is represented by the share of the images of its
category that score lower, which leaves the area unchanged. An image has a row for each seed of the
run. Names of arrays end in their axes: Q items, K stratum, whether the image is defective, and the
share of each seed.
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
    """Compare the areas of two runs, each a mean over its seeds.

    None where no category has images of both kinds, and for different numbers of seeds.
    """
    first_QK, second_QK, strata_Q = _read_evidence(key, pairs)
    if first_QK.shape != second_QK.shape or math.isnan(mean_auroc(first_QK)):
        return None
    return compare_paired(first_QK, second_QK, groups_Q, mean_auroc, strata_Q=strata_Q)


def _read_evidence(key: str, pairs: Sequence[tuple[ItemRecord, ItemRecord]]) -> tuple[Float64, Float64, npt.NDArray[np.int64]]:
    """Rows (Q, K) of two runs, and the stratum (Q,) of the bootstrap: category and kind."""
    stratum_Q = np.unique([first.stratum for first, _ in pairs], return_inverse=True)[1]
    first_QK, second_QK = (
        np.array([_flatten(stratum, side.evidence[key]) for stratum, side in zip(stratum_Q, sides, strict=True)], np.float64)
        for sides in zip(*pairs, strict=True)
    )
    second_QK[:, 1] = first_QK[:, 1]  # labels of one set and split
    return first_QK, second_QK, (2 * stratum_Q + first_QK[:, 1]).astype(np.int64)


def _flatten(stratum: int, seeds: Sequence[Sequence[float]]) -> list[float]:
    return [stratum, seeds[0][0], *(share for _, share in seeds)]


def mean_auroc(rows_QK: Float64) -> float:
    """Mean over the seeds and the strata with good and defective images; NaN if there is none."""
    areas = []
    for stratum in np.unique(rows_QK[:, 0]):
        own_QK = rows_QK[rows_QK[:, 0] == stratum]
        is_defective_Q = own_QK[:, 1] > 0
        if is_defective_Q.any() and not is_defective_Q.all():
            areas += [auc(share_Q, is_defective_Q) for share_Q in own_QK[:, 2:].T]
    return float(np.mean(areas)) if areas else float("nan")
