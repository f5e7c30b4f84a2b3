"""Pixel AUROC and AUPRO from counts of pixels by level: one pass, then any selection of images.

A bootstrap needs both measures thousands of times, each for other images. Sorting all pixels takes
seconds; these counts take milliseconds. Names of arrays end in their axes: N images, L levels in
ascending order of the heat, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.inspection.pro import FALSE_POSITIVE_LIMIT, area_up_to, weigh_pixels
from mm.metrics.inspection.regions import Heat, Mask, check_heat_maps
from mm.numerics import Float64

NUM_LEVELS = 2048
MAX_SAMPLED = 1 << 20
"""Normal pixels of which the levels are quantiles; with more, every k-th pixel is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelCounts:
    """Pixels of each image by level of heat.

    The levels are quantiles of normal pixels, so that one level holds about 1 / L of them. The true
    curves pass through the level boundaries; between them they are taken as linear, which changes
    an area under a curve by at most half the largest share of normal pixels in one level.
    """

    normal_NL: Float64
    defective_NL: Float64
    overlap_NL: Float64
    """Sum over the regions of an image of the share of the region in this level."""
    num_regions_N: npt.NDArray[np.int64]

    def auroc(self, rows_N: npt.NDArray[np.integer] | None = None) -> float:
        """Pixel AUROC of these images, of all by default; an image may occur several times.

        Raises `InvalidInput` when all their pixels are defective or none is.
        """
        rate_L, found_L = _descend(self._sum(self.normal_NL, rows_N)), _descend(self._sum(self.defective_NL, rows_N))
        if not rate_L[-1] or not found_L[-1]:
            raise InvalidInput("The area under the curve needs defective and normal pixels.")
        return area_up_to(rate_L / rate_L[-1], found_L / found_L[-1], 1.0)

    def aupro(self, rows_N: npt.NDArray[np.integer] | None = None, limit: float = FALSE_POSITIVE_LIMIT) -> float:
        """AUPRO of these images, of all by default. Raises `InvalidInput` as `pro.aupro`."""
        rate_L, overlap_L = _descend(self._sum(self.normal_NL, rows_N)), _descend(self._sum(self.overlap_NL, rows_N))
        num_regions = self.num_regions_N.sum() if rows_N is None else self.num_regions_N[rows_N].sum()
        if not rate_L[-1] or not num_regions:
            raise InvalidInput("Region overlap needs a defective region and normal pixels.")
        return area_up_to(rate_L / rate_L[-1], overlap_L / num_regions, limit)

    def _sum(self, counts_NL: Float64, rows_N: npt.NDArray[np.integer] | None) -> Float64:
        if rows_N is None:
            return np.asarray(counts_NL.sum(0))
        times_N = np.bincount(rows_N, minlength=len(counts_NL)).astype(np.float64)
        return np.asarray(times_N @ counts_NL)


def count_pixels(heats: Sequence[Heat], masks: Sequence[Mask], num_levels: int = NUM_LEVELS) -> PixelCounts:
    """Count the pixels of images by level of heat. Images may differ in size.

    Raises `InvalidInput` as `check_heat_maps`, for fewer than two levels, and without any normal
    pixel.
    """
    check_heat_maps(heats, masks)
    if num_levels < 2:
        raise InvalidInput(f"{num_levels} levels are too few for a curve; use at least 2.")
    edges = _choose_edges(heats, masks, num_levels)
    length = len(edges) + 1
    normal, defective, overlap, num_regions = [], [], [], []
    for heat_HW, mask_HW in zip(heats, masks, strict=True):
        level_HW = np.searchsorted(edges, heat_HW, side="right")
        weight_HW, count = weigh_pixels(mask_HW)
        normal.append(np.bincount(level_HW[~mask_HW], minlength=length))
        defective.append(np.bincount(level_HW[mask_HW], minlength=length))
        overlap.append(np.bincount(level_HW[mask_HW], weight_HW[mask_HW], minlength=length))
        num_regions.append(count)
    normal_NL, defective_NL, overlap_NL = (np.stack(rows).astype(np.float64) for rows in (normal, defective, overlap))
    return PixelCounts(normal_NL, defective_NL, overlap_NL, np.array(num_regions))


def _choose_edges(heats: Sequence[Heat], masks: Sequence[Mask], num_levels: int) -> Float64:
    """Lower bounds of all levels but the first: distinct quantiles of the heat of normal pixels."""
    step = max(1, -(-sum(int(heat.size) for heat in heats) // MAX_SAMPLED))
    sample = np.sort(np.concatenate([heat[~mask][::step] for heat, mask in zip(heats, masks, strict=True)]))
    if not len(sample):
        raise InvalidInput("Every pixel is defective; the levels need normal pixels.")
    places = np.linspace(0, len(sample) - 1, num_levels).round().astype(np.int64)
    highest = np.nextafter(sample[-1], np.inf)  # defective pixels above all normal ones have their own level
    return np.unique(np.append(sample[places], highest)).astype(np.float64)


def _descend(counts_L: Float64) -> Float64:
    """Counts at or above each level, from the highest level to the lowest."""
    return np.asarray(np.cumsum(counts_L[::-1]))
