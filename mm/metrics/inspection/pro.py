"""Pixel AUROC, and the area under the curve of per-region overlap (Bergmann et al. 2020).

These sort all pixels and are exact: the reference of `pixel_counts`, for a few images at a time.
Names of arrays end in their axes: P pixels of all images, T thresholds, descending.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.metrics.auc import auc
from mm.metrics.inspection.regions import Heat, Mask, check_heat_maps, label_regions
from mm.numerics import Float64

FALSE_POSITIVE_LIMIT = 0.3
"""The usual limit of the false positive rate up to which the curve is integrated."""


def pixel_auroc(heats: Sequence[Heat], masks: Sequence[Mask]) -> float:
    """Area under the ROC curve over all pixels of all images.

    Raises `InvalidInput` as `check_heat_maps`, and when all pixels are defective or none is.
    """
    check_heat_maps(heats, masks)
    return auc(np.concatenate([heat.ravel() for heat in heats]), np.concatenate([mask.ravel() for mask in masks]))


def aupro(heats: Sequence[Heat], masks: Sequence[Mask], limit: float = FALSE_POSITIVE_LIMIT) -> float:
    """Area under mean region overlap over false positive rate, up to a limit, divided by the limit.

    Each connected region of a mask counts the same, whatever its size. Raises `InvalidInput` as
    `check_heat_maps`, for a limit outside (0, 1], and without defective or without normal pixels.
    """
    check_heat_maps(heats, masks)
    scores_P = np.concatenate([heat.ravel() for heat in heats])
    weights = [weigh_pixels(mask) for mask in masks]
    overlap_P = np.concatenate([weight.ravel() for weight, _ in weights])
    num_regions = sum(count for _, count in weights)
    order_P = np.argsort(-scores_P, kind="stable")
    scores_P, overlap_P = scores_P[order_P], overlap_P[order_P]
    is_last_P = np.append(scores_P[1:] != scores_P[:-1], True)  # of the pixels with equal scores
    rate_T = np.cumsum(overlap_P == 0)[is_last_P]
    overlap_T = np.cumsum(overlap_P)[is_last_P]
    if not num_regions or not rate_T[-1]:
        raise InvalidInput("Region overlap needs a defective region and normal pixels.")
    return area_up_to(rate_T / rate_T[-1], overlap_T / num_regions, limit)


def weigh_pixels(mask_HW: Mask) -> tuple[Float64, int]:
    """Weights (H, W) of defective pixels that add up to 1 in each region, and the region count."""
    labels_HW, count = label_regions(mask_HW)
    weights = np.zeros(count + 1)
    weights[1:] = 1 / np.bincount(labels_HW.ravel(), minlength=count + 1)[1:]
    return weights[labels_HW], count


def area_up_to(rate_T: Float64, value_T: Float64, limit: float) -> float:
    """Mean height of a curve that starts at (0, 0), over rates from 0 to the limit.

    Rates ascend from 0 to 1; between points the curve is linear. Raises `InvalidInput` for a limit
    outside (0, 1].
    """
    if not 0 < limit <= 1:
        raise InvalidInput(f"The limit of the false positive rate is {limit}; it must be above 0 and at most 1.")
    rate_T, value_T = np.append(0.0, rate_T), np.append(0.0, value_T)
    inside = rate_T <= limit
    # At the limit the last segment is cut; among points of rate 0 `np.interp` would take any one.
    following = int(inside.sum())
    rates, values = rate_T[:following], value_T[:following]
    if rates[-1] < limit:
        share = (limit - rates[-1]) / (rate_T[following] - rates[-1])
        rates = np.append(rates, limit)
        values = np.append(values, values[-1] + share * (value_T[following] - values[-1]))
    return float(np.trapezoid(values, rates) / limit)
