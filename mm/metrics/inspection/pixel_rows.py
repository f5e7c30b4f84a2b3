"""Counts of pixels of an image that two runs have in common, to compare pixel AUROC and AUPRO.

The heat of two inspectors has different units. A level is therefore a range of the share of normal
pixels of the set that are at least as hot, the same ranges in each run, as a score of images is
compared by the share of images that score lower. Both measures follow from sums of rows over
images. Names of arrays end in their axes: N images, F levels of `PixelCounts`, L levels here in
descending order of the heat, B sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from mm.metrics.inspection.pixel_counts import PixelCounts
from mm.metrics.inspection.pro import FALSE_POSITIVE_LIMIT, area_up_to
from mm.numerics import Float64

RATES = np.concatenate([[0.0], np.geomspace(1 / 2048, FALSE_POSITIVE_LIMIT, 95), np.linspace(FALSE_POSITIVE_LIMIT, 1.0, 33)[1:]])
"""Upper ends of the levels, false positive rates: finest where both curves rise."""
NUM_LEVELS = len(RATES)
_DIGITS = 6
"""Of shares of regions, so that a kept run stays small."""


def make_pixel_rows(*seeds: PixelCounts) -> list[list[list[float]]]:
    """Of each image the levels that have pixels: level, normal and defective pixels, region shares.

    The last number is the sum over the regions of the image of their share in this level. Of
    several seeds over the same images the levels follow each other: those of seed s begin at
    s * `NUM_LEVELS`.
    """
    by_seed = [_make_rows(counts, seed * NUM_LEVELS) for seed, counts in enumerate(seeds)]
    return [list(chain.from_iterable(rows)) for rows in zip(*by_seed, strict=True)]


def _make_rows(counts: PixelCounts, first_level: int) -> list[list[list[float]]]:
    normal_F = counts.normal_NL.sum(0)
    rate_F = np.cumsum(normal_F[::-1])[::-1] / normal_F.sum()
    level_F = np.searchsorted(RATES, np.minimum(rate_F, 1.0))
    rows = []
    for image in zip(counts.normal_NL, counts.defective_NL, counts.overlap_NL, strict=True):
        sums_3L = np.stack([np.bincount(level_F, column, minlength=NUM_LEVELS) for column in image])
        sums_3L[2] = sums_3L[2].round(_DIGITS)
        rows.append([[float(first_level + level), *sums_3L[:, level].tolist()] for level in np.flatnonzero(sums_3L.any(0))])
    return rows


def count_pixel_seeds(images: Iterable[Sequence[Sequence[float]]]) -> int:
    """Number of seeds whose rows these images have."""
    return 1 + int(max(row[0] for rows in images for row in rows)) // NUM_LEVELS


def read_pixel_rows(rows: npt.ArrayLike, num_seeds: int = 1) -> Float64:
    """The inverse for one image: normal and defective pixels and region shares by level, (3 L,).

    Those of several seeds follow each other.
    """
    rows_R4 = np.asarray(rows, np.float64).reshape(-1, 4)
    dense_S3L = np.zeros((num_seeds, 3, NUM_LEVELS))
    seed_R, level_R = np.divmod(rows_R4[:, 0].astype(np.int64), NUM_LEVELS)
    dense_S3L[seed_R, :, level_R] = rows_R4[:, 1:]
    return dense_S3L.ravel()


def score_auroc(sums_3L: Float64) -> float:
    """Pixel AUROC of a sum of `read_pixel_rows`; NaN without normal or defective pixels."""
    normal_L, defective_L, _ = np.cumsum(sums_3L.reshape(3, NUM_LEVELS), axis=1)
    if not normal_L[-1] or not defective_L[-1]:
        return float("nan")
    return area_up_to(normal_L / normal_L[-1], defective_L / defective_L[-1], 1.0)


def score_aupro(sums_3L: Float64) -> float:
    """AUPRO up to `FALSE_POSITIVE_LIMIT`, likewise; all shares sum to the number of regions."""
    normal_L, _, overlap_L = np.cumsum(sums_3L.reshape(3, NUM_LEVELS), axis=1)
    if not normal_L[-1] or not overlap_L[-1]:
        return float("nan")
    return area_up_to(normal_L / normal_L[-1], overlap_L / overlap_L[-1], FALSE_POSITIVE_LIMIT)
