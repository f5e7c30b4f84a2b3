"""Area under the curve of per-image overlap, AUPIMO (Bertoldo et al. 2024, arXiv 2401.01984).

A curve for each defective image: its share of defective pixels that are found, over the false
positive rate in *normal images only*, on a logarithmic axis of very low rates. It measures what
remains of a defect at a threshold at which normal images have almost no false pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.inspection.regions import Heat, Mask, check_heat_maps
from mm.numerics import Float64

RATES = (1e-5, 1e-4)
"""Bounds of the false positive rate in the paper."""


def aupimo(heats: Sequence[Heat], masks: Sequence[Mask], rates: tuple[float, float] = RATES) -> Float64:
    """AUPIMO of each defective image, in the order of the images, each from 0 to 1.

    Images with an empty mask are the normal ones; the false positive rate is the mean of their own
    rates. Raises `InvalidInput` as `check_heat_maps`, for bounds out of order, without normal or
    without defective images, and when the normal images have too few pixels for the lower bound.
    """
    check_heat_maps(heats, masks)
    low, high = rates
    if not 0 < low < high < 1:
        raise InvalidInput(f"The false positive rates {low} and {high} must ascend between 0 and 1.")
    is_normal = [not mask.any() for mask in masks]
    normal = [heat for heat, plain in zip(heats, is_normal, strict=True) if plain]
    defective = [heat[mask] for heat, mask, plain in zip(heats, masks, is_normal, strict=True) if not plain]
    if not normal or not defective:
        raise InvalidInput("AUPIMO needs an image with an empty mask and one with a defect.")
    threshold_T, rate_T = _measure_rates(normal, high)
    if rate_T[0] > low:
        raise InvalidInput(
            f"One pixel of the normal images is a false positive rate of {rate_T[0]:.2g}, above the lower bound {low:.2g}; "
            "use more or larger images, or a higher bound."
        )
    log_T, bounds = np.log(rate_T), np.log(rates)
    inside = (log_T > bounds[0]) & (log_T < bounds[1])
    points = np.concatenate([bounds[:1], log_T[inside], bounds[1:]])
    areas = []
    for scores in defective:
        found_T = 1 - np.searchsorted(np.sort(scores), threshold_T, side="left") / len(scores)
        areas.append(np.trapezoid(np.interp(points, log_T, found_T), points))
    return np.asarray(np.array(areas) / (bounds[1] - bounds[0]))


def _measure_rates(normal: Sequence[Heat], high: float) -> tuple[npt.NDArray[np.floating], Float64]:
    """Distinct thresholds (T,) in descending order and the false positive rate (T,) at each.

    They end at the first rate that is not below `high`.
    """
    scores_P = np.concatenate([heat.ravel() for heat in normal])
    weights_P = np.concatenate([np.full(heat.size, 1 / (len(normal) * heat.size)) for heat in normal])
    # So many pixels have a rate above `high` even if all are of the largest image.
    num_kept = min(len(scores_P), int(np.ceil(high * len(normal) * max(heat.size for heat in normal))) + 1)
    top_P = np.argpartition(-scores_P, num_kept - 1)[:num_kept]
    lowest = scores_P[top_P].min()
    top_P = np.flatnonzero(scores_P >= lowest)  # all pixels of the last score
    order_P = top_P[np.argsort(-scores_P[top_P], kind="stable")]
    scores_P, rate_P = scores_P[order_P], np.cumsum(weights_P[order_P])
    is_last_P = np.append(scores_P[1:] != scores_P[:-1], True)
    return scores_P[is_last_P], rate_P[is_last_P]
