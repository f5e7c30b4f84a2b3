"""Chooses the cosine from which two images are near-duplicates."""

from __future__ import annotations

import numpy as np

from mm.errors import InvalidInput
from mm.spaces.types import Vectors

MAX_FALSE_SHARE = 0.002
"""Share of distinct images with another one above the threshold, at most."""


def nearest_cosines(images_ND: Vectors) -> Vectors:
    """Cosine (N,) of each image, given as unit rows, with the nearest other one.

    Raises `InvalidInput` for fewer than two images.
    """
    if len(images_ND) < 2:
        raise InvalidInput("At least two images are needed to compare them.")
    cosines = images_ND @ images_ND.T
    np.fill_diagonal(cosines, -1.0)
    nearest: Vectors = cosines.max(1)
    return nearest


def choose_threshold(images_ND: Vectors) -> float:
    """The lowest threshold from 0.5, in steps of 0.01, with few false near-duplicates; else 1.

    At most `MAX_FALSE_SHARE` of the distinct images have another one at or above it.
    """
    nearest = nearest_cosines(images_ND)
    thresholds = (hundredth / 100 for hundredth in range(50, 100))
    return next((threshold for threshold in thresholds if (nearest >= threshold).mean() <= MAX_FALSE_SHARE), 1.0)
