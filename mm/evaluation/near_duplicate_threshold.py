"""From which cosine on two pictures count as near-duplicates: as low as distinct photographs
allow."""

from __future__ import annotations

import numpy as np

from mm.errors import InvalidInput
from mm.spaces.types import Vectors

WRONGLY = 0.002
"""Share of distinct photographs that may have another one as near as a near-duplicate."""


def nearest_cosines(pictures_ND: Vectors) -> Vectors:
    """(N,) cosine of each of N pictures, unit rows, with the nearest of the others. Raises
    `InvalidInput` for fewer than two."""
    if len(pictures_ND) < 2:
        raise InvalidInput("One picture alone has no other to be compared with.")
    cosines = pictures_ND @ pictures_ND.T
    np.fill_diagonal(cosines, -1.0)
    nearest: Vectors = cosines.max(1)
    return nearest


def choose_threshold(pictures_ND: Vectors) -> float:
    """The lowest hundredth at which no more than `WRONGLY` of N distinct photographs have another
    one as near; 1 if none is."""
    nearest = nearest_cosines(pictures_ND)
    return next((hundredth / 100 for hundredth in range(50, 100) if (nearest >= hundredth / 100).mean() <= WRONGLY), 1.0)
